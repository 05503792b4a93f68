//! `lithify sleep`: for `preStop` hooks in images that have no `sleep` any more.

use std::time::Duration;

use nix::errno::Errno;

use crate::linux::deadline::Deadline;
use crate::linux::sys;
use crate::report::Exit;

/// Waits; SIGTERM, SIGINT and SIGHUP end it at once with 128 plus their number, also as process 1, which the kernel would
/// spare otherwise.
pub(super) fn sleep(time: Duration) -> Exit {
    let deadline = Deadline::after(time);
    loop {
        match sys::signal::wait_for_end(deadline.remaining()) {
            Ok(None) => return Exit::Ok,
            Ok(Some(signal)) => return Exit::Signal(u8::try_from(signal).unwrap_or(0)),
            Err(Errno::EINTR) => {}
            // Refused by a seccomp profile: then signals do what they do by default.
            Err(_) => {
                std::thread::sleep(deadline.remaining());
                return Exit::Ok;
            }
        }
    }
}
