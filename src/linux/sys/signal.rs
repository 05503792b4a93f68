//! Signals, including real-time signals, which nix does not know.

use std::mem::MaybeUninit;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;

/// Number of signals, and size of the kernel's signal set in bytes. This file makes the system calls itself, because
/// the C library's functions leave out the signals that the C library reserves (musl 32 to 34), and programs with glibc
/// use these.
const SIGNALS: i32 = 64;
const SIGNAL_SET: usize = 8;

/// Blocks every signal (`rt_sigprocmask(2)`; the kernel leaves out SIGKILL and SIGSTOP).
pub fn block_all() -> Result<(), Errno> {
    set_signal_mask(u64::MAX)
}

/// Gives every signal its default action, even a signal that was ignored on entry, and then unblocks all.
pub fn reset_all() -> Result<(), Errno> {
    discard_sigpipe();
    for signal in (1..=SIGNALS).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP].contains(signal)) {
        set_action(signal, false);
    }
    set_signal_mask(0)
}

/// Gives `SIGCHLD` its default action. This process may have been started with `SIGCHLD` ignored, and a parent that
/// ignores it never learns how a child ended.
pub fn reset_sigchld() {
    set_action(libc::SIGCHLD, false);
}

/// Discards a pending `SIGPIPE` (sigaction(2)): this process caused it by its own writing, so it must not be passed on.
pub fn discard_sigpipe() {
    set_action(libc::SIGPIPE, true);
}

/// Gives `signal` its default action, or with `ignored` ignores it.
fn set_action(signal: i32, ignored: bool) {
    // struct sigaction of the kernel, with room for the fields of every architecture. The action comes first on all of
    // them except MIPS. Zeroes mean SIG_DFL.
    let mut action = [0usize; 16];
    action[0] = if ignored { libc::SIG_IGN } else { libc::SIG_DFL };
    // SAFETY: `action` is readable and at least as large as the structure; neither value installs a handler.
    unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, action.as_ptr(), std::ptr::null_mut::<u64>(), SIGNAL_SET) };
}

fn set_signal_mask(mask: u64) -> Result<(), Errno> {
    // SAFETY: `mask` is readable and as large as the set; the old mask is not asked for.
    let result = unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            std::ptr::from_ref(&mask),
            std::ptr::null_mut::<u64>(),
            SIGNAL_SET,
        )
    };
    Errno::result(result).map(drop)
}

/// Takes one pending signal, which must be blocked, or waits for one (`rt_sigtimedwait(2)`). Returns its number, even
/// of a real-time signal; `EAGAIN` if `timeout` passed without a signal. `None` waits without a limit.
pub fn wait(timeout: Option<Duration>) -> Result<i32, Errno> {
    let all = u64::MAX;
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    let limit = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: set and time are readable and outlive the call; the details (siginfo) are not asked for.
    let signal = unsafe {
        libc::syscall(
            libc::SYS_rt_sigtimedwait,
            std::ptr::from_ref(&all),
            std::ptr::null_mut::<libc::siginfo_t>(),
            limit,
            SIGNAL_SET,
        )
    };
    Errno::result(signal).map(|signal| i32::try_from(signal).unwrap_or(0))
}

/// `kill(2)` with any signal number. nix's version knows no real-time signals.
pub fn send(pid: i32, signal: i32) -> Result<(), Errno> {
    // SAFETY: no memory is involved.
    Errno::result(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// Blocks SIGTERM, SIGINT and SIGHUP, and waits for one of them for at most `time`. `None` if `time` has passed,
/// `EINTR` if the process was stopped and continued. Process 1 has no default action for signals, so it can end by a
/// signal only if it waits for one.
pub fn wait_for_end(time: Duration) -> Result<Option<i32>, Errno> {
    let timeout =
        libc::timespec { tv_sec: time.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: time.subsec_nanos().into() };
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset fills in the set, and all later calls only read it. The kernel keeps no other pointer.
    let signal = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
            libc::sigaddset(set.as_mut_ptr(), signal);
        }
        libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut());
        libc::sigtimedwait(set.as_ptr(), std::ptr::null_mut(), &raw const timeout)
    };
    match Errno::result(signal) {
        Err(Errno::EAGAIN) => Ok(None),
        result => result.map(Some),
    }
}
