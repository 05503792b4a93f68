//! From when on, and by whom, a change counts.

use crate::harden::mark::Mark;
use crate::linux::time::Time;

/// From when on a change counts.
#[derive(Debug)]
pub struct Since {
    /// A file that was changed at this time or later counts.
    pub start: Time,
    /// What lithify itself has changed, which does not count.
    pub mark: Mark,
}
