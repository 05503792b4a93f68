//! What a plan means for a copy: which names are left out, and which names are copied with fewer rights.

use std::collections::HashMap;

use crate::harden::plan::{Plan, Verb};
use crate::root::Canonical;

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

/// The treatment of each name of a plan. A name with `None` is left out.
pub(super) struct Omitted(HashMap<Canonical, Option<Treatment>>);

impl Omitted {
    pub(super) fn of(plan: &Plan) -> Self {
        let treatment = |verb| match verb {
            // A copy gets no tombstones: the command is left out instead.
            Verb::Remove | Verb::Tombstone => None,
            Verb::Disable => Some(Treatment { without: 0o7777, capabilities: false }),
            Verb::Strip { bits, capabilities } => Some(Treatment { without: bits, capabilities: !capabilities }),
            // The content is copied as it is. The command says so.
            Verb::LoginShells { .. } => Some(AS_IT_IS),
        };
        Self(plan.actions.iter().map(|action| (action.path(), treatment(action.verb))).collect())
    }

    /// How to copy `path`; `None` if it is left out.
    pub(super) fn treatment(&self, path: &Canonical) -> Option<Treatment> {
        self.0.get(path).copied().unwrap_or(Some(AS_IT_IS))
    }
}
