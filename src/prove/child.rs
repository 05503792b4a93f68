//! A child that makes one attempt, with limits, and is gone afterwards.
//!
//! No instruction of a program that is started ever runs. The child asks to be traced, and the kernel stops it at the exec.
//! Where ptrace(2) is refused, or would hide what a setuid program gains, the child has no address space left: the exec
//! goes past everything that can refuse it, cannot map the program, and the kernel ends the child with SIGSEGV. Each child
//! proves that this holds before its exec, and lithify itself is started so first: if it runs, nothing else is started.

use std::ffi::CStr;
use std::fs::OpenOptions;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, execve, getpid, getppid, pipe2, setsid};

use super::attempt::{End, Why};
use crate::linux::deadline::Deadline;
use crate::linux::proc::Task;
use crate::linux::proc::status::Status;
use crate::linux::sys;
use crate::linux::sys::process::Ended;
use crate::linux::sys::trace::{Change, Stop};

/// How long one attempt may take.
const LONGEST: Duration = Duration::from_secs(2);

/// Bits of `CAP_SETGID` and `CAP_SETUID` (capabilities(7)).
const SETGID: u64 = 1 << 6;
const SETUID: u64 = 1 << 7;

/// What a child tells through its pipe, a byte each. Any other byte is the errno of its end, or 0.
const PREPARING: u8 = 255;
const TRYING: u8 = 254;
const UNCONFINED: u8 = 253;
const UNSTOPPABLE: u8 = 252;

/// What an attempt is, for whoever watches its child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A system call.
    Call,
    /// An exec.
    Exec,
    /// The same, without ptrace(2).
    Limited,
    /// An exec that may gain ids or capabilities.
    Gain,
}

/// The child itself, for what it tries.
pub(super) struct Child {
    kind: Kind,
    pipe: OwnedFd,
}

impl Child {
    fn tell(&self, byte: u8) {
        let _ = nix::unistd::write(&self.pipe, &[byte]);
    }

    /// Says that the next call is the one that the attempt is about. What fails or kills before that proves nothing.
    pub(super) fn is_trying(&self) {
        self.tell(TRYING);
    }

    /// Makes sure that this child does not run the program that it executes next. No return value is believed: emulators
    /// and seccomp profiles say 0 and do nothing.
    pub(super) fn before_exec(&self) {
        self.tell(PREPARING);
        let _ = limit(Resource::RLIMIT_NOFILE, 0);
        let stops = self.kind == Kind::Exec && is_traced() || has_no_memory();
        if !stops {
            self.tell(UNSTOPPABLE);
            sys::process::end(1);
        }
        self.is_trying();
    }
}

/// Has the parent trace this process, and looks whether it does.
fn is_traced() -> bool {
    let parent = u32::try_from(getppid().as_raw()).ok();
    sys::trace::trace_me().is_ok() && Task::Own.status().is_ok_and(|status| parent.is_some() && status.tracer == parent)
}

/// Takes all address space from this process, and looks whether it can get some.
fn has_no_memory() -> bool {
    let _ = limit(Resource::RLIMIT_AS, 0);
    getrlimit(Resource::RLIMIT_AS).is_ok_and(|(most, _)| most == 0) && sys::attempt::map_page() == Err(Errno::ENOMEM)
}

/// What was seen of a child.
struct Seen {
    /// `None` if it was stopped at the exec.
    ended: Option<Ended>,
    told: Vec<u8>,
    became: Option<Status>,
}

/// Calls `body` in a child that has entered what `enter` is for, which returns only if it does not execute a program. Returns how it ended.
pub(super) fn attempt(
    kind: Kind,
    deadline: Deadline,
    enter: &dyn Fn() -> bool,
    body: &mut dyn FnMut(&Child) -> Result<(), Errno>,
) -> End {
    match see(kind, deadline, enter, body) {
        Ok(seen) => end(kind, &seen),
        Err(why) => End::NotTried(why),
    }
}

