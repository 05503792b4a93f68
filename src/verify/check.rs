//! One check, as data: what asks for it, what it is about, whether it holds, and what was seen. The report puts it into
//! words.

use std::rc::Rc;

use nix::errno::Errno;
use serde::Serialize;

use super::CheckId;
use super::isolation::Isolation;
use crate::drift::{Anomaly, Drifted};
use crate::harden::plan::{Action, Origin, Reason};
use crate::linux::proc::mountinfo::Mount;
use crate::linux::proc::{Namespace, Task};
use crate::root::{Canonical, RootError};
use crate::seal::{Change, Digest, Problem};
use crate::target::owner::OwnerError;

/// The result of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// It could not be looked at.
    Unverified,
    /// There is nothing that it could be asked of here, such as `AppArmor` on a kernel without it. It is known that there
    /// is nothing: what could not be looked at is unverified. It is no pass and no finding.
    NotApplicable,
}

impl Status {
    /// Whether it is a finding, which the exit code counts.
    pub fn is_finding(self) -> bool {
        matches!(self, Self::Fail | Self::Unverified)
    }
}

/// What a check is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A path inside the root, or a pattern of paths.
    Path(Vec<u8>),
    /// A process, by its task.
    Process(Task),
    /// The app's process, if none can be looked at. The error says why.
    Unknown(OwnerError),
    /// A namespace of the container.
    Namespace(Namespace),
    /// The control group of the app's process.
    ControlGroup,
    /// The kernel of the node.
    Kernel,
}

/// One check.
#[derive(Debug)]
pub struct Check {
    /// What asks for it.
    pub id: CheckId,
    /// What it is about.
    pub subject: Subject,
    /// The result.
    pub status: Status,
    /// What was seen.
    pub evidence: Evidence,
}

impl Check {
    /// A check of something at a path.
    pub fn at(path: &[u8], id: CheckId, status: Status, evidence: Evidence) -> Self {
        Self { id, subject: Subject::Path(path.to_vec()), status, evidence }
    }
}

/// What was seen.
#[derive(Debug)]
pub enum Evidence {
    /// It is there.
    There,
    /// It is not there.
    NotThere,
    /// This path, which the pattern matches, is there.
    Matched(Canonical),
    /// It is a link that leads nowhere.
    Dangling,
    /// It is what lithify put in place of a command.
    Tombstone,
    /// It could not be looked at.
    Unreadable(RootError),
    /// The kernel did not say. This is its error.
    Os(Errno),

    /// No rule meets anything.
    NothingLeft,
    /// A rule still asks for this step.
    Planned(Action),
    /// This rule asks for it, but it must stay, so a plan is refused.
    MustStay(Rc<Origin>, Reason),
    /// This rule asks for it, but it stays.
    Stays(Rc<Origin>, Reason),

    /// The attempt to write to a place that must be read-only.
    ReadOnly {
        /// The attempt.
        trial: Trial,
        /// Whether it is the root itself.
        at_root: bool,
    },
    /// The same attempt at a mount below the path that the profile names.
    ReadOnlyBelow {
        /// The path that the profile names.
        path: String,
        /// The attempt at the mount.
        trial: Trial,
    },
    /// The same attempt at the path alone, because the mounts below it are not known.
    ReadOnlyAlone {
        /// The attempt at the path.
        trial: Trial,
        /// Why the mounts are not known.
        reason: OwnerError,
    },
    /// The attempt to write to a place that the app must be able to write to.
    Writable {
        /// The attempt.
        trial: Trial,
        /// Whether the place is on the mount of the root itself, and so not in a volume.
        in_image: bool,
    },
    /// The mount has the option that the check asks for.
    HasOption,
    /// It does not have it. These are the mount's options.
    LacksOption(Vec<u8>),
    /// It does not have it, and it is below this path, which the profile names.
    LacksOptionBelow(String),
    /// It is not known which mount it is on.
    MountUnknown,
    /// The mounts cannot be read.
    NoMounts(OwnerError),
    /// The staged copy is mounted read-only.
    Staged,
    /// The staged copy is mounted writable.
    StagedWritable,
    /// The staged copy is mounted writable at this other mount point.
    StagedWritableAt(Vec<u8>),

    /// The process's state does not say.
    NotSaid,
    /// The real, effective, saved and filesystem id, and the id that they must be; `None` if they may be any id but 0.
    Ids([u32; 4], Option<u32>),
    /// The database inside the root does not have this name.
    NoSuchName(String),
    /// Supplementary groups beyond those allowed.
    Groups(Vec<u32>),
    /// Whether `no_new_privs` is set.
    NoNewPrivs(bool),
    /// For each set that holds too much: its name, and the mask of the capabilities beyond those allowed.
    Capabilities(Vec<(&'static str, u64)>),
    /// The seccomp mode.
    Seccomp(u32),
    /// What shuts the app off from the node, or does not.
    Isolation(Isolation),

    /// It is not known when the container started, or which processes it has.
    NoStart(OwnerError),
    /// Nothing that `[verify.drift]` looks for has changed since the container's start.
    NoDrift,
    /// This executable file was made or changed since the container's start.
    Drifted(Box<Drifted>),
    /// The process with this command name runs something that it should not.
    Runs(Vec<u8>, Anomaly),
    /// The digest of the files.
    State {
        /// The digest that they should have.
        expected: Digest,
        /// The digest that they have.
        found: Digest,
        /// The mount points that were left out, without those of the runtime.
        mounts: Vec<Canonical>,
    },
    /// The file differs from what the manifest states. Boxed, because few checks are about that.
    Differs(Box<Change>),
    /// This many files more differ.
    MoreDiffer(u64),
    /// A mount hides this many files that the manifest states.
    Hidden(u64),
    /// This many files are as the manifest states.
    Same(u64),
    /// It is not known what the file is.
    Unsealed(Problem),
}

/// An attempt to make a file without a name in a directory.
#[derive(Debug)]
pub struct Trial {
    /// How it ended.
    pub result: Result<(), Errno>,
    /// The mount there, if it is known. Boxed, because there may be a million checks and few are about mounts.
    pub mount: Option<Box<Mount>>,
    /// User id and group id of this process at that time.
    pub user: (u32, u32),
}
