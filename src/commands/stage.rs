//! `lithify stage`: copies directories into a volume, without what the profiles remove, and prints the mounts for it.

use std::collections::HashSet;
use std::path::Path;

use nix::unistd::geteuid;

use super::options::{declared_app, effective_profile};
use super::output::Output;
use crate::cli::Stage;
use crate::harden::pipeline::{Planned, Policy, Processes, Protected, Start, is_not_refused};
use crate::harden::plan::{self, Action, Plan, Verb};
use crate::linux::deadline::Deadline;
use crate::report::{CommandError, Exit, Paths, Report, StageNote, StageReport, Subcommand, silent_note};
use crate::root::{Canonical, InRoot, Kind, Root, RootError};
use crate::target::Target;
use crate::volume::stage::{self, Staged};

pub(super) fn stage(options: &Stage, output: &Output) -> Exit {
    try_stage(options, output).unwrap_or_else(|error| output.failure("stage", &error))
}

fn try_stage(options: &Stage, output: &Output) -> Result<Exit, CommandError> {
    let profile = effective_profile(&options.profiles, &[])?;
    let target = Target::open(&options.root, Deadline::default()).map_err(CommandError::Root)?;
    let root = &target.root;
    let directories = stage::resolve(root, &options.sources, &options.to)?;
    let app = declared_app(&options.app, &profile)?;
    // Nothing is deleted, so no process can veto. lithify itself, and what kept programs need, stay in the copy. If the
    // app is missing from the copy, that shows when the app's container starts, and the image still has the app. So a
    // note says it, and nothing more.
    let policy = Policy::reading(Start::Later(&app), Processes::Ignored);
    let mut planned = Protected::new(&target, &profile, policy)?.survey()?.plan();
    planned.lead_on(&is_not_refused);
    let Planned { plan, unreadable, .. } = planned;
    let mut report = Report::new(Subcommand::Stage, root.path(), &profile);
    report.add_silent(root);
    let (unread, elsewhere) = unread(&directories, unreadable, &plan);
    if !unread.is_empty() || !plan.refusals.is_empty() {
        report.add_unreadable(unread);
        report.add_plan(Plan { skipped: Vec::new(), missing: Vec::new(), ..plan }, Some(Vec::new()));
        return Ok(output.report("stage", Ok(report)));
    }
    let staged = stage::stage(root, &profile, &plan, directories, &options.to)?;
    let (left_out, outside): (Vec<Action>, Vec<Action>) =
        plan.actions.into_iter().partition(|action| lies_in(&staged.directories, &action.path()));
    let mut notes = notes(root, &staged, &left_out, &outside);
    if !elsewhere.is_empty() {
        notes.push(StageNote::Unread(elsewhere.len(), geteuid()));
    }
    // A mount point is on another mount than the directory above it.
    let mount = |path: &Path| Root::open(path).map(|root| root.stat().mount).ok();
    if mount(&options.to) == mount(&options.to.join("..")) {
        notes.push(StageNote::NoMountPoint);
    }
    notes.extend(silent_note(root).map(StageNote::Said));
    notes.extend(staged.notes.iter().cloned().map(StageNote::Said));
    // Leaves out notes on an earlier copy, which is being replaced.
    let to = options.to.as_os_str().as_encoded_bytes();
    let earlier = |note: &plan::Note| note.path().is_some_and(|path| path.is_within(to));
    notes.extend(plan.notes.into_iter().filter(|note| !earlier(note)).map(StageNote::Plan));
    let report = StageReport { root: report.root, profiles: report.profiles, to: &options.to, left_out, notes, staged };
    Ok(output.finish("stage", Exit::Ok, &|further| {
        (String::new(), report.to_text(&further, output.volume()), report.to_json(&further, output.volume()))
    }))
}

/// Splits what could not be looked at into what would have been copied and what lies elsewhere. Nothing of the latter
/// is copied, and a user other than root may not look at all of it.
fn unread(directories: &[Canonical], unreadable: Vec<RootError>, plan: &Plan) -> (Vec<RootError>, Vec<RootError>) {
    let (mut copied, elsewhere): (Vec<_>, Vec<_>) =
        unreadable.into_iter().partition(|error| lies_in(directories, error.path()));
    // What is left out need not be readable.
    let leaves_out = |action: &&Action| matches!(action.verb, Verb::Remove | Verb::Tombstone);
    let left_out: HashSet<Canonical> = plan.actions.iter().filter(leaves_out).map(Action::path).collect();
    copied.retain(|error| !left_out.contains(error.path()));
    (copied, elsewhere)
}

fn lies_in(directories: &[Canonical], path: &[u8]) -> bool {
    directories.iter().any(|directory| InRoot(path).is_within(directory))
}

/// Notes on names that are not in the copy as they are, or not as the profile wants them.
fn notes(root: &Root, staged: &Staged, left_out: &[Action], outside: &[Action]) -> Vec<StageNote> {
    let is_strip = |action: &&Action| matches!(action.verb, Verb::Strip { .. } | Verb::LoginShells { .. });
    let (changed, staying): (Vec<&Action>, Vec<&Action>) = outside.iter().partition(is_strip);
    // A link outside may lead into a staged directory, to something that is no longer there.
    let (dangling, staying): (Vec<&Action>, Vec<&Action>) =
        staying.into_iter().partition(|action| leads_into(root, &staged.directories, action));
    let paths = |actions: Vec<&Action>| actions.into_iter().map(Action::path).collect();
    let of_verb = |verb: fn(Verb) -> bool| paths(left_out.iter().filter(|action| verb(action.verb)).collect());
    let notes: [(Paths, Vec<Canonical>); 8] = [
        (Paths::Staying, paths(staying)),
        (Paths::Dangling, paths(dangling)),
        (Paths::NotStripped, paths(changed)),
        (Paths::NoTombstone, of_verb(|verb| verb == Verb::Tombstone)),
        (Paths::LoginShells, of_verb(|verb| matches!(verb, Verb::LoginShells { .. }))),
        (Paths::LinksOutside, staged.links.outside.clone()),
        (Paths::LinksToOtherMounts, staged.links.other_mounts.clone()),
        (Paths::Mounted, staged.mounted.clone()),
    ];
    let said = notes.into_iter().filter(|(_, paths)| !paths.is_empty());
    said.map(|(what, paths)| StageNote::Paths(what, paths)).collect()
}

/// Whether this is a link that leads to a place in `directories`.
fn leads_into(root: &Root, directories: &[Canonical], action: &Action) -> bool {
    action.stat.kind == Kind::Symlink
        && root.walk(&action.path(), true).is_ok_and(|place| lies_in(directories, &place.path))
}
