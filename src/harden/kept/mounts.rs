//! The mounts that removal may touch.

use crate::profile::Profile;
use crate::root::{Directory, Root, RootError, Unreadable};

/// The mounts that removal may touch: the mount of the root and those of `[remove] mounts`.
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

    /// Whether removal may touch the mount with this id.
    pub fn contains(&self, mount: u64) -> bool {
        self.0.contains(&mount)
    }

    /// Whether `[remove] mounts` adds any mount.
    pub fn are_several(&self) -> bool {
        self.0.len() > 1
    }

    /// Whether `**` of a rule descends from `parent` into `child`. It does not enter other mounts: nothing on them is
    /// removed, and they may be large.
    pub fn are_entered(&self, parent: &Directory, child: &Directory) -> bool {
        let mount = child.own_stat().mount;
        mount == parent.own_stat().mount || self.contains(mount)
    }
}
