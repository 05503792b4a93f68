//! One open directory inside the root. It looks at files, and only [`Directory`] unlinks or changes a file inside the
//! root.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::sys::statvfs::{FsFlags, fstatvfs};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::silent::{Silents, answers};
use super::{Canonical, Details, Identity, InRoot, Kind, RootError, Stat, c_name, details_of, os, stat_of};
use crate::linux::sys;

/// File capabilities (capabilities(7)).
const CAPABILITIES: &CStr = c"security.capability";

/// The longest path of a directory, in bytes. The path is made anew for each directory, and the kernel follows it anew
/// for each link. Without a limit, a chain of directories, which any user can make, would take a time that grows with
/// its square.
const DEEPEST: usize = 16 * 1024;

/// How many bytes an error names of a longer path: a directory above it.
const NAMED: usize = 256;

/// An open directory.
#[derive(Debug)]
pub struct Directory {
    fd: OwnedFd,
    path: Canonical,
    stat: Stat,
    silent: Silents,
}

impl Directory {
    pub(super) fn new(fd: OwnedFd, path: Canonical, silent: Silents) -> Result<Self, RootError> {
        let stat = stat_of(fd.as_fd(), c"", &path)?;
        Ok(Self { fd, path, stat, silent })
    }

    /// Fails if the entry `name` is a mount that does not answer.
    fn answers(&self, name: &CStr) -> Result<(), RootError> {
        answers(&self.silent, &self.path, name.to_bytes())
    }

    /// Where it is.
    pub fn path(&self) -> &Canonical {
        &self.path
    }

    /// What is known of the directory itself.
    pub fn own_stat(&self) -> &Stat {
        &self.stat
    }

    /// Its descriptor, without the rest.
    pub(super) fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// Its descriptor, for calls that only read.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// What is known of `name`, with a link not followed.
    pub fn stat(&self, name: &CStr) -> Result<Stat, RootError> {
        self.answers(name)?;
        // The path is only for an error's text, so it is made only for an error.
        stat_of(self.fd.as_fd(), name, b"").map_err(|error| self.with_path(error, name.to_bytes()))
    }

    /// As [`Directory::stat`], with what only few ask for.
    pub fn details(&self, name: &CStr) -> Result<Details, RootError> {
        self.answers(name)?;
        details_of(self.fd.as_fd(), name, b"").map_err(|error| self.with_path(error, name.to_bytes()))
    }

    /// The text of the symbolic link `name`.
    pub fn read_link(&self, name: &CStr) -> Result<Vec<u8>, RootError> {
        // A link's text is shorter than PATH_MAX (symlink(7)).
        let mut buffer = [0; nix::libc::PATH_MAX as usize];
        let length = sys::file::read_link(self.fd.as_fd(), name, &mut buffer)
            .map_err(|errno| os("readlinkat", &self.join(name))(errno))?;
        Ok(buffer.get(..length).unwrap_or_default().to_vec())
    }

