//! What the kernel offers: system calls, mounts, the state of a process; no policy.

pub mod deadline;
pub mod errno;
pub mod filesystem;
pub mod identity;
pub mod proc;
pub mod stream;
pub(crate) mod sys;
