//! The few system calls for which nix has no safe wrapper. The only file with `unsafe`.
//!
//! Each function is a thin wrapper: it forces close-on-exec, retries nothing, interprets nothing.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;

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
        mount: (found.stx_mask & libc::STATX_MNT_ID != 0).then_some(found.stx_mnt_id),
    })
}

/// Size of the buffer for [`getdents`]: one call for each 32 KiB of directory.
pub const DIRENT_BUFFER: usize = 32 * 1024;

/// `getdents64(2)`: fills `buffer` with directory entries; 0 at the end of the directory.
pub fn getdents(dir: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes at most `buffer.len()` bytes into `buffer`.
    let read = unsafe { libc::syscall(libc::SYS_getdents64, dir.as_raw_fd(), buffer.as_mut_ptr(), buffer.len()) };
    Errno::result(read).map(|read| usize::try_from(read).unwrap_or(0))
}

/// The entries that [`getdents`] filled in: name and `DT_*` type of each `struct linux_dirent64`.
pub fn dirents(mut bytes: &[u8]) -> impl Iterator<Item = (&CStr, u8)> {
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

/// Marks every descriptor from 3 upwards close-on-exec (`close_range(2)`, Linux 5.11).
pub fn close_on_exec_from_3() -> Result<(), Errno> {
    const CLOSE_RANGE_CLOEXEC: u32 = 4;
    // SAFETY: no memory is involved; descriptors stay valid until the exec.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, CLOSE_RANGE_CLOEXEC) };
    Errno::result(result).map(drop)
}

/// Restores the default action of SIGPIPE, which the Rust runtime ignores and `execve(2)` would pass on.
pub fn default_sigpipe() -> Result<(), Errno> {
    // SAFETY: SIG_DFL installs no handler.
    let previous = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    if previous == libc::SIG_ERR { Err(Errno::last()) } else { Ok(()) }
}

/// The path that this program was started by (`AT_EXECFN`, getauxval(3)); for a `#!` line that of the script.
pub fn exec_filename() -> Option<&'static CStr> {
    // SAFETY: getauxval only reads; what AT_EXECFN points to is a C string that lives as long as the process.
    unsafe {
        let address = libc::getauxval(libc::AT_EXECFN);
        (address != 0).then(|| CStr::from_ptr(address as *const libc::c_char))
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

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
