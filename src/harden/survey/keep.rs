//! `[keep]`: what every rule leaves alone. Keeping a link keeps its whole chain.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::Collector;
use crate::profile::{Rule, Selector};
use crate::recognise::needs::needs;
use crate::root::{Canonical, Identity, Kind, RootError, Stat};
use crate::text::escape::escape;

/// Everything that is kept, with the entry of `[keep]` that says so.
#[derive(Default)]
pub(super) struct KeptSet {
    paths: HashMap<Canonical, Rc<str>>,
    files: HashMap<Identity, Rc<str>>,
    /// The files, for the libraries that they need.
    found: Vec<Canonical>,
}

impl KeptSet {
    /// The entry that keeps this name, if any.
    pub(super) fn reason(&self, path: &Canonical, stat: &Stat) -> Option<Rc<str>> {
        if let Some(by) = self.paths.get(path) {
            return Some(Rc::clone(by));
        }
        if stat.kind == Kind::File { self.files.get(&stat.id).cloned() } else { None }
    }

    /// All kept files, once.
    pub(super) fn take_found(&mut self) -> Vec<Canonical> {
        std::mem::take(&mut self.found)
    }

    /// Whether this path is kept by name.
    pub(super) fn holds(&self, path: &Canonical) -> bool {
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
        let mut kept: Vec<(Vec<u8>, Rc<str>)> = Vec::new();
        let names: HashMap<&[u8], Rc<str>> = self
            .profile
            .keep
            .iter()
            .chain(&self.profile.only)
            .filter_map(|rule| match &rule.value {
                Selector::Name(name) => Some((name.as_bytes(), by(rule))),
                Selector::Path(_) | Selector::Class(_) | Selector::Others => None,
            })
            .collect();
        if !names.is_empty() {
            self.search(|name| names.get(name).cloned(), |_, entry, by| kept.push((entry.path().into_bytes(), by)))?;
        }
        for rule in self.profile.keep.iter().chain(&self.profile.only) {
            if let Selector::Path(pattern) = &rule.value {
                let by = by(rule);
                self.expand(pattern, &mut |_, entry| {
                    kept.push((entry.path().into_bytes(), Rc::clone(&by)));
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
                    needs(self.root, &path, &self.profile.search()).into_iter().map(|(need, role)| {
                        (need, format!("{by}: {} needs it as {}", escape(&path), role.text()).into())
                    }),
                );
            }
        }
        // What could not be looked at might be what is to be kept.
        std::mem::take(&mut self.unreadable).none()
    }

    fn keep_chain(&mut self, path: &[u8], by: &Rc<str>) -> Result<(), RootError> {
        let mut pending = vec![path.to_vec()];
        while let Some(path) = pending.pop() {
            let place = match self.root.walk(&path, true) {
                Ok(place) => place,
                Err(error) if error.leads_nowhere() => continue,
                Err(error) => {
                    self.unreadable(error)?;
                    continue;
                }
            };
            // Also the links to directories on the way: without them it is not reached.
            for link in &place.links {
                self.kept.paths.insert(link.path.clone(), Rc::clone(by));
            }
            let known = self.kept.paths.insert(place.path.clone(), Rc::clone(by)).is_some();
            match place.stat.kind {
                Kind::File => self.keep_file(place.stat.id, place.path, by),
                Kind::Directory if !known => self.keep_content(&place.path, by, &mut pending)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn keep_file(&mut self, id: Identity, path: Canonical, by: &Rc<str>) {
        if self.kept.files.insert(id, Rc::clone(by)).is_none() && self.profile.closure() {
            self.kept.found.push(path);
        }
    }

    /// A kept directory is kept with its content; the links in it go to `links`.
    fn keep_content(&mut self, path: &Canonical, by: &Rc<str>, links: &mut Vec<Vec<u8>>) -> Result<(), RootError> {
        self.content(path, &mut |collector, entry| {
            let path = entry.path();
            match entry.stat.kind {
                Kind::File => collector.keep_file(entry.stat.id, path.clone(), by),
                Kind::Symlink => links.push(path.to_vec()),
                Kind::Directory | Kind::Other => {}
            }
            collector.kept.paths.insert(path, Rc::clone(by));
            Ok(true)
        })
    }
}

/// An entry of `[keep]` in words.
fn by(rule: &Rule) -> Rc<str> {
    format!("{} ({})", rule.value, rule.profile).into()
}
