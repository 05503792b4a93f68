//! Where the app wrote: `[verify.mounts]`, and the ground of `[confine] write`.

use super::observed::Observed;
use crate::drift::Event;
use crate::root::{Canonical, Kind, Root};
use crate::text::order::sort_by;

/// A directory in which the app writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writable {
    /// The directory.
    pub path: Canonical,
    /// What was seen of it.
    pub written: Written,
    /// Whether the image may not have it, because the app seems to have made it.
    pub made: bool,
}

/// What was seen of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Names were made or changed in it. It holds this many of the image, which an empty volume would hide.
    Changed {
        /// How many.
        hides: u64,
    },
    /// Names were removed or renamed in it.
    Emptied,
    /// It was a writable volume.
    Volume,
    /// It holds shared memory, which leaves no trace.
    SharedMemory,
}

/// Where POSIX shared memory lies (`shm_overview(7)`).
const SHARED_MEMORY: &[u8] = b"/dev/shm";

/// Where the app wrote, in order of the paths; `None` if that is not known. The root itself is among them if names were
/// made right in it.
pub(super) fn writable(root: &Root, observed: &Observed) -> Option<Vec<Writable>> {
    let writes = observed.writes.as_ref()?;
    let renewed = |path: &Canonical| path.parent().is_some_and(|parent| writes.changes.renewed.contains(&parent));
    let mut list: Vec<Writable> = Vec::new();
    for volume in &writes.volumes {
        let made = volume.hides == 0 && renewed(&volume.path);
        list.push(Writable { path: volume.path.clone(), written: Written::Changed { hides: volume.hides }, made });
    }
    let covered = |path: &Canonical| list.iter().any(|known| known.path != b"/" && path.is_within(&known.path));
    let emptied = writes.changes.list.iter().filter(|change| change.event == Event::Emptied);
    let emptied: Vec<Canonical> =
        emptied.map(|change| change.path.clone()).filter(|path| *path != b"/" && !covered(path)).collect();
    list.extend(emptied.into_iter().map(|path| Writable { path, written: Written::Emptied, made: false }));
    let volume = |path: &Canonical| Writable { path: path.clone(), written: Written::Volume, made: true };
    list.extend(observed.volumes.iter().map(volume));
    if let Ok(place) = root.walk(SHARED_MEMORY, true) {
        if place.stat.kind == Kind::Directory && place.stat.mount != root.stat().mount {
            list.push(Writable { path: place.path, written: Written::SharedMemory, made: true });
        }
    }
    sort_by(&mut list, |a, b| a.path.cmp(&b.path));
    list.dedup_by(|later, earlier| later.path == earlier.path);
    Some(list)
}
