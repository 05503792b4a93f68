//! What was seen of an app while it ran: plain facts, in order, from which a profile is made.

use nix::errno::Errno;

use crate::drift::Writes;
use crate::root::{Canonical, Root};
use crate::target::owner::Owner;
use crate::verify::volumes;

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct Observed {
    /// The command that started the app, word by word; empty if the app ran already.
    pub command: Vec<Vec<u8>>,
    /// Files that were executed, in order of their paths.
    pub programs: Vec<Program>,
    /// Files that were mapped and not executed, in order of their paths.
    pub libraries: Vec<Library>,
    /// What was made or changed; `None` if that could not be found out.
    pub writes: Option<Writes>,
    /// Mount points of other writable mounts that are not the runtime's, in order ([`Observed::note_volumes`]).
    pub volumes: Vec<Canonical>,
    /// The users and capabilities that processes had, without doubles, in order: at each exec, and at each later look.
    pub credentials: Vec<Credentials>,
    /// Addresses that processes listened on, without doubles, in order.
    pub ports: Vec<Port>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
}

impl Observed {
    /// Notes the volumes of the root; none if its mounts cannot be read.
    pub fn note_volumes(&mut self, root: &Root, owner: &Owner) {
        self.volumes = volumes(root, owner).unwrap_or_default();
    }
}

/// A file that was executed.
#[derive(Clone, Debug)]
pub struct Program {
    /// Where it is, links followed.
    pub path: Canonical,
    /// Links by which it was started, such as `/bin/sh`, in order: each must stay.
    pub links: Vec<Canonical>,
    /// What it was executed as, in order, without doubles.
    pub roles: Vec<Role>,
    /// Scripts that it was started for by their `#!` lines, or that are its argument, in order.
    pub scripts: Vec<Canonical>,
    /// Names of the processes that started it (`/proc/PID/comm`), in order.
    pub by: Vec<Vec<u8>>,
    /// How often it was started; 0 if it ran already.
    pub times: u64,
}

/// What a file was executed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The app's own first program.
    App,
    /// A script with a `#!` line.
    Script,
    /// The interpreter that a `#!` line names.
    Interpreter,
    /// The dynamic loader of an ELF program.
    Loader,
    /// A program that another one started.
    Child,
}

/// A file that processes had mapped.
#[derive(Clone, Debug)]
pub struct Library {
    /// Where it is, links followed.
    pub path: Canonical,
    /// Programs of the processes that had it mapped, in order.
    pub by: Vec<Canonical>,
}

/// As whom a process ran.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Credentials {
    /// Its effective user id.
    pub uid: u32,
    /// Its effective group id.
    pub gid: u32,
    /// Its effective capabilities, a bit each.
    pub effective: u64,
    /// Its bounding set: `[verify.process] capabilities` limits that, too.
    pub bounding: u64,
    /// Programs of the processes that had these, in order.
    pub by: Vec<Canonical>,
}

/// An address that a process listened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// TCP if `true`, else UDP.
    pub tcp: bool,
    /// The port's number.
    pub number: u16,
    /// Whether only this machine can reach it.
    pub loopback: bool,
}

/// Something that could not be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gap {
    /// Tracing was refused; `/proc` was read every 20 ms instead, so what ran for a shorter time was missed.
    NotTraced(Errno),
    /// The app ran already: what it started and ended before was missed.
    RanAlready,
    /// There is no `/proc`: nothing but exec events was seen.
    NoProc(Errno),
    /// The mapped files of this many processes could not be read.
    NoMappings(u64),
    /// A program with setuid, setgid or file capabilities was started under a tracer and gained nothing.
    Privileged(Canonical),
    /// A program was executed that has no path now: it was deleted, or never had one.
    NoPath(Vec<u8>),
}
