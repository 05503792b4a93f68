//! A file that is written first and gets its name when it is complete, so that a kill leaves no half-written file.

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::sys::file;

/// A new empty file on the filesystem of `directory`. It has no name (`O_TMPFILE`), so that a kill leaves nothing at
/// all. If the filesystem has no such files, it gets the name `name`; a file of that name, left by a killed run, is
/// removed.
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

/// Gives `file` the additional name `name`, unless it has it already. Another file of that name, left by a killed run,
/// is removed. `EMLINK` if `file` can get no more names but a new file can: the filesystem's limit is reached, or
/// `file` has lost the only name it had.
pub fn link(file: &File, directory: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    for _ in 0..8 {
        match file::link(file.as_fd(), directory, name) {
            Err(Errno::EEXIST) if is_called(file, directory, name) => return Ok(()),
            Err(Errno::EEXIST) => match unlinkat(directory, name, UnlinkatFlags::NoRemoveDir) {
                Ok(()) | Err(Errno::ENOENT) => {}
                Err(errno) => return Err(errno),
            },
            // linkat(2): a file without a name can get one only if it never had any.
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
