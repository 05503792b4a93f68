//! Signals, including real-time signals, which nix does not know.

use std::mem::MaybeUninit;
use std::sync::OnceLock;
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
    set_signal_mask(u64::MAX).map(drop)
}

/// Blocks every signal except those that [`on_fault`] is for: the kernel kills a process that blocks such a signal.
/// Returns the mask that was there before.
pub fn block_all_but_faults() -> Result<u64, Errno> {
    set_signal_mask(FAULTS.iter().fold(u64::MAX, |mask, signal| mask & !bit(*signal)))
}

/// Unblocks every signal, and lets the kernel end this process at a fault, without what [`on_fault`] was given.
pub fn forget_faults() {
    for signal in FAULTS {
        set_action(signal, false);
    }
    let _ = set_signal_mask(0);
}

/// The signals of an instruction that no program may run. A panic of the build that is shipped ends in one: `ud2` on
/// x86-64, `brk` on aarch64.
const FAULTS: [i32; 2] = [libc::SIGILL, libc::SIGTRAP];

/// What [`on_fault`] was given.
static ON_FAULT: OnceLock<fn(usize) -> u8> = OnceLock::new();

/// Calls `end` if this program runs into an instruction that no program may run, with the address of that instruction in
/// the program file (its ELF address, as nm(1) prints it). The process then ends with the exit code that `end` returns.
/// `end` must not allocate: it may be the allocator that failed. An exec ends all this, and so does [`reset_all`].
pub fn on_fault(end: fn(usize) -> u8) {
    let _ = ON_FAULT.set(end);
    for signal in FAULTS {
        // SAFETY: zero is a valid value of all fields. `fault` takes what SA_SIGINFO passes.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = fault as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
}

extern "C" fn fault(signal: i32, info: *const libc::siginfo_t, _: *const libc::c_void) {
    // SAFETY: the kernel fills `info` in. A signal of the kernel's own (a positive code) has an address.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr().addr()) };
    match ON_FAULT.get() {
        Some(end) if code > 0 => {
            let code = end(address.wrapping_sub(super::program::own_header().as_ptr().addr()));
            // SAFETY: ends the process, and runs nothing before that.
            unsafe { libc::_exit(code.into()) }
        }
        // Another process sent it: it does what it always does, when this function has returned.
        _ => {
            set_action(signal, false);
            let _ = send(nix::unistd::getpid().as_raw(), signal);
        }
    }
}

/// Gives every signal its default action, even a signal that was ignored on entry, and then unblocks all.
pub fn reset_all() -> Result<(), Errno> {
    discard_sigpipe();
    let ignored = ignored().unwrap_or(u64::MAX);
    for signal in (1..=SIGNALS).filter(|signal| ignored & bit(*signal) != 0) {
        set_action(signal, false);
    }
    set_signal_mask(0).map(drop)
}

/// The signals that this process ignores, as `/proc/self/status` says; `None` if that does not say. No system call tells
/// it of more than one signal.
fn ignored() -> Option<u64> {
    let status = std::fs::File::open("/proc/self/status").ok()?;
    let mut text = [0; 4096];
    let length = std::os::unix::fs::FileExt::read_at(&status, &mut text, 0).ok()?;
    let line = text.get(..length)?.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"SigIgn:\t"))?;
    u64::from_str_radix(std::str::from_utf8(line.get(..16)?).ok()?, 16).ok()
}

/// Ignores SIGPIPE. Returns whether that was so before.
pub(super) fn ignore_sigpipe() -> bool {
    replace_action(libc::SIGPIPE, true)
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
pub(super) fn set_action(signal: i32, ignored: bool) {
    replace_action(signal, ignored);
}

/// The same. Returns whether `signal` was ignored before.
fn replace_action(signal: i32, ignored: bool) -> bool {
    // struct sigaction of the kernel, with room for the fields of every architecture. The action comes first on all of
    // them except MIPS. Zeroes mean SIG_DFL.
    let mut action = [0usize; 16];
    action[0] = if ignored { libc::SIG_IGN } else { libc::SIG_DFL };
    let mut before = [0usize; 16];
    // SAFETY: `action` is readable, `before` writable, and both are at least as large as the structure; neither value
    // installs a handler.
    unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, action.as_ptr(), before.as_mut_ptr(), SIGNAL_SET) };
    before[0] == libc::SIG_IGN
}

/// Returns the mask that was there before.
pub(super) fn set_signal_mask(mask: u64) -> Result<u64, Errno> {
    let mut before = 0u64;
    // SAFETY: `mask` is readable, `before` writable, and both are as large as the set.
    let result = unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            std::ptr::from_ref(&mask),
            &raw mut before,
            SIGNAL_SET,
        )
    };
    Errno::result(result).map(|_| before)
}

/// Stops this process and its whole group, as the terminal does at Ctrl-Z, unless nobody could continue it: the kernel
/// drops a SIGTSTP to an orphaned group and to process 1. Returns, when this process goes on, whether it was stopped:
/// the SIGCONT that ended that is then pending, if SIGCONT is blocked.
pub fn stop_group() -> bool {
    if send(0, libc::SIGTSTP).is_err() {
        return false;
    }
    let Ok(before) = set_signal_mask(!bit(libc::SIGTSTP)) else { return false };
    let _ = set_signal_mask(before);
    let mut pending = 0u64;
    // SAFETY: `pending` is writable and as large as the set.
    unsafe { libc::syscall(libc::SYS_rt_sigpending, &raw mut pending, SIGNAL_SET) };
    pending & bit(libc::SIGCONT) != 0
}

/// Takes one pending signal, which must be blocked, or waits for one (`rt_sigtimedwait(2)`). Returns its number, even
/// of a real-time signal; `EAGAIN` if `timeout` passed without a signal. `None` waits without a limit.
pub fn wait(timeout: Option<Duration>) -> Result<i32, Errno> {
    wait_for(u64::MAX, timeout)
}

/// Takes `signal`, which must be blocked, if it is pending. Returns whether it was.
pub fn take(signal: i32) -> bool {
    wait_for(bit(signal), Some(Duration::ZERO)).is_ok()
}

/// The bit of a signal in a set.
fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

fn wait_for(set: u64, timeout: Option<Duration>) -> Result<i32, Errno> {
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    let limit = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: set and time are readable and outlive the call; the details (siginfo) are not asked for.
    let signal = unsafe {
        libc::syscall(
            libc::SYS_rt_sigtimedwait,
            std::ptr::from_ref(&set),
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
