//! What was found out, as text: problems first, then those without lithify, then the figures by control.

use std::fmt::Write;

use crate::report::audited::{Audited, Outcome, Status, by_control};

/// The text.
pub(super) fn text(containers: &[Audited]) -> String {
    let mut out = String::new();
    for audited in containers.iter().filter(|audited| audited.findings() > 0) {
        problems(&mut out, audited);
    }
    for (what, is) in [
        ("without lithify", (|outcome: &Outcome| matches!(outcome, Outcome::Without)) as fn(&Outcome) -> bool),
        ("staged, and nothing in it that could look", |outcome| matches!(outcome, Outcome::Staged)),
    ] {
        for audited in containers.iter().filter(|audited| is(&audited.outcome)) {
            let _ = writeln!(out, "note: {} {}: {what}", audited.place(), audited.container);
        }
    }
    controls(&mut out, containers);
    let verified = containers.iter().filter(|audited| matches!(audited.outcome, Outcome::Verified(_))).count();
    let findings: usize = containers.iter().map(Audited::findings).sum();
    let findings = match findings {
        0 => "no findings".to_owned(),
        1 => "1 finding".to_owned(),
        many => format!("{many} findings"),
    };
    let _ = writeln!(out, "kubectl-lithify verify: {findings}; {verified} of {} containers verified", containers.len());
    out
}

fn problems(out: &mut String, audited: &Audited) {
    let _ = writeln!(out, "{} {}", audited.place(), audited.container);
    if let Outcome::Unverified { reason, fix } = &audited.outcome {
        line(out, "UNVERIFIED", reason, fix.as_deref());
    }
    for check in audited.checks() {
        let word = match check.status {
            Status::Fail => "FAIL",
            Status::Unverified => "UNVERIFIED",
            Status::Pass | Status::Other(_) => continue,
        };
        line(out, word, &format!("{} {}: {}", check.id, check.subject, check.detail), check.hint.as_deref());
    }
}

fn line(out: &mut String, word: &str, seen: &str, fix: Option<&str>) {
    let _ = writeln!(out, "  {word} {seen}");
    if let Some(fix) = fix {
        let _ = writeln!(out, "    fix: {fix}");
    }
}

/// How many containers fail each control, are unverified, and pass.
fn controls(out: &mut String, containers: &[Audited]) {
    let counts = by_control(containers);
    if counts.is_empty() {
        return;
    }
    let width = counts.keys().map(|id| id.len()).max().unwrap_or(0);
    let _ = writeln!(out, "{:width$}  fail  unverified  pass", "control");
    let mut rows: Vec<(&str, [usize; 3])> = counts.into_iter().collect();
    rows.sort_by_key(|(_, counts)| std::cmp::Reverse(*counts));
    for (id, [fail, unverified, pass]) in rows {
        let _ = writeln!(out, "{id:width$}  {fail:4}  {unverified:10}  {pass:4}");
    }
}
