//! What an app has written: in its root, by the times of its files, and where else it may write.

use super::observed::{Observed, Writes};
use crate::drift::{Since, changes, volumes};
use crate::harden::mark::Mark;
use crate::linux::proc::Task;
use crate::linux::time::Time;
use crate::profile::Profile;
use crate::root::{Canonical, Kind, Root};
use crate::seal::{Exclusions, Scope};
use crate::text::order::sort_by;

/// Where kernel and runtime mount what is theirs.
const RUNTIME: [&str; 7] = ["/proc", "/sys", "/dev", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/run/secrets"];

/// Adds to `observed` what was written in `root` since `start`, without what `profile` leaves out. `task` sees the mounts
/// that the app sees.
pub fn look(root: &Root, task: Task, start: Time, profile: &Profile, observed: &mut Observed) {
    let since = Since { start, mark: Mark::read(root).unwrap_or_default() };
    if let Ok(changes) = changes(root, &since, Exclusions::of(root, profile, Scope::Executables)) {
        let volumes = volumes(root, &since, &changes);
        observed.writes = Some(Writes { since, changes, volumes });
    }
    let Ok(mounts) = task.mounts() else { return };
    for mount in mounts.visible().filter(|mount| !mount.is_read_only()) {
        let Ok(place) = root.walk(mount.point.as_slice(), false) else { continue };
        let is_runtime = |path: &&str| place.path.is_within(path.as_bytes()) || place.path == path.as_bytes();
        let is_other = place.stat.kind == Kind::Directory && place.path != b"/" && !RUNTIME.iter().any(is_runtime);
        if is_other && !observed.volumes.contains(&place.path) {
            observed.volumes.push(place.path);
        }
    }
    sort_by(&mut observed.volumes, Canonical::cmp);
}
