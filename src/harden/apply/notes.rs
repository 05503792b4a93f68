//! Notes for harden's mark ([`crate::harden::mark`]), taken while a plan is carried out in a running container. They
//! excuse a change of lithify's, and never the file: one that was made or changed by others after the start stays drift.

use std::collections::HashSet;
use std::fmt::Write;
use std::os::fd::{AsFd, OwnedFd};

use super::Action;
use crate::harden::mark::{self, Mark};
use crate::harden::plan::Verb;
use crate::linux::deadline::Deadline;
use crate::linux::proc::processes::Process;
use crate::linux::time::Time;
use crate::root::{Canonical, Details, Directory, Root, RootError, c_name, details_of};
use crate::target::app::App;
use crate::target::start::COARSE;
use crate::target::unreadable::programs;

/// What was noted.
#[derive(Debug)]
pub struct Notes<'p> {
    root: &'p Root,
    start: Time,
    /// Directories in which, or below which, something was done. On overlayfs the first change in a directory of a lower
    /// layer copies it up, which changes the directory above it.
    copied_up: HashSet<Canonical>,
    /// The mark of the root, and what this run has changed: a line without a path for the file under any name.
    known: Mark,
    /// What stays under its name.
    stay: Vec<Note<'p>>,
    /// What took a name away from its directory. A process may still run the program of that name.
    removed: Vec<&'p Action>,
    /// What was changed, and had come or been changed by others after the start.
    pub newcomers: Vec<Canonical>,
}

#[derive(Debug)]
struct Note<'p> {
    action: &'p Action,
    verb: Verb,
    inode: u64,
    changed: Time,
    modified: Time,
}

/// How many directories above one are looked at.
const ABOVE: usize = 512;

/// A file before an action.
pub(super) struct Before {
    file: OwnedFd,
    details: Details,
    directory: Details,
    /// The directories above that may be copied up, or in which one is.
    above: Vec<(Canonical, Details)>,
}

impl<'p> Notes<'p> {
    /// For a container whose first process started at `start`.
    pub fn new(root: &'p Root, start: Time) -> Self {
        // What is no mark excuses nothing.
        let known = Mark::read(root).unwrap_or_default();
        let copied_up = HashSet::new();
        Self { root, start, copied_up, known, stay: Vec::new(), removed: Vec::new(), newcomers: Vec::new() }
    }

    /// The file of the action as it is now, held, so that the same file is looked at afterwards.
    pub(super) fn look(&self, directory: &Directory, action: &Action) -> Option<Before> {
        let file = directory.handle(&c_name(&action.name).ok()?).ok()?;
        let details = details_of(file.as_fd(), c"", b"").ok()?;
        if details.stat.id != action.stat.id {
            return None;
        }
        let mut above = Vec::new();
        if !self.copied_up.contains(directory.path()) {
            for path in below_root(directory.path()).skip(1).take(ABOVE) {
                let Ok(details) = directory_at(self.root, &path) else { break };
                let is_last = self.copied_up.contains(&path);
                above.push((path, details));
                if is_last {
                    break;
                }
            }
        }
        let directory = directory.details(c"").ok()?;
        Some(Before { file, details, directory, above })
    }

    /// Notes that `verb` was done to the name of the action; `new` is the file that was put there.
    pub(super) fn add(
        &mut self,
        directory: &Directory,
        action: &'p Action,
        verb: Verb,
        before: &Before,
        new: Option<Details>,
    ) {
        for (path, before) in &before.above {
            // Copying up changes nothing but this time. What else changes, others have changed.
            let others = |now: &Details| {
                let of = |details: &Details| (details.stat.id, details.stat.mode, details.stat.uid, details.stat.gid);
                of(now) != of(before) || now.modified != before.modified
            };
            if let Some(now) = directory_at(self.root, path).ok().filter(|now| !others(now)) {
                self.note(path, before, now);
            }
        }
        if let Ok(now) = directory.details(c"") {
            self.note(directory.path(), &before.directory, now);
        }
        let Ok(now) = details_of(before.file.as_fd(), c"", b"") else { return };
        let path = action.path();
        if !self.knows(&path, &before.details) {
            // Otherwise another run has done it.
            if now.changed != before.details.changed {
                self.newcomers.push(path);
            }
            return;
        }
        self.known.add(b"", now.changed, now.stat.id.ino);
        if matches!(verb, Verb::Remove | Verb::Tombstone) {
            self.removed.push(action);
        }
        // Who has written to it meanwhile has changed this time, too.
        let same = (verb != Verb::Remove && now.modified == before.details.modified).then_some(now);
        if let Some(Details { stat, changed, modified, .. }) = new.or(same) {
            self.stay.push(Note { action, verb, inode: stat.id.ino, changed, modified });
        }
    }

