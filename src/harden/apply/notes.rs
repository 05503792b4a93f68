//! Leaves harden's mark ([`crate::harden::mark`]) after a plan was carried out in a running container.

use std::fmt::Write;

use super::Outcome;
use crate::harden::found::Parent;
use crate::harden::mark;
use crate::harden::plan::{Action, Verb};
use crate::linux::proc::processes::Process;
use crate::root::{Directory, Kind, Root, RootError};
use crate::target::app::App;
use crate::target::unreadable::programs;

/// Notes each file that was changed or made, and each removed program that a process of `app` still runs. If there are
/// none, it leaves no mark, because what is gone needs no excuse.
pub fn leave(root: &Root, actions: &[Action], outcomes: &[Outcome], app: &App) -> Result<(), RootError> {
    // What was done until the deadline came is not done again by the next run.
    let root = &root.without_deadline()?;
    let mut notes = Notes { root, text: String::new(), directory: None };
    let done =
        || actions.iter().zip(outcomes).filter(|(_, outcome)| matches!(outcome, Outcome::Done | Outcome::Disabled));
    for (action, outcome) in done() {
        if action.verb != Verb::Remove || matches!(outcome, Outcome::Disabled) {
            notes.add(action);
        }
    }
    notes.add_running(actions, outcomes, app);
    if notes.text.is_empty() {
        return Ok(());
    }
    let mut last: Option<&Parent> = None;
    for (action, _) in done() {
        if !last.is_some_and(|last| last.compare(&action.parent).is_eq()) {
            notes.add_directory(&action.parent);
            last = Some(&action.parent);
        }
    }
    mark::append(root, notes.text.as_bytes())
}

struct Notes<'a> {
    root: &'a Root,
    text: String,
    /// The directory of the action before.
    directory: Option<(&'a Parent, Directory)>,
}

impl<'a> Notes<'a> {
    /// Notes the file that now has the name of the action.
    fn add(&mut self, action: &'a Action) {
        let parent = &*action.parent;
        if !self.directory.as_ref().is_some_and(|(known, _)| known.compare(parent).is_eq()) {
            self.directory = self.root.directory(&parent.path()).ok().map(|directory| (parent, directory));
        }
        let Some((_, directory)) = &self.directory else { return };
        let details = crate::root::c_name(&action.name).ok().and_then(|name| directory.details(&name).ok());
        if let Some(details) = details {
            let _ = writeln!(self.text, "{}", mark::line(&action.path(), details.changed, details.stat.id.ino));
        }
    }

    /// Notes a directory, whose time of change is new because of the names in it.
    fn add_directory(&mut self, parent: &Parent) {
        let directory = self.root.directory(&parent.path());
        if let Ok(details) = directory.and_then(|directory| directory.details(c"")) {
            let _ = writeln!(self.text, "{}", mark::line(&parent.path(), details.changed, details.stat.id.ino));
        }
    }

    /// Notes the removed programs that processes still run.
    fn add_running(&mut self, actions: &[Action], outcomes: &[Outcome], app: &App) {
        let removed: Vec<&Action> = actions
            .iter()
            .zip(outcomes)
            .filter(|(action, outcome)| {
                let goes = matches!(action.verb, Verb::Remove | Verb::Tombstone);
                goes && matches!(outcome, Outcome::Done) && action.stat.kind == Kind::File
            })
            .map(|(action, _)| action)
            .collect();
        if removed.is_empty() {
            return;
        }
        let processes: Vec<&Process> = app.processes().chain(&app.others).collect();
        for program in programs(&processes).into_iter().flatten() {
            if let Some(action) = removed.iter().find(|action| action.stat.id == program.id) {
                let _ = writeln!(self.text, "{}", mark::line(&action.path(), program.changed, program.id.ino));
            }
        }
    }
}
