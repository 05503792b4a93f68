//! What both `inject` and `lint` look at: what a profile would break, and what makes a volume worthless.

mod capabilities;
mod commands;
mod delivered;
mod staged;

use super::finding::Finding;
use super::workload::Workload;

pub(super) use capabilities::unsearchable;
pub(super) use commands::{HANDLERS, app, calls, handlers};
pub(super) use delivered::{installs, is_whole, mount_over};
pub(super) use staged::{Staged, has_staged, mounted, staged};

/// Mounts of volumes of ours by which a container could undo the hardening, or that have nothing to show.
pub(super) fn volumes(workload: &Workload<'_>) -> Vec<Finding> {
    staged::mounts(workload).into_iter().chain(delivered::delivered(workload)).collect()
}
