//! Which mounts deletion may touch.

use crate::profile::Profile;
use crate::root::{Directory, Root, RootError, Unreadable};

/// The mounts that deletion may touch: the root's own and those of `[remove] mounts`.
#[derive(Debug)]
pub struct Mounts(Vec<u64>);

impl Mounts {
    pub(super) fn of(root: &Root, profile: &Profile, unreadable: &mut Unreadable) -> Result<Self, RootError> {
        let mut mounts = vec![root.stat().mount];
        for mount in &profile.mounts {
            match root.resolve(mount.value.as_bytes()) {
                Ok(stat) => mounts.push(stat.mount),
                Err(error) => unreadable.note(error)?,
            }
        }
        Ok(Self(mounts))
    }

    /// Whether this is one of them.
    pub fn contains(&self, mount: u64) -> bool {
        self.0.contains(&mount)
    }

    /// Whether `[remove] mounts` names any.
    pub fn are_several(&self) -> bool {
        self.0.len() > 1
    }

    /// Whether a rule's `**` goes down from `parent` into `child`. Not into other mounts: what lies there is not removed
    /// anyway, and may be vast.
    pub fn are_entered(&self, parent: &Directory, child: &Directory) -> bool {
        let mount = child.own_stat().mount;
        mount == parent.own_stat().mount || self.contains(mount)
    }
}
