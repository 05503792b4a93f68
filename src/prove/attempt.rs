//! One attempt, as data: what was tried, how it ended, and whether a success of it counts. The report puts it into words.

use nix::errno::Errno;

use crate::root::{Canonical, RootError};

/// What was tried, the most dangerous first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// To load a module into the kernel.
    Module,
    /// To mount a filesystem.
    Mount,
    /// To connect to the socket of a container runtime at this path.
    Socket(&'static str),
    /// To trace process 1.
    Trace,
    /// To gain an id or a capability by this file, which has a setuid or setgid bit or capabilities.
    Gain(Vec<u8>),
    /// To make a user namespace, in which a process holds every capability.
    UserNamespace,
    /// To start a program.
    Start(Start),
    /// To find the programs that are to be started.
    Search,
    /// To write a program into this directory and execute it.
    Execute(Vec<u8>),
    /// To write a program into memory and execute it.
    ExecuteMemory,
    /// To make a file in this directory.
    Write(Vec<u8>),
    /// To make a file in this directory, where `[confine] write` does not allow it.
    Confined(Vec<u8>),
}

/// How a program was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The name of the file.
    pub path: Canonical,
    /// The way.
    pub by: By,
}

/// A way to start a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// By its name (`execve(2)`).
    Name,
    /// By a descriptor (`execveat(2)` with `AT_EMPTY_PATH`).
    Descriptor,
    /// By this dynamic loader, which reads and maps the file itself (`ld.so(8)`).
    Loader(Vec<u8>),
}

impl Tried {
    /// The place in the order of danger.
    fn rank(&self) -> u8 {
        match self {
            Self::Module => 0,
            Self::Mount => 1,
            Self::Socket(_) => 2,
            Self::Trace => 3,
            Self::Gain(_) => 4,
            Self::UserNamespace => 5,
            Self::Start(_) => 6,
            Self::Search => 7,
            Self::Execute(_) => 8,
            Self::ExecuteMemory => 9,
            Self::Write(_) => 10,
            Self::Confined(_) => 11,
        }
    }
}

/// How an attempt ended.
#[derive(Debug)]
pub enum End {
    /// It succeeded.
    Succeeded,
    /// The kernel refused it, for this reason.
    Refused(Errno),
    /// The program was started, and gained nothing.
    Powerless,
    /// It was not tried, or it is not known how it ended.
    NotTried(Why),
}

/// Why an attempt was not made.
#[derive(Debug)]
pub enum Why {
    /// Something ran out that has nothing to do with what was tried, such as memory, processes or space on a disk.
    Short(Errno),
    /// There was no time left, or the attempt took too long.
    Late,
    /// This signal killed the process that made the attempt.
    Killed(u8),
    /// It is not known what to try, because something cannot be looked at.
    Unreadable(RootError),
    /// Nothing would keep the program from running: the kernel allows neither ptrace(2) nor a limit on memory.
    Unstoppable,
    /// Who the program became is not known, because `/proc` does not tell.
    NotSaid,
}

/// One attempt.
#[derive(Debug)]
pub struct Attempt {
    /// What was tried.
    pub tried: Tried,
    /// How it ended.
    pub end: End,
    /// Whether it must not succeed.
    pub counts: bool,
}

impl Attempt {
    /// Whether it succeeded, or was not made, and must not succeed.
    pub fn is_finding(&self) -> bool {
        self.counts && matches!(self.end, End::Succeeded | End::NotTried(_))
    }

    /// Whether it succeeded and must not succeed.
    pub fn is_failure(&self) -> bool {
        self.counts && matches!(self.end, End::Succeeded)
    }
}

/// Puts the most dangerous first, those of one kind in the order in which they were made.
pub(super) fn sort(attempts: &mut [Attempt]) {
    crate::text::order::sort_by(attempts, |a: &Attempt, b: &Attempt| a.tried.rank().cmp(&b.tried.rank()));
}
