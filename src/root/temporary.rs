//! A file that has no name, to try what can be done with a file somewhere.

use std::fs::File;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::{InRoot, Root, RootError, c_name, os};
use crate::linux::sys::descriptor::magic_link;

impl Root {
    /// Makes a file in the directory that `path` leads to, for its owner alone, and opens it twice: for writing, and for
    /// reading. It has no name (`O_TMPFILE`); where the filesystem has no such files, it has one until it is opened. Fails
    /// with the kernel's reason.
    pub fn temporary(&self, path: InRoot<'_>) -> Result<(File, File), RootError> {
        let directory = self.open_resolved(path, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
        let (write, read) = (OFlag::O_RDWR | OFlag::O_CLOEXEC, OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC);
        let fail = os("make a file", &path);
        match openat(&directory, c".", write | OFlag::O_TMPFILE | OFlag::O_EXCL, Mode::S_IRWXU) {
            Ok(file) => {
                let link = magic_link(std::os::fd::AsFd::as_fd(&file));
                match openat(AT_FDCWD, link.as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()) {
                    Ok(reader) => return Ok((file.into(), reader.into())),
                    // There is no /proc.
                    Err(Errno::ENOENT) => {}
                    Err(errno) => return Err(fail(errno)),
                }
            }
            Err(Errno::EOPNOTSUPP | Errno::EISDIR) => {}
            Err(errno) => return Err(fail(errno)),
        }
        let name = c_name(format!(".lithify-{}", std::process::id()).as_bytes()).map_err(os("make a file", &path))?;
        let file = openat(&directory, name.as_c_str(), write | OFlag::O_CREAT | OFlag::O_EXCL, Mode::S_IRWXU);
        let file = file.map_err(os("make a file", &path))?;
        let reader = openat(&directory, name.as_c_str(), read, Mode::empty());
        unlinkat(&directory, name.as_c_str(), UnlinkatFlags::NoRemoveDir).map_err(os("unlink", &path))?;
        Ok((file.into(), reader.map_err(fail)?.into()))
    }
}
