//! The few system calls for which nix has no safe wrapper. The only file with `unsafe`.
//!
//! Each function is a thin wrapper: it forces close-on-exec, retries nothing, interprets nothing.

#![allow(unsafe_code)]

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;

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
    /// Mount id as in `/proc/PID/mountinfo`, where the kernel fills it in (Linux 5.8).
    pub mount: Option<u64>,
}

/// `statx(2)` on `name` below `dir`, never following a final symbolic link and never triggering an automount.
/// An empty `name` means `dir` itself.
pub fn statx(dir: BorrowedFd<'_>, name: &CStr) -> Result<Statx, Errno> {
    statx_with(dir, name, libc::AT_SYMLINK_NOFOLLOW)
}

/// As [`statx`], but a final symbolic link, also a magic one such as `/proc/PID/exe`, is followed.
pub fn statx_follow(dir: BorrowedFd<'_>, name: &CStr) -> Result<Statx, Errno> {
    statx_with(dir, name, 0)
}

fn statx_with(dir: BorrowedFd<'_>, name: &CStr, flags: i32) -> Result<Statx, Errno> {
    let flags = flags | libc::AT_EMPTY_PATH | libc::AT_NO_AUTOMOUNT | libc::AT_STATX_DONT_SYNC;
    let mask = libc::STATX_BASIC_STATS | libc::STATX_MNT_ID;
    let mut buffer = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: `name` is NUL-terminated, `buffer` is writable and as large as the structure, which is valid when all zero.
    let result =
        unsafe { libc::syscall(libc::SYS_statx, dir.as_raw_fd(), name.as_ptr(), flags, mask, buffer.as_mut_ptr()) };
    Errno::result(result)?;
    // SAFETY: zeroed before the call and filled in by it.
    let found = unsafe { buffer.assume_init() };
    Ok(Statx {
        dev: libc::makedev(found.stx_dev_major, found.stx_dev_minor),
        ino: found.stx_ino,
        mode: u32::from(found.stx_mode),
        nlink: found.stx_nlink,
        uid: found.stx_uid,
        gid: found.stx_gid,
        mount: (found.stx_mask & libc::STATX_MNT_ID != 0).then_some(found.stx_mnt_id),
    })
}

/// Size of the buffer for [`getdents`]: one call for each 32 KiB of directory.
pub const DIRENT_BUFFER: usize = 32 * 1024;

/// `getdents64(2)`: fills `buffer` with directory entries; 0 at the end of the directory.
pub fn getdents(dir: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes at most `buffer.len()` bytes into `buffer`.
    let read = unsafe { libc::syscall(libc::SYS_getdents64, dir.as_raw_fd(), buffer.as_mut_ptr(), buffer.len()) };
    Errno::result(read).map(|read| usize::try_from(read).unwrap_or(0))
}

/// The entries that [`getdents`] filled in: name and `DT_*` type of each `struct linux_dirent64`.
pub fn dirents(mut bytes: &[u8]) -> impl Iterator<Item = (&CStr, u8)> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(bytes.get(16..18)?.try_into().ok()?));
        let entry = (CStr::from_bytes_until_nul(bytes.get(19..length)?).ok()?, *bytes.get(18)?);
        bytes = bytes.get(length..)?;
        Some(entry)
    })
}

/// `fchmodat2(2)` on the file behind an `O_PATH` descriptor (Linux 6.6).
pub fn chmod_by_descriptor(file: BorrowedFd<'_>, mode: u32) -> Result<(), Errno> {
    const SYS_FCHMODAT2: libc::c_long = 452; // the same number on every architecture
    // SAFETY: the path is a valid empty C string; no memory is written.
    let result = unsafe { libc::syscall(SYS_FCHMODAT2, file.as_raw_fd(), c"".as_ptr(), mode, libc::AT_EMPTY_PATH) };
    Errno::result(result).map(drop)
}

/// Length of the extended attribute `name` of `path` (a final link is not followed); `ENODATA` where there is none.
pub fn xattr_length(path: &CStr, name: &CStr) -> Result<usize, Errno> {
    // SAFETY: both strings are NUL-terminated; with size 0 nothing is written.
    let length = unsafe { libc::lgetxattr(path.as_ptr(), name.as_ptr(), std::ptr::null_mut(), 0) };
    Errno::result(length).map(|length| usize::try_from(length).unwrap_or(0))
}

