//! The owner of a root: it says whose processes, mounts and user are looked at. Reads only.

use nix::errno::Errno;

use super::processes::ProcessError;
use crate::linux::error::errno;
use crate::linux::identity::Identity;
use crate::linux::proc::mountinfo::{MountinfoError, Mounts};
use crate::linux::proc::{Proc, Task, own_root};
use crate::root::Root;
use crate::text::escape::escape;

/// The owner of a root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The container that lithify runs in.
    Own {
        /// Canonical path: `/`, or another path at which the same directory is mounted.
        path: Vec<u8>,
    },
    /// The container of this process (`--root /proc/PID/root`), as long as the process has that root: a process of
    /// another container may get its pid.
    Process {
        /// The process.
        task: Task,
        /// Its root.
        root: Identity,
    },
    /// The container that lithify runs in, after `run` (this process) has started the app.
    Started {
        /// The app's first process.
        pid: u32,
    },
    /// A directory that is not the root of a process, such as an unpacked image. Any process may use it.
    Directory {
        /// Canonical path, as in the mountinfo of this process.
        path: Vec<u8>,
    },
    /// The owner is not known, for this reason.
    Unknown(OwnerError),
}

/// Why the processes or the mounts cannot be looked at.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum OwnerError {
    /// The path leads to the root of a process in another container, but is not `/proc/PID/root`.
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
    /// The root is a directory that is not the root of a process.
    #[error("no process belongs to a directory given with --root; run this in the container")]
    Directory,
    /// The containers of a pod share a process namespace, and no process is certainly one of this container.
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
    /// `/proc/PID/status` cannot be read.
    #[error("process {task}: /proc/{task}/status: {}", std::io::Error::from(*.errno))]
    Status {
        /// The process.
        task: Task,
        /// The kernel's reason.
        errno: Errno,
    },
}

impl Owner {
    /// Determines the owner of `root`.
    pub fn of(root: &Root) -> Self {
        let id = root.stat().id;
        if let Some(task) = Task::of_root(root.path()) {
            return Self::Process { task, root: id };
        }
        // Compared by identity: many paths lead to the root of another process, and all of them read as "/".
        let own = match own_root() {
            Ok(own) => own == id,
            Err(errno) => return Self::Unknown(OwnerError::Path { path: b"/".to_vec(), errno }),
        };
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

    /// Whether processes have this root as their root directory.
    pub fn has_processes(&self) -> bool {
        matches!(self, Self::Own { .. } | Self::Process { .. } | Self::Started { .. })
    }

    /// A process of the container whose namespaces are looked at. Fails if there is no container.
    pub fn container_task(&self) -> Result<Task, OwnerError> {
        match self {
            Self::Unknown(error) => Err(error.clone()),
            Self::Directory { .. } => Err(OwnerError::Directory),
            Self::Own { path } if path != b"/" => Err(OwnerError::Directory),
            _ => Ok(self.member()),
        }
    }

    /// A process of the container whose processes are looked at.
    pub(super) fn member(&self) -> Task {
        match self {
            Self::Process { task, .. } => *task,
            _ => Task::Own,
        }
    }

    /// The root's path as mountinfo shows it; `None` if it is not known. The root of any process reads as `/`.
    pub fn path(&self) -> Option<&[u8]> {
        match self {
            Self::Own { path } | Self::Directory { path } => Some(path),
            Self::Process { .. } | Self::Started { .. } | Self::Unknown(OwnerError::OtherRoot) => Some(b"/"),
            Self::Unknown(_) => None,
        }
    }

    /// The mounts, and the path of the root among them. Fails if the owner is unknown or the mountinfo cannot be read.
    pub fn mounts(&self) -> Result<(Mounts, Vec<u8>), OwnerError> {
        if let Self::Unknown(error) = self {
            return Err(error.clone());
        }
        let namespace = |task| Proc::open().and_then(|proc| proc.mount_namespace(task)).ok();
        let mounts = match self.member() {
            // A process in the same mount namespace has the same mounts as this process, which can read them without
            // privileges.
            task if task == Task::Own || namespace(task) == namespace(Task::Own) => Task::Own.mounts(),
            // If process 1 does not show its namespaces, it is the first process of this container.
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
