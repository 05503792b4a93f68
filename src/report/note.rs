//! Remarks, which never change the exit code.

use nix::errno::Errno;

use super::{checks, launch, reasons, waiting};
use crate::harden::mark;
use crate::harden::plan;
use crate::harden::wait::Remark;
use crate::launch::landlock::{LandlockError, Level};
use crate::root::Canonical;
use crate::text::escape::escape;
use crate::verify;

/// One remark.
#[derive(Clone, Debug)]
pub enum Note {
    /// A remark on the plan.
    Plan(plan::Note),
    /// A remark on what was verified.
    Verify(verify::Note),
    /// A remark that is in words already.
    Said(String),
    /// harden's mark could not be left, for this reason.
    Unmarked(Errno),
    /// What harden has changed or removed, and had come or been changed by others after the container's start.
    Newcomers(Vec<Canonical>),
    /// A remark on a process of an app that was waited for.
    Wait(Remark),
    /// `[confine]` asks for something that this kernel does not offer.
    NotConfined(Errno),
    /// This kernel's Landlock is too old for any of what `[confine]` asks for.
    Unconfined(Level),
    /// What the kernel enforces of `[confine]`.
    Confined(Level),
    /// Paths of `[confine]` that do not exist.
    NothingToConfine(Vec<Vec<u8>>),
    /// `verify --prove`: it is not in the confinement of the app, so that is not tried.
    ConfineNotTried,
    /// What the app needs to start cannot be deleted later either.
    Stuck(Errno),
    /// Directories that neither this user nor the app may enter.
    NotEntered(Vec<Vec<u8>>),
    /// What could not be deleted cannot be denied either.
    CannotDeny(Errno),
    /// What could not be deleted is denied.
    Denied {
        /// The number of names.
        names: usize,
        /// What the kernel enforces.
        level: Level,
    },
    /// `--fallback warn`: on a read-only root, everything stays.
    ReadOnly {
        /// The number of names.
        names: usize,
        /// The profiles that remove them.
        profiles: Vec<String>,
    },
}

impl Note {
    /// The remark in words.
    pub fn text(&self) -> String {
        match self {
            Self::Plan(note) => reasons::note(note),
            Self::Verify(note) => checks::note(note),
            Self::Said(text) => text.clone(),
            Self::Unmarked(errno) => format!(
                "{} could not be written ({}): [verify.drift] and diff cannot tell what lithify has changed from what others have",
                escape(mark::PATH),
                errno.desc()
            ),
            Self::Newcomers(paths) => {
                let first: Vec<String> = paths.iter().take(20).map(ToString::to_string).collect();
                format!(
                    "{} changed or removed here had come or been changed by others after the container's start, and {} does not excuse them: {}",
                    paths.len(),
                    escape(mark::PATH),
                    first.join(", ")
                )
            }
            Self::Wait(remark) => waiting::remark(remark),
            Self::NotConfined(errno) => {
                format!("[confine] is not enforced: {}", LandlockError::Unavailable(*errno))
            }
            Self::Unconfined(level) => {
                format!("[confine] is not enforced: {}", LandlockError::Partial(*level))
            }
            Self::Confined(level) => format!("[confine]: {}", launch::level(*level)),
            Self::NothingToConfine(paths) => format!("[confine] names what is not there: {}", list(paths)),
            Self::Stuck(errno) => format!(
                "once the app is up, what it needs to start can neither be deleted nor denied to it ({}): start the app itself in place of its script; on a read-only root --fallback warn starts it anyway",
                errno.desc()
            ),
            Self::ConfineNotTried => {
                "[confine] was not tried: it binds the app that `lithify run` starts, and `run --prove` tries it there"
                    .to_owned()
            }
            Self::NotEntered(paths) => {
                format!(
                    "neither this user nor the app may enter these directories, so they were not looked at: {}",
                    list(paths)
                )
            }
            Self::CannotDeny(errno) => format!(
                "what cannot be removed cannot be denied either: {}; --fallback warn starts the app on a read-only root anyway",
                LandlockError::Unavailable(*errno)
            ),
            Self::Denied { names, level } => format!(
                "{names} names cannot be removed, and are denied to the app and its children instead ({}); \
                 a `kubectl exec` is not bound by that",
                launch::level(*level)
            ),
            Self::ReadOnly { names, profiles } => format!(
                "the root is read-only, so {names} names that the profile removes stay and can still be run ({}); \
                 bake the removal into the image to get rid of them, or use --fallback deny or fail",
                profiles.join(", ")
            ),
        }
    }
}

fn list(paths: &[Vec<u8>]) -> String {
    paths.iter().map(|path| escape(path)).collect::<Vec<_>>().join(", ")
}
