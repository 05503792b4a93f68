//! The report of a run: one structure, printed as text for people or as JSON for machines.

mod error;
mod exit;
mod explain;
mod json;
mod text;

use std::collections::HashSet;

use nix::errno::Errno;

use crate::harden::apply::Outcome;
use crate::harden::plan::{Action, Plan, Verb};
use crate::text::escape::escape;
use crate::verify::{Check, Status, Verification};

pub use error::CommandError;
pub use exit::{AppProcess, Exit};
pub use json::{failure as failure_to_json, write as to_json};
pub(crate) use text::plural;
pub use text::{Volume, cut_to_termination_message, termination_message, write as to_text};

/// What became of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Result {
    /// Dry run.
    Planned,
    /// Done.
    Done,
    /// Was gone already.
    Gone,
    /// Could not be removed, and has mode 000 now.
    Disabled,
    /// Could not be removed, and is denied to the app by Landlock.
    Denied,
    /// Left alone, for the reason.
    Skipped(String),
    /// Failed, for the reason.
    Failed(String),
}

impl Result {
    /// Whether the name is still there, and whoever reads the report knows that.
    fn stays(&self) -> bool {
        !matches!(self, Self::Done | Self::Gone | Self::Planned)
    }
}

/// One step and what became of it.
#[derive(Clone, Debug)]
pub struct Step {
    /// The step.
    pub action: Action,
    /// What became of it.
    pub result: Result,
}

/// Something that a rule met and that stays by the profile's own wish.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Where it is.
    pub path: crate::root::Canonical,
    /// The rule and its profile.
    pub origin: std::rc::Rc<crate::harden::plan::Origin>,
    /// Why.
    pub reason: String,
}

/// Everything there is to say.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Subcommand.
    pub command: &'static str,
    /// The root as given, escaped.
    pub root: String,
    /// Names of the profiles that were combined.
    pub profiles: Vec<String>,
    /// Nothing was changed, because that was asked for.
    pub dry_run: bool,
    /// Nothing was changed, because it would have been unsafe; whatever the command then ends with.
    pub refused: bool,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// Saved by `[keep]`.
    pub kept: Vec<Kept>,
    /// What is wrong, refusals first.
    pub findings: Vec<Check>,
    /// Every check of verification, also those that hold.
    pub checks: Vec<Check>,
    /// Remarks, which never change the exit code.
    pub notes: Vec<String>,
    /// The time limit that came before everything was done.
    pub late: Option<std::time::Duration>,
}

impl Report {
    /// An empty report.
    pub fn new(command: &'static str, root: &std::path::Path, profile: &crate::profile::Profile) -> Self {
        Self {
            command,
            root: crate::text::escape::escape(root.as_os_str().as_encoded_bytes()),
            profiles: profile.sources.iter().map(|source| source.name.to_string()).collect(),
            ..Self::default()
        }
    }

    /// Adds the plan; `outcomes` is `None` for a dry run and empty for a plan that was refused.
    pub fn add_plan(&mut self, plan: Plan, outcomes: Option<Vec<Outcome>>) {
        self.dry_run = outcomes.is_none();
        for refusal in &plan.refusals {
            self.findings.push(Check {
                id: "refused",
                status: Status::Fail,
                subject: crate::text::escape::escape(&refusal.path),
                detail: format!(
                    "{} of profile {} {} {}; nothing was deleted at all",
                    refusal.origin.rule,
                    refusal.origin.profile,
                    if refusal.missing_library {
                        "cannot tell which libraries it needs:"
                    } else {
                        "would delete it, but"
                    },
                    // "needs X" alone does not say that it is not there.
                    if refusal.missing_library {
                        refusal.reason.clone() + ", which is not there"
                    } else {
                        refusal.reason.clone()
                    },
                ),
                hint: Some(refusal.hint.clone()),
            });
            self.refused = true;
        }
        self.kept.extend(plan.kept.into_iter().map(|kept| Kept {
            path: kept.path,
            origin: kept.origin,
            reason: kept.reason,
        }));
        self.notes.extend(plan.notes);
        match outcomes {
            Some(outcomes) if !self.refused => {
                explain::failures(&plan.actions, &outcomes, &mut self.findings);
                let results = outcomes.into_iter().map(explain::result);
                self.steps
                    .extend(plan.actions.into_iter().zip(results).map(|(action, result)| Step { action, result }));
            }
            _ => self.steps.extend(plan.actions.into_iter().map(|action| Step { action, result: Result::Planned })),
        }
        for stays in plan.skipped.iter().chain(&plan.missing) {
            let hint = if stays.reason.contains("mount") {
                "name its mount point in [remove] mounts if you mean it, save it with [keep] paths, or mount something clean there"
            } else {
                "the other names lie under another mount or outside the root: find them with `find -inum`"
            };
            self.findings.push(Check {
                id: "remove",
                status: Status::Fail,
                subject: crate::text::escape::escape(&stays.path),
                detail: format!("was not removed ({}: {}): {}", stays.origin.profile, stays.origin.rule, stays.reason),
                hint: Some(hint.to_owned()),
            });
        }
    }

