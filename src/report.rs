//! The report of a run. It collects facts, and only this module puts them into words: as text for people or as JSON for
//! machines.

mod advice;
mod change;
mod checks;
mod control;
mod diff;
pub(crate) mod drop_in;
mod error;
mod exit;
mod fact;
mod fault;
mod isolation;
mod json;
mod launch;
mod learn;
mod line;
mod note;
mod prove;
mod reasons;
mod record;
mod seal;
mod silent;
mod stage;
mod survey;
mod text;
mod waiting;

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use nix::unistd::{getegid, geteuid};

use crate::harden::apply::Outcome;
use crate::harden::pipeline::Applied;
use crate::harden::plan::{self, Action, Plan, Verb};
use crate::profile::Profile;
use crate::prove::Attempt;
use crate::root::{Kind, Root, RootError};
use crate::text::escape::escape;
use crate::verify::{Check, Verification, Verified};

pub use crate::verify::CheckId;
pub(crate) use advice::errors::install as install_advice;
pub(crate) use change::text as change_text;
pub(crate) use control::{ids_of_key, to_json as checks_to_json, to_text as checks_to_text};
pub use diff::{DiffNote, DiffReport, From as DiffFrom};
pub use error::CommandError;
pub use exit::{AppProcess, Exit};
pub use fact::{Fact, Failed};
pub use fault::Fault;
pub use json::{failure as failure_to_json, write as to_json};
pub use launch::{Confinement, Launch};
pub use learn::{Earlier, JoinError, LearnReport, PROFILE_BEGINS, PROFILE_IS_IN, event_line};
pub use note::Note;
pub use record::{Record, VARIABLES};
pub use seal::SealReport;
pub use silent::note as silent_note;
pub use stage::{Paths, StageNote, StageReport};
pub(crate) use text::plural;
pub use text::{Volume, cut_to_termination_message, termination_message, write as to_text};

/// The subcommands that use this report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subcommand {
    /// `harden`.
    #[default]
    Harden,
    /// `verify`.
    Verify,
    /// `run`.
    Run,
    /// `stage`, if something prevents it.
    Stage,
    /// `diff` since a seal.
    Diff,
    /// `seal --after`, if it is not known what `harden` would leave.
    Seal,
}

impl Subcommand {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Harden => "harden",
            Self::Verify => "verify",
            Self::Run => "run",
            Self::Stage => "stage",
            Self::Diff => "diff",
            Self::Seal => "seal",
        }
    }
}

/// Everything that there is to say, as facts. What is wrong follows from them ([`Report::findings`]).
#[derive(Debug, Default)]
pub struct Report {
    /// The command that reports.
    pub command: Subcommand,
    /// The root as given, escaped.
    pub root: String,
    /// Names of the profiles that were combined.
    pub profiles: Vec<String>,
    /// User id and group id of this process before it gave up anything.
    user: (u32, u32),
    /// What could not be looked at.
    unreadable: Vec<RootError>,
    /// The plan, if there is one.
    plan: Option<Plan>,
    /// What became of each step; `None` for a dry run.
    outcomes: Option<Vec<Outcome>>,
    /// The time limit that passed before everything was done.
    late: Option<Duration>,
    /// Whether everything was done but the digest.
    late_for_digest: bool,
    /// Every check, including those that hold.
    checks: Vec<Check>,
    /// Whether it is accepted that nothing can be deleted on a read-only root, so that this is not a finding.
    accepts_read_only: bool,
    /// The attempts of `--prove`; `None` without it.
    attempts: Option<Vec<Attempt>>,
    /// The results of setting up the app's process, such as its privileges and its confinement.
    pub launch: Vec<Launch>,
    /// What makes it a record for an audit.
    pub record: Option<Record>,
    /// Remarks, which never change the exit code.
    pub notes: Vec<Note>,
}

impl Report {
    /// An empty report of `command` on `root`, a path of the caller, with the names of the profile's sources.
    pub fn new(command: Subcommand, root: &Path, profile: &Profile) -> Self {
        Self {
            command,
            root: escape(root.as_os_str().as_encoded_bytes()),
            profiles: profile.sources.iter().map(|source| source.name.to_string()).collect(),
            user: (geteuid().as_raw(), getegid().as_raw()),
            ..Self::default()
        }
    }

    /// A copy that has the notes, but nothing else that was added.
    #[must_use]
    pub fn begin_again(&self) -> Self {
        Self {
            command: self.command,
            root: self.root.clone(),
            profiles: self.profiles.clone(),
            user: self.user,
            notes: self.notes.clone(),
            ..Self::default()
        }
    }

