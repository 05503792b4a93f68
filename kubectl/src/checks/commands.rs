//! Commands, probes and hooks that need a program that the profile removes.

use super::capabilities::unsearchable;
use crate::cli::{Delivery, Mode};
use crate::command_line::broken::broken;
use crate::command_line::calls;
use crate::command_line::programs::unwrapped;
use crate::command_line::removed::{Removed, is_script};
use crate::manifest::finding::{Finding, Severity};
use crate::manifest::workload::Container;
use lithify::recognise::command_line::wrappers::{is_shell, script_of};

/// What happens to a container when the command of this probe or hook fails.
fn harm(handler: &str) -> &'static str {
    match handler {
        "readinessProbe" => "the pod would never be ready",
        "postStart" => "the kubelet would kill the container",
        "preStop" => "the container would be stopped without it",
        _ => "the kubelet would restart the container again and again",
    }
}

/// Probes and hooks whose program the profile removes. The container is, or will be, hardened in `mode`, by lithify as it is
/// delivered.
pub(crate) fn handlers(
    container: &Container<'_>,
    mode: Option<Mode>,
    removed: &Removed<'_>,
    delivery: Delivery,
) -> Vec<Finding> {
    // `run` deletes nothing from a read-only root, and Landlock does not bind what the kubelet starts.
    if mode == Some(Mode::Run) && container.read_only_root().is_some() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (keys, command) in calls::handler_commands(container.node) {
        let Some(broken) = broken(&command.words(), removed) else { continue };
        let name = keys.last().copied().unwrap_or_default();
        // The hook runs when the container starts, long before the first probe.
        let (severity, harm) = if name == "postStart" && mode == Some(Mode::Probe) {
            (Severity::Note, "this works only as long as it is done before the startupProbe")
        } else {
            (Severity::Breaks, harm(name))
        };
        let message = format!(
            "{}, {name}: {} will not be there, because {}: {harm}",
            container.title,
            shown(&broken.program),
            broken.reason
        );
        findings.push(Finding::new(severity, &command.range, message, broken.fix(keys.len() > 1, delivery.program())));
    }
    findings
}

/// The command of the app itself, where the profile removes what it needs.
pub(crate) fn app(container: &Container<'_>, mode: Option<Mode>, removed: &Removed<'_>) -> Option<Finding> {
    let command = container.node.get("command")?;
    let words = match calls::call(container.node) {
        Some(call) => call.get(call.iter().position(|word| *word == "--")? + 1..)?.to_vec(),
        None => calls::words(container.node),
    };
    self::command(container, &command.range, &words, mode, removed)
}

/// The same for a container whose command and args are, or will be, `words`. A finding points at `place`.
pub(crate) fn command(
    container: &Container<'_>,
    place: &std::ops::Range<usize>,
    words: &[&str],
    mode: Option<Mode>,
    removed: &Removed<'_>,
) -> Option<Finding> {
    // `harden` and `run` spare the init by which the app runs. `stage` cannot: it copies before the app starts.
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
    // A shell without a script waits forever.
    let ends = script_of(inner).map_or(inner.len() > 1 || is_script(program), |script| script.contains("exec "));
    let may_delete = container.read_only_root().is_none();
    // lithify removes what the script needs once the script has become the app. `run` knows only a script that is its
    // own command.
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
                Severity::Note,
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
    Some(Finding::new(Severity::Breaks, place, message, fix))
}

fn shown(program: &str) -> String {
    lithify::text::escape::escape(program.as_bytes())
}