    /// Notes that lithify has changed a directory.
    fn note(&mut self, path: &Canonical, before: &Details, now: Details) {
        if self.knows(path, before) {
            self.known.add(path, now.changed, now.stat.id.ino);
        }
        self.copied_up.insert(path.clone());
    }

    /// Whether only lithify has changed the file since the start.
    fn knows(&self, path: &[u8], details: &Details) -> bool {
        let Details { stat, changed, modified, .. } = *details;
        changed < self.start
            || self.known.holds(path, changed, stat.id.ino)
            || modified < self.start && self.known.holds(b"", changed, stat.id.ino)
    }

    /// Leaves the mark: a line for each file that stays, for each removed program that a process of `app` still runs,
    /// and then for each directory that lithify alone has changed: because names were removed in it, or it was copied up.
    pub fn leave(&self, app: &App) -> Result<(), RootError> {
        let mut text = String::new();
        self.add_running(app, &mut text);
        if self.stay.is_empty() && self.removed.is_empty() {
            return Ok(());
        }
        // What was done until the deadline came is not done again by the next run.
        let root = &self.root.until(Deadline::default())?;
        // Within one tick of the clock by which files are stamped, a change by others has the same time. From the next
        // tick on it has another one.
        std::thread::sleep(COARSE);
        let mut last: Option<Directory> = None;
        for Note { action, verb, inode, changed, modified } in &self.stay {
            let parent = action.parent.path();
            if last.as_ref().is_none_or(|last| *last.path() != parent) {
                last = root.directory(&parent).ok();
            }
            let now = last.as_ref().and_then(|directory| directory.details(&c_name(&action.name).ok()?).ok());
            // Each further name of a tombstone changes it.
            let same = |now: &Details| {
                (now.stat.id.ino, now.modified) == (*inode, *modified)
                    && (now.changed == *changed || *verb == Verb::Tombstone)
            };
            if let Some(now) = now.filter(same) {
                let _ = writeln!(text, "{}", mark::line(&action.path(), now.changed, *inode));
            }
        }
        let mut said = HashSet::new();
        for action in self.stay.iter().map(|note| note.action).chain(self.removed.iter().copied()) {
            for path in below_root(&action.parent.path()) {
                if !said.insert(path.clone()) {
                    break;
                }
                if let Ok(Details { stat, changed, .. }) = directory_at(root, &path) {
                    if changed >= self.start && self.known.holds(&path, changed, stat.id.ino) {
                        let _ = writeln!(text, "{}", mark::line(&path, changed, stat.id.ino));
                    }
                }
            }
        }
        if text.is_empty() { Ok(()) } else { mark::append(root, text.as_bytes()) }
    }

    /// Adds lines for the removed programs that processes still run.
    fn add_running(&self, app: &App, text: &mut String) {
        if self.removed.is_empty() {
            return;
        }
        let processes: Vec<&Process> = app.processes().chain(&app.others).collect();
        for program in programs(&processes).into_iter().flatten() {
            let action = self.removed.iter().find(|action| action.stat.id == program.id);
            if let Some(action) = action.filter(|_| self.known.holds(b"", program.changed, program.id.ino)) {
                let _ = writeln!(text, "{}", mark::line(&action.path(), program.changed, program.id.ino));
            }
        }
    }
}

/// The directory at `path` and those above it, nearest first, without the root: the mark lies there, and changes it.
fn below_root(path: &Canonical) -> impl Iterator<Item = Canonical> {
    std::iter::once(path.clone()).chain(path.ancestors()).take_while(|path| *path != Canonical::default())
}

/// What is known of the directory at `path`.
fn directory_at(root: &Root, path: &Canonical) -> Result<Details, RootError> {
    root.directory(path)?.details(c"")
}
