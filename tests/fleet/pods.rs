//! The pods that policies are tried on: those of the examples, and some that are not hardened.

use serde_json::{Value, json};

use crate::documents;

/// A pod with these containers, each a name and what else it has.
pub fn pod(containers: &[(&str, Value)]) -> Value {
    let containers: Vec<Value> = containers
        .iter()
        .map(|(name, more)| {
            let mut container = json!({ "name": name, "image": "nginx:1.28" });
            for (key, value) in more.as_object().unwrap() {
                container[key] = value.clone();
            }
            container
        })
        .collect();
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "app" }, "spec": { "containers": containers } })
}

/// The pod of each workload in a file, as its controller makes it.
pub fn of_example(path: &str) -> Vec<Value> {
    of_documents(&documents(path))
}

pub fn of_documents(documents: &[Value]) -> Vec<Value> {
    documents.iter().filter_map(of_workload).collect()
}

fn of_workload(workload: &Value) -> Option<Value> {
    let template = match workload["kind"].as_str()? {
        "Pod" => workload,
        "CronJob" => &workload["spec"]["jobTemplate"]["spec"]["template"],
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" => &workload["spec"]["template"],
        _ => return None,
    };
    let mut metadata = template["metadata"].clone();
    if metadata.is_null() {
        metadata = json!({});
    }
    metadata["name"] = workload["metadata"]["name"].clone();
    Some(json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"] }))
}
