//! The survey: what the rules of a profile meet under the root. Reads only.
//!
//! Three passes, so that memory grows with what is found and not with what is seen. The first looks at the directories
//! and paths that rules name, and follows the chain of every link found. The second is one walk through the tree, for
//! programs by class and for `[strip]`. The third looks again where the second saw links and files with several names:
//! other names of the files found, and links that would dangle.

mod accounts;
mod classes;
mod content;
mod indices;
mod keep;
mod libraries;
mod other_names;
mod others;
mod rules;
mod walk;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::harden::found::{Cause, Found, Parent, Shared};
use crate::harden::protection::Protection;
use crate::profile::{Profile, Rule, Selector};
use crate::recognise::tombstone::{self, Detector};
use crate::root::{Canonical, Entry, Identity, InRoot, Kind, Root, RootError, Stat, Unreadable, glob};
use crate::text::escape::escape;
use crate::text::list::quoted;

use indices::Indices;

/// A file whose bits `[strip]` clears.
#[derive(Clone, Debug)]
pub struct Strippable {
    /// Which.
    pub file: Rc<Found>,
    /// Mode bits to clear; 0 when only capabilities go.
    pub bits: u32,
    /// Whether it has file capabilities to remove.
    pub capabilities: bool,
}

/// `/etc/passwd`, where accounts have a login shell that `[strip]` takes away.
#[derive(Clone, Debug)]
pub struct LoginShells {
    /// The file.
    pub file: Rc<Found>,
    /// What the accounts get in its place.
    pub shell: &'static str,
}

/// A name that a rule meets, and that `[keep]` saves.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Where it is.
    pub path: Canonical,
    /// Index of the rule in [`Profile::remove`].
    pub rule: usize,
    /// The entry of `[keep]`.
    pub by: Rc<str>,
}

/// A name that a rule meets and that must not be touched.
#[derive(Clone, Debug)]
pub struct Skipped {
    /// Where it is.
    pub path: Canonical,
    /// Index of the rule in [`Profile::remove`].
    pub rule: usize,
    /// Whether the name itself is a mount point; else it lies on another mount.
    pub mount_point: bool,
}

/// A file of which not every name was found.
#[derive(Clone, Debug)]
pub struct MissingNames {
    /// A name that was found.
    pub path: Canonical,
    /// Index of the rule in [`Profile::remove`].
    pub rule: usize,
    /// The inode's link count.
    pub expected: u32,
    /// Names found.
    pub found: u32,
    /// Whether it is on overlayfs, where link counts do not tell.
    pub overlay: bool,
}

/// A library that what is kept needs, and that is not there.
#[derive(Clone, Debug)]
pub struct MissingLibrary {
    /// The kept program.
    pub path: Canonical,
    /// Index of the rule in [`Profile::remove`] that removes every library not needed.
    pub rule: usize,
    /// Who needs what.
    pub reason: String,
}

/// Everything that was found.
#[derive(Debug, Default)]
pub struct Survey {
    /// Names to remove.
    pub found: Vec<Rc<Found>>,
    /// Files to strip.
    pub strippable: Vec<Strippable>,
    /// Accounts with a login shell to take away.
    pub login_shells: Option<LoginShells>,
    /// Saved by `[keep]`.
    pub kept: Vec<Kept>,
    /// On other mounts.
    pub skipped: Vec<Skipped>,
    /// Files with names not found.
    pub missing: Vec<MissingNames>,
    /// Libraries that programs of the allow-list need and that were not found.
    pub missing_libraries: Vec<MissingLibrary>,
    /// What could not be looked at.
    pub unreadable: Vec<RootError>,
    /// What `[remove] force` names, files and links.
    pub forced: HashSet<Identity>,
    /// Remarks for people.
    pub notes: Vec<String>,
}

/// How far to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Everything: before a change.
    Full,
    /// Only what rules name: enough to see whether anything is left.
    Rules,
    /// Only what rules name by name or path, with link chains: without a look at the content or the whole tree.
    Names,
}

/// Surveys `root` for `profile`; what `protection` names needs its libraries, too. Files that cannot be looked at are listed in the result; an error is
/// returned only where nothing can be said at all.
pub fn survey(root: &Root, profile: &Profile, protection: &Protection, depth: Depth) -> Result<Survey, RootError> {
    let mut collector = Collector::new(root, profile);
    collector.allow_mounts()?;
    collector.keep()?;
    collector.closure(protection)?;
    collector.names()?;
    collector.paths()?;
    let mut surveyed = false;
    if depth != Depth::Names {
        surveyed = collector.classes(depth == Depth::Full, protection)?;
        collector.others()?;
    }
    collector.chains()?;
    collector.occupied();
    if depth == Depth::Full && !collector.inventory.found.is_empty() {
        if !surveyed {
            collector.survey(true, collector.has_missing_names(), None)?;
        }
        collector.other_names()?;
    }
    if depth != Depth::Names {
        collector.login_shells()?;
        collector.libraries();
    }
    collector.forced()?;
    Ok(collector.finish())
}

