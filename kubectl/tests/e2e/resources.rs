//! What init containers of ours may use: the pod's class stays what it was, and no quota refuses them.

use serde_json::{Value, json};

use super::{data, deployment, inject};

fn pod(text: &str) -> Value {
    data(text).remove(0)["spec"]["template"]["spec"].clone()
}

/// The class of a pod, by the kubelet's rules (Kubernetes, "Pod Quality of Service Classes"), and whether a quota that wants
/// limits of CPU and memory for each container takes it.
fn class(pod: &Value) -> (&'static str, bool) {
    let containers: Vec<&Value> =
        ["initContainers", "containers"].iter().flat_map(|key| pod[key].as_array().into_iter().flatten()).collect();
    let each = |is: &dyn Fn(&Value, &str) -> bool| {
        containers.iter().all(|container| ["cpu", "memory"].iter().all(|name| is(&container["resources"], name)))
    };
    let limited = each(&|resources, name| !resources["limits"][name].is_null());
    let same = |resources: &Value, name: &str| {
        resources["requests"][name].is_null() || resources["requests"][name] == resources["limits"][name]
    };
    let class = if limited && each(&same) {
        "Guaranteed"
    } else if containers.iter().all(|container| container["resources"].is_null()) {
        "BestEffort"
    } else {
        "Burstable"
    };
    (class, limited)
}

const BOTH: &str = "limits: { cpu: 2, memory: 1Gi, nvidia.com/gpu: 1 }, requests: { memory: 1Gi, cpu: 2 }";

#[test]
fn the_class_of_a_pod_stays_and_a_quota_still_takes_it() {
    for (resources, before, after) in [
        (BOTH, ("Guaranteed", true), ("Guaranteed", true)),
        ("limits: { cpu: 500m, memory: 64Mi }", ("Guaranteed", true), ("Guaranteed", true)),
        (
            "requests: { cpu: 10m, memory: 1Gi }, limits: { cpu: 1, memory: 2Gi }",
            ("Burstable", true),
            ("Burstable", true),
        ),
        ("requests: { cpu: 10m }", ("Burstable", false), ("Burstable", false)),
        // The price of what a quota wants.
        ("", ("BestEffort", false), ("Burstable", false)),
    ] {
        let plain = match resources {
            "" => deployment("command: [app]"),
            _ => deployment(&format!("command: [app]\nresources: {{ {resources} }}")),
        };
        assert_eq!(class(&pod(&plain)), before, "{resources}");
        for mode in ["probe", "stage", "run"] {
            let injected = inject(&plain, &format!("-p shells --mode {mode}"));
            assert_eq!(class(&pod(&injected)), after, "{mode} {resources}");
        }
    }
}

#[test]
fn the_staging_container_needs_no_device() {
    let staged = inject(&deployment(&format!("command: [app]\nresources: {{ {BOTH} }}")), "-p shells --mode stage");
    assert_eq!(
        pod(&staged)["initContainers"][1]["resources"],
        json!({ "requests": { "cpu": 2, "memory": "1Gi" }, "limits": { "cpu": 2, "memory": "1Gi" } })
    );
    let device =
        inject(&deployment("command: [app]\nresources: { limits: { nvidia.com/gpu: 1 } }"), "-p shells --mode stage");
    assert_eq!(pod(&device)["initContainers"][1]["resources"], Value::Null);
}

/// By a version that gave none, or by somebody who knows better.
#[test]
fn what_is_there_stays() {
    let plain = deployment(&format!("command: [app]\nresources: {{ {BOTH} }}"));
    for mode in ["probe", "stage", "run"] {
        let arguments = format!("-p shells --mode {mode}");
        let mut older = data(&inject(&plain, &arguments)).remove(0);
        let inits = older["spec"]["template"]["spec"]["initContainers"].as_array_mut().unwrap();
        for (index, init) in inits.iter_mut().enumerate() {
            if index == 0 {
                init["resources"] = json!({ "limits": { "memory": "1Gi" } });
            } else {
                init.as_object_mut().unwrap().remove("resources").unwrap();
            }
        }
        let older = older.to_string();
        assert_eq!(inject(&older, &arguments), older, "{mode}");
    }
}

/// The API server refuses a container that asks for more than its pod has.
#[test]
fn the_resources_of_the_pod_are_enough_for_all() {
    for resources in [
        "limits: { cpu: 50m, memory: 8Mi }",
        "requests: { cpu: 20m }",
        "requests: { cpu: 20m, memory: 8Mi }, limits: { cpu: 50m, memory: 8Mi }",
    ] {
        let plain = deployment("command: [app]\nresources: { limits: { cpu: 20m } }")
            .replace("      containers:", &format!("      resources: {{ {resources} }}\n      containers:"));
        for mode in ["probe", "stage", "run"] {
            let injected = pod(&inject(&plain, &format!("-p shells --mode {mode}")));
            for init in injected["initContainers"].as_array().unwrap() {
                assert_eq!(init["resources"], Value::Null, "{mode} {resources}");
            }
        }
    }
    // None, in a field that is there.
    let plain =
        deployment("command: [app]").replace("      containers:", "      resources: { limits: {} }\n      containers:");
    let injected = pod(&inject(&plain, "-p shells --mode probe"));
    assert_eq!(injected["initContainers"][0]["resources"]["limits"]["cpu"], "100m");
}
