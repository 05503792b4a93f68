//! The user of a container and its read-only root, compared with what the mode and the profile need.

use crate::cli::Mode;
use crate::command_line::arguments::parts;
use crate::command_line::calls;
use crate::manifest::finding::{Finding, Severity};
use crate::manifest::workload::Container;
use crate::yaml::Node;
use lithify::profile::{Principal, Profile};

pub(crate) fn security(container: &Container<'_>, mode: Option<Mode>, profile: &Profile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |place: &std::ops::Range<usize>, message: &str, fix: &str| {
        findings.push(Finding::new(Severity::Breaks, place, format!("{}: {message}", container.title), fix));
    };
    let context =
        container.node.entry("securityContext").map_or_else(|| container.place(), |entry| entry.key_range.clone());
    let (read_only, non_root) = (container.read_only_root(), container.non_root());
    if mode == Some(Mode::Probe) {
        if let Some(place) = read_only {
            add(
                &place.range,
                "the startupProbe deletes, and nothing can be deleted from a read-only root",
                "stage it, or let the command be `lithify run`: see docs/stage.md and docs/run.md",
            );
        }
        if let Some(place) = non_root.filter(|_| read_only.is_none()) {
            add(
                &place.range,
                "it does not run as root, and only the owner of a directory may delete from it: the startupProbe would fail",
                "stage it, or let the command be `lithify run`",
            );
        }
    }
    let call = calls::call(container.node).unwrap_or_default();
    if mode == Some(Mode::Run) {
        let user = parts(&call).iter().any(|part| part.option == Some("user"));
        if let Some(place) = non_root.filter(|_| user) {
            add(
                &place.range,
                "`run --user` changes the user, which only root may",
                "leave out --user, or start it as root",
            );
        }
    }
    if !profile.verify.read_only.iter().any(|path| path.value == "/") {
        return findings;
    }
    // `verify` checks this as well, but only in the running container.
    if read_only.is_none() {
        add(
            &context,
            "the profile wants a read-only root ([verify.mounts] read_only)",
            "securityContext: readOnlyRootFilesystem: true",
        );
    }
    let root = |node: Option<&Node>| node.is_some_and(|user| user.text() == Some("0"));
    if profile.verify.user.as_ref().is_some_and(|user| user.value == Principal::NonRoot)
        && root(container.security("runAsUser"))
    {
        add(
            &context,
            "the profile wants a user that is not root ([verify.process] user)",
            "securityContext: runAsNonRoot: true, with another runAsUser",
        );
    }
    findings
}
