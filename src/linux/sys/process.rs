//! Children, and the clock by which the kernel tells when a process started.

use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

use crate::linux::deadline::Deadline;
use crate::linux::time::Time;

/// How a child ended: its pid, and its exit status or the number of the signal that killed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It exited by itself.
    Exited(i32, u8),
    /// A signal killed it. It may be a real-time signal, which nix's type does not know.
    Killed(i32, u8),
}

/// Takes one child that has ended (`waitpid(2)`); `None` if none has ended yet, `ECHILD` if there are no children.
pub fn reap() -> Result<Option<Ended>, Errno> {
    loop {
        match wait(-1)? {
            None => return Ok(None),
            // Of a task that is traced: it has not ended.
            Some((_, status)) if libc::WIFSTOPPED(status) => {}
            Some((pid, status)) => return Ok(Some(ended(pid, status))),
        }
    }
}

/// The pid and the status of a child or a traced task to which something has happened, of `pid` or, if that is -1, of any;
/// `None` if nothing has, `ECHILD` if there is no such child.
pub(super) fn wait(pid: i32) -> Result<Option<(i32, i32)>, Errno> {
    let mut status = 0;
    // SAFETY: `status` is writable.
    let pid = unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG | libc::__WALL) };
    Ok(Some((Errno::result(pid)?, status)).filter(|(pid, _)| *pid != 0))
}

/// How the child `pid` ended, by its status.
pub(super) fn ended(pid: i32, status: i32) -> Ended {
    if libc::WIFSIGNALED(status) {
        Ended::Killed(pid, u8::try_from(libc::WTERMSIG(status)).unwrap_or_default())
    } else {
        Ended::Exited(pid, u8::try_from(libc::WEXITSTATUS(status)).unwrap_or_default())
    }
}

/// The signal that has stopped the child `pid` since this was last asked (`waitid(2)` with `WSTOPPED`); `None` if none has.
/// Says nothing of its end.
pub fn stopped(pid: i32) -> Option<i32> {
    // SAFETY: zero is a valid value of all fields, and the kernel fills them in.
    let (result, info) = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let id = libc::id_t::try_from(pid).unwrap_or_default();
        (libc::waitid(libc::P_PID, id, &raw mut info, libc::WSTOPPED | libc::WNOHANG), info)
    };
    // SAFETY: waitid(2) sets these fields, or leaves zeroes if there is nothing to tell.
    let (child, status) = unsafe { (info.si_pid(), info.si_status()) };
    (result == 0 && child == pid).then_some(status)
}

/// Whether the child `pid` has ended. It is left to be reaped, and until then `/proc` tells who it was at its end.
pub fn has_ended(pid: i32) -> bool {
    // SAFETY: zero is a valid value of all fields, and the kernel fills them in.
    let (result, info) = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let id = libc::id_t::try_from(pid).unwrap_or_default();
        (libc::waitid(libc::P_PID, id, &raw mut info, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT), info)
    };
    // SAFETY: waitid(2) sets this field, or leaves zero if there is nothing to tell.
    result == 0 && unsafe { info.si_pid() } == pid
}

/// Ends this process at once with this exit code (`_exit(2)`): nothing is flushed and no memory is asked for.
pub fn end(code: i32) -> ! {
    // SAFETY: it ends the process.
    unsafe { libc::_exit(code) }
}

/// `fork(2)`: the child's pid, or `None` in the child.
pub fn fork() -> Result<Option<Pid>, Errno> {
    // SAFETY: no thread but this one runs (sys::thread waits for those that it starts), so the child may do whatever its
    // parent may.
    match unsafe { nix::unistd::fork() }? {
        nix::unistd::ForkResult::Parent { child } => Ok(Some(child)),
        nix::unistd::ForkResult::Child => Ok(None),
    }
}

/// How long the end of a killed child is waited for. One that hangs in the kernel ends when it can.
const END: Duration = Duration::from_millis(200);

/// Kills a child, and waits for its end a moment.
pub fn kill(child: i32) {
    let _ = super::signal::send(child, libc::SIGKILL);
    let deadline = Deadline::after(END);
    while !deadline.is_over() {
        match wait(child) {
            // It has not ended, or has only stopped.
            Ok(None) => {}
            Ok(Some((_, status))) if libc::WIFSTOPPED(status) => {}
            Ok(Some(_)) | Err(_) => break,
        }
        std::thread::sleep(Duration::from_micros(100));
    }
}

/// Gives up the controlling terminal, which is standard input (`TIOCNOTTY`, `ioctl_tty(2)`). If this process leads the
/// session, the whole session loses it, and the kernel sends SIGHUP and SIGCONT to the foreground group.
pub fn leave_terminal() -> Result<(), Errno> {
    // SAFETY: the request takes no argument.
    Errno::result(unsafe { libc::ioctl(libc::STDIN_FILENO, libc::TIOCNOTTY) }).map(drop)
}

/// Makes standard input the controlling terminal of the session that this process leads (`TIOCSCTTY`, `ioctl_tty(2)`).
pub fn enter_terminal() -> Result<(), Errno> {
    // SAFETY: the argument is an integer: 0 takes no terminal away from others.
    Errno::result(unsafe { libc::ioctl(libc::STDIN_FILENO, libc::TIOCSCTTY, 0) }).map(drop)
}

/// Time since the machine started (`CLOCK_BOOTTIME`). This process's time namespace shifts it just as it shifts
/// `/proc/PID/stat`.
pub fn time_since_boot() -> Result<Duration, Errno> {
    let time = time_of(libc::CLOCK_BOOTTIME)?;
    Ok(Duration::new(time.seconds.try_into().unwrap_or(0), time.nanoseconds))
}

/// The time of the system's clock (`CLOCK_REALTIME`).
pub fn time_now() -> Result<Time, Errno> {
    time_of(libc::CLOCK_REALTIME)
}

/// The time with which the kernel stamps files now: that of the clock's last tick (`CLOCK_REALTIME_COARSE`).
pub fn time_of_files() -> Result<Time, Errno> {
    time_of(libc::CLOCK_REALTIME_COARSE)
}

fn time_of(clock: libc::clockid_t) -> Result<Time, Errno> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is writable.
    Errno::result(unsafe { libc::clock_gettime(clock, &raw mut time) })?;
    Ok(Time { seconds: time.tv_sec, nanoseconds: time.tv_nsec.try_into().unwrap_or(0) })
}