    /// Adds everything that was done, and what was verified afterwards.
    pub fn add(&mut self, verified: Verified<'_>) {
        let Verified { applied, verification, late, late_for_digest } = verified;
        let Applied { plan, outcomes, unreadable, remarks, unmarked, newcomers, .. } = applied;
        self.add_unreadable(unreadable);
        self.notes.extend(unmarked.map(Note::Unmarked));
        if !newcomers.is_empty() {
            self.notes.push(Note::Newcomers(newcomers));
        }
        self.notes.extend(remarks.into_iter().map(Note::Wait));
        self.add_plan(plan, outcomes);
        (self.late, self.late_for_digest) = (late, late_for_digest);
        if let Some(verification) = verification {
            self.add_verification(verification);
        }
    }

    /// Adds what could not be looked at.
    pub fn add_unreadable(&mut self, errors: Vec<RootError>) {
        self.unreadable.extend(errors);
    }

    /// Adds the mounts that were left out because their server does not answer: a finding where all must be looked at, else
    /// a remark, because nothing on them would have been changed.
    pub fn add_silent(&mut self, root: &Root) {
        if self.command == Subcommand::Verify {
            self.add_unreadable(root.silent().iter().map(Into::into).collect());
        } else {
            self.notes.extend(silent_note(root).map(Note::Said));
        }
    }

    /// Adds the plan. `outcomes` is `None` for a dry run, and empty for a plan that was refused.
    pub fn add_plan(&mut self, mut plan: Plan, outcomes: Option<Vec<Outcome>>) {
        self.notes.extend(std::mem::take(&mut plan.notes).into_iter().map(Note::Plan));
        (self.plan, self.outcomes) = (Some(plan), outcomes);
    }

    /// Adds the checks and notes of a verification.
    pub fn add_verification(&mut self, verification: Verification) {
        self.checks.extend(verification.checks);
        self.notes.extend(verification.notes.into_iter().map(Note::Verify));
    }

    /// Adds the attempts of `--prove`.
    pub fn add_attempts(&mut self, attempts: Vec<Attempt>) {
        self.notes.extend(prove::allowed(&attempts).map(Note::Said));
        self.attempts = Some(attempts);
    }

    /// The checks that were added.
    pub fn all_checks(&self) -> &[Check] {
        &self.checks
    }

    /// Accepts that nothing can be deleted on a read-only root, because nothing can be changed there either. One note
    /// says what the profile would remove, and only the other checks decide.
    pub fn accept_read_only(&mut self) {
        self.accepts_read_only = true;
        let names = self.steps().count();
        self.notes.push(Note::ReadOnly { names, profiles: self.profiles.clone() });
    }

    /// Whether nothing was changed because that would have been unsafe, whatever exit code the command then has.
    pub fn is_refused(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| !plan.refusals.is_empty())
    }

    fn is_dry_run(&self) -> bool {
        self.plan.is_some() && self.outcomes.is_none()
    }

    /// The steps in order, each with its outcome; `None` if nothing was tried.
    pub fn steps(&self) -> impl Iterator<Item = (&Action, Option<&Outcome>)> {
        let actions = self.plan.as_ref().map(|plan| plan.actions.as_slice()).unwrap_or_default();
        let outcomes = self.outcomes.as_deref().filter(|_| !self.is_refused());
        let most = outcomes.map_or(actions.len(), <[Outcome]>::len);
        let outcome = move |position: usize| outcomes.and_then(|outcomes| outcomes.get(position));
        actions.iter().take(most).enumerate().map(move |(position, action)| (action, outcome(position)))
    }

    /// The change of the profile with which a refused plan is carried out.
    fn change(&self) -> Option<&plan::Change> {
        self.plan.as_ref()?.change.as_ref()
    }

    /// What `[keep]` saves.
    fn kept(&self) -> &[plan::Stays] {
        self.plan.as_ref().map(|plan| plan.kept.as_slice()).unwrap_or_default()
    }

    /// How many names were removed, disabled, replaced and stripped (or would be in a dry run), and how many files they
    /// belong to.
    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        let mut files = HashSet::new();
        for (action, outcome) in self.steps() {
            match outcome {
                Some(Outcome::Done) => {}
                None if !self.is_refused() => {}
                Some(Outcome::Disabled) => {
                    counts.disabled += 1;
                    continue;
                }
                Some(Outcome::Denied) => {
                    counts.denied += 1;
                    continue;
                }
                _ => continue,
            }
            match action.verb {
                Verb::Remove => counts.removed += 1,
                Verb::Disable => counts.disabled += 1,
                Verb::Tombstone => counts.tombstoned += 1,
                Verb::Strip { .. } | Verb::LoginShells { .. } => {
                    counts.stripped += 1;
                    continue;
                }
            }
            if action.stat.kind == Kind::File {
                files.insert(action.stat.id);
            }
        }
        counts.files = files.len();
        counts
    }
}

/// Numbers for the summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    /// Names unlinked.
    removed: usize,
    /// Names whose mode became 000.
    disabled: usize,
    /// Names replaced by a tombstone.
    tombstoned: usize,
    /// Names that could not be removed, and are denied to the app.
    denied: usize,
    /// Names whose bits or capabilities were cleared.
    stripped: usize,
    /// Distinct regular files among those removed, disabled and replaced.
    files: usize,
}
