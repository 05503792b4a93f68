//! What a file is: by its content, its name, its format.

pub mod accounts;
pub mod catalogue;
pub mod command_line;
pub mod elf;
pub(crate) mod inscription;
pub mod libraries;
pub mod needs;
pub mod only;
pub(crate) mod recogniser;
pub(crate) mod search_path;
pub(crate) mod signature;
pub(crate) mod tombstone;
