//! lithify makes a container immutable from the inside.
//!
//! ```text
//! args ─► profile ─► survey ─► plan ─► apply ─► verify ─► report ─► exit code
//!         (TOML)     (reads)   (pure)  (writes) (reads)   (pure)
//! ```
//!
//! Every access to the target goes through one handle, [`root::Root`]; only [`mod@apply`] deletes.

pub mod cli;
pub mod commands;
pub mod harden;
pub mod launch;
pub mod linux;
pub mod probe;
pub mod profile;
pub mod recognise;
pub mod report;
pub mod root;
pub mod scan;
pub mod target;
pub mod text;
pub mod verify;
pub mod volume;
