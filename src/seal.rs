//! The seal: what the files of a root are, stated by a manifest (`mtree(5)`) and by one digest over its entries.

mod content;
mod digest;
mod encode;
mod entry;
mod exclusion;
pub mod file;
pub mod manifest;
mod walk;

pub use digest::{Digest, DigestError, Scope};
pub use entry::{Facts, FileType, Sha256};
pub use exclusion::{Exclusion, Exclusions, Origin};
pub use walk::{AsIs, Each, Entry, Problem, Sealed, Sealing, View, seal};
