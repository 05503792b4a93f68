//! What a profile must say so that the app works as it was seen to: the decisions, without their text. Reads only.

use std::collections::HashSet;

use super::app::App;
use super::confined::Confined;
use super::helpers::add_helpers;
use super::kept::{Kept, Why};
use super::likely::{Likely, likely};
use super::modules::modules;
use super::observed::{Gap, Observed, Port, Program, Role};
use super::process::Process;
use super::scripts::add_read;
use super::writable::{Writable, writable};
use crate::drift::Event;
use crate::recognise::needs::needs;
use crate::root::{Canonical, Identity, Root, RootError};
use crate::text::order::sort_by;

/// Everything that a profile says of an app, in the order in which it says it.
#[derive(Debug)]
pub struct Learned {
    /// The command that was started, word by word; empty if the app ran already.
    pub command: Vec<Vec<u8>>,
    /// `[keep] app`.
    pub app: App,
    /// `[keep] only`, in order of the paths.
    pub only: Vec<Kept>,
    /// `[keep] paths`, in order of the paths.
    pub paths: Vec<Kept>,
    /// Whether every library that the programs need is found or kept: only then `libraries = "closure"` is not refused.
    pub closure: bool,
    /// How many shared libraries were seen.
    pub libraries: usize,
    /// `[verify.mounts]`, in order of the paths; `None` if it is not known what was written.
    pub writable: Option<Vec<Writable>>,
    /// `[verify.process]`.
    pub process: Process,
    /// `[confine]`.
    pub confined: Confined,
    /// Programs that were not started and may be needed, in order of the paths.
    pub likely: Vec<Likely>,
    /// Where it listened, in order.
    pub ports: Vec<Port>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
}

impl Learned {
    /// What `observed` says of an app in `root`. Fails if a file that may have to be kept cannot be looked at.
    pub fn of(root: &Root, observed: Observed) -> Result<Self, RootError> {
        let (only, scripts) = only(root, &observed);
        let kept = with_needs(root, &only);
        let kept_ids: HashSet<Identity> = kept.iter().filter_map(|path| Some(root.resolve(path).ok()?.id)).collect();
        let modules = modules(root, &kept, &kept_ids, &observed)?;
        let writable = writable(root, &observed);
        let confined = Confined::of(root, &observed, &kept, writable.as_deref());
        Ok(Self {
            likely: likely(root, &only, &scripts, &modules.paths, &kept_ids),
            app: App::of(root, &observed.command, &kept_ids),
            only,
            paths: modules.paths,
            closure: modules.closure,
            libraries: modules.libraries,
            writable,
            process: Process::of(observed.credentials),
            confined,
            command: observed.command,
            ports: observed.ports,
            gaps: observed.gaps,
        })
    }

    /// The app's own program: the last name of its path.
    pub fn app_name(&self) -> Option<&[u8]> {
        let is_app = |kept: &&Kept| matches!(&kept.why, Why::Started { roles, .. } if roles.contains(&Role::App));
        self.only.iter().find(is_app).map(|kept| kept.path.name())
    }
}

/// The programs and scripts of the allow-list, and all scripts that were read. A dynamic loader that nothing started by
/// itself stays without being listed.
fn only(root: &Root, observed: &Observed) -> (Vec<Kept>, Vec<Canonical>) {
    let changes = observed.writes.iter().flat_map(|writes| &writes.changes.list);
    let new: HashSet<&Canonical> =
        changes.filter(|change| change.event == Event::Changed).map(|change| &change.path).collect();
    let mut list: Vec<Kept> = Vec::new();
    for program in observed.programs.iter().filter(|program| program.roles != [Role::Loader]) {
        let Program { path, links, roles, by, times, .. } = program;
        let (roles, by, new) = (roles.clone(), by.clone(), new.contains(path));
        list.push(Kept { path: path.clone(), why: Why::Started { roles, by, times: *times, new } });
        list.extend(links.iter().map(|link| Kept { path: link.clone(), why: Why::Link { to: path.clone() } }));
    }
    let mut scripts: Vec<Kept> = Vec::new();
    for program in &observed.programs {
        // Without an x bit a script is no executable, which is all that an allow-list takes.
        let at_risk = |path: &&Canonical| root.resolve(*path).is_ok_and(|stat| stat.mode & 0o111 != 0);
        for script in program.scripts.iter().filter(at_risk) {
            match scripts.iter_mut().find(|known| known.path == *script) {
                Some(Kept { why: Why::Script(of), .. }) => of.push(program.path.clone()),
                _ => scripts.push(Kept { path: script.clone(), why: Why::Script(vec![program.path.clone()]) }),
            }
        }
    }
    list.extend(scripts);
    add_helpers(root, &mut list);
    let read = add_read(root, &observed.programs, &mut list);
    sort_by(&mut list, |a, b| a.path.cmp(&b.path));
    // What was started comes before what was an argument.
    list.dedup_by(|later, earlier| later.path == earlier.path);
    (list, read)
}

/// The files of the allow-list, and what these need to start.
fn with_needs(root: &Root, only: &[Kept]) -> Vec<Vec<u8>> {
    let mut pending: Vec<Vec<u8>> = only.iter().rev().map(|kept| kept.path.to_vec()).collect();
    let (mut seen, mut files) = (HashSet::new(), Vec::new());
    while let Some(path) = pending.pop() {
        if seen.insert(path.clone()) {
            pending.extend(needs(root, &path, &[]).into_iter().map(|(need, _)| need));
            files.push(path);
        }
    }
    files
}

#[cfg(test)]
mod tests;
