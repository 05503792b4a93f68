//! The ValidatingAdmissionPolicies, run on pods: what is hardened passes, and what is not is told what to do.

use serde_json::{Value, json};

use crate::policy::{Request, validate, violated};
use crate::{documents, pods};

const POLICY: &str = "examples/fleet/validating-admission-policy.yaml";
const ENFORCE: [(&str, &str); 1] = [("lithify.dev/demand", "enforce")];

fn messages(pod: &Value) -> Vec<String> {
    let failures = validate(POLICY, &Request::new(pod, "shop", &ENFORCE));
    assert!(failures.iter().all(|(_, actions)| actions == &["Deny"]), "{failures:?}");
    failures.into_iter().map(|(message, _)| message).collect()
}

/// The one message against a pod holds each of these.
#[track_caller]
fn assert_refused(pod: &Value, texts: &[&str]) {
    let messages = messages(pod);
    assert_eq!(messages.len(), 1, "{messages:#?}");
    for text in texts {
        assert!(messages[0].contains(text), "{text} is not in {}", messages[0]);
    }
}

fn example(name: &str) -> Value {
    pods::of_example(&format!("examples/{name}.yaml")).remove(0)
}

#[test]
fn the_examples_that_harden_the_app_pass() {
    for name in [
        "startup-probe",
        "entrypoint",
        "run",
        "stage",
        "pre-stop",
        "liveness-probe",
        "image-volume",
        "daemon-set",
        "cron-job",
    ] {
        let pods = pods::of_example(&format!("examples/{name}.yaml"));
        assert!(!pods.is_empty(), "{name}");
        for pod in pods {
            assert_eq!(messages(&pod), Vec::<String>::new(), "{name}");
        }
    }
}

#[test]
fn a_pod_that_is_not_hardened_is_told_what_to_do() {
    let plain = pods::pod(&[("web", json!({})), ("worker", json!({}))]);
    assert_refused(
        &plain,
        &["container web, worker", "lithify.dev/profile=NAME", "kubectl lithify inject -f FILE", "--mode stage"],
    );
    let own =
        pods::pod(&[("web", json!({ "startupProbe": { "exec": { "command": ["/lithify/lithify", "verify"] } } }))]);
    assert_refused(&own, &["container web"]);
    // Only volumes of the pod are hardened here, and its root not.
    assert_refused(&example("init-container"), &["container app"]);
    // The second container of a pod counts.
    let mut pod = example("startup-probe");
    pod["spec"]["containers"].as_array_mut().unwrap().push(json!({ "name": "sidecar", "image": "app:1" }));
    assert_refused(&pod, &["container sidecar"]);
    pod["spec"]["containers"][1]["name"] = "istio-proxy".into();
    assert_eq!(messages(&pod), Vec::<String>::new());
}

#[test]
fn the_label_of_the_namespace_decides_what_happens() {
    let pod = pods::pod(&[("web", json!({}))]);
    let actions = |labels: &[(&str, &str)]| -> Vec<Vec<String>> {
        validate(POLICY, &Request::new(&pod, "shop", labels)).into_iter().map(|(_, actions)| actions).collect()
    };
    assert_eq!(actions(&[("lithify.dev/demand", "audit")]), [["Warn", "Audit"]]);
    assert_eq!(actions(&ENFORCE), [["Deny"]]);
    assert!(actions(&[]).is_empty());
    assert_eq!(validate(POLICY, &Request::new(&pod, "kube-system", &ENFORCE)), []);
}

