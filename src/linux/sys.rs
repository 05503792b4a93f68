//! The few system calls for which nix has no safe wrapper. The only file with `unsafe`.
//!
//! Each function is a thin wrapper: it forces close-on-exec, retries nothing, interprets nothing.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::libc;
use nix::sys::stat::Mode;
use nix::unistd::Pid;

/// What `statx(2)` says of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statx {
    /// Device number (`makedev(major, minor)`).
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// `st_mode`: type and permission bits.
    pub mode: u32,
    /// Number of hard links.
    pub nlink: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length in bytes.
    pub size: u64,
    /// Mount id as in `/proc/PID/mountinfo`, where the kernel fills it in (Linux 5.8).
    pub mount: Option<u64>,
}

/// `statx(2)` on `name` below `dir`, never following a final symbolic link and never triggering an automount.
/// An empty `name` means `dir` itself.
pub fn statx(dir: BorrowedFd<'_>, name: &CStr) -> Result<Statx, Errno> {
    statx_with(dir, name, libc::AT_SYMLINK_NOFOLLOW)
}

/// As [`statx`], but a final symbolic link, also a magic one such as `/proc/PID/exe`, is followed.
pub fn statx_follow(dir: BorrowedFd<'_>, name: &CStr) -> Result<Statx, Errno> {
    statx_with(dir, name, 0)
}

fn statx_with(dir: BorrowedFd<'_>, name: &CStr, flags: i32) -> Result<Statx, Errno> {
    let flags = flags | libc::AT_EMPTY_PATH | libc::AT_NO_AUTOMOUNT | libc::AT_STATX_DONT_SYNC;
    let mask = libc::STATX_BASIC_STATS | libc::STATX_MNT_ID;
    let mut buffer = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: `name` is NUL-terminated, `buffer` is writable and as large as the structure, which is valid when all zero.
    let result =
        unsafe { libc::syscall(libc::SYS_statx, dir.as_raw_fd(), name.as_ptr(), flags, mask, buffer.as_mut_ptr()) };
    Errno::result(result)?;
    // SAFETY: zeroed before the call and filled in by it.
    let found = unsafe { buffer.assume_init() };
    Ok(Statx {
        dev: libc::makedev(found.stx_dev_major, found.stx_dev_minor),
        ino: found.stx_ino,
        mode: u32::from(found.stx_mode),
        nlink: found.stx_nlink,
        uid: found.stx_uid,
        gid: found.stx_gid,
        size: found.stx_size,
        mount: (found.stx_mask & libc::STATX_MNT_ID != 0).then_some(found.stx_mnt_id),
    })
}

/// The text of the symbolic link `name` below `dir` in `buffer` (`readlinkat(2)`); nix allocates a page for each.
pub fn read_link(dir: BorrowedFd<'_>, name: &CStr, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: `name` is NUL-terminated; the kernel writes at most `buffer.len()` bytes into `buffer`.
    let length = unsafe { libc::readlinkat(dir.as_raw_fd(), name.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    Errno::result(length).map(|length| usize::try_from(length).unwrap_or(0))
}

/// Calls `each` with every name in `directory` but `.` and `..`, and with its `DT_*` type (`getdents64(2)`), until it
/// breaks off.
pub fn list_directory(
    directory: BorrowedFd<'_>,
    each: &mut dyn FnMut(&CStr, u8) -> ControlFlow<()>,
) -> Result<(), Errno> {
    let mut buffer = MaybeUninit::<[u8; 32 * 1024]>::uninit();
    loop {
        let (start, length) = (buffer.as_mut_ptr().cast::<u8>(), size_of_val(&buffer));
        // SAFETY: the kernel writes at most `length` bytes, which is how long `buffer` is.
        let read = unsafe { libc::syscall(libc::SYS_getdents64, directory.as_raw_fd(), start, length) };
        let read = usize::try_from(Errno::result(read)?).unwrap_or(0).min(length);
        if read == 0 {
            return Ok(());
        }
        // SAFETY: the kernel has written so many bytes, which nobody else has.
        let entries = unsafe { std::slice::from_raw_parts(start, read) };
        for (name, kind) in dirents(entries).filter(|(name, _)| *name != c"." && *name != c"..") {
            if each(name, kind).is_break() {
                return Ok(());
            }
        }
    }
}

/// Name and type of each `struct linux_dirent64`.
fn dirents(mut bytes: &[u8]) -> impl Iterator<Item = (&CStr, u8)> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(bytes.get(16..18)?.try_into().ok()?));
        let entry = (CStr::from_bytes_until_nul(bytes.get(19..length)?).ok()?, *bytes.get(18)?);
        bytes = bytes.get(length..)?;
        Some(entry)
    })
}

