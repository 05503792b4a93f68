//! What the kernel offers: system calls, mounts, the state of a process. This room holds no policy.

pub(crate) mod deadline;
pub(crate) mod draft;
pub(crate) mod errno;
pub(crate) mod error;
pub(crate) mod filesystem;
pub(crate) mod identity;
pub(crate) mod lock;
pub mod proc;
pub(crate) mod security;
pub mod stream;
pub(crate) mod sys;
pub mod time;
pub(crate) mod whole_file;

// For the macro `start`.
#[doc(hidden)]
pub use sys::{arena::Arena, start::begin};
