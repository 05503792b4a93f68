//! What could not be looked at.

use nix::errno::Errno;

use super::{Failure, RootError};

/// What could not be looked at, each path once: a search goes on without it.
#[derive(Debug, Default)]
pub struct Unreadable(Vec<RootError>);

impl Unreadable {
    /// Notes an error. What is not there (any more) is no matter; not knowing a file's mount is, and the deadline ends
    /// everything.
    pub fn note(&mut self, error: RootError) -> Result<(), RootError> {
        match error.errno() {
            _ if matches!(error.failure(), Failure::MountUnknown { .. } | Failure::Late) => return Err(error),
            Errno::ENOENT | Errno::ENOTDIR => {}
            // Whoever looks twice meets it twice.
            _ if self.0.iter().any(|known| known.path() == error.path()) => {}
            _ => self.0.push(error),
        }
        Ok(())
    }

    /// The last of them as an error, for a search that must see everything.
    pub fn none(mut self) -> Result<(), RootError> {
        self.0.pop().map_or(Ok(()), Err)
    }

    /// All of them, in the order in which they were met.
    pub fn into_errors(self) -> Vec<RootError> {
        self.0
    }
}