/// `fchmodat2(2)` on the file behind an `O_PATH` descriptor (Linux 6.6).
pub fn chmod_by_descriptor(file: BorrowedFd<'_>, mode: u32) -> Result<(), Errno> {
    const SYS_FCHMODAT2: libc::c_long = 452; // the same number on every architecture
    // SAFETY: the path is a valid empty C string; no memory is written.
    let result = unsafe { libc::syscall(SYS_FCHMODAT2, file.as_raw_fd(), c"".as_ptr(), mode, libc::AT_EMPTY_PATH) };
    Errno::result(result).map(drop)
}

/// Length of the extended attribute `name` of `path` (a final link is not followed); `ENODATA` where there is none.
pub fn xattr_length(path: &CStr, name: &CStr) -> Result<usize, Errno> {
    // SAFETY: both strings are NUL-terminated; with size 0 nothing is written.
    let length = unsafe { libc::lgetxattr(path.as_ptr(), name.as_ptr(), std::ptr::null_mut(), 0) };
    Errno::result(length).map(|length| usize::try_from(length).unwrap_or(0))
}

/// As [`xattr_length`], of an open file.
pub fn xattr_length_of(file: BorrowedFd<'_>, name: &CStr) -> Result<usize, Errno> {
    // SAFETY: the string is NUL-terminated; with size 0 nothing is written.
    let length = unsafe { libc::fgetxattr(file.as_raw_fd(), name.as_ptr(), std::ptr::null_mut(), 0) };
    Errno::result(length).map(|length| usize::try_from(length).unwrap_or(0))
}

/// Removes the extended attribute `name` of `path` (a final link is followed).
pub fn remove_xattr(path: &CStr, name: &CStr) -> Result<(), Errno> {
    // SAFETY: both strings are NUL-terminated.
    Errno::result(unsafe { libc::removexattr(path.as_ptr(), name.as_ptr()) }).map(drop)
}

/// `renameat2(2)` within one directory; nix has it for glibc only.
pub fn rename_with_flags(dir: BorrowedFd<'_>, from: &CStr, to: &CStr, flags: u32) -> Result<(), Errno> {
    let fd = dir.as_raw_fd();
    // SAFETY: both strings are NUL-terminated; no memory is written.
    let result = unsafe { libc::syscall(libc::SYS_renameat2, fd, from.as_ptr(), fd, to.as_ptr(), flags) };
    Errno::result(result).map(drop)
}

