//! `Root`: the one handle through which anything inside the target is read or changed.
//!
//! Every path given to it is a path *inside* the root. Absolute and relative paths alike start at the root, `..` stops
//! there, and symbolic links are resolved as if the root were `/`, as in `chroot(2)`. If the kernel has `openat2(2)`,
//! the kernel resolves (`RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS`). If it has not, or a seccomp profile refuses the
//! call, `walk` does the same component by component.

mod append;
mod below;
pub(crate) mod compare;
mod directory;
mod entry;
mod error;
mod follow;
pub(crate) mod glob;
mod list;
mod ordered;
pub mod path;
pub mod pattern;
mod read;
mod replace;
mod resolve;
mod silent;
mod stat;
mod temporary;
mod tree;
mod unreadable;
mod walk;

use std::collections::HashSet;
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, ResolveFlag, openat};
use nix::sys::stat::Mode;
use nix::sys::statfs::{FsType, PROC_SUPER_MAGIC};

pub use directory::Directory;
pub use entry::Entry;
pub(crate) use error::os;
pub use error::{Failure, RootError, Silent};
pub use follow::Followed;
pub use ordered::{OrderedVisitor, walk_ordered};
pub use path::{Canonical, InRoot};
pub(crate) use read::read_part;
pub use replace::PENDING;
pub use resolve::Resolver;
pub use stat::{Details, Kind, Stat};
pub(crate) use stat::{details_of, stat_of};
pub use tree::{Look, Visitor, walk_below, walk_tree};
pub use unreadable::Unreadable;
pub use walk::{Link, Place};

pub use crate::linux::identity::Identity;

use crate::linux::deadline::Deadline;
use crate::linux::error::errno;
use crate::linux::filesystem;
use resolve::reopen;
use silent::Silents;

/// The target's root directory.
#[derive(Debug)]
pub struct Root {
    fd: OwnedFd,
    path: PathBuf,
    resolver: Resolver,
    stat: Stat,
    deadline: Deadline,
    capable: HashSet<Identity>,
    silent: Silents,
}

impl Root {
    /// Opens `path`, a path of the caller. It is not inside any root, and links are followed, even `/proc/PID/root`.
    pub fn open(path: &Path) -> Result<Self, RootError> {
        let mut root = Self::open_with(path, Resolver::Openat2)?;
        // The probe happens once, for the whole root: a later refusal that one file causes must not change who
        // resolves.
        if root.openat2(b".", OFlag::O_PATH, ResolveFlag::empty()).is_err() {
            root.resolver = Resolver::Walk;
        }
        Ok(root)
    }

    /// As [`Root::open`], but with the resolver given. It does not probe whether the kernel has it.
    pub fn open_with(path: &Path, resolver: Resolver) -> Result<Self, RootError> {
        use std::os::unix::ffi::OsStrExt;
        let bytes = path.as_os_str().as_bytes();
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let fd = nix::fcntl::open(path, flags, Mode::empty()).map_err(os("open", bytes))?;
        if filesystem::of(fd.as_fd()).map_err(os("fstatfs", bytes))? == PROC_SUPER_MAGIC {
            return Err(Failure::Proc(bytes.to_vec()).into());
        }
        let stat = stat_of(fd.as_fd(), c"", bytes)?;
        Ok(Self {
            fd,
            path: path.to_path_buf(),
            resolver,
            stat,
            deadline: Deadline::default(),
            capable: HashSet::new(),
            silent: Silents::default(),
        })
    }