    /// Notes that the deadline came before everything was done.
    pub fn cut_short(&mut self, limit: std::time::Duration) {
        self.late = Some(limit);
    }

    /// Adds what could not be looked at.
    pub fn add_unreadable(&mut self, errors: &[crate::root::RootError]) {
        for error in errors {
            self.findings.push(Check {
                id: "inventory",
                status: Status::Unverified,
                subject: self.root.clone(),
                detail: format!("could not be looked at: {error}"),
                hint: match error.errno() {
                    Errno::EFBIG => Some(
                        "no more than 1 GiB of a program is searched: keep it with [keep] paths if it is the app's, else delete it",
                    ),
                    Errno::ENAMETOOLONG => Some(
                        "remove it: the directories below each other there have paths of more than 16 KiB, which only somebody who hides something needs",
                    ),
                    _ => None,
                }
                .map(str::to_owned),
            });
        }
    }

    /// Adds verification; what is still there because removing it failed is not said twice.
    pub fn add_verification(&mut self, verification: Verification) {
        let mut known: Option<HashSet<String>> = None;
        let mut is_known = |check: &Check, findings: &[Check], steps: &[Step]| {
            let known = known.get_or_insert_with(|| {
                let left = steps.iter().filter(|step| step.result.stays()).map(|step| escape(&step.action.path()));
                let said = findings.iter().filter(|finding| finding.id == "remove");
                left.chain(said.map(|finding| finding.subject.clone())).collect()
            });
            known.contains(&check.subject)
        };
        for check in &verification.checks {
            // What could not be looked at before was not looked at now, either.
            let unread = |finding: &Check| finding.id == "inventory" && finding.detail.ends_with(&check.detail);
            if check.status == Status::Pass
                || check.id == "remove" && check.status == Status::Unverified && self.findings.iter().any(unread)
                || matches!(check.id, "remove" | "strip") && is_known(check, &self.findings, &self.steps)
            {
                continue;
            }
            self.findings.push(check.clone());
        }
        self.checks.extend(verification.checks);
        self.notes.extend(verification.notes);
    }

    /// Puts failures before what is merely unverified.
    pub fn sort_findings(&mut self) {
        crate::text::order::sort_by_bytes(&mut self.findings, |finding| {
            vec![u8::from(finding.id != "refused"), u8::from(finding.status == Status::Unverified)]
        });
    }

    /// How many names were (or in a dry run would be) removed, disabled, replaced and stripped, and of how many files.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        let mut files = std::collections::HashSet::new();
        for step in &self.steps {
            match step.result {
                Result::Done => {}
                Result::Planned if self.dry_run && !self.refused => {}
                Result::Disabled => {
                    counts.disabled += 1;
                    continue;
                }
                Result::Denied => {
                    counts.denied += 1;
                    continue;
                }
                Result::Planned | Result::Gone | Result::Skipped(_) | Result::Failed(_) => continue,
            }
            match step.action.verb {
                Verb::Remove => counts.removed += 1,
                Verb::Disable => counts.disabled += 1,
                Verb::Tombstone => counts.tombstoned += 1,
                Verb::Strip { .. } | Verb::LoginShells { .. } => {
                    counts.stripped += 1;
                    continue;
                }
            }
            if step.action.stat.kind == crate::root::Kind::File {
                files.insert(step.action.stat.id);
            }
        }
        counts.files = files.len();
        counts
    }
}

/// Numbers for the summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Names unlinked.
    pub removed: usize,
    /// Names whose mode became 000.
    pub disabled: usize,
    /// Names replaced by a tombstone.
    pub tombstoned: usize,
    /// Names that could not be removed, and are denied to the app.
    pub denied: usize,
    /// Names whose bits or capabilities were cleared.
    pub stripped: usize,
    /// Distinct regular files among those removed, disabled and replaced.
    pub files: usize,
}
