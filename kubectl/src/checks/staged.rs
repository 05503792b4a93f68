//! Mounts of staged volumes. Only the staging container may write to such a volume, and each copy must be mounted over
//! its original: a directory that is not in the volume would be mounted empty.

use crate::command_line::arguments::{Part, parts};
use crate::command_line::calls;
use crate::manifest::finding::{Finding, Severity};
use crate::manifest::paths::{is_in, plain};
use crate::manifest::workload::{Container, Workload};
use crate::yaml::Node;

/// A volume that an init container stages into.
pub(crate) struct Staged<'a> {
    /// The volume's name.
    pub(crate) volume: &'a str,
    /// The init container that stages.
    pub(crate) by: &'a str,
    /// The directories that it copies.
    pub(crate) sources: Vec<String>,
    /// The directory of the volume that holds the copies.
    pub(crate) below: String,
}

/// The staged volumes of a pod.
pub(crate) fn staged<'a>(workload: &Workload<'a>) -> Vec<Staged<'a>> {
    let staged = |container: Container<'a>| {
        let call = calls::init_call(container.node)?;
        let parts = parts(&call);
        let mut operands = parts.iter().filter_map(Part::operand);
        operands.next().filter(|subcommand| *subcommand == "stage")?;
        let to = plain(parts.iter().rev().find(|part| part.option == Some("to"))?.value)?;
        // The volume in whose mount the directory is.
        let at = |mount: &Node| mount.text_of("mountPath").and_then(plain).unwrap_or_default();
        let holds = |mount: &&Node| at(mount).len() > 1 && is_in(&to, &at(mount));
        let mount = container.mounts().iter().filter(holds).max_by_key(|mount| at(mount).len())?;
        let within = to.strip_prefix(&at(mount)).unwrap_or_default();
        let below = plain(&format!("{}{within}/root", mount.text_of("subPath").unwrap_or_default()))?;
        Some(Staged {
            volume: mount.text_of("name")?,
            by: container.name,
            sources: operands.filter_map(plain).collect(),
            below: below.trim_start_matches('/').to_owned(),
        })
    };
    workload.init_containers().into_iter().filter_map(staged).collect()
}

/// Whether a container mounts a staged volume.
pub(crate) fn has_staged(workload: &Workload<'_>, container: &Container<'_>) -> bool {
    let staged = staged(workload);
    container.mounts().iter().any(|mount| staged.iter().any(|staged| mount.text_of("name") == Some(staged.volume)))
}

/// Findings for mounts of staged volumes by other containers than the staging one.
pub(crate) fn mounts(workload: &Workload<'_>) -> Vec<Finding> {
    let staged = staged(workload);
    let mut findings = Vec::new();
    for container in workload.containers().into_iter().chain(workload.init_containers()) {
        for mount in container.mounts() {
            let of: Vec<&Staged<'_>> =
                staged.iter().filter(|staged| mount.text_of("name") == Some(staged.volume)).collect();
            if of.iter().all(|staged| staged.by != container.name) {
                findings.extend(mounted(&container, mount, &of));
            }
        }
    }
    findings
}

/// Findings for one mount of a volume that is staged so.
pub(crate) fn mounted(container: &Container<'_>, mount: &Node, staged: &[&Staged<'_>]) -> Vec<Finding> {
    let Some(first) = staged.first() else { return Vec::new() };
    let mut findings = Vec::new();
    let mut add = |place: &Node, message: String, fix: String| {
        let message = format!("{} {message}", container.title);
        findings.push(Finding::new(Severity::Refused, &place.range, message, fix));
    };
    if !mount.is_true("readOnly") {
        add(
            mount,
            format!(
                "can write to volume {}, which {} stages: it could put another directory in the place of the hardened one",
                first.volume, first.by
            ),
            "readOnly: true, here and in every container but the staging one".to_owned(),
        );
    }
    let at = mount.text_of("mountPath").unwrap_or_default();
    let right =
        |staged: &&&Staged<'_>| plain(at).is_some_and(|at| staged.sources.iter().any(|source| is_in(&at, source)));
    let sub_path = |staged: &Staged<'_>| format!("{}{}", staged.below, plain(at).unwrap_or_default());
    let Some(copy) = staged.iter().find(right) else {
        add(
            mount,
            format!(
                "mounts volume {} at {at}, which {} does not stage ({})",
                first.volume,
                first.by,
                first.sources.join(", ")
            ),
            format!("mount there what is staged from there, or add the directory to the command of {}", first.by),
        );
        return findings;
    };
    let known = mount.text_of("subPath").and_then(plain);
    if !staged.iter().filter(right).any(|staged| known == Some(sub_path(staged))) || mount.get("subPathExpr").is_some()
    {
        let place = mount.get("subPathExpr").or_else(|| mount.get("subPath")).unwrap_or(mount);
        let is = place.text().map_or_else(|| "the whole".to_owned(), |path| format!("{path:?}"));
        add(
            place,
            format!(
                "mounts {is} of volume {} at {at}, and that is not what {} stages from there",
                first.volume, copy.by
            ),
            format!("subPath: {}", sub_path(copy)),
        );
    }
    findings
}
