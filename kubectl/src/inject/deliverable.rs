//! `--deliver auto`: whether the nodes of kubectl's cluster mount images.

use serde_json::Value;

use crate::cli::{Deliver, Delivery, Inject};
use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::output::say;

/// Since this minor version of Kubernetes, image volumes are on without a feature gate.
const MINOR: u64 = 36;

/// The runtimes that mount images, each with its first version that does.
const RUNTIMES: [(&str, (u64, u64)); 2] = [("containerd", (2, 1)), ("cri-o", (1, 31))];

/// The options with `auto` decided, which is said; `None` where there is nothing to decide.
pub(crate) fn decide(options: &Inject) -> Option<Inject> {
    if options.deliver != Deliver::ByCluster {
        return None;
    }
    let cluster = Cluster::new(options.context.as_ref(), None);
    let hinders = match cluster.run(&["get", "nodes", "-o", "json"]).map(|text| serde_json::from_str(&text)) {
        Ok(Ok(nodes)) => hinders(&nodes),
        Ok(Err(error)) => Some(format!("kubectl get nodes: {error}")),
        Err(failure) => Some(first_line(&failure)),
    };
    let (delivery, why) = match hinders {
        None => (Delivery::ImageVolume, "every node mounts images".to_owned()),
        Some(why) => (Delivery::InitContainer, why),
    };
    say(&format!("note: --deliver auto is {}: {why}\n", delivery.name()));
    Some(Inject { deliver: Deliver::By(delivery), ..options.clone() })
}

/// Why images cannot be mounted as volumes on each of these nodes.
fn hinders(nodes: &Value) -> Option<String> {
    let nodes = nodes.pointer("/items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if nodes.is_empty() {
        return Some("the cluster has no nodes".to_owned());
    }
    nodes.iter().find_map(|node| {
        let text = |way: &str| node.pointer(way).and_then(Value::as_str).unwrap_or_default();
        if text("/status/nodeInfo/operatingSystem") == "windows" {
            return None;
        }
        let (name, kubelet) = (text("/metadata/name"), text("/status/nodeInfo/kubeletVersion"));
        let runtime = text("/status/nodeInfo/containerRuntimeVersion");
        if version(kubelet.trim_start_matches('v')).is_none_or(|version| version < (1, MINOR)) {
            return Some(format!("node {name} has Kubernetes {kubelet}, and image volumes are on since 1.{MINOR}"));
        }
        let (kind, number) = runtime.split_once("://").unwrap_or((runtime, ""));
        let first = RUNTIMES.iter().find(|(known, _)| *known == kind).map(|(_, first)| *first);
        let mounts = first.is_some_and(|first| version(number).is_some_and(|version| version >= first));
        (!mounts).then(|| format!("node {name} has {runtime}, of which nobody knows here that it mounts images"))
    })
}

/// The first two numbers of a version.
fn version(text: &str) -> Option<(u64, u64)> {
    let mut numbers = text.split(['.', '-', '+']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn first_line(failure: &Failure) -> String {
    failure.to_string().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_node_must_mount_images() {
        let node = |kubelet: &str, runtime: &str| {
            json!({ "metadata": { "name": kubelet }, "status": { "nodeInfo": {
                "kubeletVersion": kubelet, "containerRuntimeVersion": runtime, "operatingSystem": "linux" } } })
        };
        let of = |nodes: &[Value]| hinders(&json!({ "items": nodes }));
        let new = node("v1.36.2", "containerd://2.1.9");
        assert_eq!(of(&[new.clone(), node("v1.37.0-rc.1", "cri-o://1.36.0")]), None);
        for (other, says) in [
            (node("v1.35.4", "containerd://2.1.9"), "1.35.4, and image volumes are on since 1.36"),
            (node("v1.36.0+k3s1", "containerd://2.0.5-k3s2"), "containerd://2.0.5-k3s2"),
            (node("v1.36.0", "docker://29.1.0"), "docker://29.1.0"),
            (node("", ""), "has Kubernetes "),
        ] {
            let why = of(&[new.clone(), other]).unwrap();
            assert!(why.contains(says), "{why}");
        }
        assert!(of(&[]).unwrap().contains("no nodes"));
    }
}
