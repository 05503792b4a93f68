//! The names that are to go, each found again by its path and by its file.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::rc::Rc;

use super::index::Index;
use crate::harden::found::{Cause, Found, Parent, Shared};
use crate::root::{Canonical, Entry, Identity, InRoot, Kind};

/// The names that are to go. A position is that of a name in the list.
#[derive(Default)]
pub(super) struct Removals {
    found: Vec<Rc<Found>>,
    /// A name that is chosen to hash alike would make a walk take for ever.
    random: RandomState,
    paths: Index,
    /// Files and directories, by the name found first.
    files: Index,
    /// The directory that was remembered last.
    last: Option<Rc<Parent>>,
    /// Paths of what others lead to.
    shared: HashMap<usize, Shared>,
}

impl Removals {
    /// A name as it is remembered, without being added.
    pub(super) fn remember(&mut self, entry: Entry<'_>, rule: usize, cause: Cause) -> Rc<Found> {
        let parent = self.directory(entry.directory, entry.parent.id);
        let (name, stat) = (entry.name.into(), entry.stat);
        Rc::new(Found { parent, name, stat, rule, cause, library: None, names: 0, occupied: false })
    }

    /// The directory at this path as it is remembered: it shares with the last one what both have in common.
    pub(super) fn directory(&mut self, path: &Canonical, id: Identity) -> Rc<Parent> {
        let random = &self.random;
        let directory = Parent::of(self.last.as_ref(), path, id, &|hash, name| hash_name(random, hash, name));
        self.last = Some(Rc::clone(&directory));
        directory
    }

    /// Adds a name that is not among them.
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

    /// The position of a path, whether or not it can go.
    pub(super) fn position(&self, path: &[u8]) -> Option<usize> {
        let (end, hash) = self.steps(path).last()?;
        self.step(path, end, hash)
    }

    /// The position of a path that goes.
    pub(super) fn doomed_path(&self, path: &[u8]) -> Option<usize> {
        self.position(path).filter(|position| !self.is_occupied(*position))
    }

    /// The position of a path that goes, or of the nearest directory above it that does.
    pub(super) fn doomed_above(&self, path: &[u8]) -> Option<usize> {
        self.upwards(path).find(|position| !self.is_occupied(*position))
    }

    /// The position of the first name of a file or directory that goes.
    pub(super) fn doomed_file(&self, id: Identity) -> Option<usize> {
        self.first_name(id).filter(|position| !self.is_occupied(*position))
    }

    /// The path at this position, once for all that lead there.
    pub(super) fn shared_path(&mut self, position: usize) -> Option<Shared> {
        if let Some(known) = self.shared.get(&position) {
            return Some(Rc::clone(known));
        }
        let path = Rc::new(self.get(position)?.path());
        self.shared.insert(position, Rc::clone(&path));
        Some(path)
    }

    /// Marks the directories above `path`, which stays: they cannot go, and doom nothing.
    pub(super) fn occupy_above(&mut self, path: &Canonical) {
        // What is above one that is known to stay is known, too.
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

    /// Where each name of a path ends, and the hash of the path up to there.
    fn steps(&self, path: &[u8]) -> impl Iterator<Item = (usize, u64)> {
        let (mut end, mut hash) = (0, 0);
        std::iter::from_fn(move || {
            let name = path.get(end + 1..)?.split(|&byte| byte == b'/').next()?;
            hash = hash_name(&self.random, hash, name);
            end += 1 + name.len();
            Some((end, hash))
        })
    }

    /// The position of the first `end` bytes of a path, which have this hash.
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
