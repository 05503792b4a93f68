//! The seal: what the files of a root are, stated by a manifest (`mtree(5)`) and by one digest over its entries.

mod after;
mod compare;
mod content;
mod digest;
mod encode;
mod entries;
mod entry;
mod exclusion;
pub mod manifest;
mod order;
mod read;
mod walk;

pub use after::After;
pub use compare::{Change, Comparison, Danger, Difference, Differences};
pub use digest::{Digest, DigestError, Scope};
pub use entries::{Each, Entry, Problem};
pub use entry::{Facts, FileType, Sha256};
pub use exclusion::{Exclusion, Exclusions, Origin};
pub use order::compare_paths;
pub use read::{ManifestError, Reader, Stated};
pub use walk::{AsIs, Sealed, Sealing, View, seal};
