//! The report as JSON: one object with stable names, described by `schema/report.schema.json`.

use serde::{Serialize, Serializer};

use super::line::Line;
use super::{Counts, Exit, Fact, Note, Record, Report, change, prove, reasons, text};
use crate::harden::apply::Outcome;
use crate::harden::plan::Change;
use crate::text::escape::escape;
use crate::text::json_line::json_line;

#[derive(Serialize)]
struct Document<'a> {
    schema: u8,
    command: &'a str,
    version: &'a str,
    root: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<&'a Record>,
    profiles: &'a [String],
    dry_run: bool,
    exit_code: u8,
    actions: Actions<'a>,
    kept: Vec<Kept<'a>>,
    findings: Findings<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<change::Json>,
    checks: Checks<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<Vec<prove::Json>>,
    notes: Vec<String>,
    summary: Summary,
}

/// The actions are written one by one, because there may be a million.
struct Actions<'a>(&'a Report);

impl Serialize for Actions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.steps().map(|(action, outcome)| Action {
            action: action.verb.name(),
            path: escape(&action.path()),
            kind: action.stat.kind.name(),
            outcome: match outcome {
                None => "planned",
                Some(Outcome::Done) => "done",
                Some(Outcome::Gone) => "gone",
                Some(Outcome::Disabled) => "disabled",
                Some(Outcome::Denied) => "denied",
                Some(Outcome::Failed { .. }) => "failed",
                Some(Outcome::Changed | Outcome::OtherMount | Outcome::Withheld | Outcome::Late) => "skipped",
            },
            rule: &action.origin.rule,
            profile: &action.origin.profile,
            reason: reasons::cause(action),
            error: outcome.and_then(text::why_not_done),
        }))
    }
}

struct Findings<'a>(&'a Report, &'a [Fact<'a>]);

impl Serialize for Findings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.1.iter().map(|finding| Line::new(self.0, finding)))
    }
}

struct Checks<'a>(&'a Report);

impl Serialize for Checks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.checks().map(|check| Line::new(self.0, &check)))
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
    error: Option<String>,
}

#[derive(Serialize)]
struct Kept<'a> {
    path: String,
    rule: &'a str,
    profile: &'a str,
    reason: String,
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

/// An error that leaves nothing to report.
#[derive(Serialize)]
struct Failure<'a> {
    schema: u8,
    command: &'a str,
    version: &'a str,
    exit_code: u8,
    error: &'a str,
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<change::Json>,
    notes: &'a [String],
}

/// Returns one object on one line. Paths are strings, escaped as in the text, so that names that are not UTF-8 stay
/// distinguishable.
pub fn write(report: &Report, exit: Exit) -> String {
    let Counts { removed, disabled, tombstoned, denied, stripped, files } = report.counts();
    let findings = report.findings();
    let kept = report.kept().iter().map(|kept| Kept {
        path: escape(&kept.path),
        rule: &kept.origin.rule,
        profile: &kept.origin.profile,
        reason: reasons::reason(&kept.reason),
    });
    json_line(&Document {
        schema: 1,
        command: report.command.name(),
        version: env!("CARGO_PKG_VERSION"),
        root: &report.root,
        record: report.record.as_ref(),
        profiles: &report.profiles,
        dry_run: report.is_dry_run(),
        exit_code: exit.code(),
        actions: Actions(report),
        kept: kept.collect(),
        findings: Findings(report, &findings),
        change: report.change().map(change::Json::new),
        checks: Checks(report),
        attempts: report.attempts.as_ref().map(|attempts| attempts.iter().map(prove::Json::new).collect()),
        notes: report.notes.iter().map(Note::text).collect(),
        summary: Summary { removed, disabled, tombstoned, denied, stripped, files, findings: findings.len() },
    })
}

/// Returns the object for an error that leaves nothing to report.
pub fn failure(
    command: &str,
    exit: Exit,
    (error, hint): (&str, Option<&str>),
    change: Option<&Change>,
    notes: &[String],
) -> String {
    json_line(&Failure {
        schema: 1,
        command,
        version: env!("CARGO_PKG_VERSION"),
        exit_code: exit.code(),
        error,
        hint,
        change: change.map(change::Json::new),
        notes,
    })
}
