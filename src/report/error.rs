//! Puts into words why a command could not do its work at all, and what to do about it.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::advice::errors;
use super::waiting;
use crate::harden::declared_app::DeclaredAppError;
use crate::harden::pipeline::HardenError;
use crate::harden::plan::Change;
use crate::harden::wait::WaitError;
use crate::launch::exec::StartError;
use crate::launch::landlock::LandlockError;
use crate::launch::privileges::PrivilegeError;
use crate::linux::proc::Task;
use crate::profile::ProfileError;
use crate::root::{Failure, RootError};
use crate::seal::{DigestError, ManifestError};
use crate::target::host_guard::HostRoot;
use crate::text::escape::escape;
use crate::text::seconds;
use crate::volume::stage::StageError;

/// Why a command could not do its work at all.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A profile is not valid.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The profile of `--add` cannot be read or is not valid.
    #[error("--add {0}")]
    Add(ProfileError),
    /// The command line asks for something that makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The target does not exist or cannot be opened.
    #[error("--root {0}")]
    Root(RootError),
    /// The pipeline stopped before anything was changed.
    #[error("{}", harden_error(.0))]
    Harden(HardenError),
    /// The target cannot be looked at, at all.
    #[error(transparent)]
    Scan(RootError),
    /// The app's user or privileges cannot be set.
    #[error(transparent)]
    Privileges(#[from] PrivilegeError),
    /// The app cannot be confined.
    #[error("[confine]: {0}")]
    Landlock(#[from] LandlockError),
    /// Nothing was staged.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The app's program cannot be executed.
    #[error(transparent)]
    Start(#[from] StartError),
    /// No process can be created for the app.
    #[error("the app cannot be started: fork: {}", .0.desc())]
    Fork(Errno),
    /// `--digest` is none.
    #[error("--digest: {0}")]
    Digest(DigestError),
    /// The manifest of `--seal` cannot be used.
    #[error("--seal {}: {error}", escape(path.as_os_str().as_bytes()))]
    Seal {
        /// The file.
        path: PathBuf,
        /// Why.
        error: ManifestError,
    },
    /// The manifest cannot be written.
    #[error("--out {}: {}", escape(path.as_os_str().as_bytes()), errno.desc())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// The kernel's reason.
        errno: Errno,
    },
    /// Signals cannot be kept for the app.
    #[error("rt_sigprocmask: {}", .0.desc())]
    Signals(Errno),
}

impl From<HardenError> for CommandError {
    fn from(error: HardenError) -> Self {
        Self::Harden(error)
    }
}

/// What to do about a digest that is none.
fn digest_hint(error: &DigestError) -> &'static str {
    match error {
        DigestError::Empty => {
            "where it comes from an annotation by the downward API, the pod lacks that annotation: an empty digest is never taken for none. Set it, or remove --digest and LITHIFY_DIGEST"
        }
        DigestError::Version(_) => "compute it again with this version of lithify: lithify seal",
        DigestError::Prefix(_) | DigestError::Character { .. } | DigestError::Length { .. } => {
            "copy the whole line that `lithify seal` prints: lithify1-sha256: and 64 hex digits"
        }
    }
}

/// What to do about a manifest that cannot be used.
fn manifest_hint(error: &ManifestError) -> &'static str {
    match error {
        ManifestError::Read { .. } | ManifestError::NotAFile => {
            "name a regular file that this user may read: it is read twice"
        }
        ManifestError::Empty | ManifestError::CutOff { .. } => {
            "copy it again and whole; `lithify seal --out FILE` writes the digest as its last line"
        }
        ManifestError::NoManifest | ManifestError::OtherTool { .. } => {
            "name what `lithify seal --out FILE` wrote; other tools state other things"
        }
        ManifestError::LineEnds => {
            "take the manifest as `lithify seal --out FILE` wrote it, byte for byte: git changes line ends unless .gitattributes says `-text` for it, and FTP unless it is in binary mode"
        }
        ManifestError::Digest { error, .. } => digest_hint(error),
        ManifestError::TooLong { .. }
        | ManifestError::Entry { .. }
        | ManifestError::Path { .. }
        | ManifestError::Order { .. }
        | ManifestError::Changed { .. }
        | ManifestError::After { .. } => "take the manifest as `lithify seal --out FILE` wrote it: nothing may edit it",
    }
}

