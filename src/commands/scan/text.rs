//! A scan as text: problems first, then notes, then each class with one line for each finding, and one summary line
//! last.

use std::fmt::Write;

use super::Outcome;
use crate::recognise::recogniser::RecognisedBy;
use crate::report::{Volume, cut_to_termination_message};
use crate::scan::{Comparison, Finding, What, classes};
use crate::text::escape::escape;

/// The number of paths that one line names if it is about many.
const FEW: usize = 5;

/// The number of lines for each class, unless all are asked for. What weighs most must not scroll away.
const LINES: usize = 40;

pub(super) fn write(outcome: &Outcome<'_>, further: &[String], volume: Volume) -> String {
    let mut text = problems(outcome);
    if !volume.quiet {
        for note in outcome.notes.iter().chain(further) {
            let _ = writeln!(text, "note: {note}");
        }
        match &outcome.comparison {
            Some(comparison) => differences(&mut text, comparison, volume.verbose),
            None => {
                for class in classes() {
                    group(&mut text, class, outcome, volume.verbose);
                }
            }
        }
    }
    if !volume.quiet || !text.is_empty() {
        text.push_str(&summary(outcome));
    }
    text
}

pub(super) fn termination_message(outcome: &Outcome<'_>) -> String {
    cut_to_termination_message(summary(outcome) + &problems(outcome))
}

fn problems(outcome: &Outcome<'_>) -> String {
    let mut text = String::new();
    for class in &outcome.failing {
        let counted: Vec<_> =
            outcome.findings.iter().filter(|finding| finding.class() == *class && finding.counts()).collect();
        let what = if outcome.comparison.is_some() { "new" } else { "found" };
        let _ = write!(text, "FAIL scan {class}: {} {what}, and --fail-on allows none: ", counted.len());
        let shown: Vec<String> = counted.iter().take(FEW).map(|finding| subject(finding)).collect();
        text.push_str(&shown.join(", "));
        if counted.len() > FEW {
            let _ = write!(text, " and {} more", counted.len() - FEW);
        }
        text.push('\n');
    }
    if !outcome.failing.is_empty() {
        text.push_str(
            "  fix: remove them with a profile of lithify harden, or accept them with a reason in a --baseline\n",
        );
    }
    for unverified in &outcome.unverified {
        let _ = writeln!(text, "UNVERIFIED scan: {unverified}");
    }
    text
}

/// The path, and the account if it is about one in that file.
fn subject(finding: &Finding<'_>) -> String {
    named(&escape(finding.path()), finding.account())
}

fn named(path: &str, account: Option<&str>) -> String {
    account.map_or_else(|| path.to_owned(), |account| format!("{path} ({account})"))
}

fn group(text: &mut String, class: &str, outcome: &Outcome<'_>, verbose: bool) {
    let all: Vec<_> = outcome.findings.iter().filter(|finding| finding.class() == class).collect();
    let accepted = all.iter().filter(|finding| finding.accepted.is_some()).count();
    let shown: Vec<_> = all.iter().filter(|finding| verbose || finding.accepted.is_none()).collect();
    if shown.is_empty() {
        return;
    }
    let count = all.len() - accepted;
    let accepted = if accepted == 0 { String::new() } else { format!(", and {accepted} accepted") };
    let _ = writeln!(text, "{class} ({count}{accepted})");
    // Aligns the details in a column, as long as most paths fit.
    let width = shown.iter().map(|finding| escape(finding.path()).chars().count()).filter(|width| *width <= 48).max();
    let lines = if verbose { shown.len() } else { LINES };
    for finding in shown.iter().take(lines) {
        let (path, width) = (escape(finding.path()), width.unwrap_or_default());
        let _ = write!(text, "  {path:width$}  {}", described(finding, verbose));
        if let Some(reason) = finding.accepted {
            let _ = write!(text, "; accepted: {}", escape(reason.as_bytes()));
        }
        text.push('\n');
    }
    more(text, shown.len(), lines);
}

fn more(text: &mut String, all: usize, shown: usize) {
    if all > shown {
        let _ = writeln!(text, "  and {} more; -v shows them", all - shown);
    }
}

fn described(finding: &Finding<'_>, verbose: bool) -> String {
    let program = match finding.what {
        What::Weakness(weakness) => return weakness.detail.clone(),
        What::Program(program) => program,
    };
    let mut text = match program.by {
        RecognisedBy::Content => format!("{} by its content", program.program),
        RecognisedBy::Name => "by its name".to_owned(),
    };
    let names: Vec<String> = program.names.iter().map(|name| escape(name)).collect();
    let shown = if verbose || names.len() <= FEW { names.len() } else { FEW };
    for (index, name) in names.iter().take(shown).enumerate() {
        let _ = write!(text, "{} {name}", if index == 0 { "; also" } else { "," });
    }
    if names.len() > shown {
        let _ = write!(text, " and {} more names", names.len() - shown);
    }
    if verbose {
        let functions: Vec<&str> = program.known.functions().collect();
        if !functions.is_empty() {
            let _ = write!(text, "; lends {}", functions.join(", "));
        }
    }
    text
}

fn differences(text: &mut String, comparison: &Comparison, verbose: bool) {
    for change in &comparison.classes {
        let _ = writeln!(text, "{}: {} -> {}", change.class, change.before, change.after);
        for (word, things) in [("gone", &comparison.gone), ("new", &comparison.new), ("left", &comparison.left)] {
            let of_class: Vec<_> = things.iter().filter(|thing| thing.class == change.class).collect();
            let lines = if verbose { of_class.len() } else { LINES };
            for thing in of_class.iter().take(lines) {
                let _ = writeln!(text, "  {word:4}  {}", named(&thing.path, thing.account.as_deref()));
            }
            more(text, of_class.len(), lines);
        }
    }
}

fn summary(outcome: &Outcome<'_>) -> String {
    let mut counts: Vec<String> = Vec::new();
    if let Some(comparison) = &outcome.comparison {
        for (count, word) in
            [(comparison.gone.len(), "gone"), (comparison.new.len(), "new"), (comparison.left.len(), "left")]
        {
            counts.push(format!("{count} {word}"));
        }
    } else {
        for class in classes() {
            let of_class = outcome.findings.iter().filter(|finding| finding.class() == class);
            let count = of_class.filter(|finding| finding.accepted.is_none()).count();
            if count > 0 {
                counts.push(format!("{count} {class}"));
            }
        }
        if counts.is_empty() {
            counts.push("nothing of use to an intruder".to_owned());
        }
    }
    let accepted = outcome.findings.iter().filter(|finding| finding.accepted.is_some()).count();
    if accepted > 0 {
        counts.push(format!("{accepted} accepted"));
    }
    let tombstones = match outcome.tombstones {
        0 => String::new(),
        count => format!(", and {count} tombstones of removed commands"),
    };
    let (root, counts) = (&outcome.root, counts.join(", "));
    format!("lithify scan {root}: {counts} among {} executables{tombstones}\n", outcome.executables)
}
