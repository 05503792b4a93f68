//! Ctrl-C and SIGTERM: what is done before they end the plugin.

use nix::sys::signal::{SigSet, Signal};

/// From now on these signals first call `act`, and then end the process, as they do without this. Signals are taken by a
/// thread of their own, so that nothing is forbidden there.
pub(crate) fn before_end(act: impl FnOnce() + Send + 'static) {
    let mut signals = SigSet::empty();
    let ignored = ignored();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // What `nohup`, or a shell for a job in the background, has left ignored ends nothing.
        if (ignored >> (signal as i32 - 1)) & 1 == 0 {
            signals.add(signal);
        }
    }
    // Without the thread nothing is blocked, and a signal ends the process at once.
    if signals.thread_block().is_err() {
        return;
    }
    let waiting = std::thread::Builder::new().spawn(move || {
        let Ok(signal) = signals.wait() else { return };
        act();
        let _ = signals.thread_unblock();
        let _ = nix::sys::signal::raise(signal);
    });
    if waiting.is_err() {
        let _ = signals.thread_unblock();
    }
}

/// The signals that this process ignores: bit 0 is signal 1 (`SigIgn`, `proc_pid_status(5)`). None if that is not known.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
