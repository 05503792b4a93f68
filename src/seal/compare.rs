//! Compares what a manifest states with the files that are there. Both come in the order of the walk, so neither is
//! held in memory.

use std::cmp::Ordering;

use super::entry::{Facts, FileType, Sha256};
use super::order::compare_paths;
use super::read::{ManifestError, Reader, Stated};
use crate::root::InRoot;

/// Further differences are only counted: a manifest of another image differs in every file.
const MOST: usize = 100_000;

/// So are those that do not fit: the paths and links of those that are kept take no more bytes than this.
const MOST_BYTES: usize = 8 << 20;

/// One way in which a file differs. A file may differ in several ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The absolute path inside the root.
    pub path: Box<[u8]>,
    /// What differs.
    pub change: Change,
}

impl Difference {
    /// How many bytes its path and its links take.
    fn bytes(&self) -> usize {
        self.path.len() + if let Change::Link { old, new } = &self.change { old.len() + new.len() } else { 0 }
    }
}

/// What differs. `old` is what the manifest states, `new` is what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The manifest does not have it.
    Added {
        /// Its type.
        kind: FileType,
        /// Its mode; 0 for a link.
        mode: u32,
    },
    /// It is not there.
    Removed {
        /// The type that it had.
        kind: FileType,
    },
    /// It is of another type. Nothing else is compared then.
    Kind {
        /// Stated.
        old: FileType,
        /// There.
        new: FileType,
    },
    /// The content of a regular file.
    Content {
        /// Stated size and digest.
        old: (u64, Option<Sha256>),
        /// Size and digest there.
        new: (u64, Option<Sha256>),
    },
    /// The lowest twelve bits of its mode.
    Mode {
        /// Stated.
        old: u32,
        /// There.
        new: u32,
    },
    /// User and group.
    Owner {
        /// Stated.
        old: (u32, u32),
        /// There.
        new: (u32, u32),
    },
    /// The text of a link.
    Link {
        /// Stated.
        old: Vec<u8>,
        /// There.
        new: Vec<u8>,
    },
    /// The value of `security.capability`; empty if there is none.
    Capability {
        /// Stated.
        old: Vec<u8>,
        /// There.
        new: Vec<u8>,
    },
    /// Major and minor number of a device.
    Device {
        /// Stated.
        old: (u32, u32),
        /// There.
        new: (u32, u32),
    },
}

/// How much an intruder gains by a difference, the most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Danger {
    /// A program that was not there, or that could not be started.
    NewProgram,
    /// A new setuid or setgid bit or file capability, or another owner of a file that has one.
    NewPrivilege,
    /// Another program or shared library in place of the one that was there.
    OtherProgram,
    /// Anything else.
    Other,
}

/// The differences, the most dangerous first and then in the order of the walk.
#[derive(Debug)]
pub struct Differences {
    by_danger: [Vec<Difference>; 4],
    most: usize,
    /// How many bytes the paths and links of those that are kept take.
    bytes: usize,
    /// How many more there are.
    pub more: u64,
}

impl Default for Differences {
    fn default() -> Self {
        Self { by_danger: Default::default(), most: MOST, bytes: 0, more: 0 }
    }
}

impl Differences {
    /// All that were kept.
    pub fn into_list(self) -> impl Iterator<Item = Difference> {
        self.by_danger.into_iter().flatten()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_danger.iter().all(Vec::is_empty)
    }

    fn push(&mut self, path: &[u8], change: Change, danger: Danger) {
        let difference = Difference { path: path.into(), change };
        let bytes = difference.bytes();
        while self.by_danger.iter().map(Vec::len).sum::<usize>() >= self.most || self.bytes + bytes > MOST_BYTES {
            self.more += 1;
            // What is less dangerous makes room.
            let less = self.by_danger.iter_mut().skip(danger as usize + 1).rev().find(|list| !list.is_empty());
            match less.and_then(Vec::pop) {
                Some(less) => self.bytes -= less.bytes(),
                None => return,
            }
        }
        if let Some(list) = self.by_danger.get_mut(danger as usize) {
            self.bytes += bytes;
            list.push(difference);
        }
    }
}

/// A comparison of a manifest with entries that come one by one, in order.
pub struct Comparison<'m, 'r> {
    manifest: &'m mut Reader<'r>,
    next: Option<Stated>,
    differences: Differences,
    failed: Option<ManifestError>,
}

impl<'m, 'r> Comparison<'m, 'r> {
    /// Begins to compare. Nothing may have been read from `manifest`.
    pub fn new(manifest: &'m mut Reader<'r>) -> Self {
        let mut comparison = Self { manifest, next: None, differences: Differences::default(), failed: None };
        comparison.advance();
        comparison
    }

