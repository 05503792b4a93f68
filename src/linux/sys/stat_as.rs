//! What files are for another user: a child takes that user's credentials and looks at them.

use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;

/// Who a process is, as the kernel compares it (ptrace(2), "Ptrace access mode checking").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Real, effective and saved user id.
    pub uid: u32,
    /// Real, effective and saved group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

/// Length in bytes of one record that the child of [`fork_to_stat`] writes: errno (0 for none), device, inode, seconds
/// and nanoseconds of the last change, and the length of the link's text, each of 8 bytes; then the text, as much of it
/// as fits.
pub const STAT_RECORD: usize = 512;

/// Length in bytes of the numbers at the beginning of a record.
pub const STAT_NUMBERS: usize = 48;

/// Starts a child that takes these credentials and writes one [`STAT_RECORD`] to `pipe` for each of `paths`, in order,
/// with links followed. Then the child ends. It holds no descriptor except the pipe, ends with its parent, and cannot
/// be traced. It writes nothing if it may not take the credentials. Returns its process id; the caller reaps it.
pub fn fork_to_stat(who: &Credentials, paths: &[CString], pipe: BorrowedFd<'_>) -> Result<i32, Errno> {
    // SAFETY: the child calls only async-signal-safe functions (signal-safety(7)) and bare system calls, on memory that
    // existed before, and never returns from this function: it meets no lock, allocator or destructor.
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

/// Runs in the child of [`fork_to_stat`], where the pipe is descriptor 0.
///
/// # Safety
/// Async-signal-safe.
unsafe fn take_credentials(who: &Credentials) -> bool {
    const LAST_DESCRIPTOR: i32 = 4096;
    // SAFETY: the calls read no memory except `who.groups`, which is as long as said. The bare calls change this one
    // thread, which is the only one after fork(2); the C library's functions would look for others.
    unsafe {
        if libc::syscall(libc::SYS_close_range, 1u32, u32::MAX, 0u32) != 0 {
            (1..LAST_DESCRIPTOR).for_each(|descriptor| {
                libc::close(descriptor);
            });
        }
        libc::syscall(libc::SYS_setgroups, who.groups.len(), who.groups.as_ptr()) == 0
            && libc::syscall(libc::SYS_setresgid, who.gid, who.gid, who.gid) == 0
            && libc::syscall(libc::SYS_setresuid, who.uid, who.uid, who.uid) == 0
            // These two come after the change of ids, which resets both. The app must not get hold of this memory's
            // content.
            && libc::prctl(libc::PR_SET_DUMPABLE, 0 as libc::c_ulong) == 0
            && libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong) == 0
    }
}

/// # Safety
/// Async-signal-safe.
unsafe fn stat_record(path: &CStr) -> [u8; STAT_RECORD] {
    let mut record = [0; STAT_RECORD];
    let (numbers, text) = record.split_at_mut(STAT_NUMBERS);
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: `path` is NUL-terminated, `stat` is writable and valid when all zero, and the kernel writes at most
    // `text.len()` bytes into `text`.
    let (errno, stat, length) = unsafe {
        let failed = libc::stat(path.as_ptr(), stat.as_mut_ptr()) != 0;
        let errno = if failed { Errno::last_raw() } else { 0 };
        (errno, stat.assume_init(), libc::readlink(path.as_ptr(), text.as_mut_ptr().cast(), text.len()))
    };
    let values = [
        u64::from(errno.unsigned_abs()).to_ne_bytes(),
        stat.st_dev.to_ne_bytes(),
        stat.st_ino.to_ne_bytes(),
        stat.st_ctime.to_ne_bytes(),
        stat.st_ctime_nsec.to_ne_bytes(),
        u64::try_from(length).unwrap_or(0).to_ne_bytes(),
    ];
    for (place, value) in numbers.chunks_exact_mut(8).zip(values) {
        place.copy_from_slice(&value);
    }
    record
}
