//! What is known of one file: its identity, its type, and its mount.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use super::{Failure, Identity, RootError, os};
use crate::linux::proc::mount_of_descriptor;
use crate::linux::sys::stat::{Statx, statx};
use crate::linux::time::Time;

/// Type of a file, as far as lithify distinguishes types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Regular file.
    File,
    /// Symbolic link.
    Symlink,
    /// Directory.
    Directory,
    /// Device, fifo or socket.
    Other,
}

impl Kind {
    /// The name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Symlink => "symlink",
            Self::Directory => "directory",
            Self::Other => "special file",
        }
    }

    fn of_mode(mode: u32) -> Self {
        match mode & nix::libc::S_IFMT {
            nix::libc::S_IFREG => Self::File,
            nix::libc::S_IFLNK => Self::Symlink,
            nix::libc::S_IFDIR => Self::Directory,
            _ => Self::Other,
        }
    }
}

/// What is known of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Which file it is.
    pub id: Identity,
    /// Its type.
    pub kind: Kind,
    /// `st_mode`, permission bits and type.
    pub mode: u32,
    /// Number of names of the inode.
    pub nlink: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length in bytes.
    pub size: u64,
    /// The mount it is on, as in `/proc/PID/mountinfo`.
    pub mount: u64,
}

impl Stat {
    /// Whether it is a regular file with an x bit.
    pub fn is_executable(&self) -> bool {
        self.kind == Kind::File && self.mode & 0o111 != 0
    }
}

/// What is known of one file, with what only few ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Details {
    /// What everybody asks for.
    pub stat: Stat,
    /// When the inode was last changed, in content or in metadata (`st_ctime`, inode(7)). No program can set it.
    pub changed: Time,
    /// When its content was last changed: of a directory, the names in it (`st_mtime`). Programs can set it.
    pub modified: Time,
    /// Major and minor number of the device that the file is.
    pub device: (u32, u32),
}

/// What is known of `name` below `directory`, or of `directory` itself if `name` is empty. Links are not followed.
/// `path` is only for the error.
pub(crate) fn stat_of(directory: BorrowedFd<'_>, name: &CStr, path: &[u8]) -> Result<Stat, RootError> {
    details_of(directory, name, path).map(|details| details.stat)
}

/// As [`stat_of`], with what only few ask for.
pub(crate) fn details_of(directory: BorrowedFd<'_>, name: &CStr, path: &[u8]) -> Result<Details, RootError> {
    match statx(directory, name) {
        Ok(Statx { dev, ino, mode, nlink, uid, gid, size, changed, modified, device, mount: Some(mount) }) => {
            let stat =
                Stat { id: Identity { dev, ino }, kind: Kind::of_mode(mode), mode, nlink, uid, gid, size, mount };
            Ok(Details { stat, changed, modified, device })
        }
        // Kernels before 5.8 give no mount id, kernels before 4.11 have no statx, and a seccomp profile may refuse it.
        Ok(_) | Err(Errno::ENOSYS | Errno::EPERM) => stat_by_descriptor(directory, name, path),
        Err(errno) => Err(os("statx", path)(errno)),
    }
}

fn stat_by_descriptor(directory: BorrowedFd<'_>, name: &CStr, path: &[u8]) -> Result<Details, RootError> {
    let opened;
    let file = if name.is_empty() {
        directory
    } else {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        opened = openat(directory, name, flags, Mode::empty()).map_err(os("open", path))?;
        opened.as_fd()
    };
    let stat = nix::sys::stat::fstat(file).map_err(os("fstat", path))?;
    let mount = mount_of_descriptor(file).map_err(|errno| Failure::MountUnknown { path: path.to_vec(), errno })?;
    let known = Stat {
        id: Identity { dev: stat.st_dev, ino: stat.st_ino },
        kind: Kind::of_mode(stat.st_mode),
        mode: stat.st_mode,
        nlink: u32::try_from(stat.st_nlink).unwrap_or(u32::MAX),
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        mount,
    };
    let time = |seconds, nanoseconds: i64| Time { seconds, nanoseconds: nanoseconds.try_into().unwrap_or(0) };
    let device = (nix::libc::major(stat.st_rdev), nix::libc::minor(stat.st_rdev));
    let (changed, modified) = (time(stat.st_ctime, stat.st_ctime_nsec), time(stat.st_mtime, stat.st_mtime_nsec));
    Ok(Details { stat: known, changed, modified, device })
}
