//! The pods that run, as `kubectl get pods --output json` prints them.

use super::way::{Way, way};
use crate::manifest::Manifest;
use crate::manifest::workload::{Workload, workloads};

/// A pod.
pub(super) struct Pod {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) node: String,
    pub(super) containers: Vec<Container>,
}

/// One of its containers.
pub(super) struct Container {
    pub(super) name: String,
    pub(super) image: String,
    pub(super) way: Way,
}

/// The pods, by namespace and name, without those that are over or going.
pub(super) fn pods(manifest: &Manifest) -> Vec<Pod> {
    let pods = workloads(&manifest.documents, &[]);
    let mut found: Vec<Pod> =
        pods.iter().filter(|workload| workload.kind == "Pod" && stays(workload)).map(pod).collect();
    found.sort_by(|one, other| (&one.namespace, &one.name).cmp(&(&other.namespace, &other.name)));
    found
}

fn stays(pod: &Workload<'_>) -> bool {
    let phase = pod.template.at(&["status", "phase"]).and_then(|phase| phase.text()).unwrap_or_default();
    pod.template.at(&["metadata", "deletionTimestamp"]).is_none() && !matches!(phase, "Succeeded" | "Failed")
}

fn pod(pod: &Workload<'_>) -> Pod {
    let of = |keys: &[&str]| pod.template.at(keys).and_then(|node| node.text()).unwrap_or_default().to_owned();
    let sidecars =
        pod.init_containers().into_iter().filter(|container| container.node.text_of("restartPolicy") == Some("Always"));
    let containers = pod.containers().into_iter().chain(sidecars).map(|container| Container {
        name: container.name.to_owned(),
        image: container.node.text_of("image").unwrap_or_default().to_owned(),
        way: way(pod, &container),
    });
    Pod {
        namespace: of(&["metadata", "namespace"]),
        name: of(&["metadata", "name"]),
        node: of(&["spec", "nodeName"]),
        containers: containers.collect(),
    }
}
