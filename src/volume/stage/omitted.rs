//! What is not copied as it is: what a plan removes or changes, and what is mounted.

use std::collections::{HashMap, HashSet};

use crate::harden::plan::{Plan, Verb};
use crate::root::{Canonical, Kind, Stat};
use crate::target::runtime_files::is_runtime_file;

/// How to copy a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Treatment {
    /// Mode bits that the copy does not get.
    pub(super) without: u32,
    /// Whether file capabilities are copied.
    pub(super) capabilities: bool,
}

/// A name that the plan leaves alone.
pub(super) const AS_IT_IS: Treatment = Treatment { without: 0, capabilities: true };

/// What is not copied as it is.
pub(super) struct Omitted {
    /// The treatment of each name of a plan. A name with `None` is left out.
    treatments: HashMap<Canonical, Option<Treatment>>,
    /// What a rule asks for and the plan leaves, because of its mount.
    skipped: HashSet<Canonical>,
    /// Ids of the mounts that may be copied.
    mounts: Vec<u64>,
}

impl Omitted {
    pub(super) fn of(plan: &Plan, mounts: Vec<u64>) -> Self {
        let treatment = |verb| match verb {
            // A copy gets no tombstones: the command is left out instead.
            Verb::Remove | Verb::Tombstone => None,
            Verb::Disable => Some(Treatment { without: 0o7777, capabilities: false }),
            Verb::Strip { bits, capabilities } => Some(Treatment { without: bits, capabilities: !capabilities }),
            // The content is copied as it is. The command says so.
            Verb::LoginShells { .. } => Some(AS_IT_IS),
        };
        let treatments = plan.actions.iter().map(|action| (action.path(), treatment(action.verb))).collect();
        Self { treatments, skipped: plan.skipped.iter().map(|stays| stays.path.clone()).collect(), mounts }
    }

    /// How to copy `path`; `None` if it is left out.
    pub(super) fn treatment(&self, path: &Canonical) -> Option<Treatment> {
        self.treatments.get(path).copied().unwrap_or(Some(AS_IT_IS))
    }

    /// Whether what lies on the mount of `stat` may be copied.
    pub(super) fn is_copied(&self, stat: &Stat) -> bool {
        self.mounts.contains(&stat.mount)
    }

    /// Whether a runtime has mounted this file, as it does in each container. The copy has an empty file there, without
    /// which the runtime could not mount the app's own in a volume that is read-only.
    pub(super) fn is_mounted_everywhere(&self, path: &Canonical, stat: &Stat) -> bool {
        stat.kind == Kind::File && !self.is_copied(stat) && is_runtime_file(path) && !self.skipped.contains(path)
    }
}