/// The paths of what `[keep]` names, which need not exist, each with the entry that does. What could not be looked at
/// refuses the whole run when `[keep]` itself is resolved.
pub fn kept(root: &Root, profile: &Profile) -> Vec<(Vec<u8>, String)> {
    let mut kept = named(root, profile, &profile.keep);
    kept.extend(named(root, profile, &profile.only));
    kept
}

/// The same of some of its rules.
pub fn named(root: &Root, profile: &Profile, rules: &[Rule]) -> Vec<(Vec<u8>, String)> {
    let mut kept = Vec::new();
    for rule in rules {
        let paths = match &rule.value {
            Selector::Name(name) => {
                profile.search().iter().map(|directory| InRoot(directory.as_bytes()).join(name.as_bytes())).collect()
            }
            Selector::Class(_) | Selector::Others => Vec::new(),
            Selector::Path(pattern) => {
                let paths = glob::matches(root, pattern).map(|(paths, _)| paths).unwrap_or_default();
                paths.into_iter().map(Canonical::into_bytes).collect()
            }
        };
        kept.extend(paths.into_iter().map(|path| (path, format!("{} ({})", rule.value, rule.profile))));
    }
    kept
}

struct Collector<'a> {
    root: &'a Root,
    profile: &'a Profile,
    /// Mounts that deletion may touch: the root's own and those of `[remove] mounts`.
    allowed: Vec<u64>,
    kept: keep::KeptSet,
    /// With `[keep] libraries = "closure"`: the libraries that stay, and the links on the way, each with the reason.
    needed: Option<HashMap<Identity, Rc<String>>>,
    inventory: Survey,
    unreadable: Unreadable,
    /// Of `inventory.found`: by path, and files and directories that go by the name found first.
    indices: Indices,
    /// The directory of what was found last.
    parent: Option<Rc<Parent>>,
    /// Paths of what others lead to.
    paths: HashMap<usize, Shared>,
    /// Whether a link or directory goes whose target or surroundings stay: links through it may then dangle.
    cuts: bool,
    /// Directories in which pass 2 saw links, or files with several names.
    noted: Vec<walk::Noted>,
    /// Links to multi-call programs that were cut: link, program.
    cut_notes: Vec<(Canonical, Canonical, Identity)>,
    tombstones: Detector,
}

impl<'a> Collector<'a> {
    fn new(root: &'a Root, profile: &'a Profile) -> Self {
        Self {
            root,
            profile,
            allowed: vec![root.stat().mount],
            kept: keep::KeptSet::default(),
            needed: None,
            inventory: Survey::default(),
            unreadable: Unreadable::default(),
            indices: Indices::default(),
            parent: None,
            paths: HashMap::new(),
            cuts: false,
            noted: Vec::new(),
            cut_notes: Vec::new(),
            tombstones: Detector::default(),
        }
    }
}

