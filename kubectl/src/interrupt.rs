//! Ctrl-C and SIGTERM: what is done before they end the plugin.

use nix::sys::signal::{SigSet, Signal};

/// From now on these signals first call `act`, and then end the process, as they do without this. Signals are taken by a
/// thread of their own, so that nothing is forbidden there.
pub(crate) fn before_end(act: impl FnOnce() + Send + 'static) {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        signals.add(signal);
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
