//! Where an app with a read-only root needs volumes, by what has changed.

use std::collections::HashSet;

use super::Since;
use super::changes::{Changes, Event};
use crate::root::{Canonical, Details, Kind, Root};
use crate::text::order::sort_by;

/// A directory that must be a writable volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Where it is mounted.
    pub path: Canonical,
    /// How many names of the image an empty volume there would hide.
    pub hides: u64,
}

/// The volumes, in order of their paths. None lies in another one. The root itself is among them if names were made
/// right in it: no volume can be mounted there.
pub fn volumes(root: &Root, since: &Since, changes: &Changes) -> Vec<Volume> {
    let mut search = Search { root, since, changes, empty: HashSet::new(), places: HashSet::new() };
    for change in &changes.list {
        let parent = change.path.parent().unwrap_or_default();
        match change.event {
            // Another mode or owner, or another link elsewhere: no name was made here, and no content was changed.
            Event::Changed if change.modified < since.start && !changes.renewed.contains(&parent) => {}
            Event::Changed => search.add(parent),
            Event::Made if search.is_free(&parent) => search.add(parent),
            Event::Made => search.add(change.path.clone()),
            Event::Emptied if search.is_free(&change.path) => search.add(change.path.clone()),
            Event::Emptied | Event::Attributes => {}
        }
    }
    let places = search.places;
    let covers = |above: Canonical| above != b"/" && places.contains(&above);
    let mut paths: Vec<&Canonical> = places.iter().filter(|path| !path.ancestors().any(covers)).collect();
    sort_by(&mut paths, Ord::cmp);
    let volume = |path: &Canonical| Volume { path: path.clone(), hides: of_image(root, since, changes, path) };
    paths.into_iter().map(volume).collect()
}

struct Search<'a> {
    root: &'a Root,
    since: &'a Since,
    changes: &'a Changes,
    /// Directories that hold nothing of the image.
    empty: HashSet<Canonical>,
    places: HashSet<Canonical>,
}

impl Search<'_> {
    /// Adds the directory, or the one above it in which the app seems to have made it, if that hides nothing.
    fn add(&mut self, mut path: Canonical) {
        while let Some(parent) = path.parent() {
            if self.places.contains(&path) || !self.is_free(&parent) {
                break;
            }
            path = parent;
        }
        self.places.insert(path);
    }

    /// Whether an empty volume in place of the directory hides nothing of the image.
    fn is_free(&mut self, path: &Canonical) -> bool {
        if *path == b"/" || !self.changes.renewed.contains(path) {
            return false;
        }
        if self.empty.contains(path) {
            return true;
        }
        let free = of_image(self.root, self.since, self.changes, path) == 0;
        if free {
            self.empty.insert(path.clone());
        }
        free
    }
}

/// How many names in the directory are older, and so the image's. A name on another mount is nobody's.
fn of_image(root: &Root, since: &Since, changes: &Changes, path: &Canonical) -> u64 {
    let Ok(directory) = root.directory(path) else { return 0 };
    let renewed = changes.renewed.contains(path);
    let mut count = 0;
    let _ = directory.list(&mut |listed| {
        let Ok(details) = listed.and_then(|(name, _)| directory.details(name)) else { return Ok(()) };
        let Details { stat, changed, modified, .. } = details;
        // A directory that was copied up is older, and only its time of change is new.
        let is_older = changed < since.start || stat.kind == Kind::Directory && modified < since.start || !renewed;
        count += u64::from(is_older && stat.mount == root.stat().mount);
        Ok(())
    });
    count
}
