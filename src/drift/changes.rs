//! Every name on the root's mount whose file was made or changed since some moment, and the directories in which names
//! were made or removed since.

use std::collections::HashSet;
use std::ffi::CStr;

use nix::errno::Errno;

use super::Since;
use super::executables::{Sign, sign};
use crate::linux::time::Time;
use crate::recognise::tombstone::Detector;
use crate::root::{Canonical, Details, Directory, Kind, Look, Root, RootError, Stat, Visitor, walk_tree};
use crate::seal::Exclusions;
use crate::text::order::sort_by;

/// What happened to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Its file was made or changed: which of the two, no filesystem says for sure.
    Changed,
    /// A directory in which nothing is new: it was made, or everything in it was removed since.
    Made,
    /// A directory in which nothing is new: something was removed or renamed in it.
    Emptied,
    /// A directory got another mode or owner, or overlayfs copied it up for something that has no name there.
    Attributes,
}

/// One name whose file was made or changed.
#[derive(Debug)]
pub struct Change {
    /// Where it is.
    pub path: Canonical,
    /// What is known of it now.
    pub stat: Stat,
    /// When it was last changed.
    pub changed: Time,
    /// When its content was last changed, or the names in the directory; a program may set that to any time.
    pub modified: Time,
    /// Why it counts as executable; `None` if it does not, or if this user may not look.
    pub sign: Option<Sign>,
    /// What happened.
    pub event: Event,
}

/// Everything that has changed.
#[derive(Debug, Default)]
pub struct Changes {
    /// Executables first, then the newest first.
    pub list: Vec<Change>,
    /// Directories in which names were made, removed or renamed.
    pub renewed: HashSet<Canonical>,
    /// What could not be looked at.
    pub unreadable: Vec<RootError>,
}

/// Everything on the mount of `root` that has changed, without what `exclusions` leave out and what lithify itself has
/// changed. Fails if the root cannot be walked at all.
///
/// A directory is newer, too, if a runtime has made a mount point in it, or if overlayfs has copied it up for a change
/// below it. So one below which something is new is no change of its own.
pub fn changes(root: &Root, since: &Since, exclusions: Exclusions) -> Result<Changes, RootError> {
    let mut walk = Walk {
        root,
        since,
        exclusions,
        tombstones: Detector::default(),
        found: Changes::default(),
        directories: Vec::new(),
        ways: HashSet::new(),
        copied: HashSet::new(),
    };
    let top = root.directory(&Canonical::default())?;
    if top.details(c"")?.modified >= since.start {
        walk.found.renewed.insert(Canonical::default());
    }
    walk_tree(root, &mut walk)?;
    Ok(walk.finish())
}

struct Walk<'a> {
    root: &'a Root,
    since: &'a Since,
    exclusions: Exclusions,
    tombstones: Detector,
    found: Changes,
    /// Directories that are newer.
    directories: Vec<(Canonical, Details)>,
    /// Directories that are newer because of something that lies below them.
    ways: HashSet<Canonical>,
    /// Directories that the overlay copied up because lithify changed names somewhere below them. Their own names are as
    /// they were.
    copied: HashSet<Canonical>,
}

impl Visitor for Walk<'_> {
    fn entry(&mut self, directory: &Directory, _: Look, name: &CStr, _: Kind) -> Result<(), RootError> {
        let details = directory.details(name)?;
        let Details { stat, changed, modified, .. } = details;
        if changed < self.since.start && stat.mount == self.root.stat().mount {
            return Ok(());
        }
        let path = directory.join(name);
        if self.is_known(&path, &details) {
            return Ok(());
        }
        self.leads(&path);
        let sign = match stat.kind {
            Kind::File => sign(directory, name, &stat, &mut self.tombstones).unwrap_or_default(),
            _ => None,
        };
        self.found.list.push(Change { path, stat, changed, modified, sign, event: Event::Changed });
        Ok(())
    }

    fn meet(&mut self, parent: &Directory, _: Look, name: &CStr) -> Result<bool, RootError> {
        let details = parent.details(name)?;
        if details.changed < self.since.start && details.stat.mount == self.root.stat().mount {
            let path = parent.join(name);
            return Ok(!self.exclusions.leaves_out(&path, true));
        }
        let path = parent.join(name);
        if details.modified >= self.since.start {
            self.found.renewed.insert(path.clone());
        }
        let goes_on = details.stat.mount == self.root.stat().mount && !self.exclusions.leaves_out(&path, true);
        if !self.is_known(&path, &details) {
            self.directories.push((path, details));
        }
        Ok(goes_on)
    }

    fn enter(&mut self, _: &Directory, _: Look, _: &CStr, child: &Directory) -> Result<Option<Look>, RootError> {
        Ok((child.own_stat().mount == self.root.stat().mount).then_some(Look::All))
    }

    fn failed(&mut self, error: RootError) -> Result<(), RootError> {
        if let Some(mount) = error.silent() {
            // It is left out as other mounts are.
            self.leads(&mount.point);
            return Ok(());
        }
        // Otherwise it was removed meanwhile.
        if !matches!(error.errno(), Errno::ENOENT | Errno::ENOTDIR) {
            self.found.unreadable.push(error);
        }
        Ok(())
    }
}

impl Walk<'_> {
    /// Whether the change is one of the runtime's or of lithify's, or not asked for. It explains why the directories
    /// above are newer.
    fn is_known(&mut self, path: &Canonical, details: &Details) -> bool {
        let Details { stat, changed, .. } = details;
        if self.since.mark.holds(path, *changed, stat.id.ino) {
            if stat.kind == Kind::Directory {
                add_above(&mut self.copied, path);
            } else {
                // The mark has the directory, too, unless somebody else has changed names in it since.
                self.leads(&path.parent().unwrap_or_default());
            }
            return true;
        }
        let known =
            stat.mount != self.root.stat().mount || self.exclusions.leaves_out(path, stat.kind == Kind::Directory);
        if known {
            self.leads(path);
        }
        known
    }

    /// Notes that something lies there, which explains why the directories above are newer.
    fn leads(&mut self, path: &Canonical) {
        add_above(&mut self.ways, path);
    }

    fn finish(mut self) -> Changes {
        let mut directories = std::mem::take(&mut self.directories);
        // Those below come first.
        sort_by(&mut directories, |(a, _), (b, _)| b.cmp(a));
        for (path, Details { stat, changed, modified, .. }) in directories {
            if self.ways.contains(&path) || modified < self.since.start && self.copied.contains(&path) {
                continue;
            }
            let parent_renewed = path.parent().is_some_and(|parent| self.found.renewed.contains(&parent));
            let event = match modified >= self.since.start {
                false => Event::Attributes,
                true if parent_renewed => Event::Made,
                true => Event::Emptied,
            };
            self.leads(&path);
            self.found.list.push(Change { path, stat, changed, modified, sign: None, event });
        }
        sort_by(&mut self.found.list, |a, b| {
            b.sign
                .is_some()
                .cmp(&a.sign.is_some())
                .then_with(|| b.changed.cmp(&a.changed))
                .then_with(|| a.path.cmp(&b.path))
        });
        self.found
    }
}

/// Adds the directories above `path`.
fn add_above(directories: &mut HashSet<Canonical>, path: &Canonical) {
    for above in path.ancestors() {
        if !directories.insert(above) {
            break;
        }
    }
}
