//! Standard output and standard error: written whole, or the reason why not.

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::linux::sys;

/// Where text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

impl Stream {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Output => "standard output",
            Self::Error => "standard error",
        }
    }

    /// Writes all of `text`, at once. One that was closed at the start is `EBADF`: the standard library writes to
    /// `/dev/null` then, and says that all is well.
    pub fn write(self, text: &str) -> Result<(), Errno> {
        if text.is_empty() {
            return Ok(());
        }
        if sys::descriptor::was_closed(self == Self::Output) {
            return Err(Errno::EBADF);
        }
        match self {
            Self::Output => write(std::io::stdout().as_fd(), text.as_bytes()),
            Self::Error => write(std::io::stderr().as_fd(), text.as_bytes()),
        }
    }
}

fn write(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match nix::unistd::write(fd, bytes) {
            Ok(0) => return Err(Errno::EIO),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            // Somebody with the same pipe made it non-blocking: it is full, not closed.
            Err(Errno::EAGAIN) => {
                let _ = poll(&mut [PollFd::new(fd, PollFlags::POLLOUT)], PollTimeout::NONE);
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
