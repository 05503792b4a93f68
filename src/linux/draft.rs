//! A file that is written first and gets its name when it is whole, so that a kill leaves nothing half.

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::sys::file;

/// A new empty file on the filesystem of `directory`: without a name, so that a kill leaves nothing at all (`O_TMPFILE`),
/// and where the filesystem has no such files, under `name`, which is taken from what a killed run left.
pub fn create(directory: BorrowedFd<'_>, name: &CStr) -> Result<File, Errno> {
    let flags = OFlag::O_RDWR | OFlag::O_CLOEXEC;
    let file = match openat(directory, c".", flags | OFlag::O_TMPFILE, Mode::S_IRUSR | Mode::S_IWUSR) {
        Err(Errno::EOPNOTSUPP | Errno::EISDIR | Errno::EINVAL) => create_with_name(directory, name, flags),
        result => result,
    };
    file.map(File::from)
}

fn create_with_name(directory: BorrowedFd<'_>, name: &CStr, flags: OFlag) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW;
    let create = || openat(directory, name, flags, Mode::S_IRUSR | Mode::S_IWUSR);
    match create() {
        Err(Errno::EEXIST) => {
            unlinkat(directory, name, UnlinkatFlags::NoRemoveDir)?;
            create()
        }
        result => result,
    }
}

/// Gives `file` the name `name` as well, unless it has it already; takes it from what a killed run left. `EMLINK` where it
/// can get no more names and a new file may: the filesystem's limit is reached, or it has lost the only name it had.
pub fn link(file: &File, directory: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    for _ in 0..8 {
        match file::link(file.as_fd(), directory, name) {
            Err(Errno::EEXIST) if is_called(file, directory, name) => return Ok(()),
            Err(Errno::EEXIST) => match unlinkat(directory, name, UnlinkatFlags::NoRemoveDir) {
                Ok(()) | Err(Errno::ENOENT) => {}
                Err(errno) => return Err(errno),
            },
            // linkat(2): a file without a name gets one only as long as it never had any.
            Err(Errno::ENOENT) if fstat(file).is_ok_and(|stat| stat.st_nlink == 0) => return Err(Errno::EMLINK),
            result => return result,
        }
    }
    Err(Errno::EEXIST)
}

fn is_called(file: &File, directory: BorrowedFd<'_>, name: &CStr) -> bool {
    let (Ok(file), Ok(named)) = (fstat(file), fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW)) else {
        return false;
    };
    (file.st_dev, file.st_ino) == (named.st_dev, named.st_ino)
}
