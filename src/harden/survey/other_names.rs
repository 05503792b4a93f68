//! Other names of what goes, and links to it that would dangle. They are searched in the directories that the walk
//! noted.

use std::collections::{HashMap, HashSet};
use std::ffi::CStr;

use nix::sys::statfs::OVERLAYFS_SUPER_MAGIC;

use super::links::{Cut, Linked};
use super::selection::{Scope, Selection};
use super::walk::{self, Noted, Walked};
use super::{Depth, MissingNames, Note, Strippable};
use crate::harden::found::{Cause, Found};
use crate::root::{Directory, Identity, Kind, Look, Root, RootError};
use crate::text::order::sort_by_bytes;

/// Everything that is to go.
pub(super) struct Complete<'a> {
    pub selection: Selection<'a>,
    pub strippable: Vec<Strippable>,
    pub cut: Vec<Cut>,
    pub missing: Vec<MissingNames>,
    pub notes: Vec<Note>,
}

impl<'a> Linked<'a> {
    /// Adds the other names of what goes, and the links to it.
    pub(super) fn other_names(self) -> Result<Complete<'a>, RootError> {
        let Self { walked: Walked { mut selection, strippable, noted, mut notes }, cut } = self;
        let mut missing = Vec::new();
        if selection.scope.depth == Depth::Full && !selection.removals.is_empty() {
            let files = lacks_names(&selection);
            let noted = match noted {
                Some(noted) => noted,
                None => walk::note(&mut selection, files)?,
            };
            for directory in noted {
                again(&mut selection, &directory, files, &mut notes)?;
            }
            missing = missing_names(&selection);
        }
        Ok(Complete { selection, strippable, cut, missing, notes })
    }
}

/// Looks at a directory again: at its links, and if `missing` is set, at its files, too.
fn again(selection: &mut Selection<'_>, place: &Noted, missing: bool, notes: &mut Vec<Note>) -> Result<(), RootError> {
    let directory = match selection.scope.root.directory(&place.at.path()) {
        Ok(directory) => directory,
        Err(error) => return selection.unreadable.note(error),
    };
    directory.list(&mut |listed| {
        let looked = listed.and_then(|(name, kind)| match kind {
            Kind::Symlink => link(selection, &directory, name, place.look, notes),
            Kind::File | Kind::Other if place.files && missing => file(selection, &directory, name),
            _ => Ok(()),
        });
        looked.or_else(|error| selection.unreadable.note(error))
    })
}

/// Adds a file if it is another name of one that goes.
fn file(selection: &mut Selection<'_>, directory: &Directory, name: &CStr) -> Result<(), RootError> {
    let entry = directory.entry(name)?;
    if let Some(first) = selection.removals.doomed_file(entry.stat.id) {
        let Some(rule) = selection.removals.get(first).map(|found| found.rule) else { return Ok(()) };
        let Some(of) = selection.removals.shared_path(first) else { return Ok(()) };
        selection.add(entry, rule, Cause::HardLink { of });
    }
    Ok(())
}

/// Adds a link if it leads to something that goes, so that it would dangle.
fn link(
    selection: &mut Selection<'_>,
    directory: &Directory,
    name: &CStr,
    look: Look,
    notes: &mut Vec<Note>,
) -> Result<(), RootError> {
    let Scope { root, kept, .. } = selection.scope;
    let removals = &mut selection.removals;
    let path = directory.join(name);
    if removals.doomed_path(&path).is_some() || kept.holds(&path) {
        return Ok(());
    }
    let followed = match root.follow(directory, name) {
        Ok(followed) => followed,
        // A link that dangled before stays.
        Err(error) if error.leads_nowhere() => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut doomed = removals.doomed_file(followed.target.id);
    if doomed.is_none() && selection.cuts {
        doomed = if let Some(end) = followed.direct {
            // Directories that `..` leaves are above the link itself.
            removals.doomed_above(&path).or_else(|| removals.doomed_above(&end))
        } else {
            let way = root.walk(&path, true)?;
            let mut passed = way.links.iter().map(|link| &link.path).chain(&way.left).chain([&way.path]);
            passed.find_map(|passed| removals.doomed_above(passed))
        };
    }
    let Some(position) = doomed else { return Ok(()) };
    let Some(rule) = removals.get(position).map(|found| found.rule) else { return Ok(()) };
    let Some(of) = removals.shared_path(position) else { return Ok(()) };
    if look == Look::Links {
        notes.push(Note::Dangles { link: path, target: of });
    } else {
        selection.add(directory.entry(name)?, rule, Cause::LinkTo { of });
    }
    Ok(())
}

/// Whether a file goes of which not every name is known yet.
fn lacks_names(selection: &Selection<'_>) -> bool {
    let several_mounts = selection.scope.kept.mounts.are_several();
    selection.removals.iter().filter(|found| found.names > 0).any(|found| {
        matches!(found.stat.kind, Kind::File | Kind::Other)
            && (found.stat.nlink > found.names || several_mounts && found.stat.nlink > 1)
    })
}

/// The files of which not every name was found.
fn missing_names(selection: &Selection<'_>) -> Vec<MissingNames> {
    let Scope { root, kept, .. } = selection.scope;
    let mut names: HashMap<Identity, Vec<&Found>> = HashMap::new();
    for found in selection.removals.iter() {
        let several = found.stat.nlink > 1 && matches!(found.stat.kind, Kind::File | Kind::Other);
        if several && !kept.holds_file(found.stat.id) {
            names.entry(found.stat.id).or_default().push(found);
        }
    }
    let mut missing: Vec<MissingNames> = names.into_values().filter_map(|names| lacking(root, &names)).collect();
    sort_by_bytes(&mut missing, |missing| missing.path.to_vec());
    missing
}

/// What is missing of a file with these names; `None` if every name was found.
fn lacking(root: &Root, names: &[&Found]) -> Option<MissingNames> {
    // A bind mount shows the same name in the same directory a second time.
    let distinct: HashSet<(Identity, &[u8])> = names.iter().map(|found| (found.parent.id, &*found.name)).collect();
    let count = u32::try_from(distinct.len()).unwrap_or(u32::MAX);
    let first = names.first().filter(|first| first.stat.nlink > count)?;
    // The link count is read again from a name that is left: a second run at the same time may have removed some.
    let now = names
        .iter()
        .find_map(|found| root.walk(&found.path(), false).ok().filter(|place| place.stat.id == found.stat.id))?;
    let expected = now.stat.nlink;
    (expected > count).then(|| MissingNames {
        path: first.path(),
        rule: first.rule,
        expected,
        found: count,
        overlay: root.filesystem(&first.parent.path()).is_ok_and(|filesystem| filesystem == OVERLAYFS_SUPER_MAGIC),
    })
}
