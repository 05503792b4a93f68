//! Ctrl-C and SIGTERM remove what was spooled.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};

/// From now on these signals remove `directory` and then end the process, as they do without this. Signals are taken by
/// a thread of their own, so that nothing is forbidden there.
pub(super) fn remove(directory: &Path) {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        signals.add(signal);
    }
    // Without the thread nothing is blocked, and a signal leaves the directory behind.
    if signals.thread_block().is_err() {
        return;
    }
    let directory = directory.to_owned();
    let waiting = std::thread::Builder::new().spawn(move || {
        let Ok(signal) = signals.wait() else { return };
        // The other thread may be making files there.
        for _ in 0..50 {
            if std::fs::remove_dir_all(&directory).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = signals.thread_unblock();
        let _ = nix::sys::signal::raise(signal);
    });
    if waiting.is_err() {
        let _ = signals.thread_unblock();
    }
}
