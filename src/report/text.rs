//! The report as text: problems first, then remarks, one summary line last.

use std::fmt::Write;

use super::{Exit, Report, Result, Step};
use crate::harden::plan::Verb;
use crate::text::escape::escape;
use crate::verify::{Check, Status};

/// The kubelet cuts a termination message at 4 KiB.
const TERMINATION_BYTES: usize = 4096;

/// How much to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// Each step and each check that holds, too.
    pub verbose: bool,
    /// Nothing but problems.
    pub quiet: bool,
}

/// The whole report.
pub fn write(report: &Report, exit: Exit, volume: Volume) -> String {
    let mut out = String::new();
    for finding in &report.findings {
        problem(&mut out, finding);
    }
    if !volume.quiet {
        for note in &report.notes {
            let _ = writeln!(out, "note: {note}");
        }
        if report.dry_run || volume.verbose {
            for step in &report.steps {
                line(&mut out, step);
            }
        }
        if volume.verbose {
            for kept in &report.kept {
                let _ = writeln!(
                    out,
                    "kept {} ({}: {}; {})",
                    escape(&kept.path),
                    kept.origin.profile,
                    kept.origin.rule,
                    kept.reason
                );
            }
            for check in report.checks.iter().filter(|check| check.status == Status::Pass) {
                let _ = writeln!(out, "pass {} {}: {}", check.id, check.subject, check.detail);
            }
        }
    }
    if !volume.quiet || exit != Exit::Ok {
        let _ = writeln!(out, "{}", summary(report));
    }
    out
}

/// What `/dev/termination-log` gets: the summary, then the problems, cut at 4 KiB. It begins with `lithify `.
pub fn termination_message(report: &Report) -> String {
    let mut out = summary(report);
    out.push('\n');
    for finding in &report.findings {
        problem(&mut out, finding);
    }
    cut_to_termination_message(out)
}

/// What of the text fits into a termination message.
pub fn cut_to_termination_message(mut out: String) -> String {
    let mut end = out.len().min(TERMINATION_BYTES);
    while !out.is_char_boundary(end) {
        end -= 1;
    }
    out.truncate(end);
    out
}

fn problem(out: &mut String, finding: &Check) {
    let label = match (finding.id, finding.status) {
        ("refused", _) => "REFUSED",
        (_, Status::Unverified) => "UNVERIFIED",
        _ => "FAIL",
    };
    let id = if finding.id == "refused" { String::new() } else { format!("{} ", finding.id) };
    let _ = writeln!(out, "{label} {id}{}: {}", finding.subject, finding.detail);
    if let Some(hint) = &finding.hint {
        let _ = writeln!(out, "  fix: {hint}");
    }
}

fn line(out: &mut String, step: &Step) {
    let action = &step.action;
    let verb = match (&step.result, action.verb) {
        (Result::Planned, verb) => format!("would {}", verb.name()),
        (Result::Done, Verb::Remove) => "removed".to_owned(),
        (Result::Done, Verb::Disable) => "disabled".to_owned(),
        (Result::Done, Verb::Tombstone) => "tombstoned".to_owned(),
        (Result::Done, Verb::Strip { .. } | Verb::LoginShells { .. }) => "stripped".to_owned(),
        (Result::Gone, _) => "already gone".to_owned(),
        (Result::Disabled, _) => "disabled, could not be removed:".to_owned(),
        (Result::Denied, _) => "denied, could not be removed:".to_owned(),
        (Result::Skipped(_), _) => "skipped".to_owned(),
        (Result::Failed(_), verb) => format!("could not {}", verb.name()),
    };
    let _ = write!(out, "{verb} {} ({}: {}", escape(&action.path()), action.origin.profile, action.origin.rule);
    if let Some(reason) = action.reason() {
        let _ = write!(out, ", {reason}");
    }
    out.push(')');
    if let Result::Skipped(reason) | Result::Failed(reason) = &step.result {
        let _ = write!(out, ": {reason}");
    }
    out.push('\n');
}

/// One line that says how it ended.
pub(super) fn summary(report: &Report) -> String {
    let mut parts = Vec::new();
    let counts = report.counts();
    let would = if report.dry_run { "would be " } else { "" };
    if report.refused {
        parts.push("refused; nothing was changed".to_owned());
    } else if report.command != "verify" {
        if counts.removed > 0 {
            parts.push(format!(
                "{} of {} {would}removed",
                plural(counts.removed, "name"),
                plural(counts.files, "file")
            ));
        }
        if counts.disabled > 0 {
            parts.push(format!("{} {would}disabled", plural(counts.disabled, "name")));
        }
        if counts.tombstoned > 0 {
            parts.push(format!("{} {would}replaced by a tombstone", plural(counts.tombstoned, "name")));
        }
        if counts.denied > 0 {
            parts.push(format!("{} denied to the app", plural(counts.denied, "name")));
        }
        if counts.stripped > 0 {
            parts.push(format!("{} {would}stripped", plural(counts.stripped, "file")));
        }
        if parts.is_empty() && report.findings.is_empty() && report.late.is_none() {
            parts.push("nothing to remove".to_owned());
        }
        if report.dry_run {
            parts.push("nothing was changed".to_owned());
        }
    }
    if let Some(limit) = report.late {
        let limit = crate::text::seconds::format(limit);
        parts.insert(0, format!("not yet: the deadline of {limit} s came; the next run completes it"));
    }
    let holding = report.checks.iter().filter(|check| check.status == Status::Pass).count();
    if holding > 0 {
        parts.push(format!("{} {}", plural(holding, "check"), if holding == 1 { "holds" } else { "hold" }));
    }
    let failed = report.findings.iter().filter(|finding| finding.status == Status::Fail).count();
    let unverified = report.findings.len() - failed;
    if failed > 0 {
        parts.push(plural(failed, "finding"));
    }
    if unverified > 0 {
        parts.push(format!("{unverified} could not be verified"));
    }
    if parts.is_empty() {
        parts.push("nothing was asked for".to_owned());
    }
    format!("lithify {} {}: {}", report.command, report.root, parts.join(", "))
}

pub(crate) fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
