//! Whose root it is: whose processes, mounts and user are looked at. Reads only.

use nix::errno::Errno;

use super::processes::ProcessError;
use crate::linux::error::errno;
use crate::linux::identity::Identity;
use crate::linux::proc::mountinfo::{MountinfoError, Mounts};
use crate::linux::proc::{Proc, Task, own_root};
use crate::root::Root;
use crate::text::escape::escape;

/// Whose root it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The container that this runs in.
    Own {
        /// Canonical path: `/`, or where the same directory is mounted once more.
        path: Vec<u8>,
    },
    /// The container of this process (`--root /proc/PID/root`), as long as it has that root: its pid may become another
    /// container's.
    Process {
        /// The process.
        task: Task,
        /// Its root.
        root: Identity,
    },
    /// The container that this runs in, where `run`, which is this process, has started the app.
    Started {
        /// The app's first process.
        pid: u32,
    },
    /// A directory that is no process's root, such as an unpacked image. Any process may use it.
    Directory {
        /// Canonical path, as in our own mountinfo.
        path: Vec<u8>,
    },
    /// Not known, and why.
    Unknown(OwnerError),
}

/// Why no process, or no mounts, can be looked at.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum OwnerError {
    /// Some path leads to the root of a process in another container.
    #[error("--root leads to another process's root: name it as /proc/PID/root")]
    OtherRoot,
    /// The path cannot be resolved.
    #[error("{}: {}", escape(path), std::io::Error::from(*.errno))]
    Path {
        /// As given.
        path: Vec<u8>,
        /// The kernel's reason.
        errno: Errno,
    },
    /// The root is a directory.
    #[error("no process belongs to a directory given with --root; run this in the container")]
    Directory,
    /// A pod's containers share a process namespace, and none of the processes is certainly one of ours.
    #[error(
        "process 1 belongs to another container (shareProcessNamespace), and no process of this one can be made out"
    )]
    NoFirst,
    /// The processes cannot be listed.
    #[error(transparent)]
    Processes(#[from] ProcessError),
    /// The mounts cannot be read.
    #[error(transparent)]
    Mounts(#[from] MountinfoError),
    /// The process's state cannot be read.
    #[error("process {task}: /proc/{task}/status: {}", std::io::Error::from(*.errno))]
    Status {
        /// The process.
        task: Task,
        /// The kernel's reason.
        errno: Errno,
    },
}

impl Owner {
    /// Whose root this is.
    pub fn of(root: &Root) -> Self {
        let id = root.stat().id;
        if let Some(task) = Task::of_root(root.path()) {
            return Self::Process { task, root: id };
        }
        // By identity: many paths lead to another process's root, and all of them read as "/".
        let own = own_root() == Ok(id);
        match std::fs::canonicalize(root.path()).map(|path| path.into_os_string().into_encoded_bytes()) {
            Ok(path) if own => Self::Own { path },
            Ok(path) if path == b"/" => Self::Unknown(OwnerError::OtherRoot),
            Ok(path) => Self::Directory { path },
            Err(error) => Self::Unknown(OwnerError::Path {
                path: root.path().as_os_str().as_encoded_bytes().to_vec(),
                errno: errno(&error),
            }),
        }
    }

    /// Whether processes have this root.
    pub fn has_processes(&self) -> bool {
        matches!(self, Self::Own { .. } | Self::Process { .. } | Self::Started { .. })
    }

    /// A process of the container whose processes are meant.
    pub(super) fn member(&self) -> Task {
        match self {
            Self::Process { task, .. } => *task,
            _ => Task::Own,
        }
    }

    /// The root's path as mountinfo has it; `None` if it is not known. The root of any process reads as `/`.
    pub fn path(&self) -> Option<&[u8]> {
        match self {
            Self::Own { path } | Self::Directory { path } => Some(path),
            Self::Process { .. } | Self::Started { .. } | Self::Unknown(OwnerError::OtherRoot) => Some(b"/"),
            Self::Unknown(_) => None,
        }
    }

    /// The mounts, and the path of the root among them.
    pub fn mounts(&self) -> Result<(Mounts, Vec<u8>), OwnerError> {
        if let Self::Unknown(error) = self {
            return Err(error.clone());
        }
        let namespace = |task| Proc::open().and_then(|proc| proc.mount_namespace(task)).ok();
        let mounts = match self.member() {
            // Whoever shares our mount namespace sees our mounts, which are readable without privileges.
            task if task == Task::Own || namespace(task) == namespace(Task::Own) => Task::Own.mounts(),
            // A first process whose namespaces we may not see is that of our own container.
            task @ Task::Process(1) => task.mounts().or_else(|_| Task::Own.mounts()),
            task => task.mounts(),
        };
        Ok((mounts?, self.path().unwrap_or(b"/").to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_path_to_a_root() {
        let owner = |path: &str| Owner::of(&Root::open(std::path::Path::new(path)).unwrap());
        let slash = Owner::Own { path: b"/".to_vec() };
        assert_eq!((owner("/"), owner("/.")), (slash.clone(), slash.clone()));
        let id = own_root().unwrap();
        assert_eq!(owner("/proc/self/root"), Owner::Process { task: Task::Own, root: id });
        let own = format!("/proc/{}/root", std::process::id());
        assert_eq!(owner(&own), Owner::Process { task: Task::Process(std::process::id()), root: id });
        let other = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(own, other.path().join("root")).unwrap();
        assert_eq!(owner(other.path().join("root").to_str().unwrap()), slash);
        assert_eq!(owner("/usr"), Owner::Directory { path: b"/usr".to_vec() });
    }
}
