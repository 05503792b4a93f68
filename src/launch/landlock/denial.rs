//! Denies single files: allows everything else under the root, in as few rules as possible.

use std::collections::HashSet;
use std::ffi::CString;
use std::os::fd::AsFd;

use nix::errno::Errno;

use super::{LandlockError, Ruleset, rights};
use crate::harden::apply::Outcome;
use crate::harden::pipeline::Applied;
use crate::harden::plan::Verb;
use crate::root::{Canonical, Kind, Root, RootError};

/// The rights that are denied on the files. Reading is among them, else `ld.so FILE` and copies of the files would
/// bypass the denial.
const DENIED: u64 = rights::EXECUTE | rights::READ_FILE;

impl Ruleset {
    /// A ruleset that denies executing and reading the files at `denied`, and what lies below directories there.
    /// `denied` must hold all names of each file. Names that are made later in a directory that holds one of them are
    /// denied as well. Attempts are logged unless `audit` is false.
    fn denying(root: &Root, denied: &HashSet<Canonical>, audit: Option<bool>) -> Result<Self, LandlockError> {
        let mut ruleset = Self::new(DENIED | rights::REFER, audit)?;
        let around: HashSet<Canonical> = denied.iter().flat_map(Canonical::ancestors).collect();
        let mut pending = vec![root.directory(&Canonical::default())?];
        while let Some(directory) = pending.pop() {
            let mut names: Vec<(CString, Kind)> = Vec::new();
            directory.list(&mut |listed| listed.map(|(name, kind)| names.push((name.to_owned(), kind))))?;
            for (name, kind) in names.into_iter().filter(|(_, kind)| *kind != Kind::Symlink) {
                let path = directory.join(&name);
                if denied.contains(&path) {
                    continue;
                }
                if around.contains(&path) {
                    pending.push(directory.child(&name)?);
                    continue;
                }
                let handle = match directory.handle(&name) {
                    Ok(handle) => handle,
                    // It was removed meanwhile, so there is nothing to allow.
                    Err(error) if error.leads_nowhere() => continue,
                    Err(error) => return Err(error.into()),
                };
                let rights = if kind == Kind::Directory { DENIED | rights::REFER } else { DENIED };
                ruleset.allow(handle.as_fd(), rights)?;
            }
        }
        Ok(ruleset)
    }
}

/// Returns the names that Landlock can deny, out of those that could not be removed: files and directories, and links
/// that lead to one of these or nowhere. Landlock cannot deny a link to a program that stays, such as `sh` to a kept
/// busybox.
fn deniable(root: &Root, names: Vec<(Canonical, Kind)>) -> HashSet<Canonical> {
    let (links, files): (Vec<_>, Vec<_>) = names.into_iter().partition(|(_, kind)| *kind == Kind::Symlink);
    let mut denied: HashSet<Canonical> = files.into_iter().map(|(path, _)| path).collect();
    let leads_to_denied = |denied: &HashSet<Canonical>, link: &Canonical| match root.walk(link, true) {
        Ok(place) => {
            denied.contains(&place.path) || place.path.ancestors().any(|directory| denied.contains(&directory))
        }
        Err(error) => RootError::leads_nowhere(&error),
    };
    let links: Vec<Canonical> =
        links.into_iter().map(|(path, _)| path).filter(|link| leads_to_denied(&denied, link)).collect();
    denied.extend(links);
    denied
}

/// Denies what could not be removed, and marks those steps as denied. Returns `None` if nothing is left to deny.
pub fn deny_instead(applied: &mut Applied<'_>) -> Result<Option<Ruleset>, LandlockError> {
    let (root, plan) = (&applied.protected.target.root, &applied.plan);
    let Some(outcomes) = &mut applied.outcomes else { return Ok(None) };
    let stays = |outcome: &Outcome| outcome.was_refused() || matches!(outcome, Outcome::Disabled);
    let steps = plan.actions.iter().zip(&*outcomes).filter(|(_, outcome)| stays(outcome));
    let mut names = Vec::new();
    let mut any = false;
    for (action, _) in steps {
        any = true;
        if !matches!(action.verb, Verb::Strip { .. } | Verb::LoginShells { .. }) {
            names.push((action.path(), action.stat.kind));
        }
    }
    if !any {
        return Ok(None);
    }
    let denied = deniable(root, names);
    let ruleset = Ruleset::denying(root, &denied, applied.protected.profile.confine.audit())?;
    for (action, outcome) in plan.actions.iter().zip(outcomes) {
        let read_only = matches!(outcome, Outcome::Failed { error, .. } if error.errno() == Errno::EROFS);
        let deniable = match action.verb {
            // Under no_new_privs, setuid and file capabilities have no effect. On a read-only root, write permission
            // has none.
            Verb::Strip { bits, .. } => read_only || bits & 0o002 == 0,
            // Under no_new_privs, nobody becomes another user by logging in.
            Verb::LoginShells { .. } => true,
            Verb::Remove | Verb::Tombstone | Verb::Disable => denied.contains(&action.path()),
        };
        if outcome.was_refused() && deniable {
            *outcome = Outcome::Denied;
        }
    }
    Ok(Some(ruleset))
}
