//! `Root`: the one handle through which anything inside the target is read or changed.
//!
//! Every path given to it is a path *inside* the root: absolute or relative ones alike start at the root, `..` stops
//! there, and symbolic links are resolved as if the root were `/`, as in `chroot(2)`. Where the kernel has `openat2(2)`
//! it resolves (`RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS`); where it has not, or a seccomp profile refuses it, the same
//! is done component by component (`walk`).

mod directory;
mod entry;
mod follow;
pub mod glob;
mod list;
pub mod path;
pub mod pattern;
mod read;
mod replace;
mod tree;
mod unreadable;
mod walk;

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::Mode;
use nix::sys::statfs::{FsType, PROC_SUPER_MAGIC, fstatfs};

pub use directory::Directory;
pub use entry::Entry;
pub use follow::Followed;
pub use path::{Canonical, InRoot};
pub(crate) use read::{io_errno, read_part};
pub use replace::PENDING;
pub use tree::{Visitor, walk_below, walk_tree};
pub use unreadable::Unreadable;
pub use walk::{Link, Place};

pub use crate::linux::identity::Identity;

use crate::linux::deadline::Deadline;
use crate::linux::proc::mount_of_descriptor;
use crate::linux::sys;
use crate::text::escape::escape;

/// The kernel takes only paths that are shorter, with the NUL at their end.
const PATH_MAX: usize = nix::libc::PATH_MAX as usize;

/// What went wrong at one path. Boxed: nearly every function here may fail, and hands on one pointer in place of it all.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct RootError(Box<Failure>);

/// What a [`RootError`] says.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A system call failed.
    #[error("{operation} {}: {}", escape(path), errno.desc())]
    Os {
        /// The operation, as the name of its system call.
        operation: &'static str,
        /// Inside the root, except for `--root` itself.
        path: Vec<u8>,
        /// The kernel's reason.
        errno: Errno,
    },
    /// `--root` names something of procfs itself, such as `/proc`.
    #[error("{} lies in a proc filesystem, which has nothing to harden; for another process's root use /proc/PID/root", escape(.0))]
    Proc(Vec<u8>),
    /// Neither `statx` nor `fdinfo` tells which mount a file is on.
    #[error("cannot tell which mount {} is on: statx(2) gives no mount id and /proc/self/fdinfo cannot be read ({}); mount /proc", escape(path), errno.desc())]
    MountUnknown {
        /// The file in question.
        path: Vec<u8>,
        /// Why `fdinfo` could not be read.
        errno: Errno,
    },
    /// The root's deadline came first. Once it has, every access fails.
    #[error("not looked at before the deadline")]
    Late,
}

impl From<Failure> for RootError {
    #[inline(never)]
    fn from(failure: Failure) -> Self {
        Self(Box::new(failure))
    }
}

impl RootError {
    /// A system call that failed at `path`.
    #[inline(never)]
    pub fn os(operation: &'static str, path: &[u8], errno: Errno) -> Self {
        Failure::Os { operation, path: path.to_vec(), errno }.into()
    }

    /// What it says.
    pub fn failure(&self) -> &Failure {
        &self.0
    }

    /// What it says, taken out.
    pub fn into_failure(self) -> Failure {
        *self.0
    }

    /// What it says, with `path` as its path.
    #[must_use]
    pub fn at(mut self, path: Vec<u8>) -> Self {
        match &mut *self.0 {
            Failure::Os { path: own, .. } | Failure::MountUnknown { path: own, .. } | Failure::Proc(own) => *own = path,
            Failure::Late => {}
        }
        self
    }

    /// The kernel's reason, whatever the error.
    pub fn errno(&self) -> Errno {
        match *self.0 {
            Failure::Os { errno, .. } | Failure::MountUnknown { errno, .. } => errno,
            Failure::Proc(_) => Errno::EINVAL,
            Failure::Late => Errno::ETIME,
        }
    }

    /// The path at which it happened.
    pub fn path(&self) -> &[u8] {
        match &*self.0 {
            Failure::Os { path, .. } | Failure::MountUnknown { path, .. } | Failure::Proc(path) => path,
            Failure::Late => b"/",
        }
    }

