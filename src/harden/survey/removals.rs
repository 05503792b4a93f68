//! The names that are to go. Each can be looked up by its path and by its file.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::rc::Rc;

use super::index::Index;
use crate::harden::found::{Cause, Found, Parent, Shared};
use crate::root::{Canonical, Entry, Identity, InRoot, Kind};

/// The names that are to go. A position is an index into the list of names.
#[derive(Default)]
pub(super) struct Removals {
    found: Vec<Rc<Found>>,
    /// Names could be chosen so that they have the same hash and a walk never ends: a random key stops this.
    random: RandomState,
    paths: Index,
    /// Files and directories, by the name that was found first.
    files: Index,
    /// The directory that was remembered last, to share directories with it.
    last: Option<Rc<Parent>>,
    /// Paths that other names lead to.
    shared: HashMap<usize, Shared>,
    /// Files that are programs by their content: none of them is a library, whatever else is written in it.
    pub programs: HashSet<Identity>,
}

impl Removals {
    /// Makes a record of a name without adding it.
    pub(super) fn remember(&mut self, entry: Entry<'_>, rule: usize, cause: Cause) -> Rc<Found> {
        let parent = self.directory(entry.directory, entry.parent.id);
        let (name, stat) = (entry.name.into(), entry.stat);
        Rc::new(Found { parent, name, stat, rule, cause, library: None, names: 0, occupied: false })
    }

    /// The directory at this path. It shares the directories that it has in common with the last one.
    pub(super) fn directory(&mut self, path: &Canonical, id: Identity) -> Rc<Parent> {
        let random = &self.random;
        let directory = Parent::of(self.last.as_ref(), path, id, &|hash, name| hash_name(random, hash, name));
        self.last = Some(Rc::clone(&directory));
        directory
    }

    /// Adds a name. It must not be in the list.
    pub(super) fn push(&mut self, mut found: Rc<Found>) {
        let first = self.first_name(found.stat.id);
        let is_first = found.stat.kind != Kind::Symlink && first.is_none();
        if let Some(first) = first.and_then(|first| self.get_mut(first)) {
            first.names += 1;
        }
        if let Some(found) = Rc::get_mut(&mut found) {
            found.names = u32::from(is_first);
        }
        let position = self.found.len();
        self.found.push(found);
        let Self { found, random, paths, files, .. } = self;
        let path = |at: usize| found.get(at).map_or(0, |found| hash_name(random, found.parent.hash(), &found.name));
        paths.insert(path(position), position, &path);
        if is_first {
            let file = |at: usize| found.get(at).map_or(0, |found| hash_file(random, found.stat.id));
            files.insert(file(position), position, &file);
        }
    }

    pub(super) fn get(&self, position: usize) -> Option<&Found> {
        self.found.get(position).map(Rc::as_ref)
    }

