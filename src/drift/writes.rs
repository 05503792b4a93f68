//! What has been made or changed, with the volumes that a read-only root needs for that. Reads only.

use super::changes::{Changes, changes};
use super::since::Since;
use super::volumes::{Volume, volumes};
use crate::profile::Profile;
use crate::root::{Root, RootError};
use crate::seal::{Exclusions, Scope};

/// What was made or changed since the start.
#[derive(Debug)]
pub struct Writes {
    /// Since when.
    pub since: Since,
    /// Each name.
    pub changes: Changes,
    /// The volumes that a read-only root needs for that.
    pub volumes: Vec<Volume>,
}

impl Writes {
    /// Looks through `root` for what was made or changed, without what `profile` leaves out. Fails if the root cannot be
    /// walked.
    pub fn look(root: &Root, profile: &Profile, since: Since) -> Result<Self, RootError> {
        let changes = changes(root, &since, Exclusions::of(root, profile, Scope::Executables))?;
        let volumes = volumes(root, &since, &changes);
        Ok(Self { since, changes, volumes })
    }
}
