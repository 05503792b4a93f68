//! `[confine]`: what `run` may forbid without breaking what was seen. Reads only.

use super::observed::{Gap, Observed, Role};
use super::writable::{Writable, Written};
use crate::recognise::elf::Elf;
use crate::root::{Canonical, InRoot, Root};
use crate::text::order::sort_by;

/// `[confine]`.
#[derive(Debug)]
pub struct Confined {
    /// `write`, in order.
    pub write: Result<Vec<Canonical>, Unconfined>,
    /// `execute`, in order.
    pub execute: Result<Vec<Canonical>, Unconfined>,
}

/// Why a key of `[confine]` is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unconfined {
    /// A program with setuid, setgid or file capabilities was started. Landlock asks for `no_new_privs`, and then that
    /// program gains nothing.
    Privileged(Canonical),
    /// It is not known what was written.
    WritesUnknown,
    /// The app makes names right in the root.
    WritesRoot(Canonical),
    /// This program lies where the app writes, and nothing may be both writable and executable.
    RunsWritten(Canonical),
    /// This path is not UTF-8, so a profile cannot name it.
    NotText(Canonical),
    /// No program was seen.
    NothingSeen,
}

impl Confined {
    /// What to say if the app writes to `writable` and `kept` holds its programs and what they need to start.
    pub(super) fn of(root: &Root, observed: &Observed, kept: &[Vec<u8>], writable: Option<&[Writable]>) -> Self {
        let privileged = observed.gaps.iter().find_map(|gap| match gap {
            Gap::Privileged(path) => Some(Unconfined::Privileged(path.clone())),
            _ => None,
        });
        if let Some(reason) = privileged {
            return Self { write: Err(reason.clone()), execute: Err(reason) };
        }
        let write = write(writable);
        // Also where `write` is left out: the app may write there all the same.
        let places = writable.unwrap_or_default().iter().map(|place| place.path.clone());
        let mut written: Vec<Canonical> = places.filter(|path| *path != b"/").collect();
        written.extend(write.as_deref().unwrap_or_default().iter().cloned());
        let execute = execute(root, observed, kept, &written);
        Self { write, execute }
    }
}

/// Where writing must be allowed. Making a directory takes the right to write to the one above it.
fn write(writable: Option<&[Writable]>) -> Result<Vec<Canonical>, Unconfined> {
    let mut paths = Vec::new();
    for Writable { path, written, made } in writable.ok_or(Unconfined::WritesUnknown)? {
        let is_there = !made || matches!(written, Written::Volume | Written::SharedMemory | Written::Temporary);
        let place = if is_there { path.clone() } else { path.parent().unwrap_or_default() };
        if place == b"/" {
            return Err(Unconfined::WritesRoot(path.clone()));
        }
        paths.push(place);
    }
    outermost(paths)
}

/// What must be executable: the directories of the programs, so that one that is added to `only` needs no second entry.
/// The allow-list leaves nothing else in them, and `write` allows nothing new there. Where that does not hold, single
/// files. Dynamic loaders are files, too: beside them lie libraries, which need no such right.
fn execute(
    root: &Root,
    observed: &Observed,
    kept: &[Vec<u8>],
    written: &[Canonical],
) -> Result<Vec<Canonical>, Unconfined> {
    let started = observed.programs.iter().filter(|program| program.roles != [Role::Loader]);
    let started: Vec<&Canonical> = started.map(|program| &program.path).collect();
    if started.is_empty() {
        return Err(Unconfined::NothingSeen);
    }
    let needed: Vec<Canonical> =
        kept.iter().filter_map(|path| root.walk(path, true).ok()).map(|place| place.path).collect();
    let apart = |path: &Canonical| !written.iter().any(|written| InRoot(written).overlaps(path));
    let mut paths = Vec::new();
    for path in started.into_iter().chain(&needed) {
        let loader = matches!(root.classify(path), Ok(Some(Elf::Library { .. })));
        let directory = path.parent().filter(|above| *above != b"/" && !loader && apart(above));
        match directory {
            Some(directory) => paths.push(directory),
            None if apart(path) => paths.push(path.clone()),
            None => return Err(Unconfined::RunsWritten(path.clone())),
        }
    }
    outermost(paths)
}

/// The paths in order, without those that lie below another one.
fn outermost(mut paths: Vec<Canonical>) -> Result<Vec<Canonical>, Unconfined> {
    sort_by(&mut paths, Canonical::cmp);
    paths.dedup();
    let inner = |path: &Canonical| paths.iter().any(|other| other != path && path.is_within(other));
    let outer: Vec<Canonical> = paths.iter().filter(|path| !inner(path)).cloned().collect();
    match outer.iter().find(|path| std::str::from_utf8(path).is_err()) {
        Some(path) => Err(Unconfined::NotText(path.clone())),
        None => Ok(outer),
    }
}
