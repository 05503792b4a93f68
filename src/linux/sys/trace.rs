//! Tracing (`ptrace(2)`): to be told when processes start, execute and end, without stopping them in between.

use nix::errno::Errno;
use nix::libc;

use super::process::{Ended, ended};

const TRACE_ME: i32 = 0;
const GET_EVENT_MESSAGE: i32 = 0x4201;
const SEIZE: i32 = 0x4206;
const INTERRUPT: i32 = 0x4207;
const LISTEN: i32 = 0x4208;
const CONT: i32 = 7;
const DETACH: i32 = 17;

/// The number of `PTRACE_EVENT_STOP`. The other events have the numbers of their options' bits.
const EVENT_STOP: i32 = 128;

/// Something that happened to a child or a traced task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It has ended.
    Ended(Ended),
    /// The traced task of this id has stopped, and waits.
    Stopped(i32, Stop),
}

/// Why a traced task has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It is about to get this signal.
    Signal(i32),
    /// This signal stops its whole process.
    Group(i32),
    /// It is new, it continues after a [`Stop::Group`], or [`interrupt`] stopped it.
    Trap,
    /// It has started a task, whose id [`message`] gives.
    Fork,
    /// It has executed a program. [`message`] gives the id that it had until then.
    Exec,
    /// It is about to end. Its memory and descriptors are still there.
    Exit,
}

/// Traces a process, which goes on running, and everything that it starts from now on (`PTRACE_SEIZE`).
pub fn seize(pid: i32) -> Result<(), Errno> {
    // PTRACE_O_TRACEFORK, VFORK, CLONE, EXEC and EXIT.
    ptrace(SEIZE, pid, 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 6)
}

/// Lets the parent trace this process (`PTRACE_TRACEME`): it then stops at an exec, before the first instruction of the
/// program, and gets a SIGTRAP that ends it when the parent dies.
pub fn trace_me() -> Result<(), Errno> {
    ptrace(TRACE_ME, 0, 0)
}

/// Lets a stopped task go on, and gives it this signal unless it is 0.
pub fn resume(pid: i32, signal: i32) -> Result<(), Errno> {
    ptrace(CONT, pid, signal)
}

/// Leaves a task stopped by [`Stop::Group`] until SIGCONT continues it.
pub fn listen(pid: i32) -> Result<(), Errno> {
    ptrace(LISTEN, pid, 0)
}

/// Stops a running task with [`Stop::Trap`].
pub fn interrupt(pid: i32) -> Result<(), Errno> {
    ptrace(INTERRUPT, pid, 0)
}

/// Ends the tracing of a stopped task, which goes on with this signal unless it is 0.
pub fn detach(pid: i32, signal: i32) -> Result<(), Errno> {
    ptrace(DETACH, pid, signal)
}

/// The number that belongs to the event at which a task has stopped.
pub fn message(pid: i32) -> Result<i32, Errno> {
    let mut message: libc::c_ulong = 0;
    // SAFETY: `message` is writable.
    let result = unsafe { libc::syscall(libc::SYS_ptrace, GET_EVENT_MESSAGE, pid, 0, &raw mut message) };
    Errno::result(result)?;
    i32::try_from(message).map_err(|_| Errno::ERANGE)
}

/// A request that writes nothing into this process's memory.
fn ptrace(request: i32, pid: i32, data: i32) -> Result<(), Errno> {
    // SAFETY: none of the requests of this file that come here uses its arguments as addresses.
    Errno::result(unsafe { libc::syscall(libc::SYS_ptrace, request, pid, 0, libc::c_long::from(data)) }).map(drop)
}

/// Takes one change of a child or a traced task (`waitpid(2)`); `None` if nothing has happened, `ECHILD` if there is
/// neither a child nor a traced task.
pub fn take() -> Result<Option<Change>, Errno> {
    take_of(-1)
}

/// The same of the child `pid` alone.
pub fn take_of(pid: i32) -> Result<Option<Change>, Errno> {
    let mut status = 0;
    // SAFETY: `status` is writable.
    let pid = unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG | libc::__WALL) };
    Ok(match Errno::result(pid)? {
        0 => None,
        pid if libc::WIFSTOPPED(status) => Some(Change::Stopped(pid, stop(libc::WSTOPSIG(status), status >> 16))),
        pid => Some(Change::Ended(ended(pid, status))),
    })
}

fn stop(signal: i32, event: i32) -> Stop {
    match event {
        1..=3 => Stop::Fork,
        4 => Stop::Exec,
        6 => Stop::Exit,
        EVENT_STOP if signal != libc::SIGTRAP => Stop::Group(signal),
        0 => Stop::Signal(signal),
        _ => Stop::Trap,
    }
}

/// Calls `look` with this filesystem user and group (`setfsuid(2)`), by which the kernel decides which processes this
/// one may look at. Has no effect without `CAP_SETUID` and `CAP_SETGID`.
pub fn as_user<T>(uid: u32, gid: u32, look: impl FnOnce() -> T) -> T {
    // SAFETY: no memory is involved, and only this thread changes.
    let (user, group) = unsafe {
        let group = libc::syscall(libc::SYS_setfsgid, gid);
        (libc::syscall(libc::SYS_setfsuid, uid), group)
    };
    let seen = look();
    // SAFETY: the same.
    unsafe {
        libc::syscall(libc::SYS_setfsuid, user);
        libc::syscall(libc::SYS_setfsgid, group);
    }
    seen
}
