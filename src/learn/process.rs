//! `[verify.process]`: as whom the app runs, by what was seen.

use super::observed::Credentials;
use crate::profile::Principal;
use crate::root::Canonical;

/// What to ask of the container's first process.
#[derive(Debug)]
pub struct Process {
    /// `user`; `None` if a process was root, or nothing was seen. An entrypoint that starts as root and becomes another
    /// user needs root under `run`.
    pub user: Option<Principal>,
    /// `group`, by the same rule.
    pub group: Option<Principal>,
    /// `capabilities`: what any process held or could hold. The check counts the bounding set, too, so nothing less
    /// holds in a pod that has what this one had.
    pub capabilities: Option<u64>,
    /// What was in effect in any process.
    pub effective: u64,
    /// Programs that ran as root, in order.
    pub root: Vec<Canonical>,
    /// What was seen.
    pub seen: Vec<Credentials>,
}

impl Process {
    pub(super) fn of(seen: Vec<Credentials>) -> Self {
        let all = |mask: fn(&Credentials) -> u64| seen.iter().fold(0, |all, one| all | mask(one));
        let capabilities = all(|one| one.effective | one.bounding);
        let as_root = seen.iter().filter(|one| one.uid == 0);
        let mut root: Vec<Canonical> = as_root.flat_map(|one| one.by.iter().cloned()).collect();
        crate::text::order::sort_by(&mut root, Canonical::cmp);
        root.dedup();
        Self {
            user: principal(seen.iter().map(|one| one.uid)),
            group: principal(seen.iter().map(|one| one.gid)),
            capabilities: (!seen.is_empty()).then_some(capabilities),
            effective: all(|one| one.effective),
            root,
            seen,
        }
    }
}

/// The one id that all have, or that none is root.
fn principal(mut ids: impl Iterator<Item = u32>) -> Option<Principal> {
    let first = ids.next().filter(|id| *id != 0)?;
    let mut said = Principal::Id(first);
    for id in ids {
        if id == 0 {
            return None;
        }
        if id != first {
            said = Principal::NonRoot;
        }
    }
    Some(said)
}
