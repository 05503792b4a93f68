//! `lithify sleep`: for `preStop` hooks in images that have no `sleep` any more.

use std::time::Duration;

use crate::report::Exit;

/// Waits; SIGTERM, SIGINT and SIGHUP end it at once with 128 plus their number, also as process 1, which the kernel would
/// spare otherwise.
pub(super) fn sleep(time: Duration) -> Exit {
    match crate::sys::wait_for_end(time) {
        None => Exit::Ok,
        Some(signal) => Exit::Signal(u8::try_from(signal).unwrap_or(0)),
    }
}