impl CommandError {
    /// What to do about it, if something helps.
    pub fn hint(&self) -> Option<Cow<'_, str>> {
        let hint = match self {
            Self::Harden(HardenError::Wait(WaitError::TimedOut { help, .. })) => {
                return Some(waiting::hint(&help.remedy).into());
            }
            Self::Harden(error) => harden_hint(error),
            Self::Privileges(error) => errors::privileges(error),
            Self::Landlock(error) => errors::landlock(error),
            Self::Stage(error) => Some(errors::stage(error)),
            Self::Start(error) => errors::start(error),
            Self::Root(error) => root_hint(error.failure()),
            Self::Digest(error) => Some(digest_hint(error)),
            Self::Seal { error, .. } => Some(manifest_hint(error)),
            Self::Manifest { .. } => {
                Some("name a file in a directory that can be written, such as a volume; - prints the manifest")
            }
            Self::Add(ProfileError::Read { .. }) => {
                Some("name the profile that an earlier run wrote with --out; the first run goes without --add")
            }
            Self::Profile(_) | Self::Add(_) | Self::Usage(_) | Self::Scan(_) | Self::Fork(_) | Self::Signals(_) => None,
        };
        hint.map(Cow::Borrowed)
    }
}

impl CommandError {
    /// The change of the profile that helps, if one was found.
    pub fn change(&self) -> Option<&Change> {
        match self {
            Self::Harden(HardenError::Wait(WaitError::TimedOut { help, .. })) => help.change.as_ref(),
            _ => None,
        }
    }
}

fn harden_error(error: &HardenError) -> String {
    match error {
        HardenError::Host(error) => refused(error),
        HardenError::Processes(error) => refused(error),
        HardenError::Loaded(error) => refused(error),
        HardenError::App(error) => refused(error),
        HardenError::Survey(error) => refused(error),
        HardenError::Wait(error) => waiting::error(error),
        HardenError::Deadline(limit) => format!(
            "not yet: the deadline of {} s came before anything was changed; if it always does, raise --deadline and the probe's timeoutSeconds",
            seconds::format(*limit)
        ),
    }
}

fn refused(error: &dyn std::error::Error) -> String {
    format!("refused: {error}")
}

fn harden_hint(error: &HardenError) -> Option<&'static str> {
    match error {
        HardenError::Host(HostRoot::Undecidable { .. } | HostRoot::DiskMount { .. }) => Some(
            "if this is a container's root filesystem (some runtimes mount a whole disk for each container), say so with --allow-host",
        ),
        HardenError::Host(HostRoot::FirstProcess { .. }) => {
            Some("run it in the container, or name the container's root with --root; --allow-host overrides this")
        }
        HardenError::Loaded(_) => Some(
            "add CAP_SYS_PTRACE to lithify's container, harden before the app starts (`run`, or in the image's build), list that program in [keep] only, or use libraries = \"all\"",
        ),
        HardenError::App(DeclaredAppError::Missing { .. }) => Some(
            "write the command as the container starts it, with absolute paths: ENTRYPOINT and CMD of the image, or command and args of the pod",
        ),
        HardenError::App(DeclaredAppError::Unknown(_)) => Some(
            "say what it will start (ENTRYPOINT and CMD of the image): --app 'COMMAND ARG...', or [keep] app = [\"COMMAND\", \"ARG\"] in a profile; --app none if nothing of this root is ever started",
        ),
        HardenError::Processes(_) | HardenError::Survey(_) | HardenError::Wait(_) | HardenError::Deadline(_) => None,
    }
}

fn root_hint(failure: &Failure) -> Option<&'static str> {
    match failure {
        Failure::Os { path, errno: Errno::EACCES, .. } if is_process_root(path) => Some(
            "only the process's own user, or CAP_SYS_PTRACE, may look into its root: set runAsUser to the app's user, or add SYS_PTRACE and all capabilities of the app to this container",
        ),
        Failure::Os { path, errno: Errno::ENOENT, .. } if is_process_root(path) => Some(
            "there is no such process here: set shareProcessNamespace: true in the pod spec, or use kubectl debug --target",
        ),
        _ => None,
    }
}

fn is_process_root(path: &[u8]) -> bool {
    Task::of_root(Path::new(OsStr::from_bytes(path))).is_some()
}
