//! What the app has written, and on which volumes it could have. Reads only.

use super::observed::{Observed, Writes};
use crate::drift::{Since, changes, volumes};
use crate::linux::filesystem::is_left_out;
use crate::profile::Profile;
use crate::root::{Canonical, Kind, RootError};
use crate::seal::{Exclusions, Scope};
use crate::target::Target;
use crate::text::order::sort_by;
use crate::verify::{inside, is_runtime_mount};

/// Adds to `observed` what was written since `since`, without what `profile` leaves out. Fails if the root cannot be
/// walked.
pub fn add_writes(observed: &mut Observed, target: &Target, profile: &Profile, since: Since) -> Result<(), RootError> {
    let root = &target.root;
    let changes = changes(root, &since, Exclusions::of(root, profile, Scope::Executables))?;
    let volumes = volumes(root, &since, &changes);
    observed.writes = Some(Writes { since, changes, volumes });
    observed.volumes = other_mounts(target);
    Ok(())
}

/// Mount points of writable directories that are neither the root's nor the runtime's nor the kernel's.
fn other_mounts(target: &Target) -> Vec<Canonical> {
    let Ok((mounts, prefix)) = target.owner.mounts() else { return Vec::new() };
    let mut points = Vec::new();
    for mount in mounts.visible().filter(|mount| !mount.is_read_only()) {
        let Some(point) = inside(&prefix, &mount.point) else { continue };
        let Ok(place) = target.root.walk(point, true) else { continue };
        let directory = place.stat.kind == Kind::Directory;
        let own = place.stat.mount == target.root.stat().mount;
        let kernels = target.root.filesystem(&place.path).is_none_or(is_left_out);
        if directory && !own && !kernels && !is_runtime_mount(point, mount, directory) {
            points.push(place.path);
        }
    }
    sort_by(&mut points, Canonical::cmp);
    points
}
