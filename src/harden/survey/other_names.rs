//! Pass 3, in the directories that pass 2 noted: other names of doomed files, and links that would dangle.

use std::collections::{HashMap, HashSet};
use std::ffi::CStr;
use std::rc::Rc;

use nix::sys::statfs::OVERLAYFS_SUPER_MAGIC;

use super::walk::{Look, Noted};
use super::{Collector, MissingNames};
use crate::harden::found::{Cause, Found};
use crate::root::{Directory, Identity, Kind, RootError};
use crate::text::escape::escape;
use crate::text::order::sort_by_bytes;

impl Collector<'_> {
    /// Adds the other names of what goes, and the links to it.
    pub(super) fn other_names(&mut self) -> Result<(), RootError> {
        let missing = self.has_missing_names();
        for Noted { at, look, files } in std::mem::take(&mut self.noted) {
            let files = files && missing;
            let directory = match self.root.directory(&at.path()) {
                Ok(directory) => directory,
                Err(error) => {
                    self.unreadable(error)?;
                    continue;
                }
            };
            directory.list(&mut |listed| {
                let looked = listed.and_then(|(name, kind)| match kind {
                    Kind::Symlink => self.link(&directory, name, look),
                    Kind::File | Kind::Other if files => self.file(&directory, name),
                    _ => Ok(()),
                });
                looked.or_else(|error| self.unreadable(error))
            })?;
        }
        self.missing_names();
        Ok(())
    }

    /// A file: another name of a doomed one?
    fn file(&mut self, directory: &Directory, name: &CStr) -> Result<(), RootError> {
        let entry = directory.entry(name)?;
        if let Some(first) = self.doomed(entry.stat.id) {
            let Some(rule) = self.inventory.found.get(first).map(|found| found.rule) else { return Ok(()) };
            let Some(of) = self.shared_path(first) else { return Ok(()) };
            self.add(entry, rule, Cause::HardLink { of });
        }
        Ok(())
    }

    /// A link: does it lead to something that goes, so that it would dangle?
    fn link(&mut self, directory: &Directory, name: &CStr, look: Look) -> Result<(), RootError> {
        let path = directory.join(name);
        if self.position(&path).is_some() || self.kept.holds(&path) {
            return Ok(());
        }
        let followed = match self.root.follow(directory, name) {
            Ok(followed) => followed,
            // Links that dangled before stay as they are.
            Err(error) if error.leads_nowhere() => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut doomed = self.doomed(followed.target.id);
        if doomed.is_none() && self.cuts {
            doomed = match followed.direct {
                // Directories that `..` leaves are above the link itself.
                Some(end) => self.position_upwards(&path).or_else(|| self.position_upwards(&end)),
                None => self.passes_through_doomed(&path)?,
            };
        }
        let Some(position) = doomed else { return Ok(()) };
        let Some(rule) = self.inventory.found.get(position).map(|found| found.rule) else { return Ok(()) };
        let Some(of) = self.shared_path(position) else { return Ok(()) };
        if look == Look::Links {
            let note =
                format!("{} is a link on another mount and will dangle: it leads to {}", escape(&path), escape(&of));
            self.inventory.notes.push(note);
            return Ok(());
        }
        self.add(directory.entry(name)?, rule, Cause::LinkTo { of });
        Ok(())
    }

    /// The doomed link or directory, if any, on the way that `path` takes.
    fn passes_through_doomed(&self, path: &[u8]) -> Result<Option<usize>, RootError> {
        let place = self.root.walk(path, true)?;
        let mut passed = place.links.iter().map(|link| &link.path).chain(&place.left).chain([&place.path]);
        Ok(passed.find_map(|passed| self.position_upwards(passed)))
    }

    pub(super) fn has_missing_names(&self) -> bool {
        self.inventory.found.iter().filter(|found| found.names > 0).any(|found| {
            matches!(found.stat.kind, Kind::File | Kind::Other)
                && (found.stat.nlink > found.names || self.allowed.len() > 1 && found.stat.nlink > 1)
        })
    }

    fn missing_names(&mut self) {
        let mut names: HashMap<Identity, Vec<usize>> = HashMap::new();
        for (index, found) in self.inventory.found.iter().enumerate() {
            let several = found.stat.nlink > 1 && matches!(found.stat.kind, Kind::File | Kind::Other);
            if several && !self.kept.holds_file(found.stat.id) {
                names.entry(found.stat.id).or_default().push(index);
            }
        }
        for indices in names.into_values() {
            let files: Vec<&Found> =
                indices.iter().filter_map(|&index| self.inventory.found.get(index)).map(Rc::as_ref).collect();
            // A bind mount shows the same name of the same directory once more.
            let distinct: HashSet<(Identity, &[u8])> =
                files.iter().map(|found| (found.parent.id, &*found.name)).collect();
            let count = u32::try_from(distinct.len()).unwrap_or(u32::MAX);
            let Some(&first) = files.first().filter(|first| first.stat.nlink > count) else { continue };
            // Counted again, because a second run at the same time may have removed some. A name that is left tells.
            let now = files.iter().find_map(|found| {
                self.root.walk(&found.path(), false).ok().filter(|place| place.stat.id == found.stat.id)
            });
            let expected = now.map_or(0, |place| place.stat.nlink);
            if expected > count {
                let overlay = self.root.filesystem(&first.parent.path()) == Some(OVERLAYFS_SUPER_MAGIC);
                let (path, rule) = (first.path(), first.rule);
                self.inventory.missing.push(MissingNames { path, rule, expected, found: count, overlay });
            }
        }
        sort_by_bytes(&mut self.inventory.missing, |missing| missing.path.to_vec());
    }
}