/// Lets `target` share the content of `source` (`ioctl_ficlonerange(2)`).
pub fn clone_content(source: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<(), Errno> {
    const FICLONE: u32 = 0x4004_9409; // _IOW(0x94, 9, int)
    // SAFETY: the argument is a descriptor, not a pointer.
    let result = unsafe { libc::syscall(libc::SYS_ioctl, target.as_raw_fd(), FICLONE, source.as_raw_fd()) };
    Errno::result(result).map(drop)
}

/// Names of the extended attributes of `path` (a final link is not followed), each followed by a NUL, in `buffer`;
/// with an empty one only their length.
pub fn list_xattr(path: &CStr, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes at most `buffer.len()` bytes into `buffer`.
    let length = unsafe { libc::llistxattr(path.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    Errno::result(length).map(|length| usize::try_from(length).unwrap_or(0))
}

/// The value of the extended attribute `name` of `path` (a final link is not followed) in `buffer`.
pub fn get_xattr(path: &CStr, name: &CStr, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes at most `buffer.len()` bytes into `buffer`.
    let length = unsafe { libc::lgetxattr(path.as_ptr(), name.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    Errno::result(length).map(|length| usize::try_from(length).unwrap_or(0))
}

/// Sets the extended attribute `name` of `path` (a final link is not followed).
pub fn set_xattr(path: &CStr, name: &CStr, value: &[u8]) -> Result<(), Errno> {
    // SAFETY: the kernel reads `value.len()` bytes of `value`.
    let result = unsafe { libc::lsetxattr(path.as_ptr(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0) };
    Errno::result(result).map(drop)
}

/// As [`set_xattr`], of an open file.
pub fn set_xattr_of(file: BorrowedFd<'_>, name: &CStr, value: &[u8]) -> Result<(), Errno> {
    // SAFETY: the string is NUL-terminated; the value is as long as is said, and nothing is written.
    let result = unsafe { libc::fsetxattr(file.as_raw_fd(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0) };
    Errno::result(result).map(drop)
}

/// Marks every descriptor from `first` upwards close-on-exec: `close_range(2)` (Linux 5.11), else one by one as
/// `/proc/self/fd` lists them.
pub fn close_on_exec_from(first: u32) -> Result<(), Errno> {
    const CLOSE_RANGE_CLOEXEC: u32 = 4;
    // SAFETY: no memory is involved; descriptors stay valid until the exec.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, CLOSE_RANGE_CLOEXEC) };
    if Errno::result(result).is_ok() {
        return Ok(());
    }
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let listing = openat(AT_FDCWD, c"/proc/self/fd", flags, Mode::empty())?;
    list_directory(listing.as_fd(), &mut |name, _| {
        let number = name.to_str().ok().and_then(|name| name.parse::<i32>().ok());
        if let Some(number) = number.filter(|number| u32::try_from(*number).is_ok_and(|number| number >= first)) {
            // SAFETY: F_SETFD takes an integer, and says only what an exec does to the descriptor.
            unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
        ControlFlow::Continue(())
    })
}

/// Closes every descriptor from 3 upwards (`close_range(2)`). For a process that uses none of them any more.
pub fn close_from_3() {
    // SAFETY: the caller owns no descriptor any more; no memory is involved.
    unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, 0u32) };
}

/// Number of signals, and size of the kernel's signal set in bytes. The C library's functions leave out the signals that
/// it keeps for itself (musl 32 to 34), which glibc programs use: so the system calls themselves.
const SIGNALS: i32 = 64;
const SIGNAL_SET: usize = 8;

/// Blocks every signal (`rt_sigprocmask(2)`; the kernel leaves out SIGKILL and SIGSTOP).
pub fn block_signals() -> Result<(), Errno> {
    set_signal_mask(u64::MAX)
}

/// Gives every signal its default action, also those that were ignored on entry, and then unblocks all.
pub fn default_signals() -> Result<(), Errno> {
    discard_sigpipe();
    for signal in (1..=SIGNALS).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP].contains(signal)) {
        set_action(signal, false);
    }
    set_signal_mask(0)
}

/// Gives `SIGCHLD` its default action: a parent that ignores it, as it may have been started, never learns how a child ended.
pub fn default_sigchld() {
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
pub fn wait_for_signal(timeout: Option<Duration>) -> Result<i32, Errno> {
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
pub fn send_signal(pid: i32, signal: i32) -> Result<(), Errno> {
    // SAFETY: no memory is involved.
    Errno::result(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// How a child ended: its pid and its exit status, or the number of the signal that killed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself.
    Exited(i32, u8),
    /// By a signal, which may be a real-time one: nix's type knows none.
    Killed(i32, u8),
}

/// Takes one child that has ended (`waitpid(2)`); `None` when there is none yet, `ECHILD` when there are no children.
pub fn reap() -> Result<Option<Ended>, Errno> {
    let mut status = 0;
    // SAFETY: `status` is writable.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG | libc::__WALL) };
    let ended = match Errno::result(pid)? {
        0 => None,
        pid if libc::WIFSIGNALED(status) => {
            Some(Ended::Killed(pid, u8::try_from(libc::WTERMSIG(status)).unwrap_or_default()))
        }
        pid => Some(Ended::Exited(pid, u8::try_from(libc::WEXITSTATUS(status)).unwrap_or_default())),
    };
    Ok(ended)
}

/// `fork(2)`: the child's pid, or `None` in the child.
pub fn fork() -> Result<Option<Pid>, Errno> {
    // SAFETY: lithify never starts a thread, so that the child may do whatever its parent may.
    match unsafe { nix::unistd::fork() }? {
        nix::unistd::ForkResult::Parent { child } => Ok(Some(child)),
        nix::unistd::ForkResult::Child => Ok(None),
    }
}

/// Makes the permitted, effective and inheritable set of this process `mask` (`capset(2)`), all at once.
pub fn set_capabilities(mask: u64) -> Result<(), Errno> {
    const VERSION_3: u32 = 0x2008_0522;
    let header = [VERSION_3, 0];
    let [low, high] = [mask & 0xffff_ffff, mask >> 32].map(|half| u32::try_from(half).unwrap_or(0));
    let data = [low, low, low, high, high, high];
    // SAFETY: laid out as struct __user_cap_header_struct and two struct __user_cap_data_struct.
    let result = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) };
    Errno::result(result).map(drop)
}

/// Takes a capability out of the bounding set.
pub fn drop_bounding(number: u32) -> Result<(), Errno> {
    prctl(libc::PR_CAPBSET_DROP, number.into(), 0)
}

/// Puts a capability into the ambient set.
pub fn raise_ambient(number: u32) -> Result<(), Errno> {
    const RAISE: libc::c_ulong = 2;
    prctl(libc::PR_CAP_AMBIENT, RAISE, number.into())
}

/// Empties the ambient set.
pub fn clear_ambient() -> Result<(), Errno> {
    const CLEAR_ALL: libc::c_ulong = 4;
    prctl(libc::PR_CAP_AMBIENT, CLEAR_ALL, 0)
}

fn prctl(option: i32, first: libc::c_ulong, second: libc::c_ulong) -> Result<(), Errno> {
    let none: libc::c_ulong = 0;
    // SAFETY: the options used here take integers only.
    Errno::result(unsafe { libc::prctl(option, first, second, none, none) }).map(drop)
}

/// Gives back the memory that this program's code takes: whatever of it still runs is read again from its file.
pub fn release_code() {
    unsafe extern "C" {
        static __executable_start: u8;
        static etext: u8;
    }
    let (start, end) = (&raw const __executable_start, &raw const etext);
    let length = end.addr().saturating_sub(start.addr()) & !4095;
    // SAFETY: the linker defines both symbols around headers, constants and code: private pages of a file that are never
    // written (relocations lie behind them), so that none loses anything.
    unsafe { libc::madvise(start.cast_mut().cast(), length, libc::MADV_DONTNEED) };
}

/// Sets and locks `SECBIT_NOROOT` (capabilities(7)): being root, or a setuid program of root, brings no capability.
pub fn lock_no_root() -> Result<(), Errno> {
    const SECBIT_NOROOT_AND_LOCKED: libc::c_ulong = 0b11;
    // SAFETY: integers only.
    let bits = Errno::result(unsafe { libc::prctl(libc::PR_GET_SECUREBITS) })?;
    let bits = libc::c_ulong::try_from(bits).unwrap_or(0) | SECBIT_NOROOT_AND_LOCKED;
    prctl(libc::PR_SET_SECUREBITS, bits, 0)
}

/// The version of Landlock's interface that this kernel has (landlock(7)).
pub fn landlock_version() -> Result<u32, Errno> {
    const LANDLOCK_CREATE_RULESET_VERSION: u32 = 1;
    let none = std::ptr::null::<u64>();
    // SAFETY: with this flag nothing is read.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, none, 0usize, LANDLOCK_CREATE_RULESET_VERSION) };
    Errno::result(version).map(|version| u32::try_from(version).unwrap_or(0))
}

/// A new Landlock ruleset that handles these rights to files.
pub fn landlock_ruleset(handled: u64) -> Result<OwnedFd, Errno> {
    // SAFETY: the first version's attribute is this one number, readable and of the size given.
    let fd = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::from_ref(&handled), size_of_val(&handled), 0u32)
    };
    let fd = Errno::result(fd)?;
    let fd = i32::try_from(fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: a new descriptor (close-on-exec) that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Allows `rights` on the file `at`, or on everything beneath it where it is a directory.
pub fn landlock_allow(ruleset: BorrowedFd<'_>, at: BorrowedFd<'_>, rights: u64) -> Result<(), Errno> {
    const LANDLOCK_RULE_PATH_BENEATH: u32 = 1;
    // struct landlock_path_beneath_attr is packed: a u64 and an i32.
    let mut rule = [0u8; 12];
    let (allowed, parent) = rule.split_at_mut(8);
    allowed.copy_from_slice(&rights.to_ne_bytes());
    parent.copy_from_slice(&at.as_raw_fd().to_ne_bytes());
    let fd = ruleset.as_raw_fd();
    // SAFETY: `rule` is readable and laid out as the kernel's structure.
    let result =
        unsafe { libc::syscall(libc::SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, rule.as_ptr(), 0u32) };
    Errno::result(result).map(drop)
}

/// Confines this process and its children to come by `ruleset`, for good.
pub fn landlock_restrict_self(ruleset: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: integers only.
    let result = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0u32) };
    Errno::result(result).map(drop)
}

/// The path that this program was started by (`AT_EXECFN`, getauxval(3)); for a `#!` line that of the script.
pub fn exec_filename() -> Option<&'static CStr> {
    // SAFETY: getauxval only reads; what AT_EXECFN points to is a C string that lives as long as the process.
    unsafe {
        let address = libc::getauxval(libc::AT_EXECFN);
        (address != 0).then(|| CStr::from_ptr(address as *const libc::c_char))
    }
}

/// Whether standard output and standard error were closed when this program was started.
static CLOSED: [AtomicBool; 2] = [const { AtomicBool::new(false) }; 2];

/// Runs before `main`: there the standard library opens `/dev/null` in place of what is closed, and from then on nothing
/// tells that from a `/dev/null` that somebody gave, where all that is written is meant to be lost.
extern "C" fn note_closed() {
    for (closed, number) in CLOSED.iter().zip([libc::STDOUT_FILENO, libc::STDERR_FILENO]) {
        // SAFETY: F_GETFD only asks.
        let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
        closed.store(flags < 0, Ordering::Relaxed);
    }
}

// SAFETY: the C library calls what stands in this section once it is ready itself, with one thread; it takes functions with
// or without arguments.
#[used]
#[unsafe(link_section = ".init_array")]
static NOTE_CLOSED: extern "C" fn() = note_closed;

/// Whether standard output (else standard error) was closed when this program was started.
pub fn was_closed(output: bool) -> bool {
    let [first, second] = &CLOSED;
    if output { first } else { second }.load(Ordering::Relaxed)
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

/// Time since the machine started (`CLOCK_BOOTTIME`, shifted by this process's time namespace as `/proc/PID/stat` is).
pub fn time_since_boot() -> Result<Duration, Errno> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is writable.
    Errno::result(unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) })?;
    Ok(Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0)))
}

