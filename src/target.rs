//! What a command looks at: a root and its owner. The owner says which processes, mounts and user belong to the root.

pub mod app;
pub mod candidates;
pub mod command_line;
pub mod host_guard;
pub mod likely;
pub mod owner;
pub mod processes;
pub mod runtime_files;
pub mod start;
pub mod unreadable;

use std::path::Path;

use nix::errno::Errno;

use crate::linux::deadline::Deadline;
use crate::linux::filesystem::has_server;
use crate::linux::proc::status::Status;
use crate::linux::proc::{Task, own_root};
use crate::root::{Canonical, Root, RootError, Silent};
use app::App;
use owner::{Owner, OwnerError};
use processes::ProcessError;

/// A root and its owner. The owner is determined once, when the target is opened.
#[derive(Debug)]
pub struct Target {
    /// The root.
    pub root: Root,
    /// The owner of the root.
    pub owner: Owner,
}

impl Target {
    /// Opens `path`, a path of the caller, and determines the owner. `deadline` limits all work in this root. Fails if
    /// `path` cannot be opened as a root; an owner that cannot be determined is [`Owner::Unknown`]. Mounts whose server does
    /// not answer now are left out from now on ([`Root::silent`]).
    pub fn open(path: &Path, deadline: Deadline) -> Result<Self, RootError> {
        let Self { root, owner } = Self::without_asking(path, deadline)?;
        let root = root.without_silent(&with_server(&owner));
        Ok(Self { root, owner })
    }

    /// The same for somebody who looks at no more of the root than a program that starts: no mount is asked whether it
    /// answers.
    pub fn without_asking(path: &Path, deadline: Deadline) -> Result<Self, RootError> {
        let root = Root::open(path)?.with_deadline(deadline);
        let owner = Owner::of(&root);
        Ok(Self { root, owner })
    }

    /// The same root after `run` (this process) has started the app as process `pid`.
    #[must_use]
    pub fn with_started(self, pid: u32) -> Self {
        Self { owner: Owner::Started { pid }, ..self }
    }

    /// Whether the root is this process's own root directory. Fails if that directory cannot be read.
    pub fn is_own_root(&self) -> Result<bool, Errno> {
        own_root().map(|own| own == self.root.stat().id)
    }

    /// Lists the processes once and sorts them into the app and others. Fails if `/proc` cannot be read or hides
    /// processes, or if the process of `--root /proc/PID/root` has ended.
    pub fn look(&self) -> Result<App, ProcessError> {
        // Where it is not known whose root this is, its processes are not known either.
        if let Owner::Unknown(OwnerError::Path { errno, .. }) = self.owner {
            return Err(ProcessError(errno));
        }
        App::look(&self.owner)
    }

    /// The app's first process. It is process 1, unless the containers of the pod share one process namespace. Fails if
    /// the root is given as a directory, if the owner is unknown, or if no process is certainly one of this container.
    pub fn first(&self) -> Result<Task, OwnerError> {
        match &self.owner {
            Owner::Process { task, .. } => Ok(*task),
            Owner::Started { pid } => Ok(Task::Process(*pid)),
            Owner::Own { path } if path == b"/" => match app::first(&self.owner)? {
                Some(pid) if pid == std::process::id() => Ok(Task::Own),
                Some(pid) => Ok(Task::Process(pid)),
                None => Err(OwnerError::NoFirst),
            },
            Owner::Own { .. } | Owner::Directory { .. } => Err(OwnerError::Directory),
            Owner::Unknown(error) => Err(error.clone()),
        }
    }
}

/// The mounts below the root that need somebody to answer, and may not be answered.
fn with_server(owner: &Owner) -> Vec<Silent> {
    let mut found = Vec::new();
    if let Ok((mounts, prefix)) = owner.mounts() {
        for mount in mounts.visible().filter(|mount| has_server(&mount.filesystem, &mount.device)) {
            if let Some(point) = inside(&prefix, &mount.point).filter(|point| *point != b"/") {
                found.push(Silent {
                    point: Canonical::listed(point),
                    filesystem: mount.filesystem.clone(),
                    not_asked: None,
                });
            }
        }
    }
    found
}

/// The path inside the root of a mount point in mountinfo, where `prefix` is that of the root; `None` if it lies outside
/// the root.
pub fn inside<'a>(prefix: &[u8], point: &'a [u8]) -> Option<&'a [u8]> {
    if prefix == b"/" {
        return Some(point);
    }
    match point.strip_prefix(prefix)? {
        [] => Some(b"/"),
        rest @ [b'/', ..] => Some(rest),
        _ => None,
    }
}

/// The name of a process in messages.
pub fn name(task: Task) -> String {
    if task == Task::Own { "this process".to_owned() } else { format!("process {task}") }
}

/// The state of a process, from `/proc/PID/status` (`proc_pid_status(5)`).
pub fn status(task: Task) -> Result<Status, OwnerError> {
    task.status().map_err(|errno| OwnerError::Status { task, errno })
}
