//! What to do about errors that leave nothing to report, and about what prevents the app from starting.

use nix::errno::Errno;

use crate::launch::exec::StartError;
use crate::launch::landlock::LandlockError;
use crate::launch::privileges::{Privilege, PrivilegeError};
use crate::volume::install::InstallError;
use crate::volume::stage::StageError;

/// What to do if the app's user or privileges cannot be set.
pub(crate) fn privileges(error: &PrivilegeError) -> Option<&'static str> {
    let privilege = match error {
        PrivilegeError::NonRoot(_) => {
            return Some("give it with --user UID:GID, or set runAsUser and runAsGroup in the securityContext");
        }
        PrivilegeError::Mismatch { of, .. } => of,
        PrivilegeError::Unknown(_) | PrivilegeError::Unverified(_) => return None,
    };
    Some(match privilege {
        Privilege::User => "set runAsUser in the securityContext, or run as root with the capability SETUID",
        Privilege::Group => "set runAsGroup in the securityContext, or run as root with the capability SETGID",
        Privilege::Groups => {
            "set supplementalGroups and fsGroup in the pod's securityContext, or run as root with the capability SETGID"
        }
        Privilege::Capabilities => {
            "set capabilities: {drop: [ALL]} in the securityContext and add those that the profile allows; \
             to take them away itself, lithify needs the capability SETPCAP"
        }
        Privilege::NewPrivileges => "set allowPrivilegeEscalation: false in the securityContext",
    })
}

/// What to do if the app cannot be confined.
pub(crate) fn landlock(error: &LandlockError) -> Option<&'static str> {
    match error {
        LandlockError::Unavailable(_) => Some(
            "use a kernel with Landlock (5.13, lsm=...,landlock) and a seccomp profile that allows landlock_create_ruleset, \
             or say mode = \"best-effort\" in [confine]",
        ),
        LandlockError::Partial(_) => {
            Some("say mode = \"best-effort\" in [confine] to take what there is, or run on a newer kernel")
        }
        LandlockError::Both { .. } => Some("list a directory under write that holds no program, or remove it there"),
        LandlockError::Os { .. } | LandlockError::Root(_) => None,
    }
}

/// What to do if the app's program cannot be executed.
pub(crate) fn start(error: &StartError) -> Option<&'static str> {
    if error.is_not_found() {
        return Some(
            "give its absolute path, or correct PATH; if a volume is mounted over its directory, look at the subPath: Kubernetes mounts a missing one as an empty directory",
        );
    }
    (error.errno == Errno::ENOENT).then_some("a script whose shell was removed cannot start: run the program itself")
}

/// What to do if nothing was staged.
pub(crate) fn stage(error: &StageError) -> &'static str {
    match error {
        StageError::Volume { errno: Errno::EBUSY | Errno::EXDEV, .. } => {
            "something is mounted there in this container: mount nothing but the volume itself"
        }
        StageError::Relative { .. } => "write it from the root on, such as /usr/bin",
        StageError::NotText { .. } => "name the directory above it",
        StageError::NotADirectory { .. } => {
            "name the directory that holds it: a volume is mounted over whole directories"
        }
        StageError::WholeRoot { .. } => "name the directories that hold programs: /usr/bin /usr/sbin /bin /sbin",
        StageError::Itself { .. } => "mount the volume at a place of its own, such as /staged, and name that with --to",
        StageError::OtherMount { .. } => {
            "leave that volume out of the init container; or, if its content is meant to be copied too, name its mount point in [remove] mounts"
        }
        StageError::TooDeep { .. } => "name a directory further down, or remove this one in the profile",
        StageError::Busy { .. } => "give each init container a volume or a directory of its own",
        StageError::Source(error) => match error.errno() {
            Errno::ENOENT | Errno::ENOTDIR => {
                "name directories that the image has; the init container must use the app's own image"
            }
            Errno::EACCES | Errno::EPERM => {
                "this user may not read it: run the init container as root, or remove that file in the profile"
            }
            _ => "see the kernel's reason; nothing was staged",
        },
        StageError::Volume { errno: Errno::ENOSPC | Errno::EDQUOT, .. } => {
            "the volume is full: raise its sizeLimit, or stage fewer directories; a repeat needs room for both copies"
        }
        StageError::Volume { errno, .. } => volume(*errno).unwrap_or("see the kernel's reason; nothing was staged"),
        StageError::Differs { .. } => {
            "something changed the source or the volume meanwhile, or the disk is bad: run again"
        }
    }
}

/// What to do if there is no copy of this program.
pub(crate) fn install(error: &InstallError) -> &'static str {
    let helps = match error {
        InstallError::Os { errno: Errno::ENOSPC | Errno::EDQUOT, .. } => {
            Some("the volume needs room for 1 MiB: raise its sizeLimit")
        }
        // Otherwise something in the directory is missing, which is not a mistake of whoever named the directory.
        InstallError::Os { errno: Errno::ENOENT | Errno::ENOTDIR, operation, .. } if *operation != "open" => None,
        InstallError::Os { errno, .. } => volume(*errno),
        InstallError::Busy { .. } | InstallError::Differs { .. } => None,
    };
    helps.unwrap_or("see the reason above; nothing was left behind")
}

/// What to do if the kernel refuses to write into a volume.
fn volume(errno: Errno) -> Option<&'static str> {
    match errno {
        Errno::ENOENT | Errno::ENOTDIR => {
            Some("name the mount point of a volume: add an emptyDir and mount it there in this init container")
        }
        Errno::EROFS => Some("mount the volume writable in this init container, and read-only in the app's"),
        Errno::EACCES | Errno::EPERM => Some(
            "the directory belongs to another user: set fsGroup in the pod's securityContext, or run this init container as its owner",
        ),
        _ => None,
    }
}
