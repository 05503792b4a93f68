//! The report as text: problems first, then remarks, and one summary line last.

use std::fmt::Write;

use super::line::Line;
use super::{Exit, Fact, Report, change, prove, reasons};
use crate::harden::apply::Outcome;
use crate::harden::plan::{Action, Verb};
use crate::text::escape::escape;
use crate::verify::Status;

/// The kubelet cuts a termination message at 4 KiB.
const TERMINATION_BYTES: usize = 4096;

/// How many findings are printed of those of which there may be very many.
const MANY: usize = 20;

/// How many names stand for all that a dry run would remove by one profile.
const EXAMPLES: usize = 3;

/// How much to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// Prints each step, and each check that holds, as well.
    pub verbose: bool,
    /// Prints only problems.
    pub quiet: bool,
}

/// Returns the whole report as text.
pub fn write(report: &Report, exit: Exit, volume: Volume) -> String {
    let mut out = String::new();
    let findings = report.findings();
    problems(&mut out, report, &findings, if volume.verbose { usize::MAX } else { MANY });
    if !volume.quiet {
        for note in &report.notes {
            let _ = writeln!(out, "note: {}", note.text());
        }
        if volume.verbose || report.is_dry_run() && report.steps().count() <= MANY {
            for (action, outcome) in report.steps() {
                step(&mut out, action, outcome);
            }
        } else if report.is_dry_run() {
            in_short(&mut out, report);
        }
        if volume.verbose {
            for kept in report.kept() {
                let (path, origin, reason) = (escape(&kept.path), &kept.origin, reasons::reason(&kept.reason));
                let _ = writeln!(out, "kept {path} ({}: {}; {reason})", origin.profile, origin.rule);
            }
            for check in report.checks().filter(|check| !check.status().is_finding()) {
                let Line { id, status, subject, detail, .. } = Line::new(report, &check);
                let word = if status == Status::Pass { "pass" } else { "n/a" };
                let _ = writeln!(out, "{word} {id} {subject}: {detail}");
            }
            for attempt in report.attempts.iter().flatten().filter(|attempt| !attempt.is_finding()) {
                let (id, subject) = (attempt.tried.id(), prove::subject(&attempt.tried));
                let _ = writeln!(out, "{} {id} {subject}: {}", prove::outcome(&attempt.end), prove::detail(attempt));
            }
        }
    }
    if !volume.quiet || exit != Exit::Ok {
        let _ = writeln!(out, "{}", summary(report, &findings));
    }
    out
}

/// The text for `/dev/termination-log`: the summary, then the problems, cut at 4 KiB. It begins with `lithify `.
pub fn termination_message(report: &Report) -> String {
    let findings = report.findings();
    let mut out = summary(report, &findings);
    out.push('\n');
    problems(&mut out, report, &findings, MANY);
    cut_to_termination_message(out)
}

/// Cuts the text to the size of a termination message, at a character boundary.
pub fn cut_to_termination_message(mut out: String) -> String {
    let mut end = out.len().min(TERMINATION_BYTES);
    while !out.is_char_boundary(end) {
        end -= 1;
    }
    out.truncate(end);
    out
}

