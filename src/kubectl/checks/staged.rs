//! A staged volume is worth something only as long as nobody but the staging container can write to it, and a mount of
//! what is not in it is an empty directory.

use super::super::finding::{Finding, Weight};
use super::super::ours;
use super::super::workload::{Container, Workload};
use super::super::yaml::Node;

/// A volume that an init container stages into.
struct Staged<'a> {
    /// The volume.
    volume: &'a str,
    /// The init container.
    by: &'a str,
    /// The directories that it copies.
    sources: Vec<&'a str>,
    /// Where below the volume's root the copies are.
    below: String,
}

/// The staged volumes of a pod.
fn volumes<'a>(workload: &Workload<'a>) -> Vec<Staged<'a>> {
    let staged = |container: Container<'a>| {
        let node = container.node;
        let call = ours::call(node.get("command")).or_else(|| Some(node.get("args")?.words()))?;
        let (sources, to) = ours::staging(&call)?;
        // The volume whose mount point it is, or is in.
        let holds = |mount: &&Node| {
            let at = mount.text_of("mountPath").unwrap_or_default().trim_end_matches('/');
            to.strip_prefix(at).is_some_and(|rest| !at.is_empty() && (rest.is_empty() || rest.starts_with('/')))
        };
        let mount =
            container.mounts().iter().filter(holds).max_by_key(|mount| mount.text_of("mountPath").map(str::len))?;
        let at = mount.text_of("mountPath").unwrap_or_default().trim_end_matches('/');
        let within = [mount.text_of("subPath").unwrap_or_default(), to.strip_prefix(at).unwrap_or_default()];
        let below: Vec<&str> =
            within.iter().flat_map(|part| part.split('/')).filter(|part| !part.is_empty()).chain(["root"]).collect();
        Some(Staged { volume: mount.text_of("name")?, by: container.name, sources, below: below.join("/") })
    };
    workload.init_containers().into_iter().filter_map(staged).collect()
}

/// Whether a container mounts what was staged.
pub(in super::super) fn has_staged(workload: &Workload<'_>, container: &Container<'_>) -> bool {
    let staged = volumes(workload);
    container.mounts().iter().any(|mount| staged.iter().any(|staged| mount.text_of("name") == Some(staged.volume)))
}

/// Every mount of a staged volume by another container.
pub(in super::super) fn staged(workload: &Workload<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let staged = volumes(workload);
    for container in workload.containers().into_iter().chain(workload.init_containers()) {
        for mount in container.mounts() {
            let name = mount.text_of("name").unwrap_or_default();
            let Some(volume) = staged.iter().find(|staged| staged.volume == name && staged.by != container.name) else {
                continue;
            };
            if staged.iter().any(|staged| staged.volume == name && staged.by == container.name) {
                continue;
            }
            if !mount.is_true("readOnly") {
                let message = format!(
                    "{} can write to volume {name}, which {} stages: it could put another directory in the place of the hardened one",
                    container.title, volume.by
                );
                findings.push(Finding::new(
                    Weight::Refused,
                    &mount.range,
                    message,
                    "readOnly: true, here and in every container but the staging one",
                ));
            }
            if let Some(sub) = mount.text_of("subPath") {
                let known = |source: &&str| {
                    let copy = format!("{}/{}", volume.below, source.trim_matches('/'));
                    sub.trim_matches('/')
                        .strip_prefix(copy.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                };
                if !volume.sources.iter().any(known) {
                    let message = format!(
                        "{}: subPath {sub:?} is not what {} stages ({}): it would be mounted as an empty directory",
                        container.title,
                        volume.by,
                        volume.sources.join(", ")
                    );
                    let fix = format!(
                        "subPath: {}/DIRECTORY with one of these directories, or add the directory to the command of {}",
                        volume.below, volume.by
                    );
                    findings.push(Finding::new(
                        Weight::Refused,
                        &mount.get("subPath").unwrap_or(mount).range,
                        message,
                        fix,
                    ));
                }
            }
        }
    }
    findings
}
