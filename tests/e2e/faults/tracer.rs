//! Follows lithify by ptrace(2), counts its system calls, and makes one of them fail, or kills it there.

use std::collections::HashMap;

use nix::errno::Errno;
use nix::libc::{self, c_long};
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// What is done at a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Fail(Errno),
    Kill,
}

/// One system call of lithify's, and what is done there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub number: c_long,
    /// Which of the calls of this number, from 1, of all processes of lithify's.
    pub nth: usize,
    /// How many of them, from that one on.
    pub times: usize,
    pub action: Action,
}

impl Fault {
    fn is_at(&self, nth: usize) -> bool {
        nth >= self.nth && nth - self.nth < self.times
    }

    /// Whether the call is made all the same: Linux frees the descriptor, whatever close(2) returns then (its man page,
    /// "Dealing with error returns from close()").
    fn is_of_close(&self) -> bool {
        self.number == libc::SYS_close
    }
}

/// What was seen.
pub struct Traced {
    /// The exit code, or the signal as a negative number.
    pub code: i32,
    /// How often each system call was made.
    pub calls: Vec<(c_long, usize)>,
    /// Whether the fault was reached.
    pub met: bool,
}

struct Tracee {
    is_lithify: bool,
    /// Between the beginning of a call and its end.
    in_call: bool,
    /// What the call that is being made is to return.
    returns: Option<Errno>,
}

/// Follows `pid`, a child of this thread which waits, until it ends. `release` lets it go on. With `children`, its threads
/// and children are followed as well. `is_lithify` tells whether a process has become lithify. `filtered` says that a filter tells of the calls that count; else every call does.
pub fn trace(
    pid: u32,
    is_lithify: impl Fn(Pid) -> bool,
    children: bool,
    filtered: bool,
    fault: Option<Fault>,
    release: impl FnOnce(),
) -> Result<Traced, Errno> {
    let first = Pid::from_raw(pid.try_into().unwrap());
    // Only children of this thread: other threads have others.
    let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
    let mut options = Options::PTRACE_O_EXITKILL
        | Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_TRACESECCOMP;
    if children {
        options |= Options::PTRACE_O_TRACEFORK | Options::PTRACE_O_TRACEVFORK | Options::PTRACE_O_TRACECLONE;
    }
    ptrace::seize(first, options)?;
    ptrace::interrupt(first)?;
    waitpid(first, Some(flags))?;
    let mut tracees = HashMap::from([(first, Tracee { is_lithify: false, in_call: false, returns: None })]);
    let mut counts: HashMap<c_long, usize> = HashMap::new();
    let (mut code, mut met) = (None, false);
    // A process that was killed meanwhile is reported by the next wait.
    let go_on = |pid, signal: Option<Signal>| {
        let _ = if filtered { ptrace::cont(pid, signal) } else { ptrace::syscall(pid, signal) };
    };
    go_on(first, None);
    release();
    while code.is_none() || !tracees.is_empty() {
        let status = match waitpid(None, Some(flags)) {
            Ok(status) => status,
            Err(Errno::EINTR) => continue,
            Err(Errno::ECHILD) => break,
            Err(error) => return Err(error),
        };
        let Some(pid) = status.pid() else { continue };
        // A new one has its parent's program, which is lithify.
        let tracee = tracees.entry(pid).or_insert(Tracee { is_lithify: true, in_call: false, returns: None });
        match status {
            WaitStatus::Exited(_, status) => {
                tracees.remove(&pid);
                if pid == first {
                    code = Some(status);
                }
            }
            WaitStatus::Signaled(_, signal, _) => {
                tracees.remove(&pid);
                if pid == first {
                    code = Some(-(signal as i32));
                }
            }
            WaitStatus::PtraceEvent(_, _, libc::PTRACE_EVENT_EXEC) => {
                // The app goes on as it likes.
                tracee.is_lithify = is_lithify(pid);
                go_on(pid, None);
            }
            WaitStatus::PtraceEvent(_, _, libc::PTRACE_EVENT_SECCOMP) => {
                if tracee.is_lithify
                    && let Some(fault) = fault
                {
                    let nth = counts.entry(fault.number).or_default();
                    *nth += 1;
                    if fault.is_at(*nth) {
                        met = true;
                        match fault.action {
                            Action::Fail(errno) if fault.is_of_close() => {
                                // The next stop is at the end of this call (ptrace(2), since Linux 4.8).
                                tracee.in_call = true;
                                tracee.returns = Some(errno);
                                let _ = ptrace::syscall(pid, None);
                                continue;
                            }
                            // Where there is no such call, the register that a call returns in stays.
                            action => act(pid, action, |registers, errno| registers.rax = code_of(errno)),
                        }
                    }
                }
                go_on(pid, None);
            }
            WaitStatus::PtraceSyscall(_) => {
                tracee.in_call = !tracee.in_call;
                if tracee.in_call && tracee.is_lithify {
                    if let Ok(registers) = ptrace::getregs(pid) {
                        let number = c_long::try_from(registers.orig_rax).unwrap_or(-1);
                        let nth = counts.entry(number).or_default();
                        *nth += 1;
                        if let Some(fault) = fault.filter(|fault| fault.number == number && fault.is_at(*nth)) {
                            met = true;
                            match fault.action {
                                Action::Fail(errno) if fault.is_of_close() => tracee.returns = Some(errno),
                                action => act(pid, action, |_, errno| tracee.returns = Some(errno)),
                            }
                        }
                    }
                } else if let Some(errno) = tracee.returns.take()
                    && let Ok(mut registers) = ptrace::getregs(pid)
                {
                    registers.rax = code_of(errno);
                    let _ = ptrace::setregs(pid, registers);
                }
                go_on(pid, None);
            }
            // Being traced, the first process of a namespace survives what ends it else, and would crash for ever.
            WaitStatus::Stopped(_, Signal::SIGSEGV) => {
                let _ = kill(pid, Signal::SIGKILL);
            }
            WaitStatus::Stopped(_, signal) => go_on(pid, Some(signal)),
            _ => go_on(pid, None),
        }
    }
    let mut calls: Vec<_> = counts.into_iter().collect();
    calls.sort_unstable();
    Ok(Traced { code: code.unwrap_or(-1), calls, met })
}

/// What the kernel returns for an error.
#[allow(clippy::cast_sign_loss)]
fn code_of(errno: Errno) -> u64 {
    (-i64::from(errno as i32)) as u64
}

/// Kills a process that begins a call, or lets it make none.
fn act(pid: Pid, action: Action, mut failing: impl FnMut(&mut libc::user_regs_struct, Errno)) {
    match action {
        Action::Kill => {
            let _ = kill(pid, Signal::SIGKILL);
        }
        Action::Fail(errno) => {
            if let Ok(mut registers) = ptrace::getregs(pid) {
                registers.orig_rax = u64::MAX;
                failing(&mut registers, errno);
                let _ = ptrace::setregs(pid, registers);
            }
        }
    }
}
