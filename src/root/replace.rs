//! Putting a new file in place of another: whole or not at all, by linking it under a pending name and renaming.

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{UnlinkatFlags, linkat, unlinkat};

use super::{Directory, Identity, RootError, c_name, os, stat_of};

/// The name of a new file just before it takes the place of another. One that a killed run left behind is replaced by
/// the next run that has something to do in the same directory, and one always has: the name meant was not replaced.
pub const PENDING: &CStr = c".lithify-pending";

impl Directory {
    /// A new empty file on this directory's filesystem, for [`Directory::replace`]: without a name, so that nothing is
    /// left by a kill (`O_TMPFILE`), and where the filesystem has no such files, under the pending name.
    pub fn draft(&self) -> Result<File, RootError> {
        let flags = OFlag::O_RDWR | OFlag::O_CLOEXEC;
        let file = match openat(self.as_fd(), c".", flags | OFlag::O_TMPFILE, Mode::S_IRUSR | Mode::S_IWUSR) {
            Err(Errno::EOPNOTSUPP | Errno::EISDIR | Errno::EINVAL) => self.draft_with_name(flags),
            result => result,
        };
        file.map(File::from).map_err(os("open O_TMPFILE", self.path()))
    }

    fn draft_with_name(&self, flags: OFlag) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW;
        let create = || openat(self.as_fd(), PENDING, flags, Mode::S_IRUSR | Mode::S_IWUSR);
        match create() {
            Err(Errno::EEXIST) => {
                unlinkat(self.as_fd(), PENDING, UnlinkatFlags::NoRemoveDir)?;
                create()
            }
            result => result,
        }
    }

    /// Puts `file` in place of `name` if that still is `expected` on the mount `mount`, in one step for everybody who
    /// looks. The errors of [`Directory::remove`]; `EXDEV` also when `file` lies on another filesystem, `EMLINK` when it
    /// can get no more names and a new draft may: the filesystem's limit is reached, or a run at the same time took the
    /// only one it had.
    pub fn replace(&self, name: &[u8], expected: Identity, mount: u64, file: &File) -> Result<(), RootError> {
        let c = c_name(name).map_err(os("renameat", name))?;
        let fail = |operation, errno| os(operation, &self.join(&c))(errno);
        let identity = stat_of(file.as_fd(), c"", name)?.id;
        // Two runs at once use the same pending name: whoever finds it gone tries again.
        let mut tries = 0..8;
        loop {
            self.check(&c, expected, mount)?;
            self.link_pending(file, identity).map_err(|errno| fail("linkat", errno))?;
            match renameat(self.as_fd(), PENDING, self.as_fd(), c.as_c_str()) {
                Err(Errno::ENOENT) if tries.next().is_some() => {}
                Err(errno) => {
                    let _ = unlinkat(self.as_fd(), PENDING, UnlinkatFlags::NoRemoveDir);
                    return Err(fail("renameat", errno));
                }
                Ok(()) => return Ok(()),
            }
        }
    }

    /// Gives `file` the pending name, taking it from what a killed run left.
    fn link_pending(&self, file: &File, identity: Identity) -> Result<(), Errno> {
        // open(2): the way to name an O_TMPFILE file without privileges.
        let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
        for _ in 0..8 {
            match linkat(AT_FDCWD, unnamed.as_str(), self.as_fd(), PENDING, AtFlags::AT_SYMLINK_FOLLOW) {
                Err(Errno::EEXIST) if self.stat(PENDING).is_ok_and(|stat| stat.id == identity) => return Ok(()),
                Err(Errno::EEXIST) => match unlinkat(self.as_fd(), PENDING, UnlinkatFlags::NoRemoveDir) {
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
}
