//! Names, modes and contents of files.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat};
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

/// Sets the mode of the file `name` of `directory`, where a link is not followed; if `name` is empty, of the file behind the
/// descriptor itself, which may be `O_PATH`. By `fchmodat2(2)` (Linux 6.6), else by the magic link. A seccomp filter that does
/// not know that call may answer with `EPERM`, as the kernel does where the change is not permitted.
pub fn chmod(directory: BorrowedFd<'_>, name: &CStr, mode: u32) -> Result<(), Errno> {
    const SYS_FCHMODAT2: libc::c_long = 452; // the same number on every architecture
    let flags = if name.is_empty() { libc::AT_EMPTY_PATH } else { libc::AT_SYMLINK_NOFOLLOW };
    // SAFETY: `name` is NUL-terminated; no memory is written.
    let result = unsafe { libc::syscall(SYS_FCHMODAT2, directory.as_raw_fd(), name.as_ptr(), mode, flags) };
    match Errno::result(result) {
        Err(refused @ (Errno::ENOSYS | Errno::EPERM)) => {
            let mut file = None;
            if !name.is_empty() {
                let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
                file = Some(openat(directory, name, flags, Mode::empty())?);
            }
            let link = magic_link(file.as_ref().map_or(directory, AsFd::as_fd));
            let mode = Mode::from_bits_truncate(mode);
            fchmodat(AT_FDCWD, link.as_str(), mode, FchmodatFlags::FollowSymlink)
                // Without /proc, it is not known why.
                .map_err(|errno| if errno == Errno::ENOENT { refused } else { errno })
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

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn modes_by_name_and_by_descriptor() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("file"), "").unwrap();
        symlink("file", at("link")).unwrap();
        let opened = File::open(directory.path()).unwrap();
        let mode = || fs::metadata(at("file")).unwrap().permissions().mode() & 0o7777;
        chmod(opened.as_fd(), c"file", 0o4750).unwrap();
        assert_eq!(mode(), 0o4750);
        chmod(File::open(at("file")).unwrap().as_fd(), c"", 0o600).unwrap();
        assert_eq!(mode(), 0o600);
        assert_eq!(chmod(opened.as_fd(), c"link", 0o777), Err(Errno::EOPNOTSUPP));
        assert_eq!((chmod(opened.as_fd(), c"none", 0o777), mode()), (Err(Errno::ENOENT), 0o600));
    }

    /// Nobody may change a mode below `/proc/PID`.
    #[test]
    fn what_is_not_permitted_stays_an_error() {
        let own = File::open("/proc/self").unwrap();
        assert_eq!(chmod(own.as_fd(), c"status", 0o777), Err(Errno::EPERM));
    }
}