    /// Whether nothing can be reached by this path: no file, or links that go round in circles. Magic links of procfs
    /// count among those: they lead to what a process has open, which no rule can mean.
    pub fn leads_nowhere(&self) -> bool {
        !matches!(*self.0, Failure::MountUnknown { .. })
            && matches!(self.errno(), Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP)
    }
}

/// Type of a file, as far as lithify tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Regular file.
    File,
    /// Symbolic link.
    Symlink,
    /// Directory.
    Directory,
    /// Device, fifo or socket.
    Other,
}

impl Kind {
    /// The name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Symlink => "symlink",
            Self::Directory => "directory",
            Self::Other => "special file",
        }
    }

    fn of_mode(mode: u32) -> Self {
        match mode & nix::libc::S_IFMT {
            nix::libc::S_IFREG => Self::File,
            nix::libc::S_IFLNK => Self::Symlink,
            nix::libc::S_IFDIR => Self::Directory,
            _ => Self::Other,
        }
    }
}

/// What is known of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Which file it is.
    pub id: Identity,
    /// Its type.
    pub kind: Kind,
    /// `st_mode`, permission bits and type.
    pub mode: u32,
    /// Number of names of the inode.
    pub nlink: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length in bytes.
    pub size: u64,
    /// The mount it is on, as in `/proc/PID/mountinfo`.
    pub mount: u64,
}

impl Stat {
    /// Whether anybody may start it.
    pub fn is_executable(&self) -> bool {
        self.kind == Kind::File && self.mode & 0o111 != 0
    }
}

/// Who resolves paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolver {
    /// The kernel, by `openat2(2)`.
    Openat2,
    /// We, component by component.
    Walk,
}

/// The target's root directory.
#[derive(Debug)]
pub struct Root {
    fd: OwnedFd,
    path: PathBuf,
    resolver: Resolver,
    stat: Stat,
    deadline: Deadline,
}

impl Root {
    /// Opens `path`, a path of the caller (not inside any root; links are followed, also `/proc/PID/root`).
    pub fn open(path: &Path) -> Result<Self, RootError> {
        let mut root = Self::open_with(path, Resolver::Openat2)?;
        // Probed once and for the whole root: a later refusal that one file causes must not change who resolves.
        if root.openat2(b".", OFlag::O_PATH, ResolveFlag::empty()).is_err() {
            root.resolver = Resolver::Walk;
        }
        Ok(root)
    }

    /// As [`Root::open`] with the resolver given, without probing whether the kernel has it.
    pub fn open_with(path: &Path, resolver: Resolver) -> Result<Self, RootError> {
        use std::os::unix::ffi::OsStrExt;
        let bytes = path.as_os_str().as_bytes();
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let fd = nix::fcntl::open(path, flags, Mode::empty()).map_err(os("open", bytes))?;
        if filesystem_type(fd.as_fd()) == Some(PROC_SUPER_MAGIC) {
            return Err(Failure::Proc(bytes.to_vec()).into());
        }
        let stat = stat_of(fd.as_fd(), c"", bytes)?;
        Ok(Self { fd, path: path.to_path_buf(), resolver, stat, deadline: Deadline::default() })
    }

