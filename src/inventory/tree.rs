//! Passes 2 and 3, one walk through the tree by directory descriptors: other names of doomed files, links that would
//! dangle, and files to strip.

use std::collections::{HashMap, HashSet};

use std::ffi::CStr;

use nix::sys::statfs::OVERLAYFS_SUPER_MAGIC;

use super::{Cause, Collector, Depth, Found, Location, MissingNames, Strippable};
use crate::escape::escape;
use crate::filesystem::is_left_out;
use crate::order::sort_by_bytes;
use crate::profile::Sourced;
use crate::root::{Directory, Identity, Kind, RootError, Stat, Visitor, walk_tree};

/// What is looked at in a directory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Everything.
    All,
    /// Only links: another mount, where nothing is removed but links may lead to what is.
    Links,
}

impl Collector<'_> {
    pub(super) fn tree(&mut self, depth: Depth) -> Result<(), RootError> {
        let strips = self.profile.strips();
        if self.inventory.found.is_empty() && !strips {
            return Ok(());
        }
        let links = depth == Depth::Full && !self.inventory.found.is_empty();
        let files = strips || links && self.has_missing_names();
        let root = self.root;
        walk_tree(root, Look::All, &mut Walk { collector: self, links, files, strips })?;
        if links {
            self.missing_names();
        }
        Ok(())
    }
}

/// What the walk is for.
struct Walk<'c, 'a> {
    collector: &'c mut Collector<'a>,
    links: bool,
    files: bool,
    strips: bool,
}

impl Visitor for Walk<'_, '_> {
    type Look = Look;

    fn entry(&mut self, directory: &Directory, look: Look, name: &CStr, kind: Kind) -> Result<(), RootError> {
        match kind {
            Kind::Symlink if self.links => self.collector.link(directory, name, look),
            Kind::File | Kind::Other if self.files && look == Look::All => {
                self.collector.file(directory, name, self.strips)
            }
            _ => Ok(()),
        }
    }

    fn enter(
        &mut self,
        parent: &Directory,
        look: Look,
        name: &CStr,
        child: &Directory,
    ) -> Result<Option<Look>, RootError> {
        let stat = child.own_stat();
        if self.strips && look == Look::All && stat.mount == parent.own_stat().mount {
            self.collector.strip(parent, name, stat)?;
        }
        Ok(if self.collector.allowed.contains(&stat.mount) {
            Some(Look::All)
        } else if self.links && !self.collector.root.filesystem_of(child).is_none_or(is_left_out) {
            Some(Look::Links)
        } else {
            None
        })
    }

    fn failed(&mut self, error: RootError) -> Result<(), RootError> {
        self.collector.unreadable(error)
    }
}

