//! Where the app wrote: `[verify.mounts]`, and the ground of `[confine] write`.

use super::observed::Observed;
use std::ffi::CStr;

use crate::drift::Event;
use crate::linux::time::Time;
use crate::root::{Canonical, Directory, Kind, Look, Root, RootError, Visitor, walk_below};
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
    /// It is a volume, in which something was made, changed or removed.
    Volume,
    /// It holds shared memory, which leaves no trace.
    SharedMemory,
    /// It holds temporary files, which may have no name at any time (`O_TMPFILE`) and leave no trace then.
    Temporary,
}

/// Where POSIX shared memory lies (`shm_overview(7)`).
const SHARED_MEMORY: &[u8] = b"/dev/shm";

/// Where temporary files lie (`hier(7)`).
const TEMPORARY: [&[u8]; 2] = [b"/tmp", b"/var/tmp"];

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
    // A volume in which nothing has changed may be there for something else, as that of `--out`, and be read-only later.
    let volumes = observed.volumes.iter().filter(|path| is_changed(root, path, writes.since.start));
    list.extend(volumes.map(|path| Writable { path: path.clone(), written: Written::Volume, made: true }));
    if let Ok(place) = root.walk(SHARED_MEMORY, true) {
        if place.stat.kind == Kind::Directory && place.stat.mount != root.stat().mount {
            list.push(Writable { path: place.path, written: Written::SharedMemory, made: true });
        }
    }
    for path in TEMPORARY {
        if let Ok(place) = root.walk(path, true) {
            if place.stat.kind == Kind::Directory {
                list.push(Writable { path: place.path, written: Written::Temporary, made: true });
            }
        }
    }
    sort_by(&mut list, |a, b| a.path.cmp(&b.path));
    list.dedup_by(|later, earlier| later.path == earlier.path);
    Some(list)
}

/// Whether something in the volume at `path` was made, changed or removed since `start`. What cannot be looked at has
/// not.
fn is_changed(root: &Root, path: &Canonical, start: Time) -> bool {
    let Ok(directory) = root.directory(path) else { return false };
    let changed = directory.details(c"").is_ok_and(|details| details.changed >= start);
    let mut search = Search { start, mount: directory.own_stat().mount, changed };
    let _ = walk_below(root, directory, &mut search);
    search.changed
}

struct Search {
    start: Time,
    mount: u64,
    changed: bool,
}

impl Search {
    fn look(&mut self, directory: &Directory, name: &CStr) -> Result<(), RootError> {
        if !self.changed {
            let details = directory.details(name)?;
            self.changed = details.stat.mount == self.mount && details.changed >= self.start;
        }
        Ok(())
    }
}

impl Visitor for Search {
    fn entry(&mut self, directory: &Directory, _: Look, name: &CStr, _: Kind) -> Result<(), RootError> {
        self.look(directory, name)
    }

    fn meet(&mut self, parent: &Directory, _: Look, name: &CStr) -> Result<bool, RootError> {
        self.look(parent, name)?;
        Ok(!self.changed)
    }

    fn enter(&mut self, _: &Directory, _: Look, _: &CStr, child: &Directory) -> Result<Option<Look>, RootError> {
        Ok((child.own_stat().mount == self.mount).then_some(Look::All))
    }

    fn failed(&mut self, _: RootError) -> Result<(), RootError> {
        Ok(())
    }
}
