//! The pods that run, as `kubectl get pods --output json` prints them.

use super::way::{Way, way};
use crate::manifest::Manifest;
use crate::manifest::workload::{Workload, workloads};
use crate::yaml::Node;

/// A pod.
pub(super) struct Pod {
    pub(super) namespace: String,
    pub(super) name: String,
    /// Kind and name of what made it.
    pub(super) workload: Option<[String; 2]>,
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
        workload: workload(pod),
        node: of(&["spec", "nodeName"]),
        containers: containers.collect(),
    }
}

/// What made the pod, by its controller: a `Deployment` by its `ReplicaSet`, whose name ends in the hash of the template that
/// the pod has as a label. Other makers of makers, such as a `CronJob`, only the maker itself names.
fn workload(pod: &Workload<'_>) -> Option<[String; 2]> {
    let owners = pod.template.at(&["metadata", "ownerReferences"])?.items();
    let owner = owners.iter().find(|owner| owner.text_of("controller") == Some("true"))?;
    let (kind, name) = (owner.text_of("kind")?, owner.text_of("name")?);
    let hash = pod.template.at(&["metadata", "labels", "pod-template-hash"]).and_then(Node::text);
    let deployment = hash.and_then(|hash| name.strip_suffix(hash)?.strip_suffix('-'));
    Some(match deployment {
        Some(deployment) if kind == "ReplicaSet" => ["Deployment".to_owned(), deployment.to_owned()],
        _ => [kind.to_owned(), name.to_owned()],
    })
}
