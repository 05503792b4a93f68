//! A lock between processes of lithify (`flock(2)`). The kernel ends it with the process, however that ends.

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// A lock that ends with this value.
pub(crate) struct Lock(Option<Flock<OwnedFd>>);

impl Lock {
    /// Locks an open file or directory. Does not wait: `EWOULDBLOCK` if another process has locked it.
    pub(crate) fn take(file: OwnedFd) -> Result<Self, Errno> {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Self(Some(lock))),
            Err((_, errno)) => Err(errno),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // nix panics if the kernel, or a sandbox, refuses to unlock. Then the descriptor stays open, and ends with the process.
        if let Some(Err((lock, _))) = self.0.take().map(Flock::unlock) {
            std::mem::forget(lock);
        }
    }
}