    pub(super) fn get_mut(&mut self, position: usize) -> Option<&mut Found> {
        self.found.get_mut(position).and_then(Rc::get_mut)
    }

    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Found> {
        self.found.iter().map(Rc::as_ref)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Found> {
        self.found.iter_mut().filter_map(Rc::get_mut)
    }

    pub(super) fn into_list(self) -> Vec<Rc<Found>> {
        self.found
    }

    /// The position of a path, even if it cannot be removed.
    pub(super) fn position(&self, path: &[u8]) -> Option<usize> {
        let (end, hash) = self.steps(path).last()?;
        self.step(path, end, hash)
    }

    /// The position of a path, if it goes.
    pub(super) fn doomed_path(&self, path: &[u8]) -> Option<usize> {
        self.position(path).filter(|position| !self.is_occupied(*position))
    }

    /// The position of a path if it goes, or else of the nearest directory above it that goes.
    pub(super) fn doomed_above(&self, path: &[u8]) -> Option<usize> {
        self.upwards(path).find(|position| !self.is_occupied(*position))
    }

    /// The position of the first name of a file or directory, if it goes.
    pub(super) fn doomed_file(&self, id: Identity) -> Option<usize> {
        self.first_name(id).filter(|position| !self.is_occupied(*position))
    }

    /// The path at this position. All names that lead there share one copy.
    pub(super) fn shared_path(&mut self, position: usize) -> Option<Shared> {
        if let Some(known) = self.shared.get(&position) {
            return Some(Rc::clone(known));
        }
        let path = Rc::new(self.get(position)?.path());
        self.shared.insert(position, Rc::clone(&path));
        Some(path)
    }

    /// Marks the directories above `path`, which stays: they cannot be removed, so what leads to them stays.
    pub(super) fn occupy_above(&mut self, path: &Canonical) {
        // The directories above a marked one are marked already.
        let above = self.upwards(InRoot(path).directory()).take_while(|position| !self.is_occupied(*position));
        for position in above.collect::<Vec<_>>() {
            if let Some(found) = self.get_mut(position) {
                found.occupied = true;
            }
        }
    }

    fn is_occupied(&self, position: usize) -> bool {
        self.get(position).is_some_and(|found| found.occupied)
    }

    /// The position of the first name of the file `id`.
    fn first_name(&self, id: Identity) -> Option<usize> {
        let is = |position| self.get(position).is_some_and(|found| found.stat.id == id);
        self.files.get(hash_file(&self.random, id), &is)
    }

    /// The positions of `path` and of the directories above it, nearest first.
    fn upwards(&self, path: &[u8]) -> impl Iterator<Item = usize> {
        let steps: Vec<(usize, u64)> = self.steps(path).collect();
        steps.into_iter().rev().filter_map(move |(end, hash)| self.step(path, end, hash))
    }

    /// The end of each name in a path, and the hash of the path up to there.
    fn steps(&self, path: &[u8]) -> impl Iterator<Item = (usize, u64)> {
        let (mut end, mut hash) = (0, 0);
        std::iter::from_fn(move || {
            let name = path.get(end + 1..)?.split(|&byte| byte == b'/').next()?;
            hash = hash_name(&self.random, hash, name);
            end += 1 + name.len();
            Some((end, hash))
        })
    }

    /// The position of the path that is the first `end` bytes of `path` and has this hash.
    fn step(&self, path: &[u8], end: usize, hash: u64) -> Option<usize> {
        let path = path.get(..end)?;
        let (directory, name) = (InRoot(path).directory(), InRoot(path).name());
        self.paths.get(hash, &|position| {
            self.get(position).is_some_and(|found| *found.name == *name && found.parent.is(directory))
        })
    }
}

fn hash_name(random: &RandomState, directory: u64, name: &[u8]) -> u64 {
    let mut hasher = random.build_hasher();
    hasher.write_u64(directory);
    hasher.write(name);
    hasher.finish()
}

fn hash_file(random: &RandomState, id: Identity) -> u64 {
    let mut hasher = random.build_hasher();
    hasher.write_u64(id.dev);
    hasher.write_u64(id.ino);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::Stat;
    use crate::root::path::canonical;

    fn stat(ino: u64) -> Stat {
        Stat { id: Identity { dev: 1, ino }, kind: Kind::File, mode: 0, nlink: 1, uid: 0, gid: 0, size: 0, mount: 1 }
    }

    #[test]
    fn everything_is_found_again_and_nothing_else() {
        let mut removals = Removals::default();
        let path = |number: usize| (["/", "/usr/bin", "/a"][number % 3], format!("name-{}", number / 3));
        for number in 0..5000 {
            let (directory, name) = path(number);
            let (directory, parent) = (canonical(directory), stat(0));
            let stat = stat(number as u64 / 2);
            let entry = Entry { directory: &directory, parent: &parent, name: name.as_bytes(), stat };
            let found = removals.remember(entry, 0, Cause::Rule);
            removals.push(found);
        }
        for number in 0..5000 {
            let (directory, name) = path(number);
            let path = InRoot(directory.as_bytes()).join(name.as_bytes());
            assert_eq!(removals.position(&path), Some(number), "{}", String::from_utf8_lossy(&path));
            assert_eq!(removals.doomed_file(Identity { dev: 1, ino: number as u64 / 2 }), Some(number & !1));
            assert_eq!(removals.get(number).unwrap().names, if number % 2 == 0 { 2 } else { 0 });
            let below = [&path, b"/x/y".as_slice()].concat();
            assert_eq!(removals.upwards(&below).collect::<Vec<_>>(), [number]);
        }
        for path in ["/", "", "name-0", "/usr/bin", "/usr/bin/", "/usr/bin/name-1667", "/b/name-0", "//name-0"] {
            assert_eq!(removals.position(path.as_bytes()), None, "{path}");
        }
        assert_eq!(removals.doomed_file(Identity { dev: 2, ino: 0 }), None);
        assert_eq!(Removals::default().position(b"/x"), None);
    }

    #[test]
    fn what_stays_occupies_the_directories_above_it() {
        let mut removals = Removals::default();
        for (directory, name, ino) in [("/", "a", 1), ("/a", "b", 2), ("/a/b", "c", 3)] {
            let (directory, parent) = (canonical(directory), stat(0));
            let entry = Entry { directory: &directory, parent: &parent, name: name.as_bytes(), stat: stat(ino) };
            let found = removals.remember(entry, 0, Cause::Rule);
            removals.push(found);
        }
        removals.occupy_above(&canonical("/a/b/stays"));
        assert_eq!((removals.doomed_path(b"/a"), removals.doomed_path(b"/a/b/c")), (None, Some(2)));
        assert_eq!((removals.doomed_above(b"/a/b/x"), removals.doomed_above(b"/a/b/c/x")), (None, Some(2)));
        assert_eq!((removals.doomed_file(Identity { dev: 1, ino: 1 }), removals.position(b"/a")), (None, Some(0)));
    }
}
