//! What a file is: `statx(2)`, which also tells the mount.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;

use crate::linux::time::Time;

/// What `statx(2)` says of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statx {
    /// Device number (`makedev(major, minor)`).
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// `st_mode`: type and permission bits.
    pub mode: u32,
    /// Number of hard links.
    pub nlink: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length in bytes.
    pub size: u64,
    /// When the inode was last changed, in content or in metadata (`st_ctime`, inode(7)).
    pub changed: Time,
    /// When its content was last changed (`st_mtime`). Programs can set it.
    pub modified: Time,
    /// Major and minor number of the device that the file is.
    pub device: (u32, u32),
    /// Mount id as in `/proc/PID/mountinfo`; `None` if the kernel does not fill it in (before Linux 5.8), or if an emulator
    /// only says so: no mount that a path leads to has number 0.
    pub mount: Option<u64>,
}

/// `statx(2)` on `name` below `dir`. It never follows a final symbolic link and never triggers an automount. An empty
/// `name` means `dir` itself.
pub fn statx(dir: BorrowedFd<'_>, name: &CStr) -> Result<Statx, Errno> {
    statx_with(dir, name, libc::AT_SYMLINK_NOFOLLOW)
}

/// As [`statx`], but follows a final symbolic link, even a magic link such as `/proc/PID/exe`.
pub fn statx_follow(dir: BorrowedFd<'_>, name: &CStr) -> Result<Statx, Errno> {
    statx_with(dir, name, 0)
}

fn statx_with(dir: BorrowedFd<'_>, name: &CStr, flags: i32) -> Result<Statx, Errno> {
    // A server of files (FUSE, NFS) is asked anew: a link count that the kernel remembers may be older than the last name.
    // Of a server that has ended, what the kernel remembers is all there is.
    match statx_by(dir, name, flags | libc::AT_STATX_FORCE_SYNC) {
        Err(Errno::ENOTCONN) => statx_by(dir, name, flags | libc::AT_STATX_DONT_SYNC),
        found => found,
    }
}

fn statx_by(dir: BorrowedFd<'_>, name: &CStr, flags: i32) -> Result<Statx, Errno> {
    let flags = flags | libc::AT_EMPTY_PATH | libc::AT_NO_AUTOMOUNT;
    let mask = libc::STATX_BASIC_STATS | libc::STATX_MNT_ID;
    let mut buffer = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: `name` is NUL-terminated. `buffer` is writable, as large as the structure, and valid when all zero.
    let result =
        unsafe { libc::syscall(libc::SYS_statx, dir.as_raw_fd(), name.as_ptr(), flags, mask, buffer.as_mut_ptr()) };
    Errno::result(result)?;
    // SAFETY: zeroed before the call and filled in by it.
    let found = unsafe { buffer.assume_init() };
    let time = |time: libc::statx_timestamp| Time { seconds: time.tv_sec, nanoseconds: time.tv_nsec };
    Ok(Statx {
        dev: libc::makedev(found.stx_dev_major, found.stx_dev_minor),
        ino: found.stx_ino,
        mode: u32::from(found.stx_mode),
        nlink: found.stx_nlink,
        uid: found.stx_uid,
        gid: found.stx_gid,
        size: found.stx_size,
        changed: time(found.stx_ctime),
        modified: time(found.stx_mtime),
        device: (found.stx_rdev_major, found.stx_rdev_minor),
        mount: Some(found.stx_mnt_id).filter(|id| found.stx_mask & libc::STATX_MNT_ID != 0 && *id != 0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn statx_agrees_with_std() {
        use std::os::unix::fs::MetadataExt;
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("file"), "x").unwrap();
        std::os::unix::fs::symlink("file", directory.path().join("link")).unwrap();
        let handle = std::fs::File::open(directory.path()).unwrap();
        let expected = std::fs::symlink_metadata(directory.path().join("file")).unwrap();
        let file = statx(handle.as_fd(), c"file").unwrap();
        assert_eq!((file.dev, file.ino, file.mode), (expected.dev(), expected.ino(), expected.mode()));
        assert_ne!(statx(handle.as_fd(), c"link").unwrap().ino, file.ino);
        assert_eq!(statx_follow(handle.as_fd(), c"link").unwrap().ino, file.ino);
        assert_eq!(statx(handle.as_fd(), c"none"), Err(Errno::ENOENT));
    }
}