impl Collector<'_> {
    fn allow_mounts(&mut self) -> Result<(), RootError> {
        for mount in &self.profile.mounts {
            match self.root.resolve(mount.value.as_bytes()) {
                Ok(stat) => self.allowed.push(stat.mount),
                Err(error) => self.unreadable(error)?,
            }
        }
        Ok(())
    }

    /// Adds a name that is to go, unless it is kept, on another mount, or known already; whether it is to go.
    fn add(&mut self, entry: Entry<'_>, rule: usize, cause: Cause) -> bool {
        let (path, stat) = (entry.path(), entry.stat);
        if let Some(known) = self.indices.path(&self.inventory.found, &path) {
            // What lies in a directory that goes may be named by a rule, too: then its chain goes with it.
            if let (Some(found), Cause::Rule) = (self.inventory.found.get_mut(known).and_then(Rc::get_mut), &cause) {
                if matches!(found.cause, Cause::Content { .. }) {
                    (found.cause, found.rule) = (cause, rule);
                }
            }
            return true;
        }
        if let Some(by) = self.kept.reason(&path, &stat) {
            self.inventory.kept.push(Kept { path, rule, by });
            return false;
        }
        let mount_point = stat.mount != entry.parent.mount;
        if mount_point || !self.allowed.contains(&stat.mount) {
            self.inventory.skipped.push(Skipped { path, rule, mount_point });
            return false;
        }
        if self.is_tombstone(&path, &stat) {
            return false;
        }
        let first = self.indices.file(&self.inventory.found, stat.id);
        let is_first = stat.kind != Kind::Symlink && first.is_none();
        if let Some(first) = first.and_then(|first| self.inventory.found.get_mut(first)).and_then(Rc::get_mut) {
            first.names += 1;
        }
        let mut found = self.remembered(entry, rule, cause);
        found.names = u32::from(is_first);
        self.inventory.found.push(Rc::new(found));
        self.indices.add(&self.inventory.found, is_first);
        true
    }

    /// A name as it is remembered.
    fn remembered(&mut self, entry: Entry<'_>, rule: usize, cause: Cause) -> Found {
        let parent = self.parent(entry.directory, entry.parent.id);
        Found {
            parent,
            name: entry.name.into(),
            stat: entry.stat,
            rule,
            cause,
            library: None,
            names: 0,
            occupied: false,
        }
    }

    /// The directory `id` at a canonical path, as it is remembered.
    fn parent(&mut self, path: &[u8], id: Identity) -> Rc<Parent> {
        let parent = self.indices.parent(self.parent.as_ref(), path, id);
        self.parent = Some(Rc::clone(&parent));
        parent
    }

    /// The path of what was found, once for all that lead there.
    fn shared_path(&mut self, position: usize) -> Option<Shared> {
        if let Some(known) = self.paths.get(&position) {
            return Some(Rc::clone(known));
        }
        let path = Rc::new(self.inventory.found.get(position)?.path());
        self.paths.insert(position, Rc::clone(&path));
        Some(path)
    }

    /// The position of a path that goes.
    fn position(&self, path: &[u8]) -> Option<usize> {
        self.indices.path(&self.inventory.found, path).filter(|position| !self.is_occupied(*position))
    }

    /// The position of a path that goes, or of the nearest directory above it that does.
    fn position_upwards(&self, path: &[u8]) -> Option<usize> {
        self.indices.upwards(&self.inventory.found, path).find(|position| !self.is_occupied(*position))
    }

    /// The position of the first name of a file or directory that goes.
    fn doomed(&self, id: Identity) -> Option<usize> {
        self.indices.file(&self.inventory.found, id).filter(|position| !self.is_occupied(*position))
    }

    fn is_occupied(&self, position: usize) -> bool {
        self.inventory.found.get(position).is_some_and(|found| found.occupied)
    }

    /// Whether the file is what stands in place of a command that was removed already.
    fn is_tombstone(&mut self, path: &Canonical, stat: &Stat) -> bool {
        if stat.kind != Kind::File || stat.mode & 0o7777 != tombstone::MODE {
            return false;
        }
        self.root.file(path).is_ok_and(|file| self.tombstones.is_tombstone(&file))
    }

    /// What `[remove] force` names: the file itself, and where it is a link what that leads to.
    fn forced(&mut self) -> Result<(), RootError> {
        let profile = self.profile;
        for pattern in &profile.force {
            self.expand(&pattern.value, &mut |collector, entry| {
                collector.inventory.forced.insert(entry.stat.id);
                if let Ok(place) = collector.root.walk(&entry.path(), true) {
                    collector.inventory.forced.insert(place.stat.id);
                    collector.inventory.forced.extend(place.links.iter().filter(|link| link.last).map(|l| l.stat.id));
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Notes what could not be looked at.
    fn unreadable(&mut self, error: RootError) -> Result<(), RootError> {
        self.unreadable.note(error)
    }

    /// Directories that a rule names and that cannot go, because something in them stays, doom nothing.
    fn occupied(&mut self) {
        let staying: Vec<Canonical> = self
            .inventory
            .kept
            .iter()
            .map(|kept| kept.path.clone())
            .chain(self.inventory.skipped.iter().map(|skipped| skipped.path.clone()))
            .collect();
        for path in staying {
            let above = self.indices.upwards(&self.inventory.found, InRoot(&path).directory());
            // What is above one that is known to stay is known, too.
            let above: Vec<usize> = above.take_while(|position| !self.is_occupied(*position)).collect();
            for position in above {
                if let Some(found) = self.inventory.found.get_mut(position).and_then(Rc::get_mut) {
                    found.occupied = true;
                }
            }
        }
    }

    fn finish(mut self) -> Survey {
        for (link, program, id) in std::mem::take(&mut self.cut_notes) {
            if self.doomed(id).is_some() {
                continue;
            }
            let (base, name) = (program.name(), link.name());
            self.inventory.notes.push(format!(
                "{} led to the multi-call program {}, which stays: `{} {}` still works; to remove it with all its links add {} to [remove] names",
                escape(&link), escape(&program), escape(base), escape(name), quoted(&escape(base)),
            ));
        }
        let mut strippable = std::mem::take(&mut self.inventory.strippable);
        strippable.retain(|Strippable { file, .. }| {
            self.position(&file.path()).is_none() && self.doomed(file.stat.id).is_none()
        });
        self.inventory.strippable = strippable;
        self.inventory.unreadable = self.unreadable.into_errors();
        self.inventory
    }
}
