//! Pods with the label, and which of their containers a probe can harden: what each injector must make of them.

use serde_json::{Value, json};

use crate::pods::pod;

/// A labelled pod, and the containers that are to be injected.
pub struct Case {
    pub pod: Value,
    pub injected: Vec<&'static str>,
}

pub fn labelled(mut pod: Value, profile: &str) -> Value {
    pod["metadata"]["labels"] = json!({ "app": "web", "lithify.dev/profile": profile });
    pod
}

/// What `install` and the volume that it fills look like.
fn delivered(pod: &mut Value) {
    pod["spec"]["initContainers"] = json!([{ "name": "lithify", "image": "mirror.example/lithify:0.1.0",
        "args": ["install", "/lithify"], "volumeMounts": [{ "name": "lithify", "mountPath": "/lithify" }] }]);
    pod["spec"]["volumes"] = json!([{ "name": "lithify", "emptyDir": {} }]);
}

fn drops(drop: &[&str], add: &[&str]) -> Value {
    json!({ "securityContext": { "capabilities": { "drop": drop, "add": add } } })
}

/// By what a container says of itself.
fn by_container() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut left_alone = Vec::new();
    for (more, injected) in [
        (json!({}), true),
        (json!({ "env": [{ "name": "LITHIFY_PROFILE", "value": "/site/web.toml" }] }), true),
        (
            json!({ "env": [{ "name": "OTHER", "valueFrom": { "configMapKeyRef": { "name": "a", "key": "b" } } }] }),
            true,
        ),
        // A profile that cannot be read here, and so not inscribed.
        (
            json!({ "env": [{ "name": "LITHIFY_PROFILE", "valueFrom": { "configMapKeyRef": { "name": "a", "key": "b" } } }] }),
            false,
        ),
        (json!({ "startupProbe": { "httpGet": { "port": 80 } } }), false),
        // The app's own, which stays.
        (json!({ "readinessProbe": { "httpGet": { "port": 80 } } }), true),
        // Over before a probe, or killed by it.
        (json!({ "restartPolicy": "Never" }), false),
        (
            json!({ "restartPolicy": "OnFailure", "restartPolicyRules": [{ "action": "Restart", "exitCodes": { "operator": "In", "values": [42] } }] }),
            false,
        ),
        (json!({ "restartPolicy": "Always" }), true),
        (json!({ "volumeMounts": [{ "name": "other", "mountPath": "/lithify", "readOnly": true }] }), false),
        (json!({ "securityContext": { "readOnlyRootFilesystem": true } }), false),
        (json!({ "securityContext": { "readOnlyRootFilesystem": false } }), true),
        (json!({ "securityContext": { "runAsUser": 1000 } }), false),
        (json!({ "securityContext": { "runAsUser": 0 } }), true),
        (json!({ "securityContext": { "runAsNonRoot": true } }), false),
        (json!({ "securityContext": { "runAsNonRoot": false } }), true),
        // The kubelet does not start that one at all.
        (json!({ "securityContext": { "runAsNonRoot": true, "runAsUser": 0 } }), false),
        // A root that may not look into directories of others.
        (drops(&["ALL"], &[]), false),
        (drops(&["all"], &["CHOWN"]), false),
        (drops(&["NET_RAW", "DAC_OVERRIDE"], &[]), false),
        (drops(&["ALL"], &["DAC_OVERRIDE"]), true),
        (drops(&["ALL"], &["DAC_READ_SEARCH"]), true),
        (drops(&["NET_RAW"], &[]), true),
        (json!({ "securityContext": { "capabilities": { "add": ["NET_ADMIN"] } } }), true),
    ] {
        let alone = labelled(pod(&[("app", more.clone())]), "nginx");
        cases.push(Case { pod: alone, injected: if injected { vec!["app"] } else { vec![] } });
        if !injected {
            left_alone.push(more);
        }
    }
    // All of them beside one that is injected, and one that is exempt.
    let names: Vec<String> = (0..left_alone.len()).map(|number| format!("app-{number}")).collect();
    let mut containers: Vec<_> = names.iter().map(String::as_str).zip(left_alone).collect();
    containers.extend([("istio-proxy", json!({})), ("web", json!({}))]);
    cases.push(Case { pod: labelled(pod(&containers), "nginx"), injected: vec!["web"] });
    cases
}

/// The pod's own user, which counts where a container says nothing: of the user and of non-root, each by itself.
fn by_user_of_the_pod() -> Vec<Case> {
    let of = |pod_says: Value, container_says: Value, injected: bool| {
        let mut pod = labelled(pod(&[("app", json!({ "securityContext": container_says }))]), "nginx");
        pod["spec"]["securityContext"] = pod_says;
        Case { pod, injected: if injected { vec!["app"] } else { vec![] } }
    };
    let nothing = || json!({});
    vec![
        of(json!({ "runAsUser": 1000 }), nothing(), false),
        of(json!({ "runAsUser": 0 }), nothing(), true),
        of(json!({ "runAsNonRoot": true }), nothing(), false),
        of(json!({ "runAsUser": 1000 }), json!({ "runAsUser": 0 }), true),
        of(json!({ "runAsUser": 1000 }), json!({ "runAsNonRoot": false }), false),
        of(json!({ "runAsNonRoot": true }), json!({ "runAsNonRoot": false }), true),
        of(json!({ "runAsNonRoot": true }), json!({ "runAsUser": 0 }), false),
        of(json!({ "runAsUser": 1000, "runAsNonRoot": true }), json!({ "runAsUser": 0, "runAsNonRoot": false }), true),
    ]
}

