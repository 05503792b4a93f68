//! Walking a tree in order: the names of each directory bytewise, and what is in a directory right after it. Memory
//! grows with the largest directory and the depth, not with the tree.

use std::cmp::Ordering;
use std::ffi::CStr;
use std::rc::Rc;

use super::tree::{Held, OPEN};
use super::{Canonical, Details, Directory, Kind, Root, RootError};
use crate::text::order::sort_by;

/// What to do on the way.
pub trait OrderedVisitor {
    /// Called for each name, in order. If the result is true and the name is a directory, its names come next.
    fn entry(&mut self, directory: &Directory, name: &CStr, details: &Details) -> Result<bool, RootError>;

    /// Called for a directory that [`OrderedVisitor::entry`] wants to enter, when it is open.
    fn enter(&mut self, child: &Directory);

    /// Called after the last name of each directory that was entered, and of the root. `entered` is what was known of
    /// the directory before it was listed.
    fn leave(&mut self, directory: &Directory, entered: &Details) -> Result<(), RootError>;

    /// Called when something could not be looked at. If it returns an error, the walk ends.
    fn failed(&mut self, error: RootError) -> Result<(), RootError>;
}

/// Visits everything below `root`, but not `root` itself. At the deadline of `root` the walk ends with
/// [`Failure::Late`](super::Failure::Late).
pub fn walk_ordered(root: &Root, visitor: &mut dyn OrderedVisitor) -> Result<(), RootError> {
    let mut levels: Vec<Level> = Vec::new();
    let mut below: Option<Rc<Directory>> = None;
    levels.push(Level::new(root, root.directory(&Canonical::default())?, visitor)?);
    while let Some(level) = levels.last_mut() {
        root.in_time()?;
        let directory = match level.directory.take(below.as_deref()) {
            Ok(directory) => directory,
            Err(error) => {
                levels.pop();
                visitor.failed(error)?;
                continue;
            }
        };
        let Some(name) = level.names.next() else {
            visitor.leave(&directory, &level.entered)?;
            levels.pop();
            below = Some(directory);
            continue;
        };
        let looked = directory.details(name).and_then(|details| {
            let enters = visitor.entry(&directory, name, &details)? && details.stat.kind == Kind::Directory;
            enters.then(|| Level::new(root, directory.child(name)?, visitor)).transpose()
        });
        match looked {
            Ok(None) => {}
            Ok(Some(level)) => {
                levels.push(level);
                if let Some(far) = levels.len().checked_sub(OPEN + 1).and_then(|far| levels.get_mut(far)) {
                    far.directory.close();
                }
            }
            Err(error) => visitor.failed(error)?,
        }
    }
    Ok(())
}

/// A directory that was entered, with its names that are still to be visited.
struct Level {
    directory: Held,
    entered: Details,
    names: Names,
}

impl Level {
    fn new(root: &Root, directory: Directory, visitor: &mut dyn OrderedVisitor) -> Result<Self, RootError> {
        let entered = directory.details(c"")?;
        let mut names = Names::default();
        directory.list(&mut |listed| {
            root.in_time()?;
            match listed {
                Ok((name, _)) => names.add(name),
                Err(error) => visitor.failed(error)?,
            }
            Ok(())
        })?;
        names.sort();
        if directory.path().parent().is_some() {
            visitor.enter(&directory);
        }
        Ok(Self { directory: Held::Open(Rc::new(directory)), entered, names })
    }
}

/// Names of one directory: their bytes in one buffer, because a directory may hold a million of them.
#[derive(Default)]
struct Names {
    /// Each name with a NUL byte at its end.
    bytes: Vec<u8>,
    /// Where each name begins.
    starts: Vec<u32>,
    /// How many were visited.
    visited: usize,
}

