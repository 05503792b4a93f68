//! What a file is: by its content, its name, its format.

pub mod accounts;
pub mod catalogue;
pub mod command_line;
pub mod elf;
pub mod inscription;
pub mod libraries;
pub mod needs;
pub mod only;
pub mod recogniser;
pub mod search_path;
pub mod signature;
pub mod tombstone;
