//! Putting a new file in place of another, completely or not at all: it gets a pending name and is then renamed.

use std::ffi::CStr;
use std::fs::File;

use nix::errno::Errno;
use nix::fcntl::renameat;
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::{Directory, Identity, RootError, c_name, os};
use crate::linux::draft;

/// The name of a new file just before it takes the place of another. If a killed run left such a file, the next run
/// that has something to do in the same directory replaces it. There always is one, because the intended name was not
/// replaced.
pub const PENDING: &CStr = c".lithify-pending";

impl Directory {
    /// A new empty file on this directory's filesystem, for [`Directory::replace`].
    pub fn draft(&self) -> Result<File, RootError> {
        draft::create(self.as_fd(), PENDING).map_err(os("open O_TMPFILE", self.path()))
    }

    /// Puts `file` in place of `name` if that still is `expected` on the mount `mount`. Every observer sees one step.
    /// The errors are those of [`Directory::remove`]; also `EXDEV` if `file` lies on another filesystem, and `EMLINK`
    /// if `file` can get no more names but a new draft can: the filesystem's limit is reached, or a run at the same
    /// time took the only name it had.
    pub fn replace(&self, name: &[u8], expected: Identity, mount: u64, file: &File) -> Result<(), RootError> {
        let c = c_name(name).map_err(os("renameat", name))?;
        let fail = |operation, errno| os(operation, &self.join(&c))(errno);
        // Two runs at once use the same pending name. A run that finds the name gone tries again.
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
