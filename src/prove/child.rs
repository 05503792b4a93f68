//! A child that makes one attempt, with limits, and is gone afterwards.
//!
//! No instruction of a program that is started ever runs. The child asks to be traced, and the kernel stops it at the exec.
//! Where ptrace(2) is refused, or would hide what a setuid program gains, the child has no address space left: the exec
//! goes past everything that can refuse it, cannot map the program, and the kernel ends the child with SIGSEGV.

use std::fs::OpenOptions;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, getpid, getppid, setsid};

use super::attempt::{End, Why};
use crate::linux::deadline::Deadline;
use crate::linux::proc::Task;
use crate::linux::proc::status::Status;
use crate::linux::sys;
use crate::linux::sys::process::Ended;
use crate::linux::sys::trace::{Change, Stop};

/// How long one attempt may take.
const LONGEST: Duration = Duration::from_secs(2);

/// How long the end of a killed child is waited for. One that hangs in the kernel ends when it can.
const END: Duration = Duration::from_millis(200);

/// Bits of `CAP_SETGID` and `CAP_SETUID` (capabilities(7)).
const SETGID: u64 = 1 << 6;
const SETUID: u64 = 1 << 7;

/// The exit code of a child that cannot keep a program from running. It is no errno.
const UNSTOPPABLE: i32 = 255;

/// What an attempt is, for whoever watches its child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A system call.
    Call,
    /// An exec.
    Exec,
    /// An exec that may gain ids or capabilities.
    Gain,
}

/// Calls `body` in a child, which returns only if it does not execute a program. Returns how it ended.
pub(super) fn attempt(kind: Kind, deadline: Deadline, body: &mut dyn FnMut() -> Result<(), Errno>) -> End {
    if deadline.is_over() {
        return End::NotTried(Why::Late);
    }
    let parent = getpid();
    match sys::process::fork() {
        Err(errno) => End::NotTried(Why::Short(errno)),
        Ok(None) => {
            let _ = set_pdeathsig(Signal::SIGKILL);
            if getppid() != parent {
                sys::process::end(0);
            }
            confine();
            sys::process::end(body().map_or_else(|errno| errno as i32, |()| 0))
        }
        Ok(Some(child)) => watch(kind, child.as_raw(), deadline),
    }
}

/// Takes from this child what no attempt needs: the terminal, the streams, a core dump, time.
fn confine() {
    sys::signal::forget_faults();
    let _ = setsid();
    if let Ok(null) = OpenOptions::new().read(true).write(true).open("/dev/null") {
        let _ = (dup2_stdin(&null), dup2_stdout(&null), dup2_stderr(&null));
    }
    for (resource, most) in [
        (Resource::RLIMIT_CPU, 1),
        // Not 0: with that, the kernel still starts a program that takes core dumps (core(5)). With 1 it does not.
        (Resource::RLIMIT_CORE, 1),
        (Resource::RLIMIT_NPROC, 0),
        (Resource::RLIMIT_FSIZE, 4096),
    ] {
        let _ = limit(resource, most);
    }
}

fn limit(resource: Resource, most: u64) -> Result<(), Errno> {
    let (_, hard) = getrlimit(resource)?;
    setrlimit(resource, most.min(hard), most.min(hard))
}

/// Makes sure that this child does not run the program that it executes next.
pub(super) fn before_exec(kind: Kind) {
    let _ = limit(Resource::RLIMIT_NOFILE, 0);
    let traced = kind == Kind::Exec && sys::trace::trace_me().is_ok();
    if !traced && limit(Resource::RLIMIT_AS, 0).is_err() {
        sys::process::end(UNSTOPPABLE);
    }
}

fn watch(kind: Kind, child: i32, deadline: Deadline) -> End {
    let deadline = Deadline::after(deadline.remaining().min(LONGEST));
    let mut became = None;
    let mut pause = Duration::from_micros(50);
    loop {
        if kind == Kind::Gain && sys::process::has_ended(child) {
            became = Task::Process(child.unsigned_abs()).status().ok();
        }
        match sys::trace::take_of(child) {
            Ok(None) => {}
            Ok(Some(Change::Stopped(_, Stop::Signal(libc::SIGTRAP)))) => {
                kill(child);
                return End::Succeeded;
            }
            Ok(Some(Change::Stopped(_, stop))) => {
                let signal = if let Stop::Signal(signal) = stop { signal } else { 0 };
                let _ = sys::trace::resume(child, signal);
            }
            Ok(Some(Change::Ended(ended))) => return end(kind, ended, became.as_ref()),
            Err(errno) => return End::NotTried(Why::Short(errno)),
        }
        if deadline.is_over() {
            kill(child);
            return End::NotTried(Why::Late);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(5));
    }
}

