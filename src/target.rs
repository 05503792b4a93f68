//! What is looked at: a root, and whose it is: whose processes, mounts and user go with it.

pub mod app;
pub mod candidates;
pub mod command_line;
pub mod host_guard;
pub mod likely;
pub mod owner;
pub mod processes;
mod unreadable;

use std::path::Path;

use nix::errno::Errno;

use crate::linux::deadline::Deadline;
use crate::linux::proc::status::Status;
use crate::linux::proc::{Task, own_root};
use crate::root::{Root, RootError};
use app::App;
use owner::{Owner, OwnerError};
use processes::ProcessError;

/// A root and its owner, which is found once.
#[derive(Debug)]
pub struct Target {
    /// The root.
    pub root: Root,
    /// Whose it is.
    pub owner: Owner,
}

impl Target {
    /// Opens `path`, a path of the caller; `deadline` is that of the root.
    pub fn open(path: &Path, deadline: Deadline) -> Result<Self, RootError> {
        let root = Root::open(path)?.with_deadline(deadline);
        let owner = Owner::of(&root);
        Ok(Self { root, owner })
    }

    /// The same root after `run`, which is this process, has started the app as process `pid`.
    #[must_use]
    pub fn with_started(self, pid: u32) -> Self {
        Self { owner: Owner::Started { pid }, ..self }
    }

    /// Whether it is our own root directory.
    pub fn is_own_root(&self) -> Result<bool, Errno> {
        own_root().map(|own| own == self.root.stat().id)
    }

    /// One look at the processes.
    pub fn look(&self) -> Result<App, ProcessError> {
        App::look(&self.owner)
    }

    /// The app's first process: process 1, unless the pod shares one process namespace among its containers.
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

/// What a person calls a process.
pub fn name(task: Task) -> String {
    if task == Task::Own { "this process".to_owned() } else { format!("process {task}") }
}

/// What the kernel says of a process.
pub fn status(task: Task) -> Result<Status, OwnerError> {
    task.status().map_err(|errno| OwnerError::Status { task, errno })
}
