//! Lets only one lithify work in a volume at a time: `flock(2)` on its directory. The kernel drops the lock when the
//! process ends, however it ends. So anything unfinished that a holder finds was left by a run that was killed.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use crate::linux::lock::Lock;

/// How long to wait for another run.
const PATIENCE: Duration = Duration::from_secs(60);

/// A volume that this process may work in.
pub struct VolumeLock(Option<Lock>);

impl VolumeLock {
    /// Locks `directory` and waits up to a minute for another run. Fails with `EWOULDBLOCK` if that run does not end.
    /// Does not wait if the filesystem has no locks.
    pub fn take(directory: BorrowedFd<'_>) -> Result<Self, Errno> {
        let start = Instant::now();
        loop {
            let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
            let own = openat(directory, c".", flags, Mode::empty())?;
            match Lock::take(own) {
                Ok(lock) => return Ok(Self(Some(lock))),
                Err(Errno::EWOULDBLOCK | Errno::EINTR) if start.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(Errno::EWOULDBLOCK | Errno::EINTR) => return Err(Errno::EWOULDBLOCK),
                Err(_) => return Ok(Self(None)),
            }
        }
    }

    /// Whether no other run works there now.
    pub fn is_held(&self) -> bool {
        self.0.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn one_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let open = || std::fs::File::open(directory.path()).unwrap();
        let first = VolumeLock::take(open().as_fd()).unwrap();
        assert!(first.is_held());
        assert_eq!(Lock::take(open().into()).err(), Some(Errno::EWOULDBLOCK));
        let waiting = open();
        let start = Instant::now();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| VolumeLock::take(waiting.as_fd()).unwrap().is_held());
            std::thread::sleep(Duration::from_millis(100));
            drop(first);
            assert!(waits.join().unwrap());
        });
        assert!(start.elapsed() >= Duration::from_millis(100));
    }
}
