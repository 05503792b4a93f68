//! `lithify scan`: what an intruder would find.

mod json;
mod text;

use super::output::Output;
use crate::cli::Scan as Options;
use crate::linux::deadline::Deadline;
use crate::report::{CommandError, Exit};
use crate::scan::{Baseline, Before, Comparison, Finding, Scan, classes, compare, scan_all, write_baseline};
use crate::target::Target;
use crate::text::escape::escape;

/// Everything that there is to say about a scan.
struct Outcome<'a> {
    root: String,
    exit: Exit,
    executables: u64,
    tombstones: u64,
    findings: Vec<Finding<'a>>,
    /// Classes of `--fail-on` that have a finding that counts.
    failing: Vec<&'static str>,
    unverified: Vec<String>,
    notes: Vec<String>,
    comparison: Option<Comparison>,
}

pub(super) fn scan(options: &Options, output: &Output) -> Exit {
    match look(options) {
        Ok(looked) => print(options, &looked, output),
        Err(error) => output.failure("scan", &error),
    }
}

/// The contents of the files that the command line names, and what was found.
struct Looked {
    wanted: Wanted,
    baseline: Option<Baseline>,
    before: Option<Before>,
    found: Scan,
}

fn look(options: &Options) -> Result<Looked, CommandError> {
    let wanted = fail_on(options)?;
    let baseline = options.baseline.as_deref().map(Baseline::load).transpose()?;
    let before = options.compare.as_deref().map(Before::load).transpose();
    let before = before.map_err(|reason| CommandError::Usage(format!("--compare {reason}")))?;
    let target = Target::open(&options.root, Deadline::default()).map_err(CommandError::Root)?;
    let mut found = scan_all(&target).map_err(CommandError::Scan)?;
    found.unreadable.extend(target.root.silent().iter().map(Into::into));
    Ok(Looked { wanted, baseline, before, found })
}

fn print(options: &Options, looked: &Looked, output: &Output) -> Exit {
    let Looked { wanted, baseline, before, found } = looked;
    let mut findings = found.findings();
    let mut notes = found.notes.clone();
    if let Some(baseline) = baseline {
        notes.extend(baseline.accept(&mut findings));
    }
    if options.print_baseline {
        return output.plain("scan", Exit::Ok, &write_baseline(&findings, &found.unreadable));
    }
    let comparison = before.as_ref().map(|before| {
        notes.extend(before.doubt());
        compare(before, &mut findings)
    });
    let mut failing = wanted.classes.clone();
    failing.retain(|class| findings.iter().any(|finding| finding.class() == *class && finding.counts()));
    let mut unverified: Vec<String> = found.unreadable.iter().map(ToString::to_string).collect();
    let mut exit = if failing.is_empty() && (wanted.classes.is_empty() || unverified.is_empty()) {
        Exit::Ok
    } else {
        // What could not be read may be anything. So it is a finding if any class is asked for.
        Exit::Finding
    };
    for gap in &found.gaps {
        if wanted.asks_for(gap.class, gap.only_if_named) {
            unverified.push(format!("{}: {}", gap.class, gap.reason));
            exit = Exit::Finding;
        } else {
            notes.push(gap.reason.clone());
        }
    }
    let root = escape(options.root.as_os_str().as_encoded_bytes());
    let Scan { executables, tombstones, .. } = *found;
    let outcome = Outcome { root, exit, executables, tombstones, findings, failing, unverified, notes, comparison };
    output.finish("scan", exit, &|further| {
        let text = text::write(&outcome, &further, output.volume());
        (text::termination_message(&outcome), text, json::write(&outcome, &further))
    })
}

/// The classes of `--fail-on`.
#[derive(Default)]
struct Wanted {
    classes: Vec<&'static str>,
    /// The classes that were named, and not only meant by `all`.
    named: Vec<&'static str>,
}

impl Wanted {
    fn asks_for(&self, class: &str, by_name: bool) -> bool {
        let list = if by_name { &self.named } else { &self.classes };
        list.contains(&class)
    }
}

/// Reads `--fail-on`. `all` means every class.
fn fail_on(options: &Options) -> Result<Wanted, CommandError> {
    let mut wanted = Wanted::default();
    for word in options.fail_on.iter().flat_map(|text| text.split(',')).map(str::trim) {
        if word == "all" {
            wanted.classes = classes();
        } else if let Some(class) = classes().into_iter().find(|class| *class == word) {
            wanted.named.push(class);
        } else {
            let (word, known) = (escape(word.as_bytes()), classes().join(", "));
            return Err(CommandError::Usage(format!("--fail-on {word}: no such class; the classes are all, {known}")));
        }
    }
    for class in &wanted.named {
        if !wanted.classes.contains(class) {
            wanted.classes.push(class);
        }
    }
    Ok(wanted)
}
