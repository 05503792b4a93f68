//! What the app has written, and on which volumes it could have. Reads only.

use super::observed::{Observed, Writes};
use crate::drift::{Since, changes, volumes};
use crate::profile::Profile;
use crate::root::RootError;
use crate::seal::{Exclusions, Scope};
use crate::target::Target;

/// Adds to `observed` what was written since `since`, without what `profile` leaves out. Fails if the root cannot be
/// walked.
pub fn add_writes(observed: &mut Observed, target: &Target, profile: &Profile, since: Since) -> Result<(), RootError> {
    let root = &target.root;
    let changes = changes(root, &since, Exclusions::of(root, profile, Scope::Executables))?;
    let volumes = volumes(root, &since, &changes);
    observed.writes = Some(Writes { since, changes, volumes });
    observed.note_volumes(root, &target.owner);
    Ok(())
}
