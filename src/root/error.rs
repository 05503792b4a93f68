//! What went wrong at one path.

use std::fmt;

use nix::errno::Errno;

use super::Canonical;
use crate::text::escape::escape;

/// What went wrong at one path. It is boxed because nearly every function here may fail and then hands on a single
/// pointer.
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
        /// A path inside the root, except for `--root` itself.
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
    /// The server of the filesystem that is mounted there does not answer.
    #[error("{}: {}", .0.point, .0)]
    Silent(Silent),
    /// The root's deadline came first. After that, every access fails.
    #[error("not looked at before the deadline")]
    Late,
}

/// A mount whose server does not answer, or could not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silent {
    /// Where it is mounted.
    pub point: Canonical,
    /// Type of the filesystem, such as `nfs4` or `fuse.sshfs`.
    pub filesystem: Vec<u8>,
    /// Why it was not asked.
    pub not_asked: Option<Errno>,
}

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server of this mount ({}) ", escape(&self.filesystem))?;
        match self.not_asked {
            None => f.write_str("does not answer"),
            Some(errno) => {
                write!(f, "was not asked whether it answers, because no process could be started: {}", errno.desc())
            }
        }
    }
}

impl From<&Silent> for RootError {
    fn from(mount: &Silent) -> Self {
        Failure::Silent(mount.clone()).into()
    }
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

    /// What went wrong.
    pub fn failure(&self) -> &Failure {
        &self.0
    }

    /// What went wrong, by value.
    pub fn into_failure(self) -> Failure {
        *self.0
    }

    /// The same error, with `path` as its path. [`Failure::Silent`] has the mount point and [`Failure::Late`] none: they stay
    /// as they are.
    #[must_use]
    pub fn at(mut self, path: Vec<u8>) -> Self {
        match &mut *self.0 {
            Failure::Os { path: own, .. } | Failure::MountUnknown { path: own, .. } | Failure::Proc(own) => *own = path,
            Failure::Silent(_) | Failure::Late => {}
        }
        self
    }

    /// The kernel's reason: `EINVAL` for [`Failure::Proc`], `ETIMEDOUT` for [`Failure::Silent`] that was asked, `ETIME` for
    /// [`Failure::Late`].
    pub fn errno(&self) -> Errno {
        match *self.0 {
            Failure::Os { errno, .. } | Failure::MountUnknown { errno, .. } => errno,
            Failure::Proc(_) => Errno::EINVAL,
            Failure::Silent(ref mount) => mount.not_asked.unwrap_or(Errno::ETIMEDOUT),
            Failure::Late => Errno::ETIME,
        }
    }

    /// The path at which it happened; `/` for [`Failure::Late`].
    pub fn path(&self) -> &[u8] {
        match &*self.0 {
            Failure::Os { path, .. } | Failure::MountUnknown { path, .. } | Failure::Proc(path) => path,
            Failure::Silent(mount) => &mount.point,
            Failure::Late => b"/",
        }
    }

    /// Whether another try may succeed: a busy network, a lack of memory, a right that comes and goes. What lasts is what
    /// the file itself is like, and the end of the time. A silent server would be waited for once more.
    pub fn may_pass(&self) -> bool {
        self.silent().is_none() && !matches!(self.errno(), Errno::EFBIG | Errno::ENAMETOOLONG | Errno::ETIME)
    }

    /// The mount whose server does not answer, if that is what went wrong.
    pub fn silent(&self) -> Option<&Silent> {
        if let Failure::Silent(mount) = &*self.0 { Some(mount) } else { None }
    }

    /// Whether nothing can be reached by this path: there is no file, or links form a circle. Magic links of procfs
    /// count too: they lead to what a process has open, which no rule can mean.
    pub fn leads_nowhere(&self) -> bool {
        !matches!(*self.0, Failure::MountUnknown { .. })
            && matches!(self.errno(), Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP)
    }
}

/// An error constructor for `map_err`. It copies the path only when there is an error.
pub(crate) fn os(operation: &'static str, path: &[u8]) -> impl FnOnce(Errno) -> RootError {
    move |errno| RootError::os(operation, path, errno)
}
