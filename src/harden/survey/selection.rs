//! What the rules choose: names that are to go, and names that stay nevertheless.

use std::rc::Rc;

use super::examined::Question;
use super::removals::Removals;
use super::{Depth, Examined, Saved, Skipped};
use crate::harden::found::{Cause, Found};
use crate::harden::kept::Kept;
use crate::profile::{Profile, Selector};
use crate::recognise::tombstone::{self, Detector};
use crate::root::glob::{self, Matches};
use crate::root::pattern::PathPattern;
use crate::root::{Directory, Entry, Kind, Root, RootError, Unreadable};

/// What is surveyed, and how far the survey looks.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub root: &'a Root,
    pub profile: &'a Profile,
    pub kept: &'a Kept,
    pub depth: Depth,
    pub examined: &'a Examined,
}

impl Scope<'_> {
    /// Whether an earlier look has answered this question, and the file has not changed since.
    pub(super) fn is_answered(self, question: Question<'_>) -> bool {
        self.depth == Depth::Rules && self.examined.holds(question)
    }

    /// The index of the rule for the allow-list; `None` if the profile has no allow-list.
    pub(super) fn allow_list(self) -> Option<usize> {
        self.profile.remove.iter().position(|rule| rule.value == Selector::Others)
    }
}

/// What the rules have chosen so far.
pub(super) struct Selection<'a> {
    pub scope: Scope<'a>,
    /// Names that are to go.
    pub removals: Removals,
    /// Names that `[keep]` saves.
    pub saved: Vec<Saved>,
    /// Names on other mounts.
    pub skipped: Vec<Skipped>,
    /// What could not be looked at.
    pub unreadable: Unreadable,
    /// Whether a link or directory goes whose target or surroundings stay: links through it may dangle.
    pub cuts: bool,
    tombstones: Detector,
}

/// What [`Selection::expand`] calls for each match.
type OnMatch<'v> = dyn FnMut(&mut Selection<'_>, Entry<'_>) -> Result<(), RootError> + 'v;

impl<'a> Selection<'a> {
    pub(super) fn new(scope: Scope<'a>) -> Self {
        Self {
            scope,
            removals: Removals::default(),
            saved: Vec::new(),
            skipped: Vec::new(),
            unreadable: Unreadable::default(),
            cuts: false,
            tombstones: Detector::default(),
        }
    }

    /// Adds a name that is to go, unless it is kept, on another mount, or known already. Returns whether it is to go.
    pub(super) fn add(&mut self, entry: Entry<'_>, rule: usize, cause: Cause) -> bool {
        let mount_point = entry.stat.mount != entry.parent.mount;
        let found = self.removals.remember(entry, rule, cause);
        self.add_found(found, mount_point)
    }

    /// Does the same as [`Self::add`] for a record that is made already.
    pub(super) fn add_found(&mut self, found: Rc<Found>, mount_point: bool) -> bool {
        let Scope { root, kept, .. } = self.scope;
        let (path, stat, rule) = (found.path(), &found.stat, found.rule);
        if let Some(known) = self.removals.position(&path) {
            // If a rule names a file that lies in a directory that goes, its chain of links goes with it.
            if let (Some(known), Cause::Rule) = (self.removals.get_mut(known), &found.cause) {
                if matches!(known.cause, Cause::Content { .. }) {
                    (known.cause, known.rule) = (Cause::Rule, rule);
                }
            }
            return true;
        }
        if let Some(reason) = kept.reason(&path, stat) {
            self.saved.push(Saved { path, rule, reason: Rc::clone(reason) });
            return false;
        }
        if mount_point || !kept.mounts.contains(stat.mount) {
            self.skipped.push(Skipped { path, rule, mount_point });
            return false;
        }
        // A tombstone stands in place of a command that was removed already.
        let may_be_tombstone = stat.kind == Kind::File && stat.mode & 0o7777 == tombstone::MODE;
        if may_be_tombstone && root.file(&path).is_ok_and(|file| self.tombstones.is_tombstone(&file)) {
            return false;
        }
        self.removals.push(found);
        true
    }

    /// Calls `found` for every file that the pattern matches.
    pub(super) fn expand(&mut self, pattern: &PathPattern, found: &mut OnMatch<'_>) -> Result<(), RootError> {
        glob::expand(self.scope.root, pattern, &mut Expansion { selection: self, found })
    }
}

struct Expansion<'s, 'a, 'f, 'v> {
    selection: &'s mut Selection<'a>,
    found: &'f mut OnMatch<'v>,
}

impl Matches for Expansion<'_, '_, '_, '_> {
    fn found(&mut self, found: Entry<'_>) -> Result<(), RootError> {
        (self.found)(self.selection, found)
    }

    fn failed(&mut self, error: RootError) -> Result<(), RootError> {
        self.selection.unreadable.note(error)
    }

    fn enters(&mut self, parent: &Directory, child: &Directory) -> Result<bool, RootError> {
        Ok(self.selection.scope.kept.mounts.are_entered(parent, child))
    }
}
