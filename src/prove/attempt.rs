//! One attempt, as data: what was tried, how it ended, and whether a success of it counts. The report puts it into words.

use nix::errno::Errno;

use crate::root::{Canonical, RootError};
use crate::target::owner::OwnerError;
use crate::verify::CheckId;

/// What was tried, the most dangerous first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// To load a module into the kernel.
    Module,
    /// To mount a filesystem.
    Mount,
    /// To connect to the socket of a container runtime at this path.
    Socket(Vec<u8>),
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
    /// To control this device, where `[confine] ioctl` does not allow it.
    Ioctl(Vec<u8>),
    /// To bind a socket to this TCP port, where `[confine] bind` does not allow it.
    Bind(u16),
    /// To connect to this TCP port, where `[confine] connect` does not allow it.
    Connect(u16),
    /// To connect to an abstract socket of a process outside of the confinement.
    AbstractSocket,
    /// To send a signal to a process outside of the confinement.
    Signal,
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

/// What is tried, the most dangerous first: its id, which never changes, and the check that reads what it tries, whose ids
/// of standards it has, too.
const ROWS: [(&str, Option<CheckId>); 17] = [
    ("prove.module", Some(CheckId::Capabilities)),
    ("prove.mount", Some(CheckId::Capabilities)),
    ("prove.runtime_socket", Some(CheckId::RuntimeSocket)),
    ("prove.ptrace", Some(CheckId::Capabilities)),
    ("prove.gain", Some(CheckId::NoNewPrivs)),
    ("prove.user_namespace", Some(CheckId::Seccomp)),
    ("prove.start", Some(CheckId::Remove)),
    ("prove.search", Some(CheckId::Remove)),
    ("prove.execute", Some(CheckId::Noexec)),
    ("prove.memfd", None),
    ("prove.write", Some(CheckId::ReadOnly)),
    ("prove.confine", None),
    ("prove.ioctl", None),
    ("prove.bind", None),
    ("prove.connect", None),
    ("prove.abstract_socket", None),
    ("prove.signal", None),
];

impl Tried {
    /// The place in the order of danger: its row.
    fn rank(&self) -> usize {
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
            Self::Ioctl(_) => 12,
            Self::Bind(_) => 13,
            Self::Connect(_) => 14,
            Self::AbstractSocket => 15,
            Self::Signal => 16,
        }
    }

    /// What it is called in reports.
    pub fn id(&self) -> &'static str {
        ROWS.get(self.rank()).map_or("", |row| row.0)
    }

    /// The check that reads what this tries; `None` if none does.
    pub fn check(&self) -> Option<CheckId> {
        ROWS.get(self.rank()).and_then(|row| row.1)
    }
}

/// How an attempt ended.
#[derive(Debug)]
pub enum End {
    /// It succeeded.
    Succeeded,
    /// The kernel refused it, for this reason.
    Refused(Errno),
    /// A seccomp filter kills whoever tries it.
    Filtered,
    /// The program was started, and gained nothing.
    Powerless,
    /// It was not tried, or it is not known how it ended.
    NotTried(Why),
}

/// Why an attempt was not made.
#[derive(Debug)]
pub enum Why {
    /// Something ran out or was in the way that has nothing to do with what was tried, such as memory, processes or space
    /// on a disk.
    Short(Errno),
    /// No file without a name could be made there, for this reason; and the option of the mount that forbids what was to be
    /// tried.
    NotMade(Errno, Option<&'static str>),
    /// Something else than what is tried refuses it before, for this reason.
    Before(Errno),
    /// There was no time left, or the attempt took too long.
    Late,
    /// This signal killed the process that made the attempt.
    Killed(u8),
    /// It is not known what to try, because something cannot be looked at.
    Unreadable(RootError),
    /// The mounts cannot be read.
    NoMounts(OwnerError),
    /// The child could not enter the app's confinement.
    Unconfined,
    /// Nothing would keep the program from running: neither ptrace(2) nor a limit on memory works.
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
        self.counts
            && match &self.end {
                End::NotTried(Why::NotMade(errno, stated)) => stated.is_none() && !self.is_moot(*errno),
                End::Refused(_) | End::Filtered | End::Powerless | End::NotTried(Why::Before(_)) => false,
                End::Succeeded | End::NotTried(_) => true,
            }
    }

    /// Whether this error of making a file leaves nothing to try: there is no such directory, or none in which this user
    /// may put a program. Who may not write somewhere says nothing of whether it is read-only.
    fn is_moot(&self, errno: Errno) -> bool {
        match errno {
            Errno::ENOENT | Errno::ENOTDIR => true,
            Errno::EACCES | Errno::EPERM => matches!(self.tried, Tried::Execute(_)),
            // Whether Landlock is there, the other places tell.
            Errno::EOPNOTSUPP | Errno::EISDIR => matches!(self.tried, Tried::Confined(_)),
            _ => false,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/prove.md has a row for each, with the check whose ids it has.
    #[test]
    fn the_page_has_every_attempt() {
        let page = include_str!("../../docs/prove.md");
        for (id, check) in ROWS {
            let row = page.lines().find(|line| line.starts_with(&format!("| `{id}` |"))).expect(id);
            let last = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
            let check = check.map_or(String::new(), |check| {
                format!("[`{0}`](checks.md#{1})", check.name(), check.name().replace('.', ""))
            });
            assert_eq!(last, if check.is_empty() { "none" } else { &check }, "{row}");
        }
        let rows = page.lines().filter(|line| line.starts_with("| `prove."));
        assert_eq!(rows.count(), ROWS.len());
    }
}