    /// Compares the file at `path`, which comes after all files before.
    pub fn entry(&mut self, path: &[u8], facts: &Facts) {
        loop {
            match self.next.as_ref().map_or(Ordering::Greater, |stated| compare_paths(&stated.path, path)) {
                Ordering::Less => self.removed(),
                Ordering::Equal => {
                    if let Some(stated) = self.next.take() {
                        compare(&stated.path, &stated.facts, facts, &mut self.differences);
                    }
                    return self.advance();
                }
                Ordering::Greater => {
                    let change = Change::Added { kind: facts.kind, mode: facts.mode };
                    let danger = match facts.kind {
                        FileType::File if facts.mode & 0o111 != 0 => Danger::NewProgram,
                        _ if is_privileged(facts) => Danger::NewPrivilege,
                        _ if is_library(path) => Danger::OtherProgram,
                        _ => Danger::Other,
                    };
                    return self.differences.push(path, change, danger);
                }
            }
        }
    }

    /// The differences, once every file was compared. Fails if the manifest could not be read to its end.
    pub fn finish(mut self) -> Result<Differences, ManifestError> {
        while self.next.is_some() {
            self.removed();
        }
        self.failed.map_or(Ok(self.differences), Err)
    }

    fn removed(&mut self) {
        if let Some(Stated { path, facts }) = self.next.take() {
            self.differences.push(&path, Change::Removed { kind: facts.kind }, Danger::Other);
        }
        self.advance();
    }

    fn advance(&mut self) {
        match self.manifest.entry() {
            Ok(next) => self.next = next,
            Err(error) => self.failed = Some(error),
        }
    }
}

/// Adds each way in which the file at `path` differs.
fn compare(path: &[u8], old: &Facts, new: &Facts, differences: &mut Differences) {
    let runs = |facts: &Facts| facts.kind == FileType::File && facts.mode & 0o111 != 0;
    let program = if runs(new) || is_library(path) { Danger::OtherProgram } else { Danger::Other };
    let mut add = |change, danger| differences.push(path, change, danger);
    if old.kind != new.kind {
        let danger = if runs(new) { Danger::NewProgram } else { program };
        return add(Change::Kind { old: old.kind, new: new.kind }, danger);
    }
    let content = |facts: &Facts| (facts.size, facts.sha256);
    if content(old) != content(new) {
        add(Change::Content { old: content(old), new: content(new) }, program);
    }
    if old.mode != new.mode {
        let danger = if runs(new) && !runs(old) {
            Danger::NewProgram
        } else if new.kind == FileType::File && new.mode & !old.mode & 0o6000 != 0 {
            Danger::NewPrivilege
        } else {
            Danger::Other
        };
        add(Change::Mode { old: old.mode, new: new.mode }, danger);
    }
    let owner = |facts: &Facts| (facts.uid, facts.gid);
    if owner(old) != owner(new) {
        let danger = if is_privileged(new) { Danger::NewPrivilege } else { Danger::Other };
        add(Change::Owner { old: owner(old), new: owner(new) }, danger);
    }
    if old.link != new.link {
        add(Change::Link { old: old.link.clone(), new: new.link.clone() }, program);
    }
    if old.capability != new.capability {
        let danger = if new.capability.is_empty() { Danger::Other } else { Danger::NewPrivilege };
        add(Change::Capability { old: old.capability.clone(), new: new.capability.clone() }, danger);
    }
    if old.device != new.device {
        add(Change::Device { old: old.device, new: new.device }, Danger::Other);
    }
}

/// Whether whoever starts the file gets more rights than he has.
fn is_privileged(facts: &Facts) -> bool {
    facts.kind == FileType::File && facts.mode & 0o6000 != 0 || !facts.capability.is_empty()
}

/// Whether the name is that of a shared library, such as `libc.so.6`.
fn is_library(path: &[u8]) -> bool {
    let name = InRoot(path).name();
    name.ends_with(b".so") || name.windows(4).any(|part| part == b".so.")
}

#[cfg(test)]
mod tests {
    use super::super::digest::{Digest, Scope};
    use super::*;
    use proptest::prelude::*;
    use sha2::Digest as _;

    fn facts(kind: FileType, mode: u32) -> Facts {
        Facts {
            kind,
            mode,
            uid: 0,
            gid: 0,
            size: 0,
            device: (0, 0),
            link: Vec::new(),
            sha256: (kind == FileType::File).then_some([0; 32]),
            capability: Vec::new(),
        }
    }

    fn file(mode: u32) -> Facts {
        facts(FileType::File, mode)
    }

    fn manifest(entries: &[(String, Facts)]) -> Vec<u8> {
        let mut lines = Vec::new();
        for (path, facts) in entries {
            facts.write(path.as_bytes(), &mut lines);
        }
        let digest = Digest { scope: Scope::All, sha256: sha2::Sha256::digest(&lines).into() };
        [b"#mtree\n", lines.as_slice(), format!("# {digest}\n").as_bytes()].concat()
    }

    fn differences(old: &[(String, Facts)], new: &[(String, Facts)], most: usize) -> Differences {
        let text = manifest(old);
        let mut from = text.as_slice();
        let mut reader = Reader::new(&mut from).unwrap();
        let mut comparison = Comparison::new(&mut reader);
        comparison.differences.most = most;
        for (path, facts) in new {
            comparison.entry(path.as_bytes(), facts);
        }
        comparison.finish().unwrap()
    }

