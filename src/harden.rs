//! From a profile to a hardened root: survey, protection, plan, apply, and waiting for the app.

pub mod apply;
pub mod declared_app;
pub mod found;
pub mod kept;
pub mod mark;
pub mod pipeline;
pub mod plan;
pub mod protection;
pub mod survey;
pub mod wait;