    /// The same root, which after `deadline` can no longer be read: everything that looks at it then ends soon, with
    /// [`Failure::Late`] or with less than there is. Who uses what was found must look whether it has come.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Deadline) -> Self {
        self.deadline = deadline;
        self
    }

    /// When reading must end.
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Fails once the deadline has come.
    fn in_time(&self) -> Result<(), RootError> {
        if self.deadline.is_over() { Err(Failure::Late.into()) } else { Ok(()) }
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is known of the root directory itself.
    pub fn stat(&self) -> &Stat {
        &self.stat
    }

    /// Who resolves paths here.
    pub fn resolver(&self) -> Resolver {
        self.resolver
    }

    /// The file that `path` leads to, all links followed.
    pub fn resolve<'p>(&self, path: impl Into<InRoot<'p>>) -> Result<Stat, RootError> {
        self.handle(path.into()).map(|(_, stat)| stat)
    }

    /// What is at `path`, a last link not followed; `ELOOP` where a link is on the way.
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

    /// Opens the directory at `path`; `ELOOP` or `ENOTDIR` where a link is on the way by now.
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
        Directory::new(fd, path.clone())
    }

    /// Opens the directory that `path` leads to, all links followed.
    pub fn directory_at<'p>(&self, path: impl Into<InRoot<'p>>) -> Result<Directory, RootError> {
        self.directory(&self.walk(path, true)?.path)
    }

    /// Follows `path` name by name, and tells the place that it leads to and every link passed; with `follow` false a
    /// final link is the place.
    pub fn walk<'p>(&self, path: impl Into<InRoot<'p>>, follow: bool) -> Result<Place, RootError> {
        self.walk_from(&Canonical::default(), path, follow)
    }

    /// The same for a path from the directory `base`.
    pub fn walk_from<'p>(
        &self,
        base: &Canonical,
        path: impl Into<InRoot<'p>>,
        follow: bool,
    ) -> Result<Place, RootError> {
        walk::walk(self, base, path.into(), follow)
    }

    /// Whether something can be written at `path`: makes an unnamed file in that directory (`O_TMPFILE`), which is gone
    /// when the call returns, even if the process is killed. Only `EROFS` proves a read-only mount: the kernel looks at
    /// the mount before permissions and before the filesystem's abilities.
    pub fn write_test(&self, path: InRoot<'_>) -> Result<(), RootError> {
        let directory = self.open_resolved(path, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
        let flags = OFlag::O_TMPFILE | OFlag::O_WRONLY | OFlag::O_EXCL | OFlag::O_CLOEXEC;
        openat(&directory, c".", flags, Mode::S_IRUSR).map(drop).map_err(os("open O_TMPFILE", &path))
    }

    /// Type of the filesystem that `directory` is on (`statfs(2)`).
    pub fn filesystem_of(&self, directory: &Directory) -> Option<FsType> {
        filesystem_type(directory.as_fd())
    }

    /// An `O_PATH` descriptor of what `path` leads to, and what that is: to name it to the kernel.
    pub(crate) fn handle(&self, path: InRoot<'_>) -> Result<(OwnedFd, Stat), RootError> {
        let fd = self.open_resolved(path, OFlag::O_PATH)?;
        let stat = stat_of(fd.as_fd(), c"", &path)?;
        Ok((fd, stat))
    }

    /// Type of the filesystem at `path` (`statfs(2)`).
    pub fn filesystem<'p>(&self, path: impl Into<InRoot<'p>>) -> Option<FsType> {
        filesystem_type(self.open_resolved(path.into(), OFlag::O_PATH).ok()?.as_fd())
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    fn open_resolved(&self, path: InRoot<'_>, flags: OFlag) -> Result<OwnedFd, RootError> {
        self.in_time()?;
        let opened = match self.resolver {
            Resolver::Openat2 if path.len() < PATH_MAX => self.openat2(&path, flags, ResolveFlag::empty()),
            // Most paths that are longer are canonical.
            Resolver::Openat2 => self.open_canonical(&path, flags),
            Resolver::Walk => Err(Errno::ELOOP),
        };
        match opened {
            Err(Errno::ELOOP) if self.resolver == Resolver::Walk || path.len() >= PATH_MAX => {
                let place = self.walk(path, true)?;
                if flags.contains(OFlag::O_DIRECTORY) && place.stat.kind != Kind::Directory {
                    return Err(os("open", &path)(Errno::ENOTDIR));
                }
                if flags.contains(OFlag::O_PATH) {
                    return Ok(place.fd);
                }
                place.reopen(self, flags).map_err(os("open", &path))
            }
            opened => opened.map_err(os("openat2", &path)),
        }
    }

    /// `openat2(2)` of a path that holds neither links (`ELOOP`) nor `..`. One that is longer than the kernel takes is opened
    /// in parts, each below the one before.
    fn open_canonical(&self, path: &[u8], flags: OFlag) -> Result<OwnedFd, Errno> {
        let (mut part, mut rest): (Option<OwnedFd>, _) = (None, path);
        while let Some(end) = rest.get(..PATH_MAX).and_then(|start| start.iter().rposition(|&byte| byte == b'/')) {
            let (start, further) = rest.split_at_checked(end.max(1)).unwrap_or((rest, b"."));
            let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
            part = Some(openat2_below(self.at(part.as_ref()), start, flags, ResolveFlag::RESOLVE_NO_SYMLINKS)?);
            rest = further;
        }
        openat2_below(self.at(part.as_ref()), rest, flags, ResolveFlag::RESOLVE_NO_SYMLINKS)
    }

    fn at<'a>(&'a self, part: Option<&'a OwnedFd>) -> BorrowedFd<'a> {
        part.map_or(self.fd.as_fd(), AsFd::as_fd)
    }

    fn openat2(&self, path: &[u8], flags: OFlag, resolve: ResolveFlag) -> Result<OwnedFd, Errno> {
        openat2_below(self.fd.as_fd(), path, flags, resolve)
    }
}

