//! What is looked at: whose root it is, and which processes are the app.

pub mod candidates;
pub mod host_guard;
pub mod likely;
pub mod owner;
pub mod processes;
