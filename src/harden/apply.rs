//! Carries out a plan. Only this module deletes or changes anything in the target.

mod accounts;
mod notes;
mod tombstones;

use std::collections::HashSet;

use nix::errno::Errno;

use crate::harden::found::Parent;
use crate::harden::plan::{Action, Plan, Verb};
use crate::root::{Directory, Kind, Root, RootError};
pub use notes::Notes;
use tombstones::Tombstones;
pub use tombstones::carve;

/// What became of one action.
#[derive(Debug)]
pub enum Outcome {
    /// The action was carried out.
    Done,
    /// Another process, such as a second run at the same time, carried it out first.
    Gone,
    /// The name now belongs to another file than when the plan was made: left alone.
    Changed,
    /// The name is now a mount point or lies on another mount: left alone.
    OtherMount,
    /// Left for a next run, because a name that can be found only through this one could not be removed.
    Withheld,
    /// The file could not be removed and has mode 000 instead.
    Disabled,
    /// The file could not be removed and is denied to the app instead.
    Denied,
    /// Left for a next run, because the deadline of the root passed.
    Late,
    /// The kernel refused.
    Failed {
        /// The error.
        error: RootError,
        /// Owner and mode (the lowest twelve bits) of the directory.
        directory: Option<(u32, u32)>,
    },
}

/// Carries out all actions until the deadline of the root. An action that fails does not stop the others. Returns one
/// outcome for each action, in order, or none if the plan has refusals: then nothing is done. What is changed is noted
/// for harden's mark.
pub fn apply<'p>(root: &Root, plan: &'p Plan, notes: &mut Option<Notes<'p>>) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(plan.actions.len());
    if !plan.refusals.is_empty() {
        return outcomes;
    }
    // A directory is opened once for all consecutive actions in it. It is opened again by its path for each such batch,
    // so that a directory that was moved out of the root in the meantime is no longer found.
    let mut open: Option<(&Parent, Result<Directory, Errno>)> = None;
    // Names that must stay because something that they lead to stays: a next run would not find it without them.
    let mut withheld: HashSet<&[u8]> = HashSet::new();
    let mut tombstones = Tombstones::new(plan);
    for action in &plan.actions {
        // The order of the actions lets a next run complete them wherever this run stops.
        if root.deadline().is_over() {
            outcomes.push(Outcome::Late);
            continue;
        }
        if !withheld.is_empty() && withheld.contains(&*action.path()) {
            withheld.extend(action.leads_from());
            outcomes.push(Outcome::Withheld);
            continue;
        }
        let parent = &*action.parent;
        let known = open.as_ref().is_some_and(|(opened, _)| opened.id == parent.id && opened.compare(parent).is_eq());
        if !known {
            open = Some((parent, open_batch(root, action)));
        }
        let outcome = match open.as_ref().map(|(_, directory)| directory) {
            Some(Ok(directory)) => step(directory, action, action.verb, &mut tombstones, notes),
            Some(Err(Errno::ENOENT)) => Outcome::Gone,
            Some(Err(Errno::ETIME)) => Outcome::Late,
            None | Some(Err(Errno::ESTALE | Errno::ELOOP | Errno::ENOTDIR)) => Outcome::Changed,
            Some(Err(errno)) => {
                let error = RootError::os("openat2", &parent.path(), *errno);
                Outcome::Failed { error, directory: None }
            }
        };
        // On a read-only filesystem all actions fail in the same way.
        if matches!(&outcome, Outcome::Failed { error, .. } if error.errno() != Errno::EROFS) {
            withheld.extend(action.leads_from());
        }
        outcomes.push(outcome);
    }
    outcomes
}

impl Outcome {
    /// Whether the file is still there because the kernel did not let this user remove it.
    pub fn was_refused(&self) -> bool {
        match self {
            Self::Withheld => true,
            Self::Failed { error, .. } => matches!(error.errno(), Errno::EROFS | Errno::EACCES | Errno::EPERM),
            _ => false,
        }
    }
}

/// Sets mode 000 on files that could not be removed. The owner of a file may do so even if the directory belongs to
/// another user. On a read-only filesystem this does not help.
pub fn disable_instead<'p>(root: &Root, plan: &'p Plan, outcomes: &mut [Outcome], notes: &mut Option<Notes<'p>>) {
    for (action, outcome) in plan.actions.iter().zip(outcomes) {
        let read_only = matches!(outcome, Outcome::Failed { error, .. } if error.errno() == Errno::EROFS);
        let removes = matches!(action.verb, Verb::Remove | Verb::Tombstone);
        if !removes || action.stat.kind != Kind::File || read_only || !outcome.was_refused() {
            continue;
        }
        if let Ok(directory) = open_batch(root, action) {
            if matches!(step(&directory, action, Verb::Disable, &mut Tombstones::new(plan), notes), Outcome::Done) {
                *outcome = Outcome::Disabled;
            }
        }
    }
}

/// Opens the directory of a batch. Fails if it is not the directory that the plan was made for.
fn open_batch(root: &Root, action: &Action) -> Result<Directory, Errno> {
    let directory = root.directory(&action.parent.path()).map_err(|error| error.errno())?;
    if directory.own_stat().id == action.parent.id { Ok(directory) } else { Err(Errno::ESTALE) }
}

/// Does `verb` to the name of the action.
fn step<'p>(
    directory: &Directory,
    action: &'p Action,
    verb: Verb,
    tombstones: &mut Tombstones<'_>,
    notes: &mut Option<Notes<'p>>,
) -> Outcome {
    let (id, mount) = (action.stat.id, action.stat.mount);
    let before = notes.as_ref().and_then(|notes| notes.look(directory, action));
    let result = match verb {
        Verb::Remove => directory.remove(&action.name, id, mount).map(|()| None),
        Verb::Disable => directory.set_mode(&action.name, id, mount, 0, false).map(|()| None),
        Verb::Tombstone => tombstones.put(directory, action),
        Verb::LoginShells { shell } => accounts::rewrite(directory, action, shell).map(Some),
        Verb::Strip { bits, capabilities } => {
            let mode = action.stat.mode & 0o7777 & !bits;
            directory.set_mode(&action.name, id, mount, mode, capabilities).map(|()| None)
        }
    };
    match result {
        Ok(new) => {
            if let (Some(notes), Some(before)) = (notes, before) {
                notes.add(directory, action, verb, &before, new);
            }
            Outcome::Done
        }
        Err(error) => match error.errno() {
            Errno::ENOENT => Outcome::Gone,
            Errno::ESTALE if is_done(directory, action) => Outcome::Gone,
            Errno::ESTALE => Outcome::Changed,
            Errno::EXDEV => Outcome::OtherMount,
            _ => {
                let stat = directory.own_stat();
                Outcome::Failed { error, directory: Some((stat.uid, stat.mode & 0o7777)) }
            }
        },
    }
}

/// Whether another run at the same time has already done what this action does.
fn is_done(directory: &Directory, action: &Action) -> bool {
    match action.verb {
        Verb::Tombstone => tombstones::stands(directory, action),
        Verb::LoginShells { .. } => accounts::are_locked(directory, action),
        Verb::Remove | Verb::Disable | Verb::Strip { .. } => false,
    }
}
