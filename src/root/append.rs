//! Appending whole lines to a file that several processes may append to at once.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{ftruncate, write};

use super::{Directory, RootError, Stat, stat_of};

impl Directory {
    /// Appends `text` to the regular file `name`, in one write, so that a kill leaves all of it or nothing. If there is no
    /// such file, makes it, with mode 0644. `accept` looks at the file first, and with its error nothing is written.
    pub fn append(
        &self,
        name: &CStr,
        text: &[u8],
        accept: &dyn Fn(&Stat) -> Result<(), Errno>,
    ) -> Result<(), RootError> {
        let fail = |operation, errno| self.error(operation, name, errno);
        let mode = Mode::from_bits_truncate(0o644);
        let open = |flags| openat(self.as_fd(), name, flags | OFlag::O_WRONLY | OFlag::O_APPEND | SAFE, mode);
        let mut file: Result<OwnedFd, Errno> = open(OFlag::empty());
        if matches!(file, Err(Errno::ENOENT)) {
            file = match open(OFlag::O_CREAT | OFlag::O_EXCL) {
                // Another run has made it meanwhile.
                Err(Errno::EEXIST) => open(OFlag::empty()),
                // The process's umask may have taken bits away.
                Ok(file) => fchmod(file.as_fd(), mode).map(|()| file),
                Err(errno) => Err(errno),
            };
        }
        let file = file.map_err(|errno| fail("openat", errno))?;
        let before = stat_of(file.as_fd(), c"", self.path())?;
        accept(&before).map_err(|errno| fail("append", errno))?;
        let written = write(&file, text).map_err(|errno| fail("write", errno))?;
        if written == text.len() {
            return Ok(());
        }
        // The disk is full. Half a line would make the whole file unreadable.
        if stat_of(file.as_fd(), c"", self.path())?.size == before.size + written as u64 {
            let _ = ftruncate(&file, before.size.try_into().unwrap_or(0));
        }
        Err(fail("write", Errno::ENOSPC))
    }
}

/// Neither a link nor a fifo in place of the file does harm.
const SAFE: OFlag = OFlag::O_NOFOLLOW.union(OFlag::O_NONBLOCK).union(OFlag::O_NOCTTY).union(OFlag::O_CLOEXEC);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::{Canonical, Root};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn many_at_once_append_whole_lines() {
        let directory = tempfile::tempdir().unwrap();
        let line = [b"x".repeat(3000), b"\n".to_vec()].concat();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let root = Root::open(directory.path()).unwrap();
                    let root = root.directory(&Canonical::default()).unwrap();
                    (0..20).for_each(|_| root.append(c"log", &line, &|_| Ok(())).unwrap());
                });
            }
        });
        assert_eq!(std::fs::read(directory.path().join("log")).unwrap(), line.repeat(160));
        let mode = std::fs::metadata(directory.path().join("log")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o644);
    }

    #[test]
    fn a_link_and_a_file_that_is_not_accepted_stay() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::write(at("file"), "a").unwrap();
        std::os::unix::fs::symlink("file", at("link")).unwrap();
        let root = Root::open(directory.path()).unwrap().directory(&Canonical::default()).unwrap();
        let errno =
            |name, accept: &dyn Fn(&Stat) -> Result<(), Errno>| root.append(name, b"b", accept).unwrap_err().errno();
        assert_eq!(errno(c"link", &|_| Ok(())), Errno::ELOOP);
        assert_eq!(errno(c"file", &|_| Err(Errno::EFBIG)), Errno::EFBIG);
        assert_eq!(std::fs::read(at("file")).unwrap(), b"a");
    }
}
