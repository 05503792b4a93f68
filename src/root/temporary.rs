//! A file that has no name, to try what can be done with a file somewhere.

use std::fs::File;
use std::os::fd::AsFd;

use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;

use super::{InRoot, Root, RootError, os};
use crate::linux::sys::descriptor::magic_link;

impl Root {
    /// Makes a file without a name (`O_TMPFILE`) in the directory that `path` leads to, for its owner alone, and opens it
    /// twice: for writing, and for reading. Fails with the kernel's reason, also where the filesystem has no such files: one
    /// with a name could stay behind.
    pub fn temporary(&self, path: InRoot<'_>) -> Result<(File, File), RootError> {
        let directory = self.open_resolved(path, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
        let flags = OFlag::O_TMPFILE | OFlag::O_EXCL | OFlag::O_RDWR | OFlag::O_CLOEXEC;
        let file = openat(&directory, c".", flags, Mode::S_IRWXU).map_err(os("open O_TMPFILE", &path))?;
        let link = magic_link(file.as_fd());
        let reader = openat(AT_FDCWD, link.as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
        Ok((file.into(), reader.map_err(os("open", &path))?.into()))
    }
}