#[test]
fn what_only_looks_hardened_is_refused() {
    let good = example("startup-probe");
    let with = |change: &dyn Fn(&mut Value)| {
        let mut pod = good.clone();
        change(&mut pod["spec"]);
        pod
    };
    // A program that somebody else put there, or nobody.
    assert_refused(
        &with(&|spec| spec["initContainers"][0]["image"] = "evil/lithify:0.1.0".into()),
        &["no /lithify/lithify in container nginx", "args [install, DIR]"],
    );
    assert_refused(
        &with(&|spec| spec["initContainers"][0]["command"] = json!(["cp", "/bin/true", "/lithify/lithify"])),
        &["no /lithify/lithify"],
    );
    assert_refused(&with(&|spec| spec["initContainers"] = json!([])), &["no /lithify/lithify"]);
    assert_refused(
        &with(&|spec| spec["containers"][0]["volumeMounts"][0]["subPath"] = "x".into()),
        &["no /lithify/lithify"],
    );
    // A program or copy that the app, or another init container, may replace.
    assert_refused(
        &with(&|spec| spec["containers"][0]["volumeMounts"][0]["readOnly"] = false.into()),
        &["container nginx may write", "readOnly: true"],
    );
    assert_refused(
        &with(&|spec| {
            let other = json!({ "name": "other", "image": "app:1", "volumeMounts": [{ "name": "lithify", "mountPath": "/x" }] });
            spec["initContainers"].as_array_mut().unwrap().push(other);
        }),
        &["container other may write"],
    );
    let mut staged = example("stage");
    staged["spec"]["containers"][0]["volumeMounts"][1]["readOnly"] = false.into();
    assert_refused(&staged, &["container nginx may write"]);
    // No profile, and one that is to come from a label that is not there.
    let words = |spec: &mut Value, words: Value| spec["containers"][0]["startupProbe"]["exec"]["command"] = words;
    let harden = json!(["/lithify/lithify", "harden", "--wait-for-app"]);
    assert_refused(&with(&|spec| words(spec, harden.clone())), &["no profile for container nginx", "LITHIFY_PROFILE"]);
    let from_label = json!([{ "name": "LITHIFY_PROFILE",
        "valueFrom": { "fieldRef": { "fieldPath": "metadata.labels['lithify.dev/profile']" } } }]);
    let mut pod = with(&|spec| {
        words(spec, harden.clone());
        spec["containers"][0]["env"] = from_label.clone();
    });
    assert_refused(&pod, &["label lithify.dev/profile"]);
    pod["metadata"]["labels"] = json!({ "lithify.dev/profile": "none" });
    assert_refused(&pod, &["label lithify.dev/profile"]);
    pod["metadata"]["labels"] = json!({ "lithify.dev/profile": "nginx" });
    assert_eq!(messages(&pod), Vec::<String>::new());
    // Less than everything.
    let dry = json!(["/lithify/lithify", "harden", "--dry-run", "--profile", "nginx"]);
    assert_refused(&with(&|spec| words(spec, dry.clone())), &["less than everything", "--dry-run"]);
    let root = json!(["/lithify/lithify", "harden", "--root=/tmp", "--profile", "nginx"]);
    assert_refused(&with(&|spec| words(spec, root.clone())), &["less than everything"]);
    assert_refused(
        &with(&|spec| spec["containers"][0]["env"] = json!([{ "name": "LITHIFY_DRY_RUN", "value": "true" }])),
        &["less than everything"],
    );
    let mut run = example("entrypoint");
    run["spec"]["containers"][0]["command"].as_array_mut().unwrap().insert(2, "--fallback=warn".into());
    assert_refused(&run, &["container httpd", "--fallback warn"]);
}

#[test]
fn an_ephemeral_container_may_look_and_not_write() {
    for name in ["startup-probe", "stage"] {
        let mut pod = example(name);
        let volume = if name == "stage" { "staged" } else { "lithify" };
        let ephemeral = |mounts: Value| json!([{ "name": "debugger", "image": "busybox:1", "volumeMounts": mounts }]);
        for (mounts, allowed) in [
            (json!([]), true),
            (json!([{ "name": volume, "mountPath": "/x", "readOnly": true }]), true),
            (json!([{ "name": volume, "mountPath": "/x" }]), false),
        ] {
            pod["spec"]["ephemeralContainers"] = ephemeral(mounts.clone());
            let messages = violated(POLICY, "lithify-debug", &pod);
            assert_eq!(messages.is_empty(), allowed, "{name}: {mounts}");
            assert!(messages.iter().all(|message| message.contains("readOnly: true")));
        }
        pod["spec"].as_object_mut().unwrap().remove("ephemeralContainers");
        assert!(violated(POLICY, "lithify-debug", &pod).is_empty());
    }
}

/// The message that the server falls back to says the same as the one that names containers; both are one short line.
#[test]
fn messages_are_lines() {
    for policy in documents(POLICY).iter().filter(|document| document["kind"] == "ValidatingAdmissionPolicy") {
        for validation in policy["spec"]["validations"].as_array().unwrap() {
            let message = validation["message"].as_str().unwrap();
            assert!(!message.contains('\n') && message.len() < 300, "{message}");
        }
    }
}
