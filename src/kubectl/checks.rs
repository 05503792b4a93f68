//! What both `inject` and `lint` look at: what a profile would break, and what makes a staged volume worthless.

mod capabilities;
mod commands;
mod staged;

pub(super) use capabilities::unsearchable;
pub(super) use commands::{HANDLERS, app, calls, handlers};
pub(super) use staged::{has_staged, staged};
