//! Pass 1: the names and paths that rules say, the content of directories, and the chains of links.

use std::collections::{HashMap, HashSet};
use std::ffi::CString;
use std::rc::Rc;

use nix::errno::Errno;

use super::Collector;
use crate::harden::found::Cause;
use crate::linux::filesystem::is_left_out;
use crate::profile::Selector;
use crate::recognise::catalogue::names_of_many;
use crate::root::glob::{self, Matches};
use crate::root::pattern::PathPattern;
use crate::root::{Canonical, Directory, Entry, Kind, RootError, Stat};

/// The kernel's limit on links in one resolution.
const MAX_CHAIN: u32 = 40;

/// What [`Collector::expand`] calls for each match.
type OnMatch<'v> = dyn FnMut(&mut Collector<'_>, Entry<'_>) -> Result<(), RootError> + 'v;

struct Expansion<'c, 'a, 'f, 'v> {
    collector: &'c mut Collector<'a>,
    found: &'f mut OnMatch<'v>,
}

impl Matches for Expansion<'_, '_, '_, '_> {
    fn found(&mut self, found: Entry<'_>) -> Result<(), RootError> {
        (self.found)(self.collector, found)
    }

    fn failed(&mut self, error: RootError) -> Result<(), RootError> {
        self.collector.unreadable(error)
    }

    fn enters(&mut self, parent: &Directory, child: &Directory) -> bool {
        // Not into other mounts: what lies there is not removed anyway, and may be vast.
        let mount = child.own_stat().mount;
        mount == parent.own_stat().mount || self.collector.allowed.contains(&mount)
    }
}

