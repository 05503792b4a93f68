//! Every container gets the program from one volume. Whoever can write to that volume can replace the program.

use crate::cli::Delivery;
use crate::command_line::arguments::{Part, parts};
use crate::command_line::calls;
use crate::manifest::finding::{Finding, Severity};
use crate::manifest::paths::is_in;
use crate::manifest::workload::{Container, Workload};
use crate::names::VOLUME;
use crate::yaml::Node;

/// How a pod gets the program already; `None` where nothing is called as our volume is.
pub(crate) fn delivery(workload: &Workload<'_>) -> Option<Delivery> {
    let volume = workload.volume(VOLUME)?;
    Some(if volume.entry("image").is_some() { Delivery::ImageVolume } else { Delivery::InitContainer })
}

/// The volume that an init container installs lithify into. The container calls `install` for the root of a volume that
/// it can write to.
pub(crate) fn installs<'a>(container: &Container<'a>) -> Option<&'a str> {
    let call = calls::init_call(container.node)?;
    let parts = parts(&call);
    let mut operands = parts.iter().filter_map(Part::operand);
    let to = operands.next().filter(|subcommand| *subcommand == "install").and_then(|_| operands.next())?;
    let mount = container.mount_at(to.trim_end_matches('/'))?;
    mount.text_of("name").filter(|_| is_whole(mount) && !mount.is_true("readOnly"))
}

/// Whether a mount shows the whole volume: the program is in its root.
pub(crate) fn is_whole(mount: &Node) -> bool {
    mount.get("subPath").is_none() && mount.get("subPathExpr").is_none()
}

/// The mount of a container in which a path is.
pub(crate) fn mount_over<'a>(container: &Container<'a>, path: &str) -> Option<&'a Node> {
    container.mounts().iter().find(|mount| {
        let at = mount.text_of("mountPath").unwrap_or_default().trim_end_matches('/');
        is_in(path, at)
    })
}

/// Writable mounts of such a volume, other than that of its installer.
pub(crate) fn delivered(workload: &Workload<'_>) -> Vec<Finding> {
    let inits = workload.init_containers();
    let filled: Vec<&str> = inits.iter().filter_map(installs).collect();
    let mut findings = Vec::new();
    for container in workload.containers().iter().chain(&inits) {
        for mount in container.mounts() {
            let volume = mount.text_of("name").unwrap_or_default();
            if !filled.contains(&volume) || mount.is_true("readOnly") || installs(container) == Some(volume) {
                continue;
            }
            let message = format!(
                "{}: {} is writable, and volume {volume} holds lithify: whoever is in this container can replace it",
                container.title,
                mount.text_of("mountPath").unwrap_or_default()
            );
            findings.push(Finding::new(Severity::Refused, &mount.range, message, "readOnly: true"));
        }
    }
    findings
}