impl Collector<'_> {
    /// A regular file: another name of a doomed one, or one to strip.
    fn file(&mut self, directory: &Directory, name: &CStr, strips: bool) -> Result<(), RootError> {
        let stat = directory.stat(name)?;
        if let Some(&(first, _)) = self.doomed.get(&stat.id) {
            let Some(found) = self.inventory.found.get(first) else { return Ok(()) };
            let (rule, of) = (found.rule, found.path());
            self.add(Location::new(directory, name.to_bytes()), stat, rule, Cause::HardLink { of });
            return Ok(());
        }
        if strips { self.strip(directory, name, &stat) } else { Ok(()) }
    }

    /// A link: does it lead to something that goes, so that it would dangle?
    fn link(&mut self, directory: &Directory, name: &CStr, look: Look) -> Result<(), RootError> {
        let at = Location::new(directory, name.to_bytes());
        let path = at.path();
        if self.index.contains_key(&path) || self.kept.holds(&path) {
            return Ok(());
        }
        let target = match self.root.resolve(&path) {
            Ok(target) => target,
            // Links that dangled before stay as they are.
            Err(error) if error.leads_nowhere() => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut doomed = self.doomed.get(&target.id).map(|(index, _)| *index);
        if doomed.is_none() && self.cuts {
            doomed = self.passes_through_doomed(&path)?;
        }
        let Some(found) = doomed.and_then(|index| self.inventory.found.get(index)) else { return Ok(()) };
        let (rule, of) = (found.rule, found.path());
        if look == Look::Links {
            let note =
                format!("{} is a link on another mount and will dangle: it leads to {}", escape(&path), escape(&of));
            self.inventory.notes.push(note);
            return Ok(());
        }
        let stat = directory.stat(name)?;
        self.add(at, stat, rule, Cause::LinkTo { of });
        Ok(())
    }

    /// The doomed link or directory, if any, on the way that `path` takes.
    fn passes_through_doomed(&self, path: &[u8]) -> Result<Option<usize>, RootError> {
        let place = self.root.walk(b"", path, true)?;
        let end = place.path();
        for passed in place.links.iter().map(crate::root::Link::path).chain(place.left.iter().cloned()).chain([end]) {
            // The path itself or a directory above it.
            for length in (1..=passed.len()).rev().filter(|&length| matches!(passed.get(length), None | Some(b'/'))) {
                if let Some(index) = passed.get(..length).and_then(|part| self.index.get(part)) {
                    return Ok(Some(*index));
                }
            }
        }
        Ok(None)
    }

    fn strip(&mut self, directory: &Directory, name: &CStr, stat: &Stat) -> Result<(), RootError> {
        let on = |flag: &Option<Sourced<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
        let at = Location::new(directory, name.to_bytes());
        let strip = &self.profile.strip;
        let sticky = stat.kind == Kind::Directory && stat.mode & 0o1000 != 0;
        let mut bits = 0;
        if on(&strip.setid) && stat.kind == Kind::File {
            bits |= stat.mode & 0o6000;
        }
        if on(&strip.world_writable) && !sticky {
            bits |= stat.mode & 0o002;
        }
        let capabilities =
            on(&strip.file_capabilities) && stat.kind == Kind::File && directory.has_capabilities(name, None)?;
        if bits == 0 && !capabilities {
            return Ok(());
        }
        let path = at.path();
        if self.index.contains_key(&path) || self.kept.reason(&path, stat).is_some() {
            return Ok(());
        }
        // A mount point, or a mount that was not meant.
        if stat.mount != directory.own_stat().mount || !self.allowed.contains(&stat.mount) {
            return Ok(());
        }
        self.inventory.strippable.push(Strippable {
            directory: at.directory.to_vec(),
            name: at.name.to_vec(),
            parent: directory.own_stat().id,
            stat: *stat,
            bits,
            capabilities,
        });
        Ok(())
    }

    fn has_missing_names(&self) -> bool {
        self.doomed.values().any(|&(index, names)| {
            self.inventory.found.get(index).is_some_and(|found| {
                matches!(found.stat.kind, Kind::File | Kind::Other)
                    && (found.stat.nlink > names || self.allowed.len() > 1 && found.stat.nlink > 1)
            })
        })
    }

    fn missing_names(&mut self) {
        let mut names: HashMap<Identity, Vec<usize>> = HashMap::new();
        for (index, found) in self.inventory.found.iter().enumerate() {
            if matches!(found.stat.kind, Kind::File | Kind::Other) && !self.kept.holds_file(found.stat.id) {
                names.entry(found.stat.id).or_default().push(index);
            }
        }
        for indices in names.into_values() {
            let files: Vec<&Found> = indices.iter().filter_map(|&index| self.inventory.found.get(index)).collect();
            // A bind mount shows the same name of the same directory once more.
            let distinct: HashSet<(Identity, &[u8])> =
                files.iter().map(|found| (found.parent, found.name.as_slice())).collect();
            let count = u32::try_from(distinct.len()).unwrap_or(u32::MAX);
            let Some(&first) = files.first().filter(|first| first.stat.nlink > count) else { continue };
            // Counted again, because a second run at the same time may have removed some. A name that is left tells.
            let now = files.iter().find_map(|found| {
                self.root.walk(b"", &found.path(), false).ok().filter(|place| place.stat.id == found.stat.id)
            });
            let expected = now.map_or(0, |place| place.stat.nlink);
            if expected > count {
                let overlay = self.root.filesystem(&first.directory) == Some(OVERLAYFS_SUPER_MAGIC);
                let (path, rule) = (first.path(), first.rule);
                self.inventory.missing.push(MissingNames { path, rule, expected, found: count, overlay });
            }
        }
        sort_by_bytes(&mut self.inventory.missing, |missing| missing.path.clone());
    }
}
