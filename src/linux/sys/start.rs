//! The first that this program does. The C library calls `main` without the standard library's own start, which ends the
//! program if a standard stream is closed and there is no `/dev/null`, and makes some twenty system calls that nothing here
//! needs: a stack for a handler that tells of overflows, and the handler.

use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nix::errno::Errno;
use nix::libc;

use super::signal;

/// The signals that were blocked when this program was started.
static BLOCKED: AtomicU64 = AtomicU64::new(0);

/// Whether SIGPIPE was ignored when this program was started.
static IGNORED_PIPE: AtomicBool = AtomicBool::new(false);

/// Defines the `main` that the C library calls, which takes the arguments and returns the exit code, and the allocator.
#[macro_export]
macro_rules! start {
    ($main:path) => {
        #[global_allocator]
        static ARENA: $crate::linux::Arena = $crate::linux::Arena::new();

        // SAFETY: it is the only `main` of the program, and has the type that the C library expects.
        #[unsafe(no_mangle)]
        extern "C" fn main(count: std::ffi::c_int, arguments: *const *const std::ffi::c_char) -> std::ffi::c_int {
            // SAFETY: the C library passes that many C strings.
            let arguments = unsafe { $crate::linux::begin(count, arguments) };
            std::ffi::c_int::from($main(arguments))
        }
    };
}

/// Blocks every signal but those of a fault, before anything else is done: whoever starts an app must pass on what came
/// before the app was there. [`release_signals`] ends that. From now on SIGPIPE is ignored, and a write to a pipe that
/// nobody reads fails. Returns the arguments.
///
/// # Safety
///
/// `arguments` points to `count` C strings that live as long as the process.
pub unsafe fn begin(count: c_int, arguments: *const *const c_char) -> Vec<OsString> {
    BLOCKED.store(signal::block_all_but_faults().unwrap_or_default(), Ordering::Relaxed);
    IGNORED_PIPE.store(signal::ignore_sigpipe(), Ordering::Relaxed);
    super::descriptor::fill_closed();
    let count = usize::try_from(count).unwrap_or_default();
    // SAFETY: the caller promises it.
    let argument = |index| unsafe { CStr::from_ptr(*arguments.add(index)) };
    (0..count).map(|index| OsStr::from_bytes(argument(index).to_bytes()).to_owned()).collect()
}

/// Blocks only what was blocked when this program was started. What has come since then acts now.
pub fn release_signals() {
    let _ = signal::set_signal_mask(BLOCKED.load(Ordering::Relaxed));
}

/// Gives signals back as this program got them: what it ignores, and what it blocks.
pub fn restore_signals() -> Result<(), Errno> {
    if !IGNORED_PIPE.load(Ordering::Relaxed) {
        signal::set_action(libc::SIGPIPE, false);
    }
    signal::set_signal_mask(BLOCKED.load(Ordering::Relaxed)).map(drop)
}
