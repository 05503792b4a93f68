//! Probes, hooks and the command of a container that need what the profile removes.

use super::super::calls::unwrapped;
use super::super::cli::Mode;
use super::super::finding::{Finding, Weight};
use super::super::ours;
use super::super::removed::{Removed, is_script};
use super::super::suggestion::broken;
use super::super::workload::Container;
use super::capabilities::unsearchable;
use lithify::recognise::command_line::wrappers::{is_shell, script_of};

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
    let words = match ours::call(container.node) {
        Some(call) => call.get(call.iter().position(|word| *word == "--")? + 1..)?.to_vec(),
        None => ours::words(container.node),
    };
    calls(container, &command.range, &words, mode, removed)
}

/// The same for the words that are, or will be, its command and arguments; `place` is what to point at.
pub(in super::super) fn calls(
    container: &Container<'_>,
    place: &std::ops::Range<usize>,
    words: &[&str],
    mode: Option<Mode>,
    removed: &Removed<'_>,
) -> Option<Finding> {
    // Where the app runs by it, or `run` is about to start it, an init stays; a copy is made before.
    let spared =
        |program: &str| mode != Some(Mode::Stage) && words.first() == Some(&program) && removed.spares_as_init(program);
    let broken = match broken(words, removed)? {
        init if spared(&init.program) => {
            broken(unwrapped(words), removed).filter(|other| other.program != init.program)?
        }
        other => other,
    };
    let inner = unwrapped(words);
    let program = *inner.first()?;
    let is_wrapped = inner.len() < words.len();
    let starts_by_script = is_shell(program) || is_script(program);
    let needs_shell = starts_by_script && broken.program == program;
    let of_script = starts_by_script && !words.iter().any(|word| *word == broken.program);
    // A shell with nothing to do waits for ever.
    let ends = script_of(inner).map_or(inner.len() > 1 || is_script(program), |script| script.contains("exec "));
    let may_delete = container.read_only_root().is_none();
    // What the script needs goes when it has become the app. `run` sees a script only where that is its command.
    let waits = match mode {
        Some(Mode::Probe) => may_delete && (needs_shell || of_script && ends),
        Some(Mode::Run) => may_delete && needs_shell && !is_wrapped,
        _ => false,
    };
    if let Some(finding) = unsearchable(container).filter(|_| waits && mode == Some(Mode::Run)) {
        return Some(finding);
    }
    if waits {
        let message = format!(
            "{}: {} goes when the script is over; this one may never end by exec",
            container.title,
            shown(program)
        );
        return (!ends).then(|| {
            Finding::new(
                Weight::Note,
                place,
                message,
                "let the script end with `exec APP`, or make the app itself the command",
            )
        });
    }
    let (why, fix) = if needs_shell && mode == Some(Mode::Run) && may_delete {
        (
            "its script needs the shell",
            "let the command be the script itself: `lithify run` then waits for its end, and stays as the first process",
        )
    } else if needs_shell {
        (
            "its script needs the shell",
            "let the command be the app itself, such as [\"nginx\", \"-g\", \"daemon off;\"]",
        )
    } else if of_script {
        ("its script runs it", "leave it out of the script, or save it in a profile of your own: [keep] names")
    } else {
        ("it is what the container runs", "save it in a profile of your own: [keep] names or paths")
    };
    let message =
        format!("{}: {} will not be there, because {}: {why}", container.title, shown(&broken.program), broken.reason);
    Some(Finding::new(Weight::Breaks, place, message, fix))
}

fn shown(program: &str) -> String {
    lithify::text::escape::escape(program.as_bytes())
}
