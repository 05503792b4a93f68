//! `lithify sleep`: for `preStop` hooks in images that no longer have `sleep`.

use std::time::Duration;

use nix::errno::Errno;

use crate::linux::deadline::Deadline;
use crate::linux::sys;
use crate::report::Exit;

/// Waits for `time`. SIGTERM, SIGINT and SIGHUP end the wait at once, and the exit code is 128 plus the signal's
/// number. This also holds for process 1, to which the kernel would not deliver them otherwise.
pub(super) fn sleep(time: Duration) -> Exit {
    let deadline = Deadline::after(time);
    loop {
        match sys::signal::wait_for_end(deadline.remaining()) {
            Ok(None) => return Exit::Ok,
            Ok(Some(signal)) => return Exit::Signal(u8::try_from(signal).unwrap_or(0)),
            Err(Errno::EINTR) => {}
            // A seccomp profile refuses it. Signals then have their default action.
            Err(_) => {
                std::thread::sleep(deadline.remaining());
                return Exit::Ok;
            }
        }
    }
}
