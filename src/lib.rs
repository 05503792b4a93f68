//! lithify makes a container immutable from the inside.
//!
//! ```text
//! args ─► profile ─► inventory ─► plan ─► apply ─► verify ─► report ─► exit code
//!         (TOML)     (reads)      (pure)  (writes) (reads)   (pure)
//! ```
//!
//! Every access to the target goes through one handle, [`root::Root`]; only [`mod@apply`] deletes.

pub mod accounts;
pub mod apply;
pub mod builtin;
pub mod candidates;
pub mod catalogue;
pub mod cli;
pub mod command_line;
pub mod commands;
pub mod deadline;
pub mod elf;
pub mod escape;
pub mod exec;
pub mod filesystem;
pub mod host_guard;
pub mod identity;
pub mod init;
pub mod inscription;
pub mod install;
pub mod inventory;
pub mod json;
pub mod landlock;
pub mod libraries;
pub mod likely;
pub mod mounts;
pub mod needs;
pub mod only;
pub mod order;
pub mod pattern;
pub mod plan;
pub mod privileges;
pub mod probe;
pub mod processes;
pub mod profile;
pub mod protection;
pub mod report;
pub mod root;
pub mod scan;
pub mod seconds;
pub mod signature;
pub mod stage;
pub mod stream;
pub mod subject;
mod sys;
pub mod tombstone;
pub mod verify;
pub mod volume_lock;
pub mod wait;
