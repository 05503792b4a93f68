//! What a profile's `[keep]` names, against what is left.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use lithify::root::pattern::PathPattern;

use super::left;
use crate::harness::container::Container;
use crate::harness::tree::resolve;

/// The allow-list of a profile.
pub struct Keep {
    only: Vec<String>,
    paths: Vec<String>,
}

impl Keep {
    pub fn of(profile: &Path) -> Self {
        let profile: toml::Table = fs::read_to_string(profile).unwrap().parse().unwrap();
        let list = |key: &str| -> Vec<String> {
            let list = profile["keep"].get(key).and_then(toml::Value::as_array).into_iter().flatten();
            list.map(|entry| entry.as_str().unwrap().to_owned()).collect()
        };
        Self { only: list("only"), paths: list("paths") }
    }

    /// Whether an entry names this file, or a link to it, or a directory that holds it.
    pub fn names(&self, root: &Path, file: &str) -> bool {
        let leads_to = |path: &str| resolve(root, Path::new(path), 0).is_some_and(|path| path == Path::new(file));
        let by_name = |entry: &str| DIRECTORIES.iter().any(|directory| leads_to(&format!("{directory}/{entry}")));
        let ancestors = || Path::new(file).ancestors().map(|path| path.to_str().unwrap().as_bytes());
        let matches = |entry: &str| {
            let pattern = PathPattern::parse(entry).unwrap();
            ancestors().any(|path| pattern.matches(path))
        };
        self.only.iter().chain(&self.paths).any(|entry| match entry.starts_with('/') {
            true => leads_to(entry) || matches(entry),
            false => by_name(entry),
        })
    }

    /// What `scan` still finds in a container that was hardened: each is something that an entry names.
    #[track_caller]
    pub fn is_all_that_scan_finds(&self, context: &str, container: &Container) -> BTreeSet<String> {
        let mut files = BTreeSet::new();
        for (class, path) in left::findings(container) {
            assert!(self.names(container.root(), &path), "{context}: scan finds {path} ({class}), which nothing keeps");
            files.insert(path);
        }
        files
    }
}

/// Where a name of an allow-list is looked for.
const DIRECTORIES: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// A profile of the repository.
pub fn profile(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/apps").join(format!("{name}.toml"))
}