/// Who a process is, as the kernel compares it (ptrace(2), "Ptrace access mode checking").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Real, effective and saved user id.
    pub uid: u32,
    /// The same for the group.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

/// One record of what the child of [`fork_to_stat`] writes: errno (0 for none), device, inode.
pub const STAT_RECORD: usize = 24;

/// Starts a child that takes these credentials and, for each of `paths` in order, writes one [`STAT_RECORD`] to `pipe`,
/// links followed; then it ends. It holds no descriptor but the pipe, ends with its parent, and cannot be traced. Writes
/// nothing where it may not take the credentials. Its process id; the caller reaps it.
pub fn fork_to_stat(who: &Credentials, paths: &[CString], pipe: BorrowedFd<'_>) -> Result<i32, Errno> {
    // SAFETY: the child calls nothing but async-signal-safe functions (signal-safety(7)) and bare system calls, on memory
    // that was there before, and never returns from this function: no lock, allocator or destructor is met.
    unsafe {
        let child = libc::fork();
        if child != 0 {
            return Errno::result(child);
        }
        if libc::dup2(pipe.as_raw_fd(), 0) == 0 && take_credentials(who) {
            for path in paths {
                let record = stat_record(path);
                if usize::try_from(libc::write(0, record.as_ptr().cast(), record.len())) != Ok(record.len()) {
                    break;
                }
            }
        }
        libc::_exit(0)
    }
}

