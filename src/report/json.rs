//! The report as JSON: one object with stable names, described by `schema/report.schema.json`.

use serde_json::{Value, json};

use super::{Report, Result};
use crate::escape::escape;
use crate::verify::Check;

/// One object on one line. Paths are strings, escaped as in the text: a name that is not UTF-8 stays distinguishable.
pub fn write(report: &Report) -> String {
    let counts = report.counts();
    let mut text = json!({
        "schema": 1,
        "command": report.command,
        "version": env!("CARGO_PKG_VERSION"),
        "root": report.root,
        "profiles": report.profiles,
        "dry_run": report.dry_run,
        "exit_code": report.exit.code(),
        "actions": report.steps.iter().map(|step| {
            let (outcome, error) = match &step.result {
                Result::Planned => ("planned", None),
                Result::Done => ("done", None),
                Result::Gone => ("gone", None),
                Result::Skipped(reason) => ("skipped", Some(reason)),
                Result::Failed(reason) => ("failed", Some(reason)),
            };
            json!({
                "action": step.action.verb.name(),
                "path": escape(&step.action.path()),
                "kind": step.action.stat.kind.name(),
                "outcome": outcome,
                "rule": step.action.origin.rule,
                "profile": &*step.action.origin.profile,
                "reason": step.action.reason,
                "error": error,
            })
        }).collect::<Value>(),
        "kept": report.kept.iter().map(|kept| json!({
            "path": escape(&kept.path),
            "rule": kept.origin.rule,
            "profile": &*kept.origin.profile,
            "reason": kept.reason,
        })).collect::<Value>(),
        "findings": report.findings.iter().map(check).collect::<Value>(),
        "checks": report.checks.iter().map(check).collect::<Value>(),
        "notes": report.notes,
        "summary": {
            "removed": counts.removed,
            "disabled": counts.disabled,
            "stripped": counts.stripped,
            "files": counts.files,
            "findings": report.findings.len(),
        },
    })
    .to_string();
    text.push('\n');
    text
}

fn check(check: &Check) -> Value {
    json!({
        "id": check.id,
        "status": check.status.name(),
        "subject": check.subject,
        "detail": check.detail,
        "hint": check.hint,
    })
}
