//! `lithify stage`: a copy of directories in a volume, without what the profiles remove, and the mounts for it.

use std::collections::HashSet;
use std::fmt::Write;
use std::rc::Rc;

use serde::Serialize;

use super::options::{declared_app, effective_profile};
use super::output::Output;
use crate::cli::Stage as Options;
use crate::harden::plan::{self, Action, Plan, Verb, plan};
use crate::harden::protection::Protection;
use crate::harden::survey::{self, Depth};
use crate::report::{CommandError, Exit, Note, Report, Subcommand};
use crate::root::{Canonical, InRoot, Kind, Root, RootError};
use crate::target::app::App;
use crate::text::escape::escape;
use crate::text::json_line::json_line;
use crate::volume::stage::{self, Staged};

/// How many paths a note names, unless `-v` asks for all.
const NAMED: usize = 5;

pub(super) fn stage(options: &Options, output: &Output) -> Exit {
    match try_stage(options, output) {
        Ok(Ok(done)) => output
            .finish("stage", Exit::Ok, |notes| (String::new(), done.to_text(&notes, output), done.to_json(&notes))),
        Ok(Err(report)) => output.report("stage", Ok(report)),
        Err(error) => output.report("stage", Err(error)),
    }
}

/// What was staged, or the report of what stands against it.
fn try_stage(options: &Options, output: &Output) -> Result<Result<Done, Report>, CommandError> {
    let profile = effective_profile(&options.profiles, &[])?;
    let root = Root::open(&options.root).map_err(CommandError::Root)?;
    let directories = stage::resolve(&root, &options.sources, &options.to)?;
    // Nothing is deleted, so no process vetoes: lithify itself, and what kept programs need, stay in the copy.
    let mut protection = Protection::of_running(&App::default())?;
    protection.add_needs_of_kept(&root, &profile.search(), &survey::kept(&root, &profile));
    // A copy without the app shows when the app's container starts, and the image keeps it: that is said, and no more.
    let unknown = declared_app(&options.app, &profile)?.protect(&root, &profile, false, &mut protection)?;
    let inventory = survey::survey(&root, &profile, &protection, Depth::Full).map_err(CommandError::Inventory)?;
    let mut plan = plan(&profile, &inventory, &protection);
    plan.notes.extend(unknown.map(|unknown| plan::Note::UnknownApp(Rc::new(unknown))));
    let mut report = Report::new(Subcommand::Stage, root.path(), &profile);
    // Of the rest of the image nothing is copied, and a user who is not root may not look at all of it.
    let (ours, others): (Vec<_>, Vec<_>) =
        inventory.unreadable.into_iter().partition(|error| lies_in(&directories, error.path()));
    // What is left out need not be readable.
    let left_out: HashSet<Canonical> = plan
        .actions
        .iter()
        .filter(|action| matches!(action.verb, Verb::Remove | Verb::Tombstone))
        .map(Action::path)
        .collect();
    let ours: Vec<RootError> = ours.into_iter().filter(|error| !left_out.contains(error.path())).collect();
    if !ours.is_empty() || !plan.refusals.is_empty() {
        report.add_unreadable(ours);
        report.add_plan(Plan { skipped: Vec::new(), missing: Vec::new(), ..plan }, Some(Vec::new()));
        return Ok(Err(report));
    }
    let staged = stage::stage(&root, &profile, &plan, directories, &options.to)?;
    Ok(Ok(Done::new(options, report, staged, plan, &root, &others, output)))
}

fn lies_in(directories: &[Canonical], path: &[u8]) -> bool {
    directories.iter().any(|directory| InRoot(path).is_within(directory))
}

/// Everything there is to say.
struct Done {
    root: String,
    to: String,
    profiles: Vec<String>,
    left_out: Vec<Action>,
    mounts: Vec<stage::Mount>,
    present: Vec<String>,
    notes: Vec<String>,
    staged: Staged,
}

