//! Putting a new file in place of another: whole or not at all, by linking it under a pending name and renaming.

use std::ffi::CStr;
use std::fs::File;

use nix::errno::Errno;
use nix::fcntl::renameat;
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::{Directory, Identity, RootError, c_name, os};
use crate::linux::draft;

/// The name of a new file just before it takes the place of another. One that a killed run left behind is replaced by
/// the next run that has something to do in the same directory, and one always has: the name meant was not replaced.
pub const PENDING: &CStr = c".lithify-pending";

impl Directory {
    /// A new empty file on this directory's filesystem, for [`Directory::replace`].
    pub fn draft(&self) -> Result<File, RootError> {
        draft::create(self.as_fd(), PENDING).map_err(os("open O_TMPFILE", self.path()))
    }

    /// Puts `file` in place of `name` if that still is `expected` on the mount `mount`, in one step for everybody who
    /// looks. The errors of [`Directory::remove`]; `EXDEV` also when `file` lies on another filesystem, `EMLINK` when it
    /// can get no more names and a new draft may: the filesystem's limit is reached, or a run at the same time took the
    /// only one it had.
    pub fn replace(&self, name: &[u8], expected: Identity, mount: u64, file: &File) -> Result<(), RootError> {
        let c = c_name(name).map_err(os("renameat", name))?;
        let fail = |operation, errno| os(operation, &self.join(&c))(errno);
        // Two runs at once use the same pending name: whoever finds it gone tries again.
        let mut tries = 0..8;
        loop {
            self.check(&c, expected, mount)?;
            draft::link(file, self.as_fd(), PENDING).map_err(|errno| fail("linkat", errno))?;
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
}