/// In the child of [`fork_to_stat`], the pipe being descriptor 0.
///
/// # Safety
/// Async-signal-safe.
unsafe fn take_credentials(who: &Credentials) -> bool {
    const LAST_DESCRIPTOR: i32 = 4096;
    // SAFETY: no memory but `who.groups`, which is as long as said. The bare calls change this one thread, which is all
    // that there is after fork(2); the C library's would look for others.
    unsafe {
        if libc::syscall(libc::SYS_close_range, 1u32, u32::MAX, 0u32) != 0 {
            (1..LAST_DESCRIPTOR).for_each(|descriptor| {
                libc::close(descriptor);
            });
        }
        libc::syscall(libc::SYS_setgroups, who.groups.len(), who.groups.as_ptr()) == 0
            && libc::syscall(libc::SYS_setresgid, who.gid, who.gid, who.gid) == 0
            && libc::syscall(libc::SYS_setresuid, who.uid, who.uid, who.uid) == 0
            // After the change of ids, which resets both. The app must not get hold of what this memory holds.
            && libc::prctl(libc::PR_SET_DUMPABLE, 0 as libc::c_ulong) == 0
            && libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong) == 0
    }
}

/// # Safety
/// Async-signal-safe.
unsafe fn stat_record(path: &CStr) -> [u8; STAT_RECORD] {
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: `path` is NUL-terminated, `stat` is writable and valid when all zero.
    let (errno, stat) = unsafe {
        let failed = libc::stat(path.as_ptr(), stat.as_mut_ptr()) != 0;
        (if failed { Errno::last_raw() } else { 0 }, stat.assume_init())
    };
    let mut record = [0; STAT_RECORD];
    let numbers = [u64::from(errno.unsigned_abs()), stat.st_dev, stat.st_ino];
    for (place, number) in record.chunks_exact_mut(8).zip(numbers) {
        place.copy_from_slice(&number.to_ne_bytes());
    }
    record
}

