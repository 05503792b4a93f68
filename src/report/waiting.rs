//! Puts into words what the app is waited for. The words are the same at every try.

use crate::harden::plan::{STAYS, UNREADABLE, pattern_for};
use crate::harden::wait::{Obstacle, Remark, Remedy, Run, WaitError};
use crate::target::candidates::Certainty;
use crate::text::escape::escape;
use crate::text::seconds;

pub(super) fn error(error: &WaitError) -> String {
    match error {
        WaitError::NotYet(what) => format!("not yet: {}", obstacle(what)),
        WaitError::TimedOut { obstacle: what, timeout, .. } => {
            let limit = seconds::format(*timeout);
            let late = if matches!(what, Obstacle::First(_)) { format!(", {limit} s after its start") } else { String::new() };
            format!("{}{late}; nothing was deleted", obstacle(what))
        }
        WaitError::NoApp => "--wait-for-app is for a startupProbe: this is the container's first process, so there is no app to wait for".to_owned(),
        WaitError::Processes(error) => format!("refused: {error}"),
    }
}

fn obstacle(obstacle: &Obstacle) -> String {
    match obstacle {
        Obstacle::NoProcess => "no process of the app runs".to_owned(),
        Obstacle::First(run) => format!("the container's first process{}", runs(run)),
        Obstacle::Descendant(run) => format!("a process of the app{}", runs(run)),
        Obstacle::Unread(comm) => format!(
            "which libraries a process of the app ({}) has loaded cannot be read (CAP_SYS_PTRACE), and [keep] only does not list its program",
            escape(comm)
        ),
        Obstacle::Changing => "the app's processes are still changing".to_owned(),
        Obstacle::Silent(target, error) => format!("{target} does not answer: {error}"),
    }
}

pub(super) fn hint(remedy: &Remedy) -> String {
    match remedy {
        Remedy::EndScript(_) => STAYS.to_owned(),
        Remedy::ReadProgram => UNREADABLE.to_owned(),
        Remedy::Keep(path) => format!(
            "if that is the app, or what its scripts run in, save it: [keep] paths = [{}]; if an entrypoint script runs in it, let that end with exec; if it only takes longer, raise --wait-timeout and failureThreshold",
            pattern_for(path)
        ),
    }
}

/// A remark on a process of an app that has settled.
pub(super) fn remark(remark: &Remark) -> String {
    let process = format!("a process ({})", escape(&remark.comm));
    match &remark.runs {
        Some(run) => {
            format!("{process} of the app{}; it was not waited for, because --wait-timeout has passed", runs(run))
        }
        None => format!(
            "the program of {process} of the app cannot be read (CAP_SYS_PTRACE): its name and the size of its code decided"
        ),
    }
}

/// The words that follow the process.
fn runs(run: &Run) -> String {
    let runs = match run.certainty {
        Certainty::Known => " still runs",
        Certainty::Named => ", whose program cannot be read (CAP_SYS_PTRACE), seems to run",
        Certainty::Possible => ", whose program cannot be read (CAP_SYS_PTRACE), may run",
    };
    let (path, origin) = (escape(&run.path), &run.origin);
    format!("{runs} {path}, which profile {} removes ({})", origin.profile, origin.rule)
}