impl Done {
    fn new(
        options: &Options,
        report: Report,
        staged: Staged,
        plan: Plan,
        root: &Root,
        unreadable: &[RootError],
        output: &Output,
    ) -> Self {
        let to = escape(options.to.as_os_str().as_encoded_bytes());
        let named = if output.volume().verbose { usize::MAX } else { NAMED };
        let directories = &staged.directories;
        let (left_out, outside): (Vec<Action>, Vec<Action>) =
            plan.actions.into_iter().partition(|action| lies_in(directories, &action.path()));
        let (changed, outside): (Vec<Action>, Vec<Action>) = outside
            .into_iter()
            .partition(|action| matches!(action.verb, Verb::Strip { .. } | Verb::LoginShells { .. }));
        // A link outside may lead into a staged directory, to what is not there any more.
        let (dangling, staying): (Vec<&Action>, Vec<&Action>) =
            outside.iter().partition(|action| leads_into(root, directories, action));
        let mut notes = Vec::new();
        let paths = |actions: Vec<&Action>| actions.into_iter().map(Action::path).collect::<Vec<_>>();
        let mut note = |paths: Vec<Canonical>, text: &str| {
            if !paths.is_empty() {
                notes.push(format!("{}: {text}", some(&paths, named)));
            }
        };
        note(
            paths(staying),
            "the profile removes them, but they lie outside of the staged directories and stay in the app's own image; stage their directories, too, or `verify` finds them there",
        );
        note(
            paths(dangling),
            "links outside of the staged directories, which will lead nowhere in the app's container",
        );
        note(
            paths(changed.iter().collect()),
            "[strip] would change them, but they lie outside of the staged directories and stay as they are in the app's own image",
        );
        let of_verb = |verb: fn(Verb) -> bool| paths(left_out.iter().filter(|action| verb(action.verb)).collect());
        note(
            of_verb(|verb| verb == Verb::Tombstone),
            "left out, and no tombstone stands in their place: a copy gets none",
        );
        note(
            of_verb(|verb| matches!(verb, Verb::LoginShells { .. })),
            "copied with the login shells that it has: content is not changed in a copy",
        );
        note(staged.links.outside.clone(), stage::OUTSIDE);
        note(
            staged.links.other_mounts.clone(),
            "they lead to another mount, which the app's container needs at the same place",
        );
        if !unreadable.is_empty() {
            notes.push(format!(
                "{} places outside of the staged directories could not be looked at as uid {}",
                unreadable.len(),
                nix::unistd::geteuid()
            ));
        }
        // What is mounted at a mount point is on another mount than what is above it.
        let mount = |path: &std::path::Path| Root::open(path).map(|root| root.stat().mount).ok();
        if mount(&options.to) == mount(&options.to.join("..")) {
            notes.push(format!(
                "{to} is no mount point: write its path in the volume before each subPath; if it is in no volume, the copy is lost with this container"
            ));
        }
        notes.extend(staged.notes.iter().cloned());
        // Not of an earlier copy, which is being replaced.
        let earlier = options.to.as_os_str().as_encoded_bytes();
        let earlier = |note: &plan::Note| match note {
            plan::Note::Survey(text) => text.starts_with(&format!("{to}/")),
            note => note.path().is_some_and(|path| path.is_within(earlier)),
        };
        notes.extend(plan.notes.into_iter().filter(|note| !earlier(note)).map(|note| Note::Plan(note).text()));
        Self {
            root: report.root,
            mounts: stage::mounts(directories, &stage::volume_name(&options.to)),
            present: stage::present(directories),
            to,
            profiles: report.profiles,
            left_out,
            notes,
            staged,
        }
    }

    fn summary(&self) -> String {
        format!(
            "lithify stage {}: {} names, {} bytes are in {}/{}{}; {} names left out or changed",
            self.root,
            self.staged.names,
            self.staged.bytes,
            self.to.trim_end_matches('/'),
            stage::NAME,
            if self.staged.changed { "" } else { " already, and stay as they are" },
            self.left_out.len()
        )
    }

    /// YAML as a whole: what is not part of the pod spec is a comment.
    fn to_text(&self, further: &[String], output: &Output) -> String {
        if output.volume().quiet {
            return String::new();
        }
        let mut out = String::new();
        for note in self.notes.iter().chain(further) {
            let _ = writeln!(out, "# note: {note}");
        }
        if output.volume().verbose {
            for action in &self.left_out {
                let (verb, origin) = (action.verb.name(), &action.origin);
                let _ = writeln!(out, "# {verb} {} ({}: {})", escape(&action.path()), origin.profile, origin.rule);
            }
        }
        out.push_str("# For the app's container, and for no other a writable mount of this volume:\n");
        out.push_str(&stage::to_yaml(&self.mounts));
        out.push_str("# For the app's profile, because a subPath that is missing is mounted as an empty directory:\n");
        let present = serde_json::to_string(&self.present).unwrap_or_default();
        let _ = writeln!(out, "#   [verify.files]\n#   present = {present}\n# {}", self.summary());
        out
    }

    fn to_json(&self, further: &[String]) -> String {
        let left_out = self.left_out.iter().map(|action| LeftOut {
            action: action.verb.name(),
            path: escape(&action.path()),
            kind: action.stat.kind.name(),
            rule: &action.origin.rule,
            profile: &action.origin.profile,
        });
        let escaped = |paths: &[Canonical]| paths.iter().map(|path| escape(path)).collect();
        json_line(&Json {
            schema: 1,
            command: "stage",
            version: env!("CARGO_PKG_VERSION"),
            root: &self.root,
            to: &self.to,
            profiles: &self.profiles,
            exit_code: 0,
            changed: self.staged.changed,
            names: self.staged.names,
            bytes: self.staged.bytes,
            left_out: left_out.collect(),
            volume_mounts: &self.mounts,
            present: &self.present,
            links_outside: escaped(&self.staged.links.outside),
            links_to_other_mounts: escaped(&self.staged.links.other_mounts),
            notes: self.notes.iter().chain(further).collect(),
        })
    }
}

/// Whether this is a link that leads to a place in `directories`.
fn leads_into(root: &Root, directories: &[Canonical], action: &Action) -> bool {
    action.stat.kind == Kind::Symlink
        && root.walk(&action.path(), true).is_ok_and(|place| lies_in(directories, &place.path))
}

fn some(paths: &[Canonical], most: usize) -> String {
    let named: Vec<String> = paths.iter().take(most).map(|path| escape(path)).collect();
    let more = paths.len() - named.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    named.join(", ") + &more
}

#[derive(Serialize)]
struct LeftOut<'a> {
    action: &'a str,
    path: String,
    kind: &'a str,
    rule: &'a str,
    profile: &'a str,
}

#[derive(Serialize)]
struct Json<'a> {
    schema: u8,
    command: &'a str,
    version: &'a str,
    root: &'a str,
    to: &'a str,
    profiles: &'a [String],
    exit_code: u8,
    changed: bool,
    names: u64,
    bytes: u64,
    left_out: Vec<LeftOut<'a>>,
    #[serde(rename = "volumeMounts")]
    volume_mounts: &'a [stage::Mount],
    present: &'a [String],
    links_outside: Vec<String>,
    links_to_other_mounts: Vec<String>,
    notes: Vec<&'a String>,
}
