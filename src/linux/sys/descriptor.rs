//! The descriptors of this process: which of them a started program gets, and how to name one to the kernel.

use std::ops::ControlFlow;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::libc;
use nix::sys::stat::Mode;

/// The path that leads to the file that a descriptor has open, whatever the file is called (`proc_pid_fd(5)`).
pub fn magic_link(file: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// Marks every descriptor from `first` upwards close-on-exec: by `close_range(2)` with `CLOSE_RANGE_CLOEXEC` (Linux
/// 5.11), else one by one as `/proc/self/fd` lists them.
pub fn close_on_exec_from(first: u32) -> Result<(), Errno> {
    const CLOSE_RANGE_CLOEXEC: u32 = 4;
    // SAFETY: no memory is involved; descriptors stay valid until the exec.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, CLOSE_RANGE_CLOEXEC) };
    if Errno::result(result).is_ok() {
        return Ok(());
    }
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let listing = openat(AT_FDCWD, c"/proc/self/fd", flags, Mode::empty())?;
    super::directory::list(listing.as_fd(), &mut |name, _| {
        let number = name.to_str().ok().and_then(|name| name.parse::<i32>().ok());
        if let Some(number) = number.filter(|number| u32::try_from(*number).is_ok_and(|number| number >= first)) {
            // SAFETY: F_SETFD takes an integer, and says only what an exec does to the descriptor.
            unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
        ControlFlow::Continue(())
    })
}

/// Closes every descriptor from 3 upwards (`close_range(2)`), for a process that no longer uses any of them.
pub fn close_from_3() {
    // SAFETY: the caller no longer owns a descriptor; no memory is involved.
    unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, 0u32) };
}

/// Closes every descriptor but these two, for a process that uses no other. Before Linux 5.9, which has no
/// `close_range(2)`, only the standard streams.
pub fn close_all_but(one: &impl AsRawFd, other: &impl AsRawFd) {
    let number = |file: i32| u32::try_from(file).unwrap_or(u32::MAX);
    let (one, other) = (number(one.as_raw_fd()), number(other.as_raw_fd()));
    let (low, high) = (one.min(other), one.max(other));
    for (from, after) in [(0, low), (low.saturating_add(1), high), (high.saturating_add(1), u32::MAX)] {
        if from < after {
            close(from, after - 1);
        }
    }
}

/// Closes the descriptors from `first` to `last`.
fn close(first: u32, last: u32) {
    // SAFETY: the caller no longer owns a descriptor in this range; no memory is involved.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0u32) };
    if Errno::result(result).is_err() {
        for stream in (0..3i32).filter(|stream| (first..=last).contains(&stream.unsigned_abs())) {
            // SAFETY: as above.
            unsafe { libc::close(stream) };
        }
    }
}

/// Which of the standard streams were closed when this program was started.
static CLOSED: [AtomicBool; 3] = [const { AtomicBool::new(false) }; 3];

/// Runs before `main`, where something takes the place of a closed stream. After that, nothing tells such a stream from
/// a `/dev/null` that the caller gave in order to discard all output.
extern "C" fn note_closed() {
    for (closed, number) in CLOSED.iter().zip(0..) {
        // SAFETY: F_GETFD only asks.
        let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
        closed.store(flags < 0, Ordering::Relaxed);
    }
}

// SAFETY: the C library calls the functions in this section with one thread, once the C library itself is ready. It
// takes functions with or without arguments.
#[used]
#[unsafe(link_section = ".init_array")]
static NOTE_CLOSED: extern "C" fn() = note_closed;

/// Whether standard output (if `output`, else standard error) was closed when this program was started.
pub fn was_closed(output: bool) -> bool {
    let [_, first, second] = &CLOSED;
    if output { first } else { second }.load(Ordering::Relaxed)
}

/// Puts `/dev/null` in the place of each standard stream that is closed, so that no file that is opened later gets its
/// number. Without `/dev/null` that is the root directory, opened for nothing (`O_PATH`): using it fails as a closed
/// stream does.
pub(super) fn fill_closed() {
    for _ in CLOSED.iter().filter(|closed| closed.load(Ordering::Relaxed)) {
        // SAFETY: the paths are C strings, and nobody owns the number of a closed stream yet. The kernel gives the least
        // number that is free, which is this one, as those before it are open by now.
        unsafe {
            if libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) < 0 {
                // If that fails, too, there is no other way, and nowhere to tell it.
                libc::open(c"/".as_ptr(), libc::O_PATH);
            }
        }
    }
}