/// `openat2(2)` with `top` as the root. `EAGAIN` means that a rename or mount anywhere on the system happened meanwhile,
/// so that the kernel could not vouch for `..`; libpathrs measured that up to 128 tries get through.
fn openat2_below(top: BorrowedFd<'_>, path: &[u8], flags: OFlag, resolve: ResolveFlag) -> Result<OwnedFd, Errno> {
    let how = OpenHow::new()
        .flags(flags | OFlag::O_CLOEXEC)
        .resolve(resolve | ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let path = if path.is_empty() { b"/" } else { path };
    let mut result = openat2(top, path, how);
    for _ in 0..128 {
        if !matches!(result, Err(Errno::EAGAIN)) {
            break;
        }
        result = openat2(top, path, how);
    }
    result
}

/// An error constructor for `map_err`; the path is copied only when there is an error.
pub(crate) fn os(operation: &'static str, path: &[u8]) -> impl FnOnce(Errno) -> RootError {
    move |errno| RootError::os(operation, path, errno)
}

/// A readable descriptor of the directory behind an `O_PATH` one, which itself cannot be listed.
fn reopen(directory: BorrowedFd<'_>, flags: OFlag) -> Result<OwnedFd, Errno> {
    openat(directory, c".", flags | OFlag::O_CLOEXEC, Mode::empty())
}

fn filesystem_type(fd: BorrowedFd<'_>) -> Option<FsType> {
    fstatfs(fd).ok().map(|filesystem| filesystem.filesystem_type())
}

/// `name` below `directory` (itself, when empty), links not followed; `path` is for the error only.
pub(crate) fn stat_of(directory: BorrowedFd<'_>, name: &CStr, path: &[u8]) -> Result<Stat, RootError> {
    match sys::statx(directory, name) {
        Ok(sys::Statx { dev, ino, mode, nlink, uid, gid, size, mount: Some(mount) }) => {
            Ok(Stat { id: Identity { dev, ino }, kind: Kind::of_mode(mode), mode, nlink, uid, gid, size, mount })
        }
        // Kernels before 5.8 give no mount id, before 4.11 there is no statx, and a seccomp profile may refuse it.
        Ok(_) | Err(Errno::ENOSYS | Errno::EPERM) => stat_by_descriptor(directory, name, path),
        Err(errno) => Err(os("statx", path)(errno)),
    }
}

fn stat_by_descriptor(directory: BorrowedFd<'_>, name: &CStr, path: &[u8]) -> Result<Stat, RootError> {
    let opened;
    let file = if name.is_empty() {
        directory
    } else {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        opened = openat(directory, name, flags, Mode::empty()).map_err(os("open", path))?;
        opened.as_fd()
    };
    let stat = nix::sys::stat::fstat(file).map_err(os("fstat", path))?;
    let mount = mount_of_descriptor(file).map_err(|errno| Failure::MountUnknown { path: path.to_vec(), errno })?;
    Ok(Stat {
        id: Identity { dev: stat.st_dev, ino: stat.st_ino },
        kind: Kind::of_mode(stat.st_mode),
        mode: stat.st_mode,
        nlink: u32::try_from(stat.st_nlink).unwrap_or(u32::MAX),
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        mount,
    })
}

/// `name` as a C string; the kernel never returns one that holds a NUL byte.
pub(crate) fn c_name(name: &[u8]) -> Result<CString, Errno> {
    CString::new(name).map_err(|_| Errno::EINVAL)
}

#[cfg(test)]
mod tests;
