//! The command lines that an installed copy accepts, compared with the containers' calls.

use crate::checks;
use crate::checks::inscribed;
use crate::manifest::finding::{Finding, Severity};
use crate::manifest::workload::Workload;
use lithify::recognise::only::Line;
use lithify::text::escape::escape;

/// Findings for a copy that accepts any command line, and for calls that the copy would refuse.
pub(crate) fn accepted(workload: &Workload<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for installer in workload.init_containers() {
        let Some(volume) = checks::installs(&installer) else { continue };
        let calls = inscribed::calls(workload, volume);
        let only = inscribed::only(&installer);
        let place = ["args", "command"].iter().find_map(|key| installer.node.get(key));
        let place = place.map_or_else(|| installer.place(), |place| place.range.clone());
        if only.is_empty() {
            let fix = match calls.iter().find_map(inscribed::Call::line) {
                Some(line) => format!(
                    "--only for each command line of the pod, such as {:?}",
                    format!("{}{line}", inscribed::ONLY)
                ),
                None => "--only for each command line of the pod".to_owned(),
            };
            let message = format!(
                "{}: the copy accepts any command line: for an intruder it is a launcher, a copier and a reader",
                installer.title
            );
            findings.push(Finding::new(Severity::Note, &place, message, fix));
            continue;
        }
        for text in &only {
            if let Err(reason) = Line::new(text) {
                let message = format!("{}: --only {}: {reason}", installer.title, escape(text.as_bytes()));
                findings.push(Finding::new(
                    Severity::Breaks,
                    &place,
                    message,
                    "write it as in a shell, without the program",
                ));
            }
        }
        let lines = inscribed::lines(&only);
        for call in &calls {
            if let Some(file) = &call.open_profile {
                let message = format!(
                    "{}: what {file} says is not inscribed, and nothing keeps it from being changed",
                    call.title
                );
                let fix = "mount it from a ConfigMap, with readOnly: true";
                findings.push(Finding::new(Severity::Note, &call.place, message, fix));
            }
            let line = call.line().unwrap_or_default();
            if call.is_refused(&lines) {
                let message =
                    format!("{}: {} does not accept this: it exits 2", call.title, escape(installer.name.as_bytes()));
                let fix = format!(
                    "args of {}: {:?}",
                    escape(installer.name.as_bytes()),
                    format!("{}{line}", inscribed::ONLY)
                );
                findings.push(Finding::new(Severity::Breaks, &call.place, message, fix));
            } else if let Some(name) = call.unread(&lines) {
                let message =
                    format!("{}: {name} is not read by a copy that accepts certain command lines", call.title);
                let fix = match call.line() {
                    Some(line) => format!(
                        "in the args of {}: {:?}",
                        escape(installer.name.as_bytes()),
                        format!("{}{line}", inscribed::ONLY)
                    ),
                    None => "put the value into the command line, or install lithify without --only".to_owned(),
                };
                findings.push(Finding::new(Severity::Breaks, &call.place, message, fix));
            }
        }
    }
    findings
}