    /// Opens the directory `name`. It refuses a link, and a path longer than `DEEPEST` (`ENAMETOOLONG`).
    pub fn child(&self, name: &CStr) -> Result<Self, RootError> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let path = self.join(name);
        if path.len() > DEEPEST {
            let start = InRoot(path.get(..NAMED).unwrap_or_default()).directory();
            return Err(os("openat", start)(Errno::ENAMETOOLONG));
        }
        self.answers(name)?;
        let fd = openat(&self.fd, name, flags, Mode::empty()).map_err(os("openat", &path))?;
        Self::new(fd, path, Rc::clone(&self.silent))
    }

    /// The directory above this one whose path has `length` bytes, if it still is `expected`; `ESTALE` if this one was
    /// moved.
    pub(super) fn above(&self, length: usize, expected: Identity) -> Result<Self, RootError> {
        let fail = |errno| os("openat", &self.path)(errno);
        let (path, below) = self.path.split_at_checked(length).unwrap_or_default();
        // The path of the root ends with the slash.
        let steps = usize::from(path == b"/") + below.iter().filter(|&&byte| byte == b'/').count();
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut fd = None;
        for _ in 0..steps {
            let from = fd.as_ref().unwrap_or(&self.fd);
            fd = Some(openat(from, c"..", flags, Mode::empty()).map_err(fail)?);
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let fd = openat(fd.as_ref().unwrap_or(&self.fd), c".", flags, Mode::empty()).map_err(fail)?;
        let above = Self::new(fd, Canonical::found(path.to_vec()), Rc::clone(&self.silent))?;
        if above.stat.id == expected { Ok(above) } else { Err(fail(Errno::ESTALE)) }
    }

    /// An `O_PATH` descriptor of `name`, with a link not followed, by which to name it to the kernel.
    pub(crate) fn handle(&self, name: &CStr) -> Result<OwnedFd, RootError> {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        openat(&self.fd, name, flags, Mode::empty()).map_err(|errno| os("openat", &self.join(name))(errno))
    }

    /// Opens the file `name` for reading. It refuses a link and does not block on a fifo.
    pub fn file(&self, name: &CStr) -> Result<std::fs::File, RootError> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        self.answers(name)?;
        let file = openat(&self.fd, name, flags, Mode::empty());
        file.map(std::fs::File::from).map_err(|errno| os("openat", &self.join(name))(errno))
    }

    /// Whether this directory's mount is read-only, by its own options or by its filesystem's (`statvfs(3)`), so that
    /// nobody can write there.
    pub fn is_read_only(&self) -> bool {
        is_read_only(self.fd.as_fd())
    }

    /// As [`Directory::is_read_only`], for the regular file `name`, which may be a mount of its own.
    pub fn is_file_read_only(&self, name: &CStr) -> Result<bool, RootError> {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = openat(&self.fd, name, flags, Mode::empty());
        file.map(|file| is_read_only(file.as_fd())).map_err(|errno| os("openat", &self.join(name))(errno))
    }

    /// Removes `name` if it still is the file `expected` on the mount `mount`: `unlinkat(2)` right after a fresh look.
    /// `ESTALE` if it is another file by now. `EXDEV` if the name is a mount point: unlinking one in another mount
    /// namespace would detach that mount.
    pub fn remove(&self, name: &[u8], expected: Identity, mount: u64) -> Result<(), RootError> {
        let c = c_name(name).map_err(os("unlinkat", name))?;
        let stat = self.check(&c, expected, mount)?;
        let flag = if stat.kind == Kind::Directory { UnlinkatFlags::RemoveDir } else { UnlinkatFlags::NoRemoveDir };
        unlinkat(&self.fd, c.as_c_str(), flag).map_err(|errno| os("unlinkat", &self.join(&c))(errno))
    }

    /// Sets the permission bits of the regular file `name` if it still is `expected` on the mount `mount`. With
    /// `capabilities` it also removes the file capabilities (`security.capability`, capabilities(7)). It reads both
    /// back: `EIO` if they did not take. The errors of [`Directory::remove`] as well.
    ///
    /// It makes all changes through one descriptor. On overlayfs the first change copies the file up; if the file has
    /// several names in a lower layer, it has another inode from then on.
    pub fn set_mode(
        &self,
        name: &[u8],
        expected: Identity,
        mount: u64,
        mode: u32,
        capabilities: bool,
    ) -> Result<(), RootError> {
        let c = c_name(name).map_err(os("chmod", name))?;
        let fail = |operation, errno| os(operation, &self.join(&c))(errno);
        let stat = self.check(&c, expected, mount)?;
        let file = self.pin(&c, expected)?;
        if capabilities {
            match sys::xattr::remove_of(file.as_fd(), CAPABILITIES) {
                // Another name of the file was changed first.
                Ok(()) | Err(Errno::ENODATA) => {}
                Err(errno) => return Err(fail("removexattr", errno)),
            }
            if self.has_capabilities(&c, None)? {
                return Err(fail("removexattr", Errno::EIO));
            }
        }
        if stat.mode & 0o7777 != mode {
            sys::file::chmod(file.as_fd(), c"", mode).map_err(|errno| fail("chmod", errno))?;
        }
        if self.stat(&c)?.mode & 0o7777 == mode { Ok(()) } else { Err(fail("chmod", Errno::EIO)) }
    }

    /// Whether the regular file `name` has file capabilities. `file` is the same file, if it is open already: that is
    /// cheaper.
    pub fn has_capabilities(&self, name: &CStr, file: Option<&std::fs::File>) -> Result<bool, RootError> {
        let found = match file {
            Some(file) => sys::xattr::length_of(file.as_fd(), CAPABILITIES),
            None => sys::xattr::length(self.as_fd(), name, CAPABILITIES),
        };
        match found {
            Ok(_) => Ok(true),
            Err(Errno::ENODATA | Errno::EOPNOTSUPP) => Ok(false),
            Err(errno) => Err(os("getxattr", &self.join(name))(errno)),
        }
    }

    /// The file capabilities of the open file `file`, which is `name`: the value of `security.capability`, which is empty
    /// if there are none.
    pub fn capabilities(&self, name: &CStr, file: &std::fs::File) -> Result<Vec<u8>, RootError> {
        // The longest form has 24 bytes (`struct vfs_ns_cap_data`).
        let mut value = [0; 64];
        match sys::xattr::get_of(file.as_fd(), CAPABILITIES, &mut value) {
            Ok(length) => Ok(value.get(..length).unwrap_or_default().to_vec()),
            Err(Errno::ENODATA | Errno::EOPNOTSUPP) => Ok(Vec::new()),
            Err(errno) => Err(self.error("fgetxattr", name, errno)),
        }
    }

    /// Refuses a name that by now is another file (`ESTALE`) or on another mount (`EXDEV`).
    pub(super) fn check(&self, name: &CStr, expected: Identity, mount: u64) -> Result<Stat, RootError> {
        let stat = self.stat(name)?;
        if stat.mount != mount {
            return Err(os("unlinkat", &self.join(name))(Errno::EXDEV));
        }
        if stat.id != expected {
            return Err(os("unlinkat", &self.join(name))(Errno::ESTALE));
        }
        Ok(stat)
    }

    /// An `O_PATH` descriptor of `name` that certainly is `expected`, so that a change cannot hit another file.
    fn pin(&self, name: &CStr, expected: Identity) -> Result<OwnedFd, RootError> {
        let file = self.handle(name)?;
        let stat = stat_of(file.as_fd(), c"", b"").map_err(|error| self.with_path(error, name.to_bytes()))?;
        if stat.id == expected { Ok(file) } else { Err(os("openat", &self.join(name))(Errno::ESTALE)) }
    }

    /// The error for `operation` on the entry `name`.
    pub(crate) fn error(&self, operation: &'static str, name: &CStr, errno: Errno) -> RootError {
        os(operation, &self.join(name))(errno)
    }

    /// The path of its entry `name`.
    pub fn join(&self, name: &CStr) -> Canonical {
        self.path.join(name.to_bytes())
    }

    fn with_path(&self, error: RootError, name: &[u8]) -> RootError {
        error.at(self.path.join(name).into_bytes())
    }
}

fn is_read_only(file: BorrowedFd<'_>) -> bool {
    fstatvfs(file).is_ok_and(|filesystem| filesystem.flags().contains(FsFlags::ST_RDONLY))
}
