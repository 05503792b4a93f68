//! Never a host by accident: is the target the root of the machine itself?
//!
//! Refused is any target that is, or may be, a host's root, unless `--allow-host`. Three signs are looked at: the root
//! of process 1 in the initial pid namespace; a process root that belongs to the initial namespaces; and a mount that
//! looks like a machine's disk (its root is mounted, it is neither overlay nor tmpfs, and the kernel's filesystems are
//! mounted below it), as `/host` in a node's debug pod. Where none of this can be told the answer is "may be".

use nix::errno::Errno;

use super::Target;
use super::owner::Owner;
use crate::linux::proc::mountinfo::{Mount, MountinfoError, Mounts};
use crate::linux::proc::{Task, first_root, own_pid_namespace, own_root};
use crate::root::{InRoot, Root};

/// Inode number of the initial pid namespace (`PROC_PID_INIT_INO`, `linux/proc_ns.h`).
const INITIAL_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// Why the target is taken for a host's root.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HostRoot {
    /// It is.
    #[error("{target} is the root of this machine: process 1 of the initial pid namespace has it as its root")]
    FirstProcess {
        /// The target as given.
        target: String,
    },
    /// It looks like one.
    #[error(
        "{target} looks like the root of a machine: the whole {filesystem} filesystem is mounted there, with {below} below it"
    )]
    DiskMount {
        /// The target as given.
        target: String,
        /// Filesystem type.
        filesystem: String,
        /// A kernel filesystem's mount point.
        below: String,
    },
    /// It cannot be told.
    #[error("cannot tell whether {target} is the root of this machine: {reason}")]
    Undecidable {
        /// The target as given.
        target: String,
        /// What could not be read.
        reason: String,
    },
}

/// Checks the target; `Ok` when it is certainly no host's root.
pub fn check(target: &Target) -> Result<(), HostRoot> {
    let Target { root, owner } = target;
    let target = crate::text::escape::escape(root.path().as_os_str().as_encoded_bytes());
    let undecidable = |reason: String| HostRoot::Undecidable { target: target.clone(), reason };
    let initial = in_initial_pid_namespace().map_err(|errno| {
        undecidable(format!("/proc/self/ns/pid cannot be read ({}); mount proc on /proc", errno.desc()))
    })?;
    let hidden = if initial {
        // Process 1 as seen here is the machine's own.
        match first_root() {
            Ok(first) if first == root.stat().id => return Err(HostRoot::FirstProcess { target }),
            Ok(_) => None,
            // A machine's root is the top of a mount; a directory below one is an image or a volume.
            Err(Errno::EACCES) if !is_own_root(root) && !is_mount_point(root) => None,
            Err(errno) => Some(errno),
        }
    } else {
        None
    };
    let (mounts, own) = mounts_of(root, owner).map_err(|reason| undecidable(reason.to_owned()))?;
    looks_like_disk(root, &mounts, own, &target)?;
    match hidden {
        None => Ok(()),
        Some(errno) => Err(undecidable(format!(
            "this runs in the initial pid namespace (on the machine itself, or hostPID), and /proc/1/root cannot be read ({})",
            errno.desc()
        ))),
    }
}

/// The mounts among which the target's is: our own, or for `/proc/PID/root` that process's; and whether they are ours.
fn mounts_of(root: &Root, owner: &Owner) -> Result<(Mounts, bool), &'static str> {
    let own = mounts(Task::Own)?;
    if own.by_id(root.stat().mount).is_some() {
        return Ok((own, true));
    }
    let Owner::Process { task, .. } = owner else { return Err("its mount is not in /proc/self/mountinfo") };
    let theirs = mounts(*task)?;
    if theirs.by_id(root.stat().mount).is_none() {
        return Err("its mount is not in that process's mountinfo");
    }
    Ok((theirs, false))
}

fn mounts(task: Task) -> Result<Mounts, &'static str> {
    task.mounts().map_err(|error| match error {
        MountinfoError::Unreadable { .. } => "mountinfo cannot be read",
        MountinfoError::Format(_) => "mountinfo is not in the format that is known",
    })
}

fn looks_like_disk(root: &Root, mounts: &Mounts, own: bool, target: &str) -> Result<(), HostRoot> {
    let Some(mount) = mounts.by_id(root.stat().mount) else { return Ok(()) };
    // A container's root filesystem is an overlay, or the bind mount of a directory. What is mounted elsewhere than on
    // our own root with proc below it is no volume but a machine's root, whichever directory of its disk that is
    // (btrfs subvolumes, ostree).
    let elsewhere = own && !is_own_root(root);
    if mount.root != b"/" && !elsewhere || mount.filesystem == b"overlay" || mount.filesystem == b"tmpfs" {
        return Ok(());
    }
    // Only the root of that mount, not a directory somewhere in it such as a workstation's /srv/image.
    let is_top = if own { is_top_of(root, mount) } else { mount.point == b"/" };
    if !is_top {
        return Ok(());
    }
    let below = mounts.iter().find(|other| {
        other.id != mount.id
            && InRoot(&other.point).is_within(&mount.point)
            && matches!(other.filesystem.as_slice(), b"proc" | b"sysfs" | b"devtmpfs")
            || other.id != mount.id && other.filesystem == b"tmpfs" && other.point == InRoot(&mount.point).join(b"dev")
    });
    match below {
        Some(below) => Err(HostRoot::DiskMount {
            target: target.to_owned(),
            filesystem: crate::text::escape::escape(&mount.filesystem),
            below: crate::text::escape::escape(&below.point),
        }),
        None => Ok(()),
    }
}

fn is_top_of(root: &Root, mount: &Mount) -> bool {
    // Not known to be elsewhere counts as the top.
    std::fs::canonicalize(root.path())
        .map_or(true, |path| path.as_os_str().as_encoded_bytes() == mount.point.as_slice())
}

/// Whether it is our own root; not known counts as yes.
fn is_own_root(root: &Root) -> bool {
    own_root().map_or(true, |own| own == root.stat().id)
}

fn is_mount_point(root: &Root) -> bool {
    match Task::Own.mounts() {
        Ok(mounts) => mounts.by_id(root.stat().mount).is_none_or(|mount| is_top_of(root, mount)),
        Err(_) => true,
    }
}

/// Whether this process sees the machine's own processes (`hostPID`, or no container at all).
pub(crate) fn in_initial_pid_namespace() -> Result<bool, Errno> {
    own_pid_namespace().map(|id| id.ino == INITIAL_PID_NAMESPACE)
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
