//! Signals, also real-time ones, which nix does not know.

use std::mem::MaybeUninit;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;

/// Number of signals, and size of the kernel's signal set in bytes. The C library's functions leave out the signals that
/// it keeps for itself (musl 32 to 34), which glibc programs use: so the system calls themselves.
const SIGNALS: i32 = 64;
const SIGNAL_SET: usize = 8;

/// Blocks every signal (`rt_sigprocmask(2)`; the kernel leaves out SIGKILL and SIGSTOP).
pub fn block_all() -> Result<(), Errno> {
    set_signal_mask(u64::MAX)
}

/// Gives every signal its default action, also those that were ignored on entry, and then unblocks all.
pub fn reset_all() -> Result<(), Errno> {
    discard_sigpipe();
    for signal in (1..=SIGNALS).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP].contains(signal)) {
        set_action(signal, false);
    }
    set_signal_mask(0)
}

/// Gives `SIGCHLD` its default action: a parent that ignores it, as it may have been started, never learns how a child ended.
pub fn reset_sigchld() {
    set_action(libc::SIGCHLD, false);
}

/// Discards a pending `SIGPIPE` (sigaction(2)): it is of this process's own writing, and nobody's to pass on.
pub fn discard_sigpipe() {
    set_action(libc::SIGPIPE, true);
}

/// The default action for `signal`, or none.
fn set_action(signal: i32, ignored: bool) {
    // struct sigaction of the kernel, with room for the fields of every architecture: the action first on all of them but
    // MIPS, zeroes meaning SIG_DFL.
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

/// Takes one pending signal, which must be blocked, or waits for one (`rt_sigtimedwait(2)`): its number, also of a
/// real-time signal. `EAGAIN` when `timeout` passed without.
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

/// `kill(2)` with any signal number; nix's knows no real-time signals.
pub fn send(pid: i32, signal: i32) -> Result<(), Errno> {
    // SAFETY: no memory is involved.
    Errno::result(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// Waits for SIGTERM, SIGINT or SIGHUP, which it blocks, but at most for `time`; `None` when that has passed, `EINTR`
/// after having been stopped and continued. A process 1 has no default action for signals, so that waiting for them is its
/// only way to end by one.
pub fn wait_for_end(time: Duration) -> Result<Option<i32>, Errno> {
    let timeout =
        libc::timespec { tv_sec: time.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: time.subsec_nanos().into() };
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset fills the set in, which all calls then only read; no other pointer is kept by the kernel.
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
