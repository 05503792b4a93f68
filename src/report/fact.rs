//! What a report states: its checks, and what is wrong, in the order of the output.

use std::collections::HashSet;

use nix::errno::Errno;

use super::{Launch, Report, Subcommand};
use crate::harden::apply::Outcome;
use crate::harden::plan::{Action, Refusal, Stays};
use crate::prove::Attempt;
use crate::root::{Canonical, RootError};
use crate::verify::{Check, CheckId, Status, Subject};

/// One statement.
pub enum Fact<'a> {
    /// A rule asks for something that must stay, so nothing was done.
    Refused(&'a Refusal),
    /// A step was left alone.
    LeftAlone(&'a Action, &'a Outcome),
    /// The kernel refused these steps.
    Failed(Failed<'a>),
    /// A rule meets something that stays.
    Stays(&'a Stays),
    /// The result of a check.
    Check {
        /// The check.
        check: &'a Check,
        /// Whether it is the first name that `verify` finds not removed. The advice is given once, for this one.
        first_left: bool,
    },
    /// The result of setting up the app's process, such as its privileges and its confinement.
    Launch(&'a Launch),
    /// An attempt that succeeded, or that could not be made.
    Attempt(&'a Attempt),
    /// Something could not be looked at.
    Unreadable(&'a RootError),
}

/// Steps that the kernel refused for the same reason. They are one finding, however many there are.
pub struct Failed<'a> {
    /// The reason.
    pub errno: Errno,
    /// Owner and mode of the directory, if known.
    pub directory: Option<(u32, u32)>,
    /// The first of these steps.
    pub first: &'a Action,
    /// The number of further steps.
    pub more: usize,
}

impl Fact<'_> {
    /// Whether it is as it should be.
    pub fn status(&self) -> Status {
        match self {
            Self::Check { check, .. } => check.status,
            Self::Attempt(attempt) if attempt.is_failure() => Status::Fail,
            Self::Unreadable(_) | Self::Attempt(_) => Status::Unverified,
            Self::Launch(launch) => launch.status(),
            Self::Refused(_) | Self::LeftAlone(..) | Self::Failed(_) | Self::Stays(_) => Status::Fail,
        }
    }
}

impl Report {
    /// What is wrong: refusals first, what is only unverified last.
    pub fn findings(&self) -> Vec<Fact<'_>> {
        let mut findings = Vec::new();
        if let Some(plan) = &self.plan {
            findings.extend(plan.refusals.iter().map(Fact::Refused));
            if !self.accepts_read_only {
                self.failures(&mut findings);
                findings.extend(plan.skipped.iter().chain(&plan.missing).map(Fact::Stays));
            }
        }
        let attempts = || self.attempts.iter().flatten();
        findings.extend(attempts().filter(|attempt| attempt.is_failure()).map(Fact::Attempt));
        let mut known = None;
        let mut unverified = Vec::new();
        let mut first_left = self.command == Subcommand::Verify;
        for check in &self.checks {
            let about_removal = matches!(check.id, CheckId::Remove | CheckId::Strip);
            if !check.status.is_finding()
                || about_removal && check.status == Status::Fail && self.accepts_read_only
                || about_removal && is_said(check, known.get_or_insert_with(|| self.left()))
                || check.id == CheckId::Remove && check.status == Status::Unverified && self.was_unreadable(check)
            {
                continue;
            }
            if check.status == Status::Unverified {
                unverified.push(Fact::Check { check, first_left: false });
            } else {
                let is_left = check.id == CheckId::Remove;
                findings.push(Fact::Check { check, first_left: is_left && first_left });
                first_left &= !is_left;
            }
        }
        let failed = |launch: &&Launch| launch.status() == Status::Fail;
        findings.extend(self.launch.iter().filter(failed).map(Fact::Launch));
        findings.extend(self.unreadable.iter().map(Fact::Unreadable));
        findings.extend(unverified);
        findings.extend(attempts().filter(|attempt| attempt.is_finding() && !attempt.is_failure()).map(Fact::Attempt));
        findings
    }

    /// Every check, including those that hold.
    pub(super) fn checks(&self) -> impl Iterator<Item = Fact<'_>> {
        let checks = self.checks.iter().map(|check| Fact::Check { check, first_left: false });
        let confined = self.launch.iter().filter(|launch| launch.status() == Status::Pass);
        checks.chain(confined.map(Fact::Launch))
    }

    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings().is_empty()
    }

    /// Whether everything could be looked at.
    pub fn is_known(&self) -> bool {
        self.findings().iter().all(|finding| finding.status() != Status::Unverified)
    }

    /// Adds the steps that were not done: first those that were left alone, then those that failed, as one finding for
    /// each reason.
    fn failures<'a>(&'a self, findings: &mut Vec<Fact<'a>>) {
        let mut groups: Vec<Failed<'a>> = Vec::new();
        for (action, outcome) in self.steps() {
            match outcome {
                Some(Outcome::Failed { error, directory }) => {
                    let errno = error.errno();
                    match groups.iter_mut().find(|group| group.errno == errno && group.directory == *directory) {
                        Some(group) => group.more += 1,
                        None => groups.push(Failed { errno, directory: *directory, first: action, more: 0 }),
                    }
                }
                Some(outcome @ (Outcome::Changed | Outcome::OtherMount | Outcome::Withheld)) => {
                    findings.push(Fact::LeftAlone(action, outcome));
                }
                None | Some(Outcome::Done | Outcome::Gone | Outcome::Disabled | Outcome::Denied | Outcome::Late) => {}
            }
        }
        findings.extend(groups.into_iter().map(Fact::Failed));
    }

    /// The paths of what is still there, which the report has mentioned already.
    fn left(&self) -> HashSet<Canonical> {
        let stays = |outcome: Option<&Outcome>| !matches!(outcome, None | Some(Outcome::Done | Outcome::Gone));
        let mut left: HashSet<Canonical> =
            self.steps().filter(|(_, outcome)| stays(*outcome)).map(|(action, _)| action.path()).collect();
        let stays = self.plan.iter().flat_map(|plan| plan.skipped.iter().chain(&plan.missing));
        left.extend(stays.map(|stays| stays.path.clone()));
        left
    }

    /// Whether this could not be looked at before the change either.
    fn was_unreadable(&self, check: &Check) -> bool {
        matches!(&check.subject, Subject::Path(path) if self.unreadable.iter().any(|error| error.path() == path))
    }
}

fn is_said(check: &Check, left: &HashSet<Canonical>) -> bool {
    matches!(&check.subject, Subject::Path(path) if left.contains(path.as_slice()))
}
