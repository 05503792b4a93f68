//! Why a command could not do its work at all, in words, and what to do about it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;

use crate::harden::declared_app::DeclaredAppError;
use crate::harden::protection::LoadedError;
use crate::launch::exec::StartError;
use crate::launch::landlock::LandlockError;
use crate::launch::privileges::PrivilegeError;
use crate::linux::proc::Task;
use crate::profile::ProfileError;
use crate::root::{Failure, RootError};
use crate::target::host_guard::HostRoot;
use crate::target::processes::ProcessError;
use crate::volume::stage::StageError;

/// Why a command could not do its work at all.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A profile is not valid.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The command line asks for what makes no sense.
    #[error("{0}")]
    Usage(String),
    /// There is no such target.
    #[error("--root {0}")]
    Root(RootError),
    /// It is, or may be, a machine's root.
    #[error("refused: {0}")]
    Host(#[from] HostRoot),
    /// What runs is not known.
    #[error("refused: {0}")]
    Processes(#[from] ProcessError),
    /// What the app has loaded is not known.
    #[error("refused: {0}")]
    Loaded(#[from] LoadedError),
    /// The target cannot be surveyed at all.
    #[error("refused: {0}")]
    Inventory(RootError),
    /// What the container will start is not known.
    #[error("refused: {0}")]
    App(#[from] DeclaredAppError),
    /// The app's user or privileges cannot be brought about.
    #[error(transparent)]
    Privileges(#[from] PrivilegeError),
    /// The app cannot be confined.
    #[error("[confine]: {0}")]
    Landlock(#[from] LandlockError),
    /// Nothing was staged.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The app is still starting, or there was no time.
    #[error("not yet: {0}")]
    NotYet(String),
    /// The app never settled; and what to do.
    #[error("{0}; nothing was deleted")]
    WaitedInVain(String, String),
    /// The app's program cannot be executed.
    #[error(transparent)]
    Start(#[from] StartError),
    /// There can be no process for the app.
    #[error("the app cannot be started: fork: {}", .0.desc())]
    Fork(Errno),
    /// Signals cannot be kept for the app.
    #[error("rt_sigprocmask: {}", .0.desc())]
    Signals(Errno),
}

impl CommandError {
    /// What to do.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Host(HostRoot::Undecidable { .. } | HostRoot::DiskMount { .. }) => Some(
                "if this is a container's root filesystem (some runtimes mount a whole disk for each container), say so with --allow-host",
            ),
            Self::Host(_) => {
                Some("run it in the container, or name the container's root with --root; --allow-host overrides this")
            }
            Self::Loaded(_) => Some(
                "add CAP_SYS_PTRACE to lithify's container, harden before the app starts (`run`, or in the image's build), list that program in [keep] only, or use libraries = \"all\"",
            ),
            Self::App(DeclaredAppError::Missing { .. }) => Some(
                "write the command as the container starts it, with absolute paths: ENTRYPOINT and CMD of the image, or command and args of the pod",
            ),
            Self::App(DeclaredAppError::Unknown(_)) => Some(
                "say what it will start (ENTRYPOINT and CMD of the image): --app 'COMMAND ARG...', or [keep] app = [\"COMMAND\", \"ARG\"] in a profile; --app none if nothing of this root is ever started",
            ),
            Self::Privileges(error) => error.hint(),
            Self::Landlock(error) => error.hint(),
            Self::Stage(error) => Some(error.hint()),
            Self::Root(error) => match error.failure() {
                Failure::Os { path, errno: Errno::EACCES, .. } if is_process_root(path) => Some(
                    "another process's root is for its own user, or for CAP_SYS_PTRACE: set runAsUser to the app's user, or add SYS_PTRACE to this container's capabilities, and all that the app has",
                ),
                Failure::Os { path, errno: Errno::ENOENT, .. } if is_process_root(path) => Some(
                    "there is no such process here: set shareProcessNamespace: true in the pod spec, or use kubectl debug --target",
                ),
                _ => None,
            },
            Self::WaitedInVain(_, hint) => Some(hint),
            Self::Start(error) => error.hint(),
            Self::Profile(_)
            | Self::Usage(_)
            | Self::Processes(_)
            | Self::Inventory(_)
            | Self::NotYet(_)
            | Self::Fork(_)
            | Self::Signals(_) => None,
        }
    }
}

fn is_process_root(path: &[u8]) -> bool {
    Task::of_root(Path::new(OsStr::from_bytes(path))).is_some()
}