/// Pods of which nothing is injected, whatever their containers are.
fn by_pod() -> Vec<Case> {
    let with = |path: &str, value: Value| {
        let mut pod = labelled(pod(&[("app", json!({})), ("web", json!({}))]), "nginx");
        pod["spec"][path] = value;
        pod
    };
    let mut mirror = with("nodeName", "node".into());
    mirror["metadata"]["annotations"] = json!({ "kubernetes.io/config.mirror": "c0ffee" });
    let foreign = json!([{ "name": "lithify", "image": "ghcr.io/lithify/lithify:0.1.0", "args": ["harden", "--root", "/shared"],
        "volumeMounts": [{ "name": "shared", "mountPath": "/shared" }] }]);
    let mut theirs = with("initContainers", foreign.clone());
    theirs["spec"]["volumes"] = json!([{ "name": "lithify", "emptyDir": {} }]);
    let mut no_volume = with("volumes", json!([]));
    delivered(&mut no_volume);
    no_volume["spec"]["volumes"] = json!([{ "name": "lithify", "persistentVolumeClaim": { "claimName": "lithify" } }]);
    let of = |pod: Value| Case { pod, injected: vec![] };
    vec![
        of(with("nodeSelector", json!({ "kubernetes.io/os": "windows" }))),
        of(with("os", json!({ "name": "windows" }))),
        of(mirror),
        of(with("hostPID", true.into())),
        // Jobs: over before a probe, or killed by it.
        of(with("restartPolicy", "Never".into())),
        of(with("restartPolicy", "OnFailure".into())),
        // Of the same name, and somebody else's.
        of(with("initContainers", foreign)),
        of(theirs),
        of(no_volume),
        of(with("volumes", json!([{ "name": "lithify", "emptyDir": {} }]))),
        of(with("volumes", json!([{ "name": "lithify", "configMap": { "name": "lithify" } }]))),
        of(labelled(pod(&[("lithify", json!({})), ("web", json!({}))]), "nginx")),
        of(labelled(pod(&[("app", json!({}))]), "none")),
    ]
}

pub fn all() -> Vec<Case> {
    let mut cases: Vec<Case> = [by_container(), by_user_of_the_pod(), by_pod()].into_iter().flatten().collect();
    for (key, value) in [("restartPolicy", json!("Always")), ("hostPID", json!(false))] {
        let mut pod = labelled(pod(&[("app", json!({}))]), "nginx");
        pod["spec"][key] = value;
        cases.push(Case { pod, injected: vec!["app"] });
    }
    // Each by its own restartPolicy, whatever the pod's is.
    for policy in ["Never", "OnFailure"] {
        let mut pod = labelled(pod(&[("job", json!({})), ("stays", json!({ "restartPolicy": "Always" }))]), "nginx");
        pod["spec"]["restartPolicy"] = policy.into();
        cases.push(Case { pod, injected: vec!["stays"] });
    }
    // Resources of the pod leave no room for ours.
    let mut small = labelled(pod(&[("app", json!({}))]), "nginx");
    small["spec"]["resources"] = json!({ "limits": { "cpu": "50m", "memory": "8Mi" } });
    cases.push(Case { pod: small, injected: vec!["app"] });
    // A container that a webhook has added since.
    let mount = json!({ "volumeMounts": [{ "name": "lithify", "mountPath": "/lithify", "readOnly": true }] });
    let mut again = labelled(pod(&[("app", mount), ("late", json!({}))]), "nginx");
    delivered(&mut again);
    // And one that was injected for certain command lines, with the one of the late container among them or not.
    let (harden, verify) =
        ("--only=harden --wait-for-app --wait-timeout 60 --profile nginx", "--only=verify --profile nginx");
    for only in [&["--only=sleep 5"][..], &[harden], &[harden, verify]] {
        let mut restricted = again.clone();
        let args = restricted["spec"]["initContainers"][0]["args"].as_array_mut().unwrap();
        args.extend(only.iter().map(|line| json!(line)));
        cases.push(Case { pod: restricted, injected: vec!["late"] });
    }
    let mut own = again.clone();
    own["spec"]["initContainers"] = json!([{ "name": "first", "image": "app:1" }, own["spec"]["initContainers"][0]]);
    own["spec"]["initContainers"][1]["args"].as_array_mut().unwrap().push("--only=sleep 5".into());
    own["spec"]["containers"][1]["env"] = json!([{ "name": "LITHIFY_PROFILE", "value": "/site/late.toml" }]);
    cases.push(Case { pod: own, injected: vec!["late"] });
    cases.push(Case { pod: again, injected: vec!["late"] });
    cases
}
