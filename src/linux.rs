//! What the kernel offers: system calls, mounts, the state of a process; no policy.

pub mod deadline;

pub mod draft;
pub mod errno;
pub mod error;
pub mod filesystem;
pub mod identity;
pub mod proc;
pub mod stream;
pub(crate) mod sys;
