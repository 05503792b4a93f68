//! How a name that was found is found again: by path and by file, eight bytes each.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::rc::Rc;

use crate::harden::found::{Found, Parent};
use crate::root::{Identity, InRoot};

/// Where in a list something stands, by its hash: eight bytes an element, the key being in the list.
#[derive(Default)]
pub(super) struct Index {
    /// Position and one more; 0 where there is none. A power of two of them, at least half of them free.
    slots: Vec<u32>,
    used: usize,
}

impl Index {
    /// The position with this hash that `is` the one.
    pub(super) fn get(&self, hash: u64, is: &dyn Fn(usize) -> bool) -> Option<usize> {
        let mut at = self.first(hash)?;
        loop {
            let position = (*self.slots.get(at)? as usize).checked_sub(1)?;
            if is(position) {
                return Some(position);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// Adds a position; `hash_of` gives the hash of each that was added.
    pub(super) fn insert(&mut self, hash: u64, position: usize, hash_of: &dyn Fn(usize) -> u64) {
        if 2 * self.used >= self.slots.len() {
            let larger = vec![0; (2 * self.slots.len()).max(64)];
            for slot in std::mem::replace(&mut self.slots, larger).into_iter().filter(|slot| *slot > 0) {
                self.put(hash_of(slot as usize - 1), slot);
            }
        }
        self.used += 1;
        self.put(hash, u32::try_from(position + 1).unwrap_or(0));
    }

    fn put(&mut self, hash: u64, slot: u32) {
        let Some(mut at) = self.first(hash) else { return };
        while self.slots.get(at).is_some_and(|taken| *taken > 0) {
            at = (at + 1) & (self.slots.len() - 1);
        }
        if let Some(free) = self.slots.get_mut(at) {
            *free = slot;
        }
    }

    fn first(&self, hash: u64) -> Option<usize> {
        // The remainder is less than the length.
        usize::try_from(hash % u64::try_from(self.slots.len()).ok()?.max(1)).ok()
    }
}

/// What was found, by path and by identity.
#[derive(Default)]
pub(super) struct Indices {
    /// A name that is chosen to hash alike would make a walk take for ever.
    random: RandomState,
    paths: Index,
    files: Index,
}

impl Indices {
    /// Adds the last of `found`, and for `doomed` what file it is, unless that is known.
    pub(super) fn add(&mut self, found: &[Rc<Found>], doomed: bool) {
        let Self { random, paths, files } = self;
        let Some(position) = found.len().checked_sub(1) else { return };
        let path = |at: usize| found.get(at).map_or(0, |found| hash_name(random, found.parent.hash(), &found.name));
        paths.insert(path(position), position, &path);
        if doomed {
            let file = |at: usize| found.get(at).map_or(0, |found| hash_file(random, found.stat.id));
            files.insert(file(position), position, &file);
        }
    }

    /// The position in `found` of the canonical `path`.
    pub(super) fn path(&self, found: &[Rc<Found>], path: &[u8]) -> Option<usize> {
        let (end, hash) = self.steps(path).last()?;
        self.step(found, path, end, hash)
    }

    /// The positions in `found` of the canonical `path` and of the directories above it, nearest first.
    pub(super) fn upwards(&self, found: &[Rc<Found>], path: &[u8]) -> impl Iterator<Item = usize> {
        let steps: Vec<(usize, u64)> = self.steps(path).collect();
        steps.into_iter().rev().filter_map(move |(end, hash)| self.step(found, path, end, hash))
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

    /// The position in `found` of the first `end` bytes of a path, which have this hash.
    fn step(&self, found: &[Rc<Found>], path: &[u8], end: usize, hash: u64) -> Option<usize> {
        let path = path.get(..end)?;
        let (directory, name) = (InRoot(path).directory(), InRoot(path).name());
        self.paths.get(hash, &|position| {
            let found = found.get(position);
            found.is_some_and(|found| *found.name == *name && found.parent.is(directory))
        })
    }

    /// The position in `found` of the first name of the file `id`.
    pub(super) fn file(&self, found: &[Rc<Found>], id: Identity) -> Option<usize> {
        let is = |position| found.get(position).is_some_and(|found: &Rc<Found>| found.stat.id == id);
        self.files.get(hash_file(&self.random, id), &is)
    }

    /// The directory at the canonical `path`, which shares with `last` what both have in common.
    pub(super) fn parent(&self, last: Option<&Rc<Parent>>, path: &[u8], id: Identity) -> Rc<Parent> {
        Parent::of(last, path, id, &|hash, name| hash_name(&self.random, hash, name))
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
    use crate::harden::found::Cause;
    use crate::root::{Kind, Stat};

    fn found(indices: &Indices, directory: &str, name: &str, ino: u64) -> Rc<Found> {
        let id = Identity { dev: 1, ino };
        let stat = Stat { id, kind: Kind::File, mode: 0, nlink: 1, uid: 0, gid: 0, size: 0, mount: 1 };
        Rc::new(Found {
            parent: indices.parent(None, directory.as_bytes(), id),
            name: name.as_bytes().into(),
            stat,
            rule: 0,
            cause: Cause::Rule,
            library: None,
            names: 0,
            occupied: false,
        })
    }

    #[test]
    fn everything_is_found_again_and_nothing_else() {
        let (mut indices, mut list) = (Indices::default(), Vec::new());
        let path = |number: usize| (["/", "/usr/bin", "/a"][number % 3], format!("name-{}", number / 3));
        for number in 0..5000 {
            let (directory, name) = path(number);
            list.push(found(&indices, directory, &name, number as u64 / 2));
            indices.add(&list, number % 2 == 0);
        }
        for number in 0..5000 {
            let (directory, name) = path(number);
            let path = InRoot(directory.as_bytes()).join(name.as_bytes());
            assert_eq!(indices.path(&list, &path), Some(number), "{}", String::from_utf8_lossy(&path));
            assert_eq!(indices.file(&list, Identity { dev: 1, ino: number as u64 / 2 }), Some(number & !1));
            let below = [&path, b"/x/y".as_slice()].concat();
            assert_eq!(indices.upwards(&list, &below).collect::<Vec<_>>(), [number]);
        }
        for path in ["/", "", "name-0", "/usr/bin", "/usr/bin/", "/usr/bin/name-1667", "/b/name-0", "//name-0"] {
            assert_eq!(indices.path(&list, path.as_bytes()), None, "{path}");
        }
        assert_eq!(indices.file(&list, Identity { dev: 2, ino: 0 }), None);
        assert_eq!(Indices::default().path(&[], b"/x"), None);
    }
}
