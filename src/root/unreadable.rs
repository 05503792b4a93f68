//! Errors of what could not be looked at.

use nix::errno::Errno;

use super::{Failure, RootError};

/// What could not be looked at, each path once. A search goes on without it.
#[derive(Debug, Default)]
pub struct Unreadable(Vec<RootError>);

impl Unreadable {
    /// Notes an error. Ignores a file that does not exist (any more). Returns the error if a file's mount is unknown or
    /// the deadline has come: either ends the search.
    pub fn note(&mut self, error: RootError) -> Result<(), RootError> {
        match error.errno() {
            _ if matches!(error.failure(), Failure::MountUnknown { .. } | Failure::Late) => return Err(error),
            Errno::ENOENT | Errno::ENOTDIR => {}
            // A search that looks twice meets the error twice.
            _ if self.0.iter().any(|known| known.path() == error.path()) => {}
            _ => self.0.push(error),
        }
        Ok(())
    }

    /// Fails with the last error if there is one, for a search that must see everything.
    pub fn none(mut self) -> Result<(), RootError> {
        self.0.pop().map_or(Ok(()), Err)
    }

    /// All errors, in the order in which they were met.
    pub fn into_errors(self) -> Vec<RootError> {
        self.0
    }
}