    fn named(entries: &[(&str, Facts)]) -> Vec<(String, Facts)> {
        entries.iter().map(|(path, facts)| ((*path).to_owned(), facts.clone())).collect()
    }

    #[test]
    fn the_most_dangerous_come_first() {
        let link = |text: &str| Facts { link: text.into(), ..facts(FileType::Link, 0) };
        let capability = || Facts { capability: vec![1], ..file(0o755) };
        let size = |facts| Facts { size: 1, ..facts };
        let old = named(&[
            ("/a", facts(FileType::Dir, 0o755)),
            ("/a/gone", file(0o644)),
            ("/b", file(0o755)),
            ("/c", file(0o755)),
            ("/d", file(0o644)),
            ("/e", file(0o644)),
            ("/l", link("b")),
            ("/libc.so", link("libc.so.6")),
            ("/libc.so.6", file(0o644)),
            ("/n", facts(FileType::Char, 0o666)),
            ("/o", file(0o644)),
        ]);
        let new = named(&[
            ("/a", facts(FileType::Dir, 0o2777)),
            ("/b", file(0o4755)),
            ("/c", size(file(0o755))),
            ("/d", size(file(0o644))),
            ("/e", file(0o755)),
            ("/l", link("c")),
            ("/libc.so", link("x")),
            ("/libc.so.6", size(file(0o644))),
            ("/m", file(0o644)),
            ("/n", Facts { device: (1, 2), ..facts(FileType::Char, 0o666) }),
            ("/o", link("b")),
            ("/p", file(0o4755)),
            ("/q", Facts { mode: 0o644, ..capability() }),
        ]);
        let found = differences(&old, &new, MOST);
        assert_eq!(found.more, 0);
        let paths: Vec<String> =
            found.into_list().map(|found| String::from_utf8(found.path.into_vec()).unwrap()).collect();
        let expected =
            ["/e", "/p", "/b", "/q", "/c", "/libc.so", "/libc.so.6", "/a", "/a/gone", "/d", "/l", "/m", "/n", "/o"];
        assert_eq!(paths, expected);
    }

    #[test]
    fn one_file_in_every_way() {
        let new = Facts { mode: 0o600, uid: 1, size: 9, sha256: Some([1; 32]), capability: vec![1], ..file(0) };
        let found: Vec<Change> = differences(&named(&[("/x", file(0o644))]), &named(&[("/x", new)]), MOST)
            .into_list()
            .map(|found| found.change)
            .collect();
        let expected = [
            Change::Owner { old: (0, 0), new: (1, 0) },
            Change::Capability { old: vec![], new: vec![1] },
            Change::Content { old: (0, Some([0; 32])), new: (9, Some([1; 32])) },
            Change::Mode { old: 0o644, new: 0o600 },
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_most_dangerous_stay_when_there_are_too_many() {
        let mut new: Vec<(String, Facts)> = (0..50).map(|number| (format!("/{number:02}"), file(0o644))).collect();
        new.push(("/x".to_owned(), file(0o755)));
        let found = differences(&[], &new, 10);
        assert_eq!((found.more, found.by_danger.map(|list| list.len())), (41, [1, 0, 0, 9]));
    }

    #[test]
    fn an_error_of_the_manifest_is_no_difference() {
        let text = manifest(&named(&[("/a", file(0)), ("/b", file(0))]));
        let mut from = &text[..text.len() - 5];
        let mut reader = Reader::new(&mut from).unwrap();
        let mut comparison = Comparison::new(&mut reader);
        comparison.entry(b"/a", &file(0));
        assert!(matches!(comparison.finish(), Err(ManifestError::CutOff { .. })));
    }

    proptest! {
        #[test]
        fn as_sets_say(
            old in prop::collection::btree_map("/[a-f]", 0u32..8, 0..6),
            new in prop::collection::btree_map("/[a-f]", 0u32..8, 0..6)
        ) {
            let entries = |of: &std::collections::BTreeMap<String, u32>| -> Vec<_> {
                of.iter().map(|(path, mode)| (path.clone(), file(*mode))).collect()
            };
            let mut found: Vec<_> = differences(&entries(&old), &entries(&new), MOST).into_list()
                .map(|found| (String::from_utf8(found.path.into_vec()).unwrap(), found.change)).collect();
            found.sort_by(|a, b| a.0.cmp(&b.0));
            let kind = FileType::File;
            let expected: Vec<_> = old.keys().chain(new.keys()).collect::<std::collections::BTreeSet<_>>().into_iter()
                .filter_map(|path| Some((path.clone(), match (old.get(path), new.get(path)) {
                    (Some(old), Some(new)) if old == new => return None,
                    (Some(&old), Some(&new)) => Change::Mode { old, new },
                    (Some(_), None) => Change::Removed { kind },
                    (None, mode) => Change::Added { kind, mode: *mode? },
                }))).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