/// As [`xattr_length`], of an open file.
pub fn xattr_length_of(file: BorrowedFd<'_>, name: &CStr) -> Result<usize, Errno> {
    // SAFETY: the string is NUL-terminated; with size 0 nothing is written.
    let length = unsafe { libc::fgetxattr(file.as_raw_fd(), name.as_ptr(), std::ptr::null_mut(), 0) };
    Errno::result(length).map(|length| usize::try_from(length).unwrap_or(0))
}

/// Removes the extended attribute `name` of `path` (a final link is followed).
pub fn remove_xattr(path: &CStr, name: &CStr) -> Result<(), Errno> {
    // SAFETY: both strings are NUL-terminated.
    Errno::result(unsafe { libc::removexattr(path.as_ptr(), name.as_ptr()) }).map(drop)
}

/// `renameat2(2)` within one directory; nix has it for glibc only.
pub fn rename_with_flags(dir: BorrowedFd<'_>, from: &CStr, to: &CStr, flags: u32) -> Result<(), Errno> {
    let fd = dir.as_raw_fd();
    // SAFETY: both strings are NUL-terminated; no memory is written.
    let result = unsafe { libc::syscall(libc::SYS_renameat2, fd, from.as_ptr(), fd, to.as_ptr(), flags) };
    Errno::result(result).map(drop)
}

/// Lets `target` share the content of `source` (`ioctl_ficlonerange(2)`).
pub fn clone_content(source: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<(), Errno> {
    const FICLONE: u32 = 0x4004_9409; // _IOW(0x94, 9, int)
    // SAFETY: the argument is a descriptor, not a pointer.
    let result = unsafe { libc::syscall(libc::SYS_ioctl, target.as_raw_fd(), FICLONE, source.as_raw_fd()) };
    Errno::result(result).map(drop)
}

/// Names of the extended attributes of `path` (a final link is not followed), each followed by a NUL, in `buffer`;
/// with an empty one only their length.
pub fn list_xattr(path: &CStr, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes at most `buffer.len()` bytes into `buffer`.
    let length = unsafe { libc::llistxattr(path.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    Errno::result(length).map(|length| usize::try_from(length).unwrap_or(0))
}

/// The value of the extended attribute `name` of `path` (a final link is not followed) in `buffer`.
pub fn get_xattr(path: &CStr, name: &CStr, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes at most `buffer.len()` bytes into `buffer`.
    let length = unsafe { libc::lgetxattr(path.as_ptr(), name.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    Errno::result(length).map(|length| usize::try_from(length).unwrap_or(0))
}

/// Sets the extended attribute `name` of `path` (a final link is not followed).
pub fn set_xattr(path: &CStr, name: &CStr, value: &[u8]) -> Result<(), Errno> {
    // SAFETY: the kernel reads `value.len()` bytes of `value`.
    let result = unsafe { libc::lsetxattr(path.as_ptr(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0) };
    Errno::result(result).map(drop)
}

/// Marks every descriptor from 3 upwards close-on-exec (`close_range(2)`, Linux 5.11).
pub fn close_on_exec_from_3() -> Result<(), Errno> {
    const CLOSE_RANGE_CLOEXEC: u32 = 4;
    // SAFETY: no memory is involved; descriptors stay valid until the exec.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, CLOSE_RANGE_CLOEXEC) };
    Errno::result(result).map(drop)
}

/// Restores the default action of SIGPIPE, which the Rust runtime ignores and `execve(2)` would pass on.
pub fn default_sigpipe() -> Result<(), Errno> {
    // SAFETY: SIG_DFL installs no handler.
    let previous = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    if previous == libc::SIG_ERR { Err(Errno::last()) } else { Ok(()) }
}

/// The path that this program was started by (`AT_EXECFN`, getauxval(3)); for a `#!` line that of the script.
pub fn exec_filename() -> Option<&'static CStr> {
    // SAFETY: getauxval only reads; what AT_EXECFN points to is a C string that lives as long as the process.
    unsafe {
        let address = libc::getauxval(libc::AT_EXECFN);
        (address != 0).then(|| CStr::from_ptr(address as *const libc::c_char))
    }
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

    #[test]
    fn xattr_of_a_file_without_capabilities() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = std::ffi::CString::new(file.path().to_str().unwrap()).unwrap();
        let error = xattr_length(&path, c"security.capability").unwrap_err();
        assert!(matches!(error, Errno::ENODATA | Errno::EOPNOTSUPP), "{error}");
        assert_eq!(xattr_length_of(file.as_file().as_fd(), c"security.capability"), Err(error));
    }
}
