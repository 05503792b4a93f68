//! `--mode auto`: the first mode that nothing hinders, by a trial of each.

use super::pod::{Additions, Pod};
use crate::checks;
use crate::cli::Mode;
use crate::manifest::finding::{Finding, Severity};
use crate::manifest::workload::Container;
use crate::yaml::Changes;

/// What a container gets.
pub(crate) struct Choice {
    /// `None` where no mode fits.
    pub(crate) mode: Option<Mode>,
    /// Whether the container has that mode already.
    pub(crate) is_there: bool,
    /// The modes before it, each with what hinders it.
    pub(crate) hindered: Vec<(Mode, Finding)>,
}

/// A probe needs no command and fits most; what ends by itself is better run than staged.
fn order(ends: bool) -> [Mode; 3] {
    if ends { [Mode::Probe, Mode::Run, Mode::Stage] } else { [Mode::Probe, Mode::Stage, Mode::Run] }
}

/// Chooses the mode of a container. The pod's own changes and findings stay as they are.
pub(crate) fn choose(pod: &Pod<'_>, container: &Container<'_>) -> Choice {
    if let Some(mode) = checks::mode(pod.workload, container) {
        return Choice { mode: Some(mode), is_there: true, hindered: Vec::new() };
    }
    let mut hindered = Vec::new();
    let modes = order(checks::ends(pod.workload, container).is_some());
    // Nothing of lithify runs beside a staged app, so nothing there compares a digest.
    for mode in modes.into_iter().filter(|mode| *mode != Mode::Stage || pod.options.digest.is_none()) {
        let (mut changes, mut findings) = (Changes::default(), Vec::new());
        let mut trial = Pod {
            options: pod.options,
            profiles: pod.profiles,
            removed: pod.removed,
            workload: pod.workload,
            delivery: pod.delivery,
            mode,
            calls: None,
            changes: &mut changes,
            findings: &mut findings,
        };
        super::harden(&mut trial, container, &mut Additions::default());
        match findings.into_iter().find(|finding| finding.severity != Severity::Note) {
            None => return Choice { mode: Some(mode), is_there: false, hindered },
            Some(finding) => hindered.push((mode, finding)),
        }
    }
    Choice { mode: None, is_there: false, hindered }
}

impl Choice {
    /// Why it is this mode, in the words of what hinders the others; and what to do where no mode fits.
    pub(crate) fn why(&self, container: &Container<'_>) -> String {
        let prefix = format!("{}: ", container.title);
        // What hinders one mode after the other is said once.
        let why = |hindered: &[(Mode, Finding)]| {
            let modes: Vec<&str> = hindered.iter().map(|(mode, _)| mode.name()).collect();
            let finding = hindered.first().map(|(_, finding)| finding)?;
            let message = finding.message.strip_prefix(&prefix).unwrap_or(&finding.message);
            let fix = if self.mode.is_none() { format!(" (fix: {})", finding.fix) } else { String::new() };
            Some(format!("not {}: {message}{fix}", modes.join(", ")))
        };
        if self.is_there {
            "it has it already".to_owned()
        } else if self.hindered.is_empty() {
            "nothing hinders the probe, which needs no command".to_owned()
        } else {
            let reasons = self.hindered.chunk_by(|(_, one), (_, other)| one.message == other.message);
            reasons.filter_map(why).collect::<Vec<_>>().join("; ")
        }
    }
}
