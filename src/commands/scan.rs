//! `lithify scan`: what an intruder would find.

use std::fmt::Write;

use serde::Serialize;

use super::output::Output;
use super::{CommandError, list};
use crate::catalogue::Class;
use crate::cli::Scan as Options;
use crate::escape::escape;
use crate::report::{Exit, json_line};
use crate::root::Root;
use crate::scan::{By, Extent, Scan, WEAKNESSES, scan as look};

pub(super) fn scan(options: &Options, output: &Output) -> Exit {
    let result = fail_on(options).and_then(|classes| {
        let root = Root::open(&options.root).map_err(CommandError::Root)?;
        Ok((look(&root, Extent::Everything).map_err(CommandError::Inventory)?, classes))
    });
    let (found, fail_on) = match result {
        Ok(result) => result,
        Err(error) => return output.error("scan", error.exit(), &error.to_string(), error.hint()),
    };
    let root = escape(options.root.as_os_str().as_encoded_bytes());
    let failing: Vec<(&str, usize)> =
        found.counts().into_iter().filter(|(class, _)| fail_on.iter().any(|wanted| wanted == class)).collect();
    // What could not be read may be anything: where something is asked for, that is a finding.
    let exit = if failing.is_empty() && (fail_on.is_empty() || found.unreadable.is_empty()) {
        Exit::Ok
    } else {
        Exit::Finding
    };
    output.plain(&if output.is_json() {
        to_json(&root, exit, &found, &failing)
    } else {
        to_text(&root, &found, &failing, output)
    });
    exit
}

/// The classes of `--fail-on`; `all` means every one.
fn fail_on(options: &Options) -> Result<Vec<String>, CommandError> {
    let known: Vec<&str> = Class::ALL.iter().map(|class| class.name()).chain(WEAKNESSES).collect();
    let mut classes = Vec::new();
    for class in options
        .fail_on
        .iter()
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .map(str::to_owned)
        .chain(list(&[], "LITHIFY_FAIL_ON").into_iter().filter(|_| options.fail_on.is_empty()))
    {
        match class.as_str() {
            "all" => classes.extend(known.iter().map(ToString::to_string)),
            name if known.contains(&name) => classes.push(class),
            _ => {
                let (class, known) = (escape(class.as_bytes()), known.join(", "));
                return Err(CommandError::Usage(format!("--fail-on {class}: no such class; there are all, {known}")));
            }
        }
    }
    Ok(classes)
}

fn to_text(root: &str, found: &Scan, failing: &[(&str, usize)], output: &Output) -> String {
    let mut text = String::new();
    for (class, count) in failing {
        let _ = writeln!(text, "FAIL scan {class}: {count} found, and --fail-on allows none");
    }
    for error in &found.unreadable {
        let _ = writeln!(text, "UNVERIFIED scan: {error}");
    }
    if !output.is_quiet() {
        for (class, count) in found.counts() {
            let _ = writeln!(text, "{class} ({count})");
            for program in found.programs.iter().filter(|program| program.known.class.name() == class) {
                let by = match program.by {
                    By::Content => format!("{} by its content", program.program),
                    By::Name => "by its name".to_owned(),
                };
                let functions: Vec<&str> = program.known.functions().collect();
                let lends =
                    if functions.is_empty() { String::new() } else { format!("; lends {}", functions.join(", ")) };
                let also: Vec<String> = program.names.iter().map(|name| escape(name)).collect();
                let also = if also.is_empty() { String::new() } else { format!("; also {}", also.join(", ")) };
                let _ = writeln!(text, "  {}  {by}{lends}{also}", escape(&program.path));
            }
            for weakness in found.weaknesses.iter().filter(|weakness| weakness.class == class) {
                let _ = writeln!(text, "  {}  {}", escape(&weakness.path), weakness.detail);
            }
        }
    }
    let counts: Vec<String> = found.counts().iter().map(|(class, count)| format!("{count} {class}")).collect();
    let tombstones = match found.tombstones {
        0 => String::new(),
        count => format!(", and {count} tombstones of removed commands"),
    };
    let what = if counts.is_empty() { "nothing of use to an intruder".to_owned() } else { counts.join(", ") };
    text + &format!("lithify scan {root}: {what} among {} executables{tombstones}\n", found.executables)
}

#[derive(Serialize)]
struct Program {
    class: &'static str,
    path: String,
    by: &'static str,
    program: String,
    functions: Vec<&'static str>,
    names: Vec<String>,
}

#[derive(Serialize)]
struct Weak {
    class: &'static str,
    path: String,
    detail: String,
}

#[derive(Serialize)]
struct Count {
    class: &'static str,
    count: usize,
}

#[derive(Serialize)]
struct Json<'a> {
    schema: u32,
    command: &'static str,
    version: &'static str,
    root: &'a str,
    exit_code: u8,
    executables: u64,
    tombstones: u64,
    counts: Vec<Count>,
    failing: Vec<&'a str>,
    programs: Vec<Program>,
    weaknesses: Vec<Weak>,
    unverified: Vec<String>,
}

fn to_json(root: &str, exit: Exit, found: &Scan, failing: &[(&str, usize)]) -> String {
    let programs = found.programs.iter().map(|program| Program {
        class: program.known.class.name(),
        path: escape(&program.path),
        by: match program.by {
            By::Content => "content",
            By::Name => "name",
        },
        program: program.program.clone(),
        functions: program.known.functions().collect(),
        names: program.names.iter().map(|name| escape(name)).collect(),
    });
    let weaknesses = found.weaknesses.iter().map(|weakness| Weak {
        class: weakness.class,
        path: escape(&weakness.path),
        detail: weakness.detail.clone(),
    });
    json_line(&Json {
        schema: 1,
        command: "scan",
        version: env!("CARGO_PKG_VERSION"),
        root,
        exit_code: exit.code(),
        executables: found.executables,
        tombstones: found.tombstones,
        counts: found.counts().into_iter().map(|(class, count)| Count { class, count }).collect(),
        failing: failing.iter().map(|(class, _)| *class).collect(),
        programs: programs.collect(),
        weaknesses: weaknesses.collect(),
        unverified: found.unreadable.iter().map(ToString::to_string).collect(),
    })
}
