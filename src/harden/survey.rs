//! The survey: what the rules of a profile meet under the root. Reads only.
//!
//! The survey is a chain of values, each made from the one before: the names in the rules; the one walk through the
//! tree, for programs by class, an allow-list and `[strip]`; the chains of the links that were found; other names, and
//! links that would dangle. For the last step, only directories are looked at again in which the walk saw links or
//! files with several names. So memory grows with what is found and not with what is seen.

mod accounts;
mod classes;
mod examined;
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
pub use examined::Examined;
use libraries::Libraries;
use links::Cut;
use named::Named;
pub use note::Note;
use other_names::Complete;
use selection::{Scope, Selection};

/// A file that `[strip]` changes.
#[derive(Clone, Debug)]
pub struct Strippable {
    /// The file.
    pub file: Rc<Found>,
    /// Mode bits to clear; 0 if only capabilities are removed.
    pub bits: u32,
    /// Whether the file has capabilities to remove.
    pub capabilities: bool,
}

/// `/etc/passwd`, if it has accounts whose login shell `[strip]` takes away.
#[derive(Clone, Debug)]
pub struct LoginShells {
    /// The file.
    pub file: Rc<Found>,
    /// The shell that these accounts get.
    pub shell: &'static str,
}

/// A name that a rule meets and that `[keep]` saves.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The path.
    pub path: Canonical,
    /// Index of the rule in [`Profile::remove`].
    pub rule: usize,
    /// Why it is kept.
    pub reason: Rc<KeepReason>,
}

/// A name that a rule meets and that must not be changed, because of its mount.
#[derive(Clone, Debug)]
pub struct Skipped {
    /// The path.
    pub path: Canonical,
    /// Index of the rule in [`Profile::remove`].
    pub rule: usize,
    /// Whether the name itself is a mount point; otherwise it lies on another mount.
    pub mount_point: bool,
}

/// A file of which not every name was found.
#[derive(Clone, Debug)]
pub struct MissingNames {
    /// A name that was found.
    pub path: Canonical,
    /// Index of the rule in [`Profile::remove`].
    pub rule: usize,
    /// The link count of the inode.
    pub expected: u32,
    /// How many names were found.
    pub found: u32,
    /// Whether the file is on overlayfs, where link counts are not reliable.
    pub overlay: bool,
}

/// A library that a kept program needs and that does not exist.
#[derive(Clone, Debug)]
pub struct MissingLibrary {
    /// Index of the rule in [`Profile::remove`] that takes every library that is not needed.
    pub rule: usize,
    /// Who needs what, from a kept program on.
    pub chain: Chain,
}

/// The result of a survey.
#[derive(Debug, Default)]
pub struct Survey {
    /// Names to remove.
    pub found: Vec<Rc<Found>>,
    /// Files to strip.
    pub strippable: Vec<Strippable>,
    /// Accounts whose login shell is taken away.
    pub login_shells: Option<LoginShells>,
    /// Names that `[keep]` saves.
    pub kept: Vec<Saved>,
    /// Names on other mounts.
    pub skipped: Vec<Skipped>,
    /// Files of which not all names were found.
    pub missing: Vec<MissingNames>,
    /// Libraries that programs of the allow-list need and that were not found.
    pub missing_libraries: Vec<MissingLibrary>,
    /// What could not be looked at.
    pub unreadable: Vec<RootError>,
    /// The files and links that `[remove] force` names.
    pub forced: HashSet<Identity>,
    /// Remarks.
    pub notes: Vec<Note>,
}

/// How far a survey looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Everything: for a change.
    Full,
    /// Only what rules name: enough to see whether anything is left.
    Rules,
    /// Only what rules name by name or path, with the chains of links. Neither file contents nor the whole tree are
    /// looked at.
    Names,
}

/// Surveys `root` for `profile`. The libraries of the programs in `protection` count as needed. Files that `examined`
/// holds are not read again. The result lists what could not be looked at; an error means that nothing at all is known.
pub fn survey(
    root: &Root,
    profile: &Profile,
    kept: &Kept,
    protection: &Protection,
    depth: Depth,
    examined: &Examined,
) -> Result<Survey, RootError> {
    let scope = Scope { root, profile, kept, depth, examined };
    let libraries = Libraries::of(scope, protection)?;
    Named::by_rules(scope)?.walk(&libraries, protection)?.follow_links()?.other_names()?.finish(libraries)
}

impl Complete<'_> {
    /// Adds what depends on all names that go.
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

/// What `[remove] force` names: the file itself, and if it is a link, the links and the file that it leads to.
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