/// How an attempt ended, by how its child ended.
fn end(kind: Kind, ended: Ended, became: Option<&Status>) -> End {
    match ended {
        Ended::Exited(_, 0) if kind == Kind::Call => End::Succeeded,
        Ended::Exited(_, code) if i32::from(code) == UNSTOPPABLE => End::NotTried(Why::Unstoppable),
        Ended::Exited(_, code) => {
            let errno = Errno::from_raw(code.into());
            if is_shortage(errno) { End::NotTried(Why::Short(errno)) } else { End::Refused(errno) }
        }
        Ended::Killed(_, signal) if i32::from(signal) == libc::SIGSEGV && kind == Kind::Exec => End::Succeeded,
        Ended::Killed(_, signal) if i32::from(signal) == libc::SIGSEGV && kind == Kind::Gain => {
            let own = Task::Own.status().ok();
            match own.zip(became).and_then(|(own, became)| gained(&own, became)) {
                Some(true) => End::Succeeded,
                Some(false) => End::Powerless,
                None => End::NotTried(Why::NotSaid),
            }
        }
        Ended::Killed(_, signal) => End::NotTried(Why::Killed(signal)),
    }
}

/// Whether `became` has an id or a capability that `own` lacks; `None` if that is not known.
fn gained(own: &Status, became: &Status) -> Option<bool> {
    let more = |own: [u32; 4], became: [u32; 4]| became.iter().any(|id| !own.contains(id));
    let capabilities = |status: &Status| status.capabilities.map(|sets| sets.permitted | sets.effective);
    let held = capabilities(own)?;
    Some(
        capabilities(became)? & !held != 0
            // With these, a process may take any id by itself.
            || held & SETUID == 0 && more(own.uid?, became.uid?)
            || held & SETGID == 0 && more(own.gid?, became.gid?),
    )
}

/// Whether this error says that something ran out, and nothing of what was tried.
fn is_shortage(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::EAGAIN
            | Errno::ENOMEM
            | Errno::EMFILE
            | Errno::ENFILE
            | Errno::ENOSPC
            | Errno::EDQUOT
            | Errno::EFBIG
            | Errno::EINTR
            | Errno::EIO
            | Errno::ENOBUFS
            | Errno::ETIME
            | Errno::ETXTBSY
    )
}

/// Ends a child and waits for that.
fn kill(child: i32) {
    let _ = sys::signal::send(child, libc::SIGKILL);
    let deadline = Deadline::after(END);
    while !matches!(sys::trace::take_of(child), Ok(Some(Change::Ended(_))) | Err(_)) && !deadline.is_over() {
        std::thread::sleep(Duration::from_micros(100));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(uid: [u32; 4], gid: [u32; 4], capabilities: u64) -> Status {
        let set = format!("{capabilities:016x}");
        let four = |ids: [u32; 4]| ids.map(|id| id.to_string()).join("\t");
        let sets = ["Inh", "Prm", "Eff", "Bnd", "Amb"].map(|name| format!("Cap{name}:\t{set}\n")).concat();
        Status::parse(&format!("Uid:\t{}\nGid:\t{}\n{sets}", four(uid), four(gid)))
    }

    #[test]
    fn what_a_setuid_program_gains() {
        let own = status([9; 4], [9; 4], 0);
        assert_eq!(gained(&own, &status([9; 4], [9; 4], 0)), Some(false));
        assert_eq!(gained(&own, &status([9, 0, 0, 0], [9; 4], 0)), Some(true));
        assert_eq!(gained(&own, &status([9; 4], [9, 42, 42, 42], 0)), Some(true));
        assert_eq!(gained(&own, &status([9; 4], [9; 4], 1 << 10)), Some(true));
        assert_eq!(gained(&own, &Status::default()), None);
        // Who may take any group gains none.
        let root = status([0; 4], [0; 4], SETGID | SETUID);
        assert_eq!(gained(&root, &status([0; 4], [0, 42, 42, 42], SETGID)), Some(false));
    }

    #[test]
    fn ends_of_children() {
        let deadline = Deadline::after(Duration::from_secs(60));
        let of = |kind, body: &mut dyn FnMut() -> Result<(), Errno>| attempt(kind, deadline, body);
        assert!(matches!(of(Kind::Call, &mut || Ok(())), End::Succeeded));
        assert!(matches!(of(Kind::Call, &mut || Err(Errno::EPERM)), End::Refused(Errno::EPERM)));
        assert!(matches!(of(Kind::Call, &mut || Err(Errno::ENOSPC)), End::NotTried(Why::Short(Errno::ENOSPC))));
        let over = Deadline::after(Duration::ZERO);
        assert!(matches!(attempt(Kind::Call, over, &mut || Ok(())), End::NotTried(Why::Late)));
        let soon = Deadline::after(Duration::from_millis(100));
        let mut hang = || loop {
            std::thread::sleep(Duration::from_secs(1));
        };
        assert!(matches!(attempt(Kind::Call, soon, &mut hang), End::NotTried(Why::Late)));
        let mut killed = || sys::signal::send(getpid().as_raw(), libc::SIGKILL);
        assert!(matches!(of(Kind::Call, &mut killed), End::NotTried(Why::Killed(9))));
    }
}