/// The ELF header of this program, as it was loaded.
pub fn own_header() -> &'static [u8; 64] {
    unsafe extern "C" {
        #[link_name = "__ehdr_start"]
        static HEADER: [u8; 64];
    }
    // SAFETY: the linker puts the name there, in the first segment, which nobody writes to.
    unsafe { &HEADER }
}

/// Takes all variables whose name begins with `prefix` out of the environment, and puts these in. Only while there is one
/// thread.
pub fn replace_variables(prefix: &str, variables: &[(String, String)]) {
    let old: Vec<_> = std::env::vars_os().map(|(name, _)| name).collect();
    for name in old.iter().filter(|name| name.as_encoded_bytes().starts_with(prefix.as_bytes())) {
        // SAFETY: there is no other thread that could read the environment.
        unsafe { std::env::remove_var(name) };
    }
    for (name, value) in variables {
        // SAFETY: the same.
        unsafe { std::env::set_var(name, value) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statx_agrees_with_std() {
        use std::os::unix::fs::MetadataExt;
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("file"), "x").unwrap();
        std::os::unix::fs::symlink("file", directory.path().join("link")).unwrap();
        let handle = std::fs::File::open(directory.path()).unwrap();
        let expected = std::fs::symlink_metadata(directory.path().join("file")).unwrap();
        let file = statx(handle.as_fd(), c"file").unwrap();
        assert_eq!((file.dev, file.ino, file.mode), (expected.dev(), expected.ino(), expected.mode()));
        assert_ne!(statx(handle.as_fd(), c"link").unwrap().ino, file.ino);
        assert_eq!(statx_follow(handle.as_fd(), c"link").unwrap().ino, file.ino);
        assert_eq!(statx(handle.as_fd(), c"none"), Err(Errno::ENOENT));
    }

    #[test]
    fn xattr_of_a_file_without_capabilities() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = std::ffi::CString::new(file.path().to_str().unwrap()).unwrap();
        let error = xattr_length(&path, c"security.capability").unwrap_err();
        assert!(matches!(error, Errno::ENODATA | Errno::EOPNOTSUPP), "{error}");
        assert_eq!(xattr_length_of(file.as_file().as_fd(), c"security.capability"), Err(error));
    }
}