impl Collector<'_> {
    /// Rules by name.
    pub(super) fn names(&mut self) -> Result<(), RootError> {
        let names: HashMap<&[u8], usize> = self
            .profile
            .remove
            .iter()
            .enumerate()
            .filter_map(|(index, rule)| match &rule.value {
                Selector::Name(name) => Some((name.as_bytes(), index)),
                Selector::Path(_) | Selector::Class(_) | Selector::Others => None,
            })
            .collect();
        if names.is_empty() {
            return Ok(());
        }
        self.search(
            |name| names.get(name).copied(),
            |collector, entry, rule| {
                collector.add(entry, rule, Cause::Rule);
            },
        )
    }

    /// Looks through each directory of `search` once, for programs (regular files and links) that `select` picks.
    pub(super) fn search<T>(
        &mut self,
        select: impl Fn(&[u8]) -> Option<T>,
        mut found: impl FnMut(&mut Self, Entry<'_>, T),
    ) -> Result<(), RootError> {
        let mut seen = HashSet::new();
        for path in self.profile.search() {
            let directory = match self.root.walk(path.as_bytes(), true) {
                Ok(place) if place.stat.kind == Kind::Directory => {
                    // `/bin` may be a link to `/usr/bin`; and a bind mount shows the same directory twice.
                    if !seen.insert((place.stat.id, place.stat.mount)) {
                        continue;
                    }
                    self.root.directory(&place.path)
                }
                Ok(_) => continue,
                Err(error) if error.leads_nowhere() => continue,
                Err(error) => Err(error),
            };
            let directory = match directory {
                Ok(directory) => directory,
                Err(error) => {
                    self.unreadable(error)?;
                    continue;
                }
            };
            let mut picked: Vec<(CString, T)> = Vec::new();
            directory.list(&mut |listed| {
                match listed {
                    Ok((name, Kind::File | Kind::Symlink)) => {
                        picked.extend(select(name.to_bytes()).map(|value| (name.to_owned(), value)));
                    }
                    Ok(_) => {}
                    Err(error) => self.unreadable(error)?,
                }
                Ok(())
            })?;
            for (name, value) in picked {
                match directory.entry(&name) {
                    Ok(entry) if matches!(entry.stat.kind, Kind::File | Kind::Symlink) => found(self, entry, value),
                    Ok(_) => {}
                    Err(error) => self.unreadable(error)?,
                }
            }
        }
        Ok(())
    }

    /// Rules by path.
    pub(super) fn paths(&mut self) -> Result<(), RootError> {
        let profile = self.profile;
        for (index, rule) in profile.remove.iter().enumerate() {
            if let Selector::Path(pattern) = &rule.value {
                self.expand(pattern, &mut |collector, entry| {
                    if entry.stat.kind == Kind::Directory {
                        collector.directory_with_content(entry, index)?;
                    } else {
                        collector.add(entry, index, Cause::Rule);
                    }
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    /// Calls `found` for every file that the pattern matches.
    pub(super) fn expand(&mut self, pattern: &PathPattern, found: &mut OnMatch<'_>) -> Result<(), RootError> {
        glob::expand(self.root, pattern, &mut Expansion { collector: self, found })
    }

    /// A directory that a rule names goes with everything in it; links in it go without their targets.
    fn directory_with_content(&mut self, entry: Entry<'_>, rule: usize) -> Result<(), RootError> {
        let top = entry.path();
        // What is known is known with its content.
        let known = self.position(&top).is_some();
        if top == b"/" || !self.add(entry, rule, Cause::Rule) || known {
            return Ok(());
        }
        self.cuts = true;
        let of = Rc::new(top);
        self.content(&of, &mut |collector, entry| Ok(collector.add(entry, rule, Cause::Content { of: Rc::clone(&of) })))
    }

    /// Follows every link that a rule names: its chain and the file at its end go, too.
    pub(super) fn chains(&mut self) -> Result<(), RootError> {
        let mut many = None;
        for index in 0..self.inventory.found.len() {
            let Some(found) = self.inventory.found.get(index) else { continue };
            if found.stat.kind != Kind::Symlink {
                continue;
            }
            if found.cause == Cause::Rule {
                let (rule, directory, name) = (found.rule, found.parent.path(), found.name.to_vec());
                let many = many.get_or_insert_with(|| names_of_many().collect::<Vec<_>>());
                self.chain(rule, directory, name, many)?;
            } else {
                self.cuts = true;
            }
        }
        Ok(())
    }

    fn chain(
        &mut self,
        rule: usize,
        mut directory: Canonical,
        mut name: Vec<u8>,
        many: &[&str],
    ) -> Result<(), RootError> {
        for depth in 1..=MAX_CHAIN {
            let link = directory.join(&name);
            let (parent, stat) = match self.hop(&mut directory, &mut name) {
                Ok(hop) => hop,
                // Already dangling, or by now no link at all: nothing more to follow.
                Err(error) if error.leads_nowhere() || error.errno() == Errno::EINVAL => return Ok(()),
                Err(error) => return self.unreadable(error),
            };
            if !self.allowed.contains(&stat.mount) && self.root.filesystem(&directory).is_none_or(is_left_out) {
                // A link of procfs itself, such as /proc/self/exe, stands for a process and is no file of this tree.
                self.cuts = true;
                return Ok(());
            }
            let path = directory.join(&name);
            match stat.kind {
                Kind::Directory | Kind::Other => {
                    self.cuts = true;
                    return Ok(());
                }
                Kind::File if many.iter().any(|known| known.as_bytes() == name) && link.name() != name => {
                    self.cuts = true;
                    self.cut_notes.push((link, path, stat.id));
                    return Ok(());
                }
                _ => {}
            }
            let entry = Entry { directory: &directory, parent: &parent, name: &name, stat };
            if !self.add(entry, rule, Cause::Target { of: Rc::new(link), depth }) {
                self.cuts = true;
                return Ok(());
            }
            if stat.kind == Kind::File {
                return Ok(());
            }
        }
        Ok(())
    }

    /// One step along a chain: replaces the link's place by the place that its text names; that place's directory and file.
    fn hop(&self, directory: &mut Canonical, name: &mut Vec<u8>) -> Result<(Stat, Stat), RootError> {
        let handle = self.root.directory(directory)?;
        let c_name = CString::new(name.as_slice()).unwrap_or_default();
        let target = handle.read_link(&c_name)?;
        if is_plain(&target) {
            let next = CString::new(target.as_slice()).unwrap_or_default();
            let stat = handle.stat(&next)?;
            *name = target;
            return Ok((*handle.own_stat(), stat));
        }
        let place = self.root.walk_from(directory, &target, false)?;
        *name = place.path.name().to_vec();
        *directory = place.directory();
        let parent = self.root.resolve(&*directory)?;
        Ok((parent, place.stat))
    }
}

/// Whether a link's text is just a name in the same directory.
fn is_plain(target: &[u8]) -> bool {
    !target.is_empty() && !target.contains(&b'/') && target != b"." && target != b".."
}
