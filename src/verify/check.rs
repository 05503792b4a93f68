//! One check, as data: what asks for it, what it is about, whether it holds and what was seen. The report puts it into words.

use std::rc::Rc;

use nix::errno::Errno;
use serde::Serialize;

use crate::harden::plan::{Action, Origin, Reason};
use crate::linux::proc::Task;
use crate::linux::proc::mountinfo::Mount;
use crate::root::{Canonical, RootError};
use crate::target::owner::OwnerError;

/// What asks for a check: a key of the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckId {
    /// `[remove]`: nothing is left of what it names.
    Remove,
    /// `[strip]`: nothing has what it clears.
    Strip,
    /// `[verify.mounts] read_only`.
    ReadOnly,
    /// `[verify.mounts] writable`.
    Writable,
    /// `[verify.mounts] writable_if_present`.
    WritableIfPresent,
    /// `[verify.mounts] noexec`.
    Noexec,
    /// Every directory that `stage` made: it must be mounted read-only.
    Staged,
    /// `[verify.process] user`.
    User,
    /// `[verify.process] group`.
    Group,
    /// `[verify.process] groups`.
    Groups,
    /// `[verify.process] no_new_privs`.
    NoNewPrivs,
    /// `[verify.process] capabilities`.
    Capabilities,
    /// `[verify.process] seccomp`.
    Seccomp,
    /// `[verify.files] absent`.
    Absent,
    /// `[verify.files] present`.
    Present,
    /// `[verify.exposure] runtime_socket`.
    RuntimeSocket,
    /// `[verify.exposure] service_account_token`.
    ServiceAccountToken,
    /// `[verify.exposure] host_pid`.
    HostPid,
}

impl CheckId {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Remove => "remove",
            Self::Strip => "strip",
            Self::ReadOnly => "mounts.read_only",
            Self::Writable => "mounts.writable",
            Self::WritableIfPresent => "mounts.writable_if_present",
            Self::Noexec => "mounts.noexec",
            Self::Staged => "mounts.staged",
            Self::User => "process.user",
            Self::Group => "process.group",
            Self::Groups => "process.groups",
            Self::NoNewPrivs => "process.no_new_privs",
            Self::Capabilities => "process.capabilities",
            Self::Seccomp => "process.seccomp",
            Self::Absent => "files.absent",
            Self::Present => "files.present",
            Self::RuntimeSocket => "exposure.runtime_socket",
            Self::ServiceAccountToken => "exposure.service_account_token",
            Self::HostPid => "exposure.host_pid",
        }
    }
}

/// The result of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It holds.
    Pass,
    /// It does not.
    Fail,
    /// It could not be looked at.
    Unverified,
}

/// What a check is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A path inside the root, or a pattern of paths.
    Path(Vec<u8>),
    /// A process.
    Process(Task),
    /// The app's process, and why none is known that could be looked at.
    Unknown(OwnerError),
    /// The process namespace.
    PidNamespace,
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
    /// The kernel did not say.
    Os(Errno),

    /// No rule meets anything.
    NothingLeft,
    /// A rule still asks for this step.
    Planned(Action),
    /// This rule asks for it, and it must stay.
    MustStay(Rc<Origin>, Reason),
    /// This rule asks for it, and it stays.
    Stays(Rc<Origin>, Reason),

    /// Whether something can be written there that must not.
    ReadOnly {
        /// The attempt.
        trial: Trial,
        /// Whether it is the root itself.
        at_root: bool,
    },
    /// The same at a mount below the path that the profile names.
    ReadOnlyBelow {
        /// The path that the profile names.
        path: String,
        /// At the mount.
        trial: Trial,
    },
    /// The same where the mounts below it are not known.
    ReadOnlyAlone {
        /// At the path itself.
        trial: Trial,
        /// Why they are not.
        reason: OwnerError,
    },
    /// Whether something can be written there that the app must be able to write.
    Writable {
        /// The attempt.
        trial: Trial,
        /// Whether it is on the mount of the root itself, and so in no volume.
        in_image: bool,
    },
    /// Programs cannot be started there.
    Noexec,
    /// They can, because the mount has these options.
    Exec(Vec<u8>),
    /// They can at this mount, which is below the path that the profile names.
    ExecBelow(String),
    /// Which mount it is on is not known.
    MountUnknown,
    /// The mounts cannot be read.
    NoMounts(OwnerError),
    /// The staged copy is mounted read-only.
    Staged,
    /// It is mounted writable.
    StagedWritable,
    /// So it is, at another mount point.
    StagedWritableAt(Vec<u8>),

    /// The process's state does not say.
    NotSaid,
    /// The real, effective, saved and filesystem id, and which one they must be; `None` for any but 0.
    Ids([u32; 4], Option<u32>),
    /// The database inside the root does not have this name.
    NoSuchName(String),
    /// Supplementary groups beyond those allowed.
    Groups(Vec<u32>),
    /// Whether it is set.
    NoNewPrivs(bool),
    /// Of each set what it holds beyond what is allowed, as a mask.
    Capabilities(Vec<(&'static str, u64)>),
    /// The mode.
    Seccomp(u32),
    /// Whether the process namespace is the machine's own.
    HostPid(bool),
}

/// An attempt to make a file in a directory, without a name.
#[derive(Debug)]
pub struct Trial {
    /// How it ended.
    pub result: Result<(), Errno>,
    /// The mount there, where it is known. Boxed: there may be a million checks, and few of them are of mounts.
    pub mount: Option<Box<Mount>>,
    /// User and group of this process at that time.
    pub user: (u32, u32),
}
