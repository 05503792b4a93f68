//! `[keep]`: what every rule leaves alone. Keeping a link keeps its whole chain.

use std::collections::{HashMap, HashSet};

use super::Collector;
use crate::escape::escape;
use crate::needs::needs;
use crate::profile::Selector;
use crate::root::{Identity, Kind, RootError, Stat, join};

/// Everything that is kept, with the entry of `[keep]` that says so.
#[derive(Default)]
pub(super) struct KeptSet {
    paths: HashMap<Vec<u8>, String>,
    files: HashMap<Identity, String>,
    /// Canonical paths of the files, for the libraries that they need.
    found: Vec<Vec<u8>>,
}

impl KeptSet {
    /// The entry that keeps this name, if any.
    pub(super) fn reason(&self, path: &[u8], stat: &Stat) -> Option<String> {
        if let Some(by) = self.paths.get(path) {
            return Some(by.clone());
        }
        if stat.kind == Kind::File { self.files.get(&stat.id).cloned() } else { None }
    }

    /// The canonical paths of all kept files, once.
    pub(super) fn take_found(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.found)
    }

    /// Whether this canonical path is kept by name.
    pub(super) fn holds(&self, path: &[u8]) -> bool {
        self.paths.contains_key(path)
    }

    /// Whether this file is kept under whatever name.
    pub(super) fn holds_file(&self, id: Identity) -> bool {
        self.files.contains_key(&id)
    }
}

impl Collector<'_> {
    /// Resolves `[keep]`; must come before any rule.
    pub(super) fn keep(&mut self) -> Result<(), RootError> {
        let mut kept: Vec<(Vec<u8>, String)> = Vec::new();
        let names: HashMap<&[u8], String> = self
            .profile
            .keep
            .iter()
            .chain(&self.profile.only)
            .filter_map(|rule| match &rule.value {
                Selector::Name(name) => Some((name.as_bytes(), format!("{} ({})", rule.value, rule.profile))),
                Selector::Path(_) | Selector::Class(_) | Selector::Others => None,
            })
            .collect();
        if !names.is_empty() {
            self.search(|name| names.get(name).cloned(), |_, at, _, by| kept.push((at.path(), by)))?;
        }
        for rule in self.profile.keep.iter().chain(&self.profile.only) {
            if let Selector::Path(pattern) = &rule.value {
                let by = format!("{} ({})", rule.value, rule.profile);
                self.expand(pattern.components(), &mut |_, at, _| {
                    kept.push((at.path(), by.clone()));
                    Ok(())
                })?;
            }
        }
        // With an allow-list, what its programs need to start is on it, too.
        let allow_list = !self.profile.only.is_empty();
        let mut needing: HashSet<Vec<u8>> = HashSet::new();
        while let Some((path, by)) = kept.pop() {
            self.keep_chain(&path, &by)?;
            if allow_list && needing.insert(path.clone()) {
                kept.extend(
                    needs(self.root, &path, &self.profile.search())
                        .into_iter()
                        .map(|(need, role)| (need, format!("{by}: {} needs it as {}", escape(&path), role.text()))),
                );
            }
        }
        // What could not be looked at might be what is to be kept.
        self.inventory.unreadable.pop().map_or(Ok(()), Err)
    }

    fn keep_chain(&mut self, path: &[u8], by: &str) -> Result<(), RootError> {
        let place = match self.root.walk(b"", path, true) {
            Ok(place) => place,
            Err(error) if error.leads_nowhere() => return Ok(()),
            Err(error) => return self.unreadable(error),
        };
        // Also the links to directories on the way: without them it is not reached.
        for link in &place.links {
            self.kept.paths.insert(link.path(), by.to_owned());
        }
        if self.kept.paths.insert(place.path(), by.to_owned()).is_some() && place.stat.kind == Kind::Directory {
            return Ok(());
        }
        match place.stat.kind {
            Kind::File => self.keep_file(place.stat.id, place.path(), by),
            Kind::Directory => self.keep_content(&place.path(), by)?,
            _ => {}
        }
        Ok(())
    }

    fn keep_file(&mut self, id: Identity, path: Vec<u8>, by: &str) {
        if self.kept.files.insert(id, by.to_owned()).is_none() && self.profile.closure() {
            self.kept.found.push(path);
        }
    }

    /// A kept directory is kept with its content.
    fn keep_content(&mut self, path: &[u8], by: &str) -> Result<(), RootError> {
        let mut pending = vec![path.to_vec()];
        while let Some(path) = pending.pop() {
            let directory = match self.root.directory(&path) {
                Ok(directory) => directory,
                Err(error) => {
                    self.unreadable(error)?;
                    continue;
                }
            };
            let mut names = Vec::new();
            let listed = directory.for_each(&mut self.buffer, |name, _| {
                names.push(name.to_owned());
                Ok::<(), RootError>(())
            });
            if let Err(error) = listed {
                self.unreadable(error)?;
            }
            for name in names {
                let stat = match directory.stat(&name) {
                    Ok(stat) => stat,
                    Err(error) => {
                        self.unreadable(error)?;
                        continue;
                    }
                };
                let path = join(directory.path(), name.to_bytes());
                match stat.kind {
                    Kind::Directory => pending.push(path.clone()),
                    Kind::File => self.keep_file(stat.id, path.clone(), by),
                    Kind::Symlink => self.keep_chain(&path, by)?,
                    Kind::Other => {}
                }
                self.kept.paths.insert(path, by.to_owned());
            }
        }
        Ok(())
    }
}
