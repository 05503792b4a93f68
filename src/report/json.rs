//! The report as JSON: one object with stable names, described by `schema/report.schema.json`.

use serde::{Serialize, Serializer};

use super::{Counts, Exit, Report, Result, Step};
use crate::text::escape::escape;
use crate::text::json_line::json_line;
use crate::verify::Check;

#[derive(Serialize)]
struct Document<'a> {
    schema: u8,
    command: &'a str,
    version: &'a str,
    root: &'a str,
    profiles: &'a [String],
    dry_run: bool,
    exit_code: u8,
    actions: Actions<'a>,
    kept: Vec<Kept<'a>>,
    findings: &'a [Check],
    checks: &'a [Check],
    notes: &'a [String],
    summary: Summary,
}

/// Written one by one: there may be a million.
struct Actions<'a>(&'a [Step]);

impl Serialize for Actions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Action::of))
    }
}

#[derive(Serialize)]
struct Action<'a> {
    action: &'a str,
    path: String,
    kind: &'a str,
    outcome: &'a str,
    rule: &'a str,
    profile: &'a str,
    reason: Option<String>,
    error: Option<&'a str>,
}

impl<'a> Action<'a> {
    fn of(step: &'a Step) -> Self {
        let (outcome, error) = match &step.result {
            Result::Planned => ("planned", None),
            Result::Done => ("done", None),
            Result::Gone => ("gone", None),
            Result::Disabled => ("disabled", None),
            Result::Denied => ("denied", None),
            Result::Skipped(reason) => ("skipped", Some(reason.as_str())),
            Result::Failed(reason) => ("failed", Some(reason.as_str())),
        };
        Self {
            action: step.action.verb.name(),
            path: escape(&step.action.path()),
            kind: step.action.stat.kind.name(),
            outcome,
            rule: &step.action.origin.rule,
            profile: &step.action.origin.profile,
            reason: step.action.reason(),
            error,
        }
    }
}

#[derive(Serialize)]
struct Kept<'a> {
    path: String,
    rule: &'a str,
    profile: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct Summary {
    removed: usize,
    disabled: usize,
    tombstoned: usize,
    denied: usize,
    stripped: usize,
    files: usize,
    findings: usize,
}

/// An error that left nothing to report.
#[derive(Serialize)]
struct Failure<'a> {
    schema: u8,
    command: &'a str,
    version: &'a str,
    exit_code: u8,
    error: &'a str,
    hint: Option<&'a str>,
    notes: &'a [String],
}

/// One object on one line. Paths are strings, escaped as in the text: a name that is not UTF-8 stays distinguishable.
pub fn write(report: &Report, exit: Exit) -> String {
    let Counts { removed, disabled, tombstoned, denied, stripped, files } = report.counts();
    let kept = report.kept.iter().map(|kept| Kept {
        path: escape(&kept.path),
        rule: &kept.origin.rule,
        profile: &kept.origin.profile,
        reason: &kept.reason,
    });
    json_line(&Document {
        schema: 1,
        command: report.command,
        version: env!("CARGO_PKG_VERSION"),
        root: &report.root,
        profiles: &report.profiles,
        dry_run: report.dry_run,
        exit_code: exit.code(),
        actions: Actions(&report.steps),
        kept: kept.collect(),
        findings: &report.findings,
        checks: &report.checks,
        notes: &report.notes,
        summary: Summary { removed, disabled, tombstoned, denied, stripped, files, findings: report.findings.len() },
    })
}

/// The object for an error that left nothing to report.
pub fn failure(command: &str, exit: Exit, error: &str, hint: Option<&str>, notes: &[String]) -> String {
    json_line(&Failure {
        schema: 1,
        command,
        version: env!("CARGO_PKG_VERSION"),
        exit_code: exit.code(),
        error,
        hint,
        notes,
    })
}
