//! Standard output and standard error: a write is complete, or says why it is not.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::linux::error::errno;
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

    /// Another descriptor of it, as a file. `EBADF` if the stream was closed when the program started.
    pub fn duplicate(self) -> Result<File, Errno> {
        if sys::descriptor::was_closed(self == Self::Output) {
            return Err(Errno::EBADF);
        }
        let duplicated = match self {
            Self::Output => std::io::stdout().as_fd().try_clone_to_owned(),
            Self::Error => std::io::stderr().as_fd().try_clone_to_owned(),
        };
        duplicated.map(File::from).map_err(|error| errno(&error))
    }

    /// Writes all of `text` at once. `EBADF` if the stream was closed when the program started: the standard library
    /// would write to `/dev/null` then and report success.
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
            // Another process with the same pipe made it non-blocking: the pipe is full, not closed.
            Err(Errno::EAGAIN) => {
                let _ = poll(&mut [PollFd::new(fd, PollFlags::POLLOUT)], PollTimeout::NONE);
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