/// What became of lithify itself, started as a program will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Canary {
    /// It did not run, or it could not be tried.
    Stopped,
    /// It ran.
    Runs,
    /// A seccomp filter killed the child before it was started.
    Filtered,
}

/// Starts lithify itself in this way, which must not run.
pub(super) fn canary(kind: Kind, deadline: Deadline) -> Canary {
    let own = c"/proc/self/exe";
    let seen = see(kind, deadline, &|| true, &mut |child| {
        child.before_exec();
        execve(own, &[own, c"--version"], &[] as &[&CStr]).map(drop)
    });
    let Ok(Seen { ended, told, .. }) = seen else { return Canary::Stopped };
    match ended {
        Some(Ended::Exited(..)) if told.last() == Some(&TRYING) => Canary::Runs,
        Some(Ended::Killed(_, signal)) if i32::from(signal) == libc::SIGSYS => Canary::Filtered,
        _ => Canary::Stopped,
    }
}

fn see(
    kind: Kind,
    deadline: Deadline,
    enter: &dyn Fn() -> bool,
    body: &mut dyn FnMut(&Child) -> Result<(), Errno>,
) -> Result<Seen, Why> {
    if deadline.is_over() {
        return Err(Why::Late);
    }
    let parent = getpid();
    let (told, pipe) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(Why::Short)?;
    match sys::process::fork().map_err(Why::Short)? {
        None => {
            let _ = set_pdeathsig(Signal::SIGKILL);
            if getppid() != parent {
                sys::process::end(0);
            }
            let child = Child { kind, pipe };
            limit_all();
            if enter() {
                let errno = body(&child).map_or_else(|errno| errno as i32, |()| 0);
                child.tell(u8::try_from(errno).unwrap_or(PREPARING));
            } else {
                child.tell(UNCONFINED);
            }
            sys::process::end(0)
        }
        Some(child) => {
            drop(pipe);
            let (ended, became) = watch(kind, child.as_raw(), deadline)?;
            let mut bytes = [0; 16];
            let length = nix::unistd::read(&told, &mut bytes).unwrap_or(0);
            Ok(Seen { ended, told: bytes.iter().copied().take(length).collect(), became })
        }
    }
}

