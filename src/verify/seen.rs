//! The mounts of a root, as they are seen from inside it.

use crate::linux::proc::mountinfo::{Mount, MountinfoError, Mounts};
use crate::target::inside;
use crate::target::owner::{Owner, OwnerError};

/// The mounts; the error says why they cannot be read.
pub(super) type View = Result<Seen, OwnerError>;

/// The mounts of a root. They are read once for all checks.
pub(super) struct Seen {
    mounts: Mounts,
    /// The path of the root among them.
    prefix: Vec<u8>,
    /// Path inside the root and id of each mount that no other one hides.
    visible: Vec<(Vec<u8>, u64)>,
}

/// Fails, too, if the mount of the root is not listed: the others could not be told from hidden ones.
pub(super) fn view(owner: &Owner) -> View {
    let (mounts, prefix) = owner.mounts()?;
    let seen = Seen::new(mounts, prefix);
    if seen.covering(b"/").is_some() { Ok(seen) } else { Err(MountinfoError::NoRoot.into()) }
}

impl Seen {
    pub(super) fn new(mounts: Mounts, prefix: Vec<u8>) -> Self {
        let mut visible = Vec::new();
        for mount in mounts.visible() {
            visible.extend(inside(&prefix, &mount.point).map(|point| (point.to_vec(), mount.id)));
        }
        Self { mounts, prefix, visible }
    }

    /// The visible mounts, each with its point inside the root.
    pub(super) fn visible(&self) -> Vec<(&[u8], &Mount)> {
        let visible = self.visible.iter();
        visible.filter_map(|(point, id)| Some((point.as_slice(), self.mounts.by_id(*id)?))).collect()
    }

    /// The mount that a canonical path inside the root is on.
    pub(super) fn covering(&self, path: &[u8]) -> Option<&Mount> {
        self.mounts.covering(&host_path(&self.prefix, path))
    }

    /// Whether something is mounted right at this path inside the root.
    pub(super) fn is_point(&self, path: &[u8]) -> bool {
        self.covering(path).is_some_and(|mount| mount.point == host_path(&self.prefix, path))
    }
}

/// The path in mountinfo of a path inside the root.
fn host_path(prefix: &[u8], path: &[u8]) -> Vec<u8> {
    match (prefix, path) {
        (b"/", _) => path.to_vec(),
        (_, b"/") => prefix.to_vec(),
        _ => [prefix, path].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_below_a_prefix() {
        assert_eq!(inside(b"/srv/x", b"/srv/x/tmp"), Some(b"/tmp".as_slice()));
        assert_eq!(inside(b"/srv/x", b"/srv/x"), Some(b"/".as_slice()));
        assert_eq!(inside(b"/srv/x", b"/srv/xy"), None);
        assert_eq!(host_path(b"/srv/x", b"/"), b"/srv/x");
        assert_eq!(host_path(b"/", b"/tmp"), b"/tmp");
    }

    #[test]
    fn what_is_seen_from_inside() {
        let text =
            "1 0 8:1 / / rw - ext4 d rw\n2 1 0:2 / /srv/x ro - tmpfs t rw\n3 2 0:3 / /srv/x/tmp rw - tmpfs t rw\n";
        let seen = Seen::new(Mounts::parse(text.as_bytes()).unwrap(), b"/srv/x".to_vec());
        let visible: Vec<(&[u8], u64)> = seen.visible().iter().map(|(point, mount)| (*point, mount.id)).collect();
        assert_eq!(visible, [(b"/".as_slice(), 2), (b"/tmp".as_slice(), 3)]);
        assert_eq!(seen.covering(b"/tmp/a").unwrap().id, 3);
        assert!(seen.is_point(b"/tmp") && seen.is_point(b"/") && !seen.is_point(b"/tmp/a"));
    }
}