    /// The same root, with a deadline. After `deadline` it can no longer be read: every search ends soon, with
    /// [`Failure::Late`] or with less than there is. Whoever uses a result must check whether the deadline has come.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Deadline) -> Self {
        self.deadline = deadline;
        self
    }

    /// The same root with another deadline; without one for the little that must be done even when the first has come.
    pub fn until(&self, deadline: Deadline) -> Result<Self, RootError> {
        let fd = self.fd.try_clone().map_err(|error| os("dup", b"/")(errno(&error)))?;
        let (path, resolver, stat) = (self.path.clone(), self.resolver, self.stat);
        let silent = Silents::clone(&self.silent);
        Ok(Self { fd, path, resolver, stat, deadline, capable: HashSet::new(), silent })
    }

    /// The same root, in which `files` have file capabilities although the filesystem holds none: in a spool of somebody
    /// who may not set them.
    #[must_use]
    pub fn with_capable(mut self, files: HashSet<Identity>) -> Self {
        self.capable = files;
        self
    }

    /// Whether it was said that this file has capabilities.
    pub(crate) fn is_capable(&self, file: Identity) -> bool {
        self.capable.contains(&file)
    }

    /// The deadline, by which reading must end.
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Fails once the deadline has come.
    fn in_time(&self) -> Result<(), RootError> {
        if self.deadline.is_over() { Err(Failure::Late.into()) } else { Ok(()) }
    }

    /// The path by which it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether nothing can be changed in the root directory, because its mount is read-only.
    pub fn is_read_only(&self) -> bool {
        self.directory(&Canonical::default()).is_ok_and(|root| root.is_read_only())
    }

    /// What is known of the root directory itself.
    pub fn stat(&self) -> &Stat {
        &self.stat
    }

    /// Who resolves paths here.
    pub fn resolver(&self) -> Resolver {
        self.resolver
    }

    /// The file that `path` leads to, with all links followed.
    pub fn resolve<'p>(&self, path: impl Into<InRoot<'p>>) -> Result<Stat, RootError> {
        self.handle(path.into()).map(|(_, stat)| stat)
    }

    /// What is at `path`, with a final link not followed; `ELOOP` if a link is on the way.
    pub fn stat_at(&self, path: &Canonical) -> Result<Stat, RootError> {
        self.in_time()?;
        match self.resolver {
            Resolver::Openat2 => {
                let fd = self.open_canonical(path, OFlag::O_PATH | OFlag::O_NOFOLLOW).map_err(os("openat2", path))?;
                stat_of(fd.as_fd(), c"", path)
            }
            Resolver::Walk => match self.walk(path, false)? {
                place if place.links.is_empty() => Ok(place.stat),
                _ => Err(os("open", path)(Errno::ELOOP)),
            },
        }
    }

    /// Opens the directory at `path`; `ELOOP` or `ENOTDIR` if a link is on the way by now.
    pub fn directory(&self, path: &Canonical) -> Result<Directory, RootError> {
        self.in_time()?;
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
        let fd = match self.resolver {
            Resolver::Openat2 => self.open_canonical(path, flags).map_err(os("openat2", path))?,
            Resolver::Walk => {
                let place = self.walk(path, false)?;
                if !place.links.is_empty() || place.stat.kind == Kind::Symlink {
                    return Err(os("open", path)(Errno::ELOOP));
                }
                reopen(place.fd.as_fd(), flags).map_err(os("open", path))?
            }
        };
        Directory::new(fd, path.clone(), Silents::clone(&self.silent))
    }

    /// Opens the directory that `path` leads to, with all links followed.
    pub fn directory_at<'p>(&self, path: impl Into<InRoot<'p>>) -> Result<Directory, RootError> {
        self.directory(&self.walk(path, true)?.path)
    }

    /// Follows `path` name by name. Returns the place that it leads to and every link passed. If `follow` is false, a
    /// final link is the place.
    pub fn walk<'p>(&self, path: impl Into<InRoot<'p>>, follow: bool) -> Result<Place, RootError> {
        self.walk_from(&Canonical::default(), path, follow)
    }

    /// As [`Root::walk`], but a relative `path` starts at the directory `base`.
    pub fn walk_from<'p>(
        &self,
        base: &Canonical,
        path: impl Into<InRoot<'p>>,
        follow: bool,
    ) -> Result<Place, RootError> {
        walk::walk(self, base, path.into(), follow)
    }

    /// Tests whether something can be written at `path`: makes an unnamed file in that directory (`O_TMPFILE`), which
    /// is gone when the call returns, even if the process is killed. Only `EROFS` proves a read-only mount: the kernel
    /// checks the mount before permissions and before the filesystem's abilities.
    pub fn write_test(&self, path: InRoot<'_>) -> Result<(), RootError> {
        let directory = self.open_resolved(path, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
        let flags = OFlag::O_TMPFILE | OFlag::O_WRONLY | OFlag::O_EXCL | OFlag::O_CLOEXEC;
        openat(&directory, c".", flags, Mode::S_IRUSR).map(drop).map_err(os("open O_TMPFILE", &path))
    }

    /// Type of the filesystem that `directory` is on (`fstatfs(2)`).
    pub fn filesystem_of(&self, directory: &Directory) -> Result<FsType, RootError> {
        filesystem::of(directory.as_fd()).map_err(os("fstatfs", directory.path()))
    }

    /// An `O_PATH` descriptor of the file that `path` leads to, by which to name it to the kernel; and what is known of
    /// it.
    pub(crate) fn handle(&self, path: InRoot<'_>) -> Result<(OwnedFd, Stat), RootError> {
        let fd = self.open_resolved(path, OFlag::O_PATH)?;
        let stat = stat_of(fd.as_fd(), c"", &path)?;
        Ok((fd, stat))
    }

    /// Type of the filesystem at `path` (`fstatfs(2)`).
    pub fn filesystem<'p>(&self, path: impl Into<InRoot<'p>>) -> Result<FsType, RootError> {
        let path = path.into();
        filesystem::of(self.open_resolved(path, OFlag::O_PATH)?.as_fd()).map_err(os("fstatfs", &path))
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// `name` as a C string. The kernel never returns a name that holds a NUL byte.
pub(crate) fn c_name(name: &[u8]) -> Result<CString, Errno> {
    CString::new(name).map_err(|_| Errno::EINVAL)
}

#[cfg(test)]
mod tests;