/// Takes from this child what no attempt needs: the terminal, the streams, a core dump, time.
fn limit_all() {
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

/// How the child ended, `None` if it was stopped at the exec; and who it was at its end.
fn watch(kind: Kind, child: i32, deadline: Deadline) -> Result<(Option<Ended>, Option<Status>), Why> {
    let deadline = Deadline::after(deadline.remaining().min(LONGEST));
    let mut became = None;
    let mut pause = Duration::from_micros(50);
    loop {
        // Who it was at its end is known until it is taken.
        let change = if kind != Kind::Gain {
            sys::trace::take_of(child)
        } else if sys::process::has_ended(child) {
            became = Task::Process(child.unsigned_abs()).status().ok();
            sys::trace::take_of(child)
        } else {
            Ok(None)
        };
        match change {
            Ok(None) => {}
            Ok(Some(Change::Stopped(_, Stop::Signal(libc::SIGTRAP)))) => {
                sys::process::kill(child);
                return Ok((None, became));
            }
            Ok(Some(Change::Stopped(_, stop))) => {
                let signal = if let Stop::Signal(signal) = stop { signal } else { 0 };
                let _ = sys::trace::resume(child, signal);
            }
            Ok(Some(Change::Ended(ended))) => return Ok((Some(ended), became)),
            Err(errno) => return Err(Why::Short(errno)),
        }
        if deadline.is_over() {
            sys::process::kill(child);
            return Err(Why::Late);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(5));
    }
}

/// How an attempt ended, by what its child told, and how it ended. The exit code says nothing: it may be that of a program.
fn end(kind: Kind, seen: &Seen) -> End {
    let mut tried = false;
    for byte in &seen.told {
        match *byte {
            PREPARING => tried = false,
            TRYING => tried = true,
            UNCONFINED => return End::NotTried(Why::Unconfined),
            UNSTOPPABLE => return End::NotTried(Why::Unstoppable),
            0 => return End::Succeeded,
            code => {
                let errno = Errno::from_raw(code.into());
                let refused = tried && !is_shortage(errno);
                return if refused { End::Refused(errno) } else { End::NotTried(Why::Short(errno)) };
            }
        }
    }
    let started = match seen.ended {
        Some(Ended::Killed(_, signal)) => i32::from(signal) == libc::SIGSEGV,
        _ => true,
    };
    match (kind, seen.ended) {
        (Kind::Exec | Kind::Limited, _) if tried && started => End::Succeeded,
        (Kind::Gain, _) if tried && started => {
            let own = Task::Own.status().ok();
            match own.zip(seen.became.as_ref()).and_then(|(own, became)| gained(&own, became)) {
                Some(true) => End::Succeeded,
                Some(false) => End::Powerless,
                None => End::NotTried(Why::NotSaid),
            }
        }
        (_, Some(Ended::Killed(_, signal))) if tried && i32::from(signal) == libc::SIGSYS => End::Filtered,
        (_, Some(Ended::Killed(_, signal))) => End::NotTried(Why::Killed(signal)),
        _ => End::NotTried(Why::Short(Errno::EPIPE)),
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

/// Whether this error says that something ran out or was in the way, and nothing of what was tried.
fn is_shortage(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::EAGAIN
            | Errno::ENOMEM
            | Errno::EMFILE
            | Errno::ENFILE
            | Errno::ENOSPC
            | Errno::EDQUOT
            | Errno::EEXIST
            | Errno::EFBIG
            | Errno::EINTR
            | Errno::EIO
            | Errno::ENOBUFS
            | Errno::ETIME
            | Errno::ETXTBSY
    )
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
        let of = |kind, body: &mut dyn FnMut(&Child) -> Result<(), Errno>| attempt(kind, deadline, &|| true, body);
        assert!(matches!(of(Kind::Call, &mut |_| Ok(())), End::Succeeded));
        assert!(matches!(
            of(Kind::Call, &mut |child| {
                child.is_trying();
                Err(Errno::EPERM)
            }),
            End::Refused(Errno::EPERM)
        ));
        assert!(matches!(
            of(Kind::Call, &mut |child| {
                child.is_trying();
                Err(Errno::ENOSPC)
            }),
            End::NotTried(Why::Short(Errno::ENOSPC))
        ));
        let over = Deadline::after(Duration::ZERO);
        assert!(matches!(attempt(Kind::Call, over, &|| true, &mut |_| Ok(())), End::NotTried(Why::Late)));
        let soon = Deadline::after(Duration::from_millis(100));
        let mut hang = |_: &Child| loop {
            std::thread::sleep(Duration::from_secs(1));
        };
        assert!(matches!(attempt(Kind::Call, soon, &|| true, &mut hang), End::NotTried(Why::Late)));
        let mut killed = |_: &Child| sys::signal::send(getpid().as_raw(), libc::SIGKILL);
        assert!(matches!(of(Kind::Call, &mut killed), End::NotTried(Why::Killed(9))));
        // Before the call itself, nothing is proven.
        assert!(matches!(of(Kind::Call, &mut |_| Err(Errno::EPERM)), End::NotTried(Why::Short(Errno::EPERM))));
        let filtered = |trying: bool| {
            of(Kind::Call, &mut |child| {
                if trying {
                    child.is_trying();
                }
                sys::signal::send(getpid().as_raw(), libc::SIGSYS)
            })
        };
        assert!(matches!(filtered(true), End::Filtered));
        assert!(matches!(filtered(false), End::NotTried(Why::Killed(31))));
        // An exit code is that of the program.
        let mut ran = |child: &Child| {
            child.is_trying();
            sys::process::end(1)
        };
        assert!(matches!(of(Kind::Exec, &mut ran), End::Succeeded));
        for kind in [Kind::Exec, Kind::Limited, Kind::Gain] {
            assert_eq!(canary(kind, deadline), Canary::Stopped);
        }
    }
}
