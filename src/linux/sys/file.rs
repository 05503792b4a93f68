//! Names, modes and contents of files.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::libc;
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat};
use nix::unistd::linkat;

use super::descriptor::magic_link;

/// Puts the text of the symbolic link `name` below `dir` into `buffer` (`readlinkat(2)`) and returns its length. nix
/// would allocate a page for each link.
pub fn read_link(dir: BorrowedFd<'_>, name: &CStr, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: `name` is NUL-terminated; the kernel writes at most `buffer.len()` bytes into `buffer`.
    let length = unsafe { libc::readlinkat(dir.as_raw_fd(), name.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    Errno::result(length).map(|length| usize::try_from(length).unwrap_or(0))
}

/// Gives an open file the name `name` in `directory`, even if it has no name yet (`O_TMPFILE`). Without privileges only
/// the magic link can do that (open(2)). `ENOENT` if the file had names and has lost them all.
pub fn link(file: BorrowedFd<'_>, directory: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    linkat(AT_FDCWD, magic_link(file).as_str(), directory, name, AtFlags::AT_SYMLINK_FOLLOW)
}

/// Sets the mode of the file behind an `O_PATH` descriptor: by `fchmodat2(2)` (Linux 6.6), else by its magic link.
pub fn chmod_by_descriptor(file: BorrowedFd<'_>, mode: u32) -> Result<(), Errno> {
    const SYS_FCHMODAT2: libc::c_long = 452; // the same number on every architecture
    // SAFETY: the path is a valid empty C string; no memory is written.
    let result = unsafe { libc::syscall(SYS_FCHMODAT2, file.as_raw_fd(), c"".as_ptr(), mode, libc::AT_EMPTY_PATH) };
    match Errno::result(result) {
        Err(Errno::ENOSYS | Errno::EPERM) => {
            let mode = Mode::from_bits_truncate(mode);
            fchmodat(AT_FDCWD, magic_link(file).as_str(), mode, FchmodatFlags::FollowSymlink)
        }
        result => result.map(drop),
    }
}

/// `renameat2(2)` within one directory. nix has it for glibc only.
pub fn rename_with_flags(dir: BorrowedFd<'_>, from: &CStr, to: &CStr, flags: u32) -> Result<(), Errno> {
    let fd = dir.as_raw_fd();
    // SAFETY: both strings are NUL-terminated; no memory is written.
    let result = unsafe { libc::syscall(libc::SYS_renameat2, fd, from.as_ptr(), fd, to.as_ptr(), flags) };
    Errno::result(result).map(drop)
}

/// Makes `target` share the content of `source` (`ioctl_ficlonerange(2)`).
pub fn clone_content(source: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<(), Errno> {
    const FICLONE: u32 = 0x4004_9409; // _IOW(0x94, 9, int)
    // SAFETY: the argument is a descriptor, not a pointer.
    let result = unsafe { libc::syscall(libc::SYS_ioctl, target.as_raw_fd(), FICLONE, source.as_raw_fd()) };
    Errno::result(result).map(drop)
}
