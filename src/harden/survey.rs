//! The survey: what the rules of a profile meet under the root. Reads only.
//!
//! A chain of values, each made of the one before: what rules name; the one walk through the tree, for programs by class, an
//! allow-list and `[strip]`; the chains of the links among that; other names, and links that would dangle, for which only the
//! directories are looked at again where the walk saw links and files with several names. So memory grows with what is found
//! and not with what is seen.

mod accounts;
mod classes;
mod index;
mod libraries;
mod links;
mod named;
mod note;
mod other_names;
mod others;
mod removals;
mod selection;
mod strip;
mod walk;

use std::collections::HashSet;
use std::rc::Rc;

use crate::harden::found::Found;
use crate::harden::kept::{KeepReason, Kept};
use crate::harden::protection::Protection;
use crate::profile::Profile;
use crate::recognise::libraries::Chain;
use crate::root::{Canonical, Identity, Root, RootError};

pub use accounts::MAX_PASSWD;
use libraries::Libraries;
use links::Cut;
use named::Named;
pub use note::Note;
use other_names::Complete;
use selection::{Scope, Selection};

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
pub struct Saved {
    /// Where it is.
    pub path: Canonical,
    /// Index of the rule in [`Profile::remove`].
    pub rule: usize,
    /// Why it is kept.
    pub reason: Rc<KeepReason>,
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
    /// Index of the rule in [`Profile::remove`] that removes every library not needed.
    pub rule: usize,
    /// Who needs what: a kept program at its beginning.
    pub chain: Chain,
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
    pub kept: Vec<Saved>,
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
    /// Remarks.
    pub notes: Vec<Note>,
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

/// Surveys `root` for `profile`; what `protection` names needs its libraries, too. What cannot be looked at is in the result;
/// an error is returned only where nothing can be said at all.
pub fn survey(
    root: &Root,
    profile: &Profile,
    kept: &Kept,
    protection: &Protection,
    depth: Depth,
) -> Result<Survey, RootError> {
    let scope = Scope { root, profile, kept, depth };
    let libraries = Libraries::of(scope, protection)?;
    Named::by_rules(scope)?.walk(&libraries, protection)?.follow_links()?.other_names()?.finish(libraries)
}

impl Complete<'_> {
    /// What can be said only of all that goes.
    fn finish(self, libraries: Libraries) -> Result<Survey, RootError> {
        let Self { mut selection, mut strippable, cut, missing, notes: further } = self;
        let scope = selection.scope;
        let (mut notes, mut login_shells) = (libraries.notes.clone(), None);
        notes.extend(further);
        if scope.depth != Depth::Names {
            login_shells = accounts::login_shells(&mut selection, &mut notes)?;
            libraries.mark(scope.root, &mut selection.removals);
        }
        let forced = forced(&mut selection)?;
        let Selection { removals, saved, skipped, unreadable, .. } = selection;
        for Cut { link, program, id } in cut {
            if removals.doomed_file(id).is_none() {
                notes.push(Note::LedToMultiCall { link, program });
            }
        }
        strippable.retain(|Strippable { file, .. }| {
            removals.doomed_path(&file.path()).is_none() && removals.doomed_file(file.stat.id).is_none()
        });
        Ok(Survey {
            found: removals.into_list(),
            strippable,
            login_shells,
            kept: saved,
            skipped,
            missing,
            missing_libraries: libraries.missing,
            unreadable: unreadable.into_errors(),
            forced,
            notes,
        })
    }
}

/// What `[remove] force` names: the file itself, and where it is a link what that leads to.
fn forced(selection: &mut Selection<'_>) -> Result<HashSet<Identity>, RootError> {
    let Scope { root, profile, .. } = selection.scope;
    let mut forced = HashSet::new();
    for pattern in &profile.force {
        selection.expand(&pattern.value, &mut |_, entry| {
            forced.insert(entry.stat.id);
            if let Ok(place) = root.walk(&entry.path(), true) {
                forced.insert(place.stat.id);
                forced.extend(place.links.iter().filter(|link| link.last).map(|link| link.stat.id));
            }
            Ok(())
        })?;
    }
    Ok(forced)
}
