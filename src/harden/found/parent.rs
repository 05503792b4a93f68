//! The directory that names lie in. It is stored as a name and the directory above, so that a deep tree takes no more
//! memory than a wide one.

use std::cmp::Ordering;
use std::rc::Rc;

use crate::root::{Canonical, Identity};

/// A directory inside the root.
#[derive(Debug)]
pub struct Parent {
    /// The directory above; `None` for the root itself.
    above: Option<Rc<Parent>>,
    name: Box<[u8]>,
    /// Length of the path; 0 for the root.
    length: usize,
    depth: usize,
    hash: u64,
    /// The identity of the directory. It is 0 for a directory that only leads to others.
    pub id: Identity,
}

/// The identity of a directory that was not looked at.
const NOTHING: Identity = Identity { dev: 0, ino: 0 };

impl Parent {
    /// The directory `id` at the canonical `path`. It shares the directories that it has in common with `last`. `hash`
    /// computes the hash of a directory from the hash of the directory above and the name.
    pub fn of(last: Option<&Rc<Self>>, path: &[u8], id: Identity, hash: &dyn Fn(u64, &[u8]) -> u64) -> Rc<Self> {
        let path = if path == b"/" { b"" } else { path };
        let mut known = last.map(Rc::clone);
        while let Some(directory) = known {
            let begins = path.get(..directory.length).is_some_and(|start| directory.is(start));
            let is_it = directory.length == path.len();
            if begins && is_it && directory.id == id {
                return directory;
            }
            if begins && !is_it && path.get(directory.length) == Some(&b'/') {
                known = Some(directory);
                break;
            }
            known = directory.above.as_ref().map(Rc::clone);
        }
        let mut directory = known.unwrap_or_else(|| {
            let id = if path.is_empty() { id } else { NOTHING };
            Rc::new(Self { above: None, name: [].into(), length: 0, depth: 0, hash: 0, id })
        });
        for name in path.get(directory.length..).unwrap_or_default().split(|&byte| byte == b'/').skip(1) {
            let length = directory.length + 1 + name.len();
            let (depth, hash) = (directory.depth + 1, hash(directory.hash, name));
            let id = if length == path.len() { id } else { NOTHING };
            directory = Rc::new(Self { above: Some(directory), name: name.into(), length, depth, hash, id });
        }
        directory
    }

    /// The canonical path of the directory, inside the root.
    pub fn path(&self) -> Canonical {
        Canonical::from_names_upwards(self.length, self.upwards().map(|directory| &*directory.name))
    }

    /// How many names the path has; 0 for the root.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The hash of the path.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Whether `path` is the path of this directory. The path of the root is empty here.
    pub fn is(&self, path: &[u8]) -> bool {
        path.len() == self.length
            && self.upwards().all(|directory| {
                path.get(directory.length - directory.name.len()..directory.length) == Some(&directory.name)
            })
    }

    /// Compares the paths as if each ended in a NUL byte.
    pub fn compare(&self, other: &Self) -> Ordering {
        // The difference nearest to the root decides.
        let mut order = self.depth.cmp(&other.depth);
        let (mut left, mut right) = (self.upwards().peekable(), other.upwards().peekable());
        while left.next_if(|directory| directory.depth > other.depth).is_some() {}
        while right.next_if(|directory| directory.depth > self.depth).is_some() {}
        for (a, b) in left.zip(right) {
            if std::ptr::eq(a, b) {
                break;
            }
            if a.name != b.name {
                let end = |directory: &Self, whole: &Self| if directory.depth == whole.depth { 0 } else { b'/' };
                order = a.name.iter().chain([&end(a, self)]).cmp(b.name.iter().chain([&end(b, other)]));
            }
        }
        order
    }

    /// This directory and the directories above it, without the root.
    fn upwards(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |directory| directory.above.as_deref()).take(self.depth)
    }
}

impl Drop for Parent {
    /// Drops the directories one by one: recursion in a long chain would overflow the stack.
    fn drop(&mut self) {
        let mut above = self.above.take();
        while let Some(mut directory) = above.and_then(|shared| Rc::try_unwrap(shared).ok()) {
            above = directory.above.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(last: Option<&Rc<Parent>>, path: &str, ino: u64) -> Rc<Parent> {
        Parent::of(last, path.as_bytes(), Identity { dev: 1, ino }, &|hash, name| hash + name.len() as u64)
    }

    #[test]
    fn a_chain_of_any_length_is_dropped() {
        drop(of(None, &"/d".repeat(1_000_000), 1));
    }

    proptest! {
        #[test]
        fn as_plain_paths(paths in prop::collection::vec("(/[ab-]{1,2}){0,4}", 2..8)) {
            let mut last: Option<Rc<Parent>> = None;
            let mut all = Vec::new();
            for (ino, path) in paths.iter().enumerate() {
                let path = if path.is_empty() { "/" } else { path };
                let parent = of(last.as_ref(), path, ino as u64 / 2);
                prop_assert_eq!(parent.path(), path.as_bytes());
                prop_assert_eq!(parent.depth(), path.split('/').filter(|name| !name.is_empty()).count());
                prop_assert_eq!(parent.id.ino, ino as u64 / 2);
                prop_assert!(parent.is(path.trim_end_matches('/').as_bytes()) && !parent.is(b"/x"));
                last = Some(Rc::clone(&parent));
                all.push((parent, if path == "/" { "\0".to_owned() } else { format!("{path}\0") }));
            }
            for (a, a_key) in &all {
                for (b, b_key) in &all {
                    prop_assert_eq!(a.compare(b), a_key.cmp(b_key), "{} {}", a_key, b_key);
                }
            }
        }
    }
}
