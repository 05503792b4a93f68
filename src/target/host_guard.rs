//! Whether the target is the root of the machine itself: lithify never changes a host by accident.
//!
//! A target that is or may be the root of a host is refused, unless `--allow-host` is given. There are two signs: the
//! root of process 1 in the initial pid namespace; and a mount that looks like a machine's disk, such as `/host` in a
//! node's debug pod. Such a mount shows the root of its filesystem, is neither overlay nor tmpfs, and has the kernel's
//! filesystems mounted below it. If this cannot be determined, the answer is "may be".

use nix::errno::Errno;

use super::Target;
use super::owner::Owner;
use crate::linux::proc::mountinfo::{Mount, MountinfoError, Mounts};
use crate::linux::proc::{Namespace, Task, first_root};
use crate::root::InRoot;
use crate::text::escape::escape;

/// Why the target is taken for the root of a host. Each variant has the target's path as given.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HostRoot {
    /// The target is the root of this machine.
    #[error(
        "{} is the root of this machine: process 1 of the initial pid namespace has it as its root",
        escape(target)
    )]
    FirstProcess {
        /// The target.
        target: Vec<u8>,
    },
    /// The target looks like the root of a machine.
    #[error(
        "{} looks like the root of a machine: the whole {} filesystem is mounted there, with {} below it",
        escape(target),
        escape(filesystem),
        escape(below)
    )]
    DiskMount {
        /// The target.
        target: Vec<u8>,
        /// Filesystem type.
        filesystem: Vec<u8>,
        /// A kernel filesystem's mount point.
        below: Vec<u8>,
    },
    /// It is not known whether the target is the root of a machine.
    #[error("cannot tell whether {} is the root of this machine: {reason}", escape(target))]
    Undecidable {
        /// The target.
        target: Vec<u8>,
        /// The reason.
        reason: Undecidable,
    },
}

/// Why it is not known whether the target is the root of a machine.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Undecidable {
    /// The pid namespace of this process cannot be read.
    #[error("/proc/self/ns/pid cannot be read ({}); mount proc on /proc", .0.desc())]
    PidNamespace(Errno),
    /// Process 1 is the machine's own, and its root cannot be read.
    #[error("this runs in the initial pid namespace (on the machine itself, or hostPID), and /proc/1/root cannot be read ({})", .0.desc())]
    FirstRoot(Errno),
    /// The mounts cannot be read.
    #[error("mountinfo {}", match .0 {
        MountinfoError::Unreadable { errno, .. } => format!("cannot be read ({})", errno.desc()),
        MountinfoError::NoRoot => "does not list the root".to_owned(),
        MountinfoError::Format(_) => "is not in the format that is known".to_owned(),
    })]
    Mounts(#[from] MountinfoError),
    /// No list of mounts has the mount of the target.
    #[error("its mount is not in {}", if *.of_process { "that process's mountinfo" } else { "/proc/self/mountinfo" })]
    NotListed {
        /// Whether the target is the root of a process, so that the mounts of that process were searched, too.
        of_process: bool,
    },
}

/// Checks the target. `Ok` if it is certainly not the root of a host.
pub fn check(target: &Target) -> Result<(), HostRoot> {
    let path = || target.root.path().as_os_str().as_encoded_bytes().to_vec();
    let undecidable = |reason| HostRoot::Undecidable { target: path(), reason };
    let initial = in_initial_pid_namespace().map_err(|errno| undecidable(Undecidable::PidNamespace(errno)))?;
    let hidden = if initial {
        // Process 1, as this process sees it, is the machine's own.
        match first_root() {
            Ok(first) if first == target.root.stat().id => return Err(HostRoot::FirstProcess { target: path() }),
            Ok(_) => None,
            // The root of a machine is the top of a mount. A directory below a mount point is an image or a volume.
            Err(Errno::EACCES) if target.is_own_root() == Ok(false) && !is_mount_point(target) => None,
            Err(errno) => Some(errno),
        }
    } else {
        None
    };
    let (mounts, own) = mounts_of(target).map_err(undecidable)?;
    if let Some((mount, below)) = looks_like_disk(target, &mounts, own) {
        let (filesystem, below) = (mount.filesystem.clone(), below.point.clone());
        return Err(HostRoot::DiskMount { target: path(), filesystem, below });
    }
    hidden.map_or(Ok(()), |errno| Err(undecidable(Undecidable::FirstRoot(errno))))
}

/// The mounts that include the mount of the target, and whether they are those of this process. If they are not, the
/// target is `/proc/PID/root`, and they are the mounts of that process.
fn mounts_of(target: &Target) -> Result<(Mounts, bool), Undecidable> {
    let lists = |mounts: &Mounts| mounts.by_id(target.root.stat().mount).is_some();
    let own = Task::Own.mounts()?;
    if lists(&own) {
        return Ok((own, true));
    }
    let Owner::Process { task, .. } = target.owner else { return Err(Undecidable::NotListed { of_process: false }) };
    let theirs = task.mounts()?;
    if lists(&theirs) { Ok((theirs, false)) } else { Err(Undecidable::NotListed { of_process: true }) }
}

/// The mount of the target and a mount below it that together look like a machine's disk.
fn looks_like_disk<'m>(target: &Target, mounts: &'m Mounts, own: bool) -> Option<(&'m Mount, &'m Mount)> {
    let mount = mounts.by_id(target.root.stat().mount)?;
    // The root filesystem of a container is an overlay or the bind mount of a directory. A mount other than the root of
    // this process that has proc below it is not a volume but the root of a machine, whichever directory of the disk it
    // shows (btrfs subvolumes, ostree).
    let elsewhere = own && target.is_own_root() == Ok(false);
    if mount.root != b"/" && !elsewhere || mount.filesystem == b"overlay" || mount.filesystem == b"tmpfs" {
        return None;
    }
    // Only the root of that mount counts, not a directory below it such as a workstation's /srv/image.
    let is_top = if own { is_top_of(target, mount) } else { mount.point == b"/" };
    let below = mounts.iter().filter(|other| is_top && other.id != mount.id).find(|other| {
        InRoot(&other.point).is_within(&mount.point)
            && matches!(other.filesystem.as_slice(), b"proc" | b"sysfs" | b"devtmpfs")
            || other.filesystem == b"tmpfs" && other.point == InRoot(&mount.point).join(b"dev")
    });
    below.map(|below| (mount, below))
}

/// Whether the target is the mount point of `mount`. A target whose path is not known counts as the mount point.
fn is_top_of(target: &Target, mount: &Mount) -> bool {
    target.owner.path().is_none_or(|path| path == mount.point)
}

fn is_mount_point(target: &Target) -> bool {
    match Task::Own.mounts() {
        Ok(mounts) => mounts.by_id(target.root.stat().mount).is_none_or(|mount| is_top_of(target, mount)),
        Err(_) => true,
    }
}

/// Whether this process sees the machine's own processes (`hostPID`, or no container at all). Fails if
/// `/proc/self/ns/pid` cannot be read.
fn in_initial_pid_namespace() -> Result<bool, Errno> {
    Task::Own.namespace(Namespace::Pid).map(|number| number == Namespace::Pid.initial())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::deadline::Deadline;

    #[test]
    fn a_directory_of_this_machine_is_no_host_root() {
        let directory = tempfile::tempdir().unwrap();
        let target = Target::open(directory.path(), Deadline::default()).unwrap();
        // In a container whose /proc/1/root cannot be read this is undecidable, which is right, too.
        assert!(!matches!(check(&target), Err(HostRoot::FirstProcess { .. } | HostRoot::DiskMount { .. })));
    }
}
