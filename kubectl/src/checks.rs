//! The checks that `inject` and `lint` share: what a profile would break, and which mounts would undo the hardening.

mod capabilities;
mod commands;
mod delivered;
pub(crate) mod digest;
mod ends;
pub(crate) mod inscribed;
mod mode;
mod staged;

use crate::manifest::finding::Finding;
use crate::manifest::workload::Workload;

pub(crate) use capabilities::unsearchable;
pub(crate) use commands::{app, command, handlers};
pub(crate) use delivered::{delivery, installs, is_whole, mount_over};
pub(crate) use ends::ends;
pub(crate) use mode::mode;
pub(crate) use staged::{Staged, mounted, staged};

/// Mounts of lithify's volumes by which a container could undo the hardening, or that would be empty.
pub(crate) fn volumes(workload: &Workload<'_>) -> Vec<Finding> {
    staged::mounts(workload).into_iter().chain(delivered::delivered(workload)).collect()
}
