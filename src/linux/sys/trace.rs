//! `ptrace(2)`: following processes from event to event. A traced process runs at full speed between events.

use nix::errno::Errno;
use nix::libc;

/// What became of a child or a traced task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It exited by itself, with this status.
    Exited(u8),
    /// This signal killed it.
    Killed(u8),
    /// It stands still, because it is traced.
    Stopped(Stop),
}

/// Why a traced task stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It has become another program.
    Exec,
    /// It has made a task: a process or a thread.
    Made,
    /// It is about to end. What it has mapped can still be read.
    Exit,
    /// It is a new task that has not run yet, or it was stopped from outside of its group.
    Begin,
    /// Its group was stopped by a signal.
    Group,
    /// It is about to get this signal.
    Signal(i32),
}

/// Traces `pid`, and every task that it makes, from now on, without stopping it (`PTRACE_SEIZE`).
pub fn seize(pid: i32) -> Result<(), Errno> {
    let options = libc::PTRACE_O_TRACEEXEC
        | libc::PTRACE_O_TRACEFORK
        | libc::PTRACE_O_TRACEVFORK
        | libc::PTRACE_O_TRACECLONE
        | libc::PTRACE_O_TRACEEXIT;
    request(libc::PTRACE_SEIZE.into(), pid, options)
}

/// Lets a task go on, and gives it `signal`; 0 for none.
pub fn go_on(pid: i32, signal: i32) -> Result<(), Errno> {
    request(libc::PTRACE_CONT.into(), pid, signal)
}

/// Leaves a task stopped with its group, but learns when the group goes on.
pub fn listen(pid: i32) -> Result<(), Errno> {
    request(libc::PTRACE_LISTEN.into(), pid, 0)
}

/// Stops a running task, so that it can be let go.
pub fn interrupt(pid: i32) -> Result<(), Errno> {
    request(libc::PTRACE_INTERRUPT.into(), pid, 0)
}

/// Traces a task no longer, and gives it `signal`; 0 for none.
pub fn let_go(pid: i32, signal: i32) -> Result<(), Errno> {
    request(libc::PTRACE_DETACH.into(), pid, signal)
}

/// The number that belongs to the event at which a task stands still: of the new task, or the former one of a thread that
/// has become another program.
pub fn number(pid: i32) -> Result<i32, Errno> {
    let mut number: libc::c_ulong = 0;
    // SAFETY: the kernel writes one unsigned long to `number`.
    let done = unsafe { libc::ptrace(libc::PTRACE_GETEVENTMSG, pid, 0usize, &raw mut number) };
    Errno::result(done)?;
    i32::try_from(number).map_err(|_| Errno::ERANGE)
}

/// Takes one change of any child or traced task (`waitpid(2)`); `None` if there is none now, `ECHILD` if there is nobody.
pub fn change() -> Result<Option<(i32, Change)>, Errno> {
    let mut status = 0;
    // SAFETY: `status` is writable.
    let pid = Errno::result(unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG | libc::__WALL) })?;
    if pid == 0 {
        return Ok(None);
    }
    let byte = |value: i32| u8::try_from(value).unwrap_or_default();
    let change = if libc::WIFEXITED(status) {
        Change::Exited(byte(libc::WEXITSTATUS(status)))
    } else if libc::WIFSIGNALED(status) {
        Change::Killed(byte(libc::WTERMSIG(status)))
    } else {
        Change::Stopped(stop(status))
    };
    Ok(Some((pid, change)))
}

/// Why the task of this status stands still. The event is in the bits above the signal.
fn stop(status: i32) -> Stop {
    let signal = libc::WSTOPSIG(status);
    match status >> 16 {
        libc::PTRACE_EVENT_EXEC => Stop::Exec,
        libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE => Stop::Made,
        libc::PTRACE_EVENT_EXIT => Stop::Exit,
        libc::PTRACE_EVENT_STOP if signal == libc::SIGTRAP => Stop::Begin,
        libc::PTRACE_EVENT_STOP => Stop::Group,
        0 => Stop::Signal(signal),
        _ => Stop::Begin,
    }
}

/// The C libraries disagree on the type of a request.
#[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "requests and signals are small numbers")]
fn request(request: i64, pid: i32, data: i32) -> Result<(), Errno> {
    // SAFETY: none of these requests reads or writes memory of this process; `data` is a number.
    let done = unsafe { libc::ptrace(request as _, pid, 0usize, data as usize) };
    Errno::result(done).map(drop)
}
