//! Probes, hooks and the command of a container that need what the profile removes.

use super::super::cli::Mode;
use super::super::finding::{Finding, Weight};
use super::super::ours;
use super::super::removed::{Removed, is_script, is_shell};
use super::super::suggestion::{broken, script};
use super::super::workload::Container;

/// Where a container calls programs besides its command, and what becomes of it when the call fails.
pub(in super::super) const HANDLERS: [(&[&str], &str); 5] = [
    (&["startupProbe"], "the kubelet would restart the container again and again"),
    (&["livenessProbe"], "the kubelet would restart the container again and again"),
    (&["readinessProbe"], "the pod would never be ready"),
    (&["lifecycle", "postStart"], "the kubelet would kill the container"),
    (&["lifecycle", "preStop"], "the container would be stopped without it"),
];

/// Probes and hooks; `mode` is how the container is, or will be, hardened.
pub(in super::super) fn handlers(container: &Container<'_>, mode: Option<Mode>, removed: &Removed<'_>) -> Vec<Finding> {
    // On a read-only root nothing is deleted by `run`, and what the kubelet starts is not bound by Landlock.
    if mode == Some(Mode::Run) && container.read_only_root().is_some() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (way, harm) in HANDLERS {
        let Some(command) = container.node.at(way).and_then(|handler| handler.at(&["exec", "command"])) else {
            continue;
        };
        let Some(broken) = broken(&command.words(), removed) else { continue };
        let name = way.last().copied().unwrap_or_default();
        // It runs when the container starts, long before the first probe.
        let (weight, harm) = if name == "postStart" && mode == Some(Mode::Probe) {
            (Weight::Note, "this works only as long as it is done before the startupProbe")
        } else {
            (Weight::Breaks, harm)
        };
        let message = format!(
            "{}, {name}: {} will not be there, because {}: {harm}",
            container.title,
            shown(&broken.program),
            broken.reason
        );
        findings.push(Finding::new(weight, &command.range, message, broken.fix(way.len() > 1)));
    }
    findings
}

/// The command of the app itself.
pub(in super::super) fn app(container: &Container<'_>, mode: Option<Mode>, removed: &Removed<'_>) -> Option<Finding> {
    let command = container.node.get("command")?;
    let mut words = command.words();
    words.extend(container.node.get("args").map(super::super::yaml::Node::words).unwrap_or_default());
    if let Some(call) = ours::call(container.node) {
        let app = call.iter().position(|word| *word == "--")? + 1;
        words = call.get(app..)?.to_vec();
    }
    let broken = broken(&words, removed)?;
    let program = *words.first()?;
    let starts_by_script = is_shell(program) || is_script(program);
    let waits = matches!(mode, Some(Mode::Probe | Mode::Run)) && container.read_only_root().is_none();
    if starts_by_script && waits && removed.rule(program).or_else(|| removed.rule("/bin/sh")).is_some() {
        // It goes when the script has become the app.
        let stays = script(&words).is_some_and(|script| !script.contains("exec "));
        let message = format!(
            "{}: {} goes when the script is over; this one may never end by exec",
            container.title,
            shown(program)
        );
        return stays.then(|| {
            Finding::new(
                Weight::Note,
                &command.range,
                message,
                "let the script end with `exec APP`, or make the app itself the command",
            )
        });
    }
    let (why, fix) = if starts_by_script {
        (
            "its script needs the shell",
            "let the command be the app itself, such as [\"nginx\", \"-g\", \"daemon off;\"]",
        )
    } else {
        ("it is what the container runs", "save it in a profile of your own: [keep] names or paths")
    };
    let message =
        format!("{}: {} will not be there, because {}: {why}", container.title, shown(&broken.program), broken.reason);
    Some(Finding::new(Weight::Breaks, &command.range, message, fix))
}

fn shown(program: &str) -> String {
    crate::escape::escape(program.as_bytes())
}
