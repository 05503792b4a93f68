//! What the kernel offers: system calls, mounts, the state of a process; no policy.

pub mod deadline;
pub mod filesystem;
pub mod mountinfo;
pub mod status;
pub mod stream;
pub(crate) mod sys;