impl Names {
    fn add(&mut self, name: &CStr) {
        // 4 GiB of names in one directory: the kernel would have run out of memory before.
        self.starts.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
        self.bytes.extend_from_slice(name.to_bytes_with_nul());
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        let from = |start: &u32| bytes.get(*start as usize..).unwrap_or_default();
        sort_by(&mut self.starts, |a, b| compare(from(a), from(b)));
    }

    fn next(&mut self) -> Option<&CStr> {
        let start = *self.starts.get(self.visited)?;
        self.visited += 1;
        CStr::from_bytes_until_nul(self.bytes.get(start as usize..)?).ok()
    }
}

/// Compares two names, each of which ends at its NUL byte.
fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let end = |name: &[u8]| name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
    a.get(..end(a)).cmp(&b.get(..end(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::os::unix::ffi::OsStrExt;

    #[derive(Default)]
    struct Paths {
        visited: Vec<Vec<u8>>,
        left: Vec<Vec<u8>>,
        most_open: usize,
    }

    impl OrderedVisitor for Paths {
        fn entry(&mut self, directory: &Directory, name: &CStr, _: &Details) -> Result<bool, RootError> {
            self.visited.push(directory.join(name).into_bytes());
            self.most_open = self.most_open.max(std::fs::read_dir("/proc/self/fd").unwrap().count());
            Ok(true)
        }

        fn enter(&mut self, child: &Directory) {
            assert_eq!(child.path(), self.visited.last().unwrap());
        }

        fn leave(&mut self, directory: &Directory, _: &Details) -> Result<(), RootError> {
            self.left.push(directory.path().to_vec());
            Ok(())
        }

        fn failed(&mut self, error: RootError) -> Result<(), RootError> {
            panic!("{error}");
        }
    }

    fn walked(path: &std::path::Path) -> Paths {
        let mut paths = Paths::default();
        walk_ordered(&Root::open(path).unwrap(), &mut paths).unwrap();
        paths
    }

    #[test]
    fn deeper_than_descriptors_are_held_and_back() {
        let tree = tempfile::tempdir().unwrap();
        let mut path = tree.path().to_path_buf();
        for _ in 0..200 {
            std::fs::write(path.join("z"), "").unwrap();
            path.push("d");
            std::fs::create_dir(&path).unwrap();
        }
        let paths = walked(tree.path());
        assert_eq!(paths.visited.len(), 400);
        assert_eq!(paths.left.len(), 201);
        assert!(paths.most_open < OPEN + 40, "{} descriptors", paths.most_open);
        assert_eq!(paths.visited.last().unwrap(), b"/z");
    }

    proptest! {
        #[test]
        fn paths_come_sorted_with_the_slash_as_the_lowest_byte(names in prop::collection::vec("[a!~\u{e9} -]{1,3}(/[a!~-]{1,2}){0,2}", 1..12)) {
            let tree = tempfile::tempdir().unwrap();
            let mut expected = BTreeSet::new();
            for name in &names {
                let path = tree.path().join(name);
                if std::fs::create_dir_all(path.parent().unwrap()).is_ok() && !path.exists() {
                    let _ = std::fs::write(&path, "");
                }
            }
            let mut directories = vec![tree.path().to_path_buf()];
            while let Some(directory) = directories.pop() {
                for entry in std::fs::read_dir(directory).unwrap() {
                    let path = entry.unwrap().path();
                    let inside = path.strip_prefix(tree.path()).unwrap().as_os_str().as_bytes().to_vec();
                    // `/` as the lowest byte.
                    expected.insert(inside.iter().map(|&byte| if byte == b'/' { 0 } else { byte }).collect::<Vec<u8>>());
                    if path.is_dir() {
                        directories.push(path);
                    }
                }
            }
            let visited: Vec<Vec<u8>> = walked(tree.path()).visited.iter()
                .map(|path| path[1..].iter().map(|&byte| if byte == b'/' { 0 } else { byte }).collect()).collect();
            prop_assert_eq!(visited, expected.into_iter().collect::<Vec<_>>());
        }
    }
}
