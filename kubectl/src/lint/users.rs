//! User namespaces (Kubernetes 1.33, `hostUsers: false`): root in the pod is nobody on the node.

use crate::checks;
use crate::cli::Mode;
use crate::manifest::finding::{Finding, Severity};
use crate::manifest::workload::Workload;
use crate::yaml::Node;

/// Kinds of volumes that every node can map to other users.
const MAPPED: [&str; 6] = ["emptyDir", "configMap", "secret", "projected", "downwardAPI", "image"];

/// A note on a pod whose root deletes, where nothing hinders a user namespace.
pub(crate) fn host_users(workload: &Workload<'_>) -> Option<Finding> {
    let deletes = workload.containers().iter().any(|container| checks::mode(workload, container) == Some(Mode::Probe));
    if !deletes || workload.spec.get("hostUsers").is_some() || hinders(workload) {
        return None;
    }
    let place = workload.spec.range.start..workload.spec.range.start;
    let message = format!(
        "{}: root in it, who deletes, is root on the node, and nothing in the manifest hinders another",
        workload.title
    );
    Some(Finding::new(Severity::Note, &place, message, "hostUsers: false, where nodes have user namespaces (1.33)"))
}

/// Whether the API or a volume does not go with a user namespace.
fn hinders(workload: &Workload<'_>) -> bool {
    let spec = workload.spec;
    let is_of_host = ["hostNetwork", "hostPID", "hostIPC"].iter().any(|key| spec.is_true(key));
    let is_mapped = |volume: &Node| MAPPED.iter().any(|kind| volume.entry(kind).is_some());
    let volumes = spec.get("volumes").map(Node::items).unwrap_or_default();
    let containers = workload.containers().into_iter().chain(workload.init_containers());
    let is_privileged = |node: &Node| node.get("securityContext").is_some_and(|context| context.is_true("privileged"));
    is_of_host
        || !volumes.iter().all(is_mapped)
        || containers
            .into_iter()
            .any(|container| is_privileged(container.node) || container.node.get("volumeDevices").is_some())
}
