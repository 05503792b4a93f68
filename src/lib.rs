//! lithify makes a container immutable from the inside.
//!
//! ```text
//! args ─► profile ─► survey ─► plan ─► apply ─► verify ─► report ─► exit code
//!         (TOML)     (reads)   (pure)  (writes) (reads)   (pure)
//! ```
//!
//! Every access to the target goes through one handle, `root::Root`; only `harden::apply` deletes.
//!
//! The public items are those that the kubectl plugin, the fuzz targets and the tests use. The crate makes no other
//! promise:
//!
//! ```
//! use lithify::profile::load_text;
//! use lithify::recognise::catalogue::Catalogue;
//! use lithify::root::path::InRoot;
//! use lithify::text::escape::escape;
//!
//! let profile = load_text("mine.toml", "schema = 1\n[remove]\nnames = [\"curl\"]\n").unwrap();
//! assert_eq!(profile.remove.len(), 1);
//! assert!(Catalogue::default().exactly("curl").is_some());
//! assert!(InRoot(b"/usr/bin/curl").is_within(b"/usr"));
//! assert_eq!(escape(b"a\nb"), "a\\nb");
//! ```

pub mod cli;
pub mod commands;
mod drift;
mod harden;
mod launch;
mod learn;
pub mod linux;
pub mod probe;
pub mod profile;
mod prove;
pub mod recognise;
pub mod report;
pub mod root;
mod scan;
pub mod seal;
mod target;
pub mod text;
mod verify;
mod volume;
