//! A scan as JSON: one object, described by `schema/scan.schema.json`.

use serde::Serialize;

use super::Outcome;
use crate::recognise::recogniser::RecognisedBy;
use crate::scan::{Comparison, What, classes};
use crate::text::escape::escape;
use crate::text::json_line::json_line;

#[derive(Serialize)]
struct Document<'a> {
    schema: u8,
    command: &'a str,
    version: &'a str,
    root: &'a str,
    exit_code: u8,
    executables: u64,
    tombstones: u64,
    counts: Vec<Count>,
    failing: &'a [&'a str],
    programs: Vec<Program<'a>>,
    weaknesses: Vec<Weak<'a>>,
    comparison: Option<&'a Comparison>,
    unverified: &'a [String],
    notes: Vec<&'a str>,
}

#[derive(Serialize)]
struct Count {
    class: &'static str,
    count: usize,
    accepted: usize,
}

#[derive(Serialize)]
struct Program<'a> {
    class: &'a str,
    path: String,
    by: &'a str,
    program: &'a str,
    functions: Vec<&'a str>,
    names: Vec<String>,
    accepted: Option<&'a str>,
}

#[derive(Serialize)]
struct Weak<'a> {
    class: &'a str,
    path: String,
    account: Option<&'a str>,
    detail: &'a str,
    accepted: Option<&'a str>,
}

pub(super) fn write(outcome: &Outcome<'_>, further: &[String]) -> String {
    let (mut programs, mut weaknesses) = (Vec::new(), Vec::new());
    for finding in &outcome.findings {
        let (path, accepted) = (escape(finding.path()), finding.accepted);
        match finding.what {
            What::Program(program) => programs.push(Program {
                class: finding.class(),
                path,
                by: match program.by {
                    RecognisedBy::Content => "content",
                    RecognisedBy::Name => "name",
                },
                program: &program.program,
                functions: program.known.functions().collect(),
                names: program.names.iter().map(|name| escape(name)).collect(),
                accepted,
            }),
            What::Weakness(weakness) => weaknesses.push(Weak {
                class: finding.class(),
                path,
                account: finding.account(),
                detail: &weakness.detail,
                accepted,
            }),
        }
    }
    let counts = classes().into_iter().map(|class| {
        let count = |accepted| {
            let of_class = outcome.findings.iter().filter(|finding| finding.class() == class);
            of_class.filter(|finding| finding.accepted.is_some() == accepted).count()
        };
        Count { class, count: count(false), accepted: count(true) }
    });
    json_line(&Document {
        schema: 1,
        command: "scan",
        version: env!("CARGO_PKG_VERSION"),
        root: &outcome.root,
        exit_code: outcome.exit.code(),
        executables: outcome.executables,
        tombstones: outcome.tombstones,
        counts: counts.filter(|count| count.count + count.accepted > 0).collect(),
        failing: &outcome.failing,
        programs,
        weaknesses,
        comparison: outcome.comparison.as_ref(),
        unverified: &outcome.unverified,
        notes: outcome.notes.iter().chain(further).map(String::as_str).collect(),
    })
}