/// Of findings that are alike, `most` are written.
fn problems(out: &mut String, report: &Report, findings: &[Fact<'_>], most: usize) {
    let mut alike: Option<(&str, Status)> = None;
    let mut count = 0;
    let mut last_hint = None;
    for (place, finding) in findings.iter().enumerate() {
        // There may be as many as an intruder likes, all with the same advice, and they must not hide the rest.
        let many = one_of_many(finding);
        count = if many.is_some() && many == alike { count + 1 } else { 0 };
        alike = many;
        if count >= most {
            if findings.get(place + 1).and_then(one_of_many) != many {
                let id = many.map_or("", |(id, _)| id);
                let _ = writeln!(out, "  and {} more of {id}; -v or --format json names all", count + 1 - most);
            }
            continue;
        }
        let Line { id, status, subject, detail, hint, .. } = Line::new(report, finding);
        let hint = hint.filter(|hint| count == 0 || last_hint.as_ref() != Some(hint));
        let _ = match (finding, status) {
            (Fact::Refused(_), _) => writeln!(out, "REFUSED {subject}: {detail}"),
            (_, Status::Unverified) => writeln!(out, "UNVERIFIED {id} {subject}: {detail}"),
            _ => writeln!(out, "FAIL {id} {subject}: {detail}"),
        };
        if let Some(hint) = hint {
            let _ = writeln!(out, "  fix: {hint}");
            last_hint = Some(hint);
        }
    }
    out.extend(report.change().map(change::text));
}

/// What a finding is about of which there may be very many: a check, or an attempt.
fn one_of_many(finding: &Fact<'_>) -> Option<(&'static str, Status)> {
    let id = match finding {
        Fact::Attempt(attempt) => attempt.tried.id(),
        Fact::Check { check, .. } => check.id.name(),
        _ => return None,
    };
    Some((id, finding.status()))
}

/// What a dry run of many steps would do, in a line for each profile.
fn in_short(out: &mut String, report: &Report) {
    let mut lines: Vec<(&Action, usize, String)> = Vec::new();
    for (action, _) in report.steps() {
        let alike =
            |first: &Action| first.origin.profile == action.origin.profile && first.verb.name() == action.verb.name();
        let place = lines.iter().position(|(first, ..)| alike(first)).unwrap_or(lines.len());
        if place == lines.len() {
            lines.push((action, 0, String::new()));
        }
        let Some((_, count, names)) = lines.get_mut(place) else { continue };
        if *count < EXAMPLES {
            let _ = write!(names, "{}{}", if *count > 0 { ", " } else { "" }, escape(&action.path()));
        }
        *count += 1;
    }
    for (action, count, names) in lines {
        let _ =
            write!(out, "would {} {} ({}): {names}", action.verb.name(), plural(count, "name"), action.origin.profile);
        if count > EXAMPLES {
            let _ = write!(out, " and {} more", count - EXAMPLES);
        }
        out.push('\n');
    }
    out.push_str("  -v or --format json names all\n");
}

fn step(out: &mut String, action: &Action, outcome: Option<&Outcome>) {
    let verb = match (outcome, action.verb) {
        (None, verb) => format!("would {}", verb.name()),
        (Some(Outcome::Done), Verb::Remove) => "removed".to_owned(),
        (Some(Outcome::Done), Verb::Disable) => "disabled".to_owned(),
        (Some(Outcome::Done), Verb::Tombstone) => "tombstoned".to_owned(),
        (Some(Outcome::Done), Verb::Strip { .. } | Verb::LoginShells { .. }) => "stripped".to_owned(),
        (Some(Outcome::Gone), _) => "already gone".to_owned(),
        (Some(Outcome::Disabled), _) => "disabled, could not be removed:".to_owned(),
        (Some(Outcome::Denied), _) => "denied, could not be removed:".to_owned(),
        (Some(Outcome::Failed { .. }), verb) => format!("could not {}", verb.name()),
        (Some(Outcome::Changed | Outcome::OtherMount | Outcome::Withheld | Outcome::Late), _) => "skipped".to_owned(),
    };
    let _ = write!(out, "{verb} {} ({}: {}", escape(&action.path()), action.origin.profile, action.origin.rule);
    if let Some(cause) = reasons::cause(action) {
        let _ = write!(out, ", {cause}");
    }
    out.push(')');
    if let Some(reason) = outcome.and_then(why_not_done) {
        let _ = write!(out, ": {reason}");
    }
    out.push('\n');
}

/// Why a step was skipped or failed; `None` if it was done.
pub(super) fn why_not_done(outcome: &Outcome) -> Option<String> {
    let text = match outcome {
        Outcome::Done | Outcome::Gone | Outcome::Disabled | Outcome::Denied => return None,
        Outcome::Failed { error, .. } => return Some(error.to_string()),
        Outcome::Changed => "replaced by another file",
        Outcome::OtherMount => "a mount point by now",
        Outcome::Withheld => "left for a next run",
        Outcome::Late => "left for a next run, because the deadline came",
    };
    Some(text.to_owned())
}

/// One line that says how the run ended.
fn summary(report: &Report, findings: &[Fact<'_>]) -> String {
    let mut parts = Vec::new();
    let counts = report.counts();
    let would = if report.is_dry_run() { "would be " } else { "" };
    if report.is_refused() {
        parts.push("refused; nothing was changed".to_owned());
    } else if report.plan.is_some() {
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
        if parts.is_empty() && findings.is_empty() && report.late.is_none() {
            parts.push("nothing to remove".to_owned());
        }
        if report.is_dry_run() {
            parts.push("nothing was changed".to_owned());
        }
    }
    if let Some(limit) = report.late {
        let limit = crate::text::seconds::format(limit);
        let then = if report.late_for_digest {
            "before the digest was computed: raise --deadline and the probe's timeoutSeconds, or take a digest of seal --only executables"
        } else {
            "the next run completes it"
        };
        let end = if report.late_for_digest { "" } else { ";" };
        parts.insert(0, format!("not yet: the deadline of {limit} s came{end} {then}"));
    }
    let count = |status| report.checks().filter(|check| check.status() == status).count();
    let (holding, not_applicable) = (count(Status::Pass), count(Status::NotApplicable));
    if holding > 0 {
        parts.push(format!("{} {}", plural(holding, "check"), if holding == 1 { "holds" } else { "hold" }));
    }
    if not_applicable > 0 {
        parts.push(format!("{not_applicable} not applicable"));
    }
    parts.extend(report.attempts.iter().filter_map(|attempts| prove::summary(attempts)));
    let failed = findings.iter().filter(|finding| finding.status() == Status::Fail).count();
    let unverified = findings.len() - failed;
    if failed > 0 {
        parts.push(plural(failed, "finding"));
    }
    if unverified > 0 {
        parts.push(format!("{unverified} could not be verified"));
    }
    if parts.is_empty() {
        parts.push("nothing was asked for".to_owned());
    }
    format!("lithify {} {}: {}", report.command.name(), report.root, parts.join(", "))
}

pub(crate) fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
