//! The Kustomize component, built by kubectl: what it changes, what it leaves alone, and what it refuses.

use std::fs;

use serde_json::{Value, json};

use crate::policy::{Request, validate};
use crate::{documents, documents_of, kubectl, pods, project, schema, strings};

const BASE: [&str; 3] = ["web", "cache", "node-agent"];

fn original(name: &str) -> Value {
    documents(&format!("examples/fleet/kustomize/base/{name}.yaml")).remove(0)
}

fn named(built: &[Value], name: &str) -> Value {
    built.iter().find(|document| document["metadata"]["name"] == name).unwrap().clone()
}

/// The overlay with another base, which is built in a directory of its own.
fn build(base: &str) -> Result<Vec<Value>, String> {
    build_with(base, |overlay| overlay)
}

/// The same with another overlay.
fn build_with(base: &str, change: impl Fn(String) -> String) -> Result<Vec<Value>, String> {
    let directory = tempfile::tempdir().unwrap();
    let kustomize = project("examples/fleet/kustomize");
    for name in ["component", "image-volume", "overlay"] {
        fs::create_dir(directory.path().join(name)).unwrap();
        for entry in fs::read_dir(kustomize.join(name)).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, directory.path().join(name).join(path.file_name().unwrap())).unwrap();
        }
    }
    let overlay = directory.path().join("overlay/kustomization.yaml");
    fs::write(&overlay, change(fs::read_to_string(&overlay).unwrap())).unwrap();
    fs::create_dir(directory.path().join("base")).unwrap();
    fs::write(directory.path().join("base/kustomization.yaml"), "resources: [base.yaml]\n").unwrap();
    fs::write(directory.path().join("base/base.yaml"), base).unwrap();
    kubectl::kustomize(&directory.path().join("overlay")).map(|text| documents_of(&text))
}

#[test]
fn labelled_workloads_are_hardened_and_others_are_not() {
    let built = documents_of(&kubectl::kustomize(&project("examples/fleet/kustomize/overlay")).unwrap());
    assert_eq!(built.len(), BASE.len(), "nothing else is applied: {built:#?}");
    for document in &built {
        for version in ["1.30", "1.37"] {
            schema::kubernetes(version, document).unwrap();
        }
    }
    assert_eq!(named(&built, "node-agent"), original("node-agent"));
    for (name, profile) in [("web", "nginx"), ("cache", "redis")] {
        let pod = pods::of_documents(&[named(&built, name)]).remove(0);
        assert_eq!(pod["metadata"]["labels"], json!({ "app": name, "lithify.dev/profile": profile }));
        assert!(lithify::profile::builtin::lookup(profile).is_some());
        // What is demanded of pods, and what startup-probe.yaml has.
        assert_eq!(
            validate(
                "examples/fleet/validating-admission-policy.yaml",
                &Request::new(&pod, "shop", &[("lithify.dev/demand", "enforce")])
            ),
            []
        );
        // The one line that is accepted is what the probe calls, with the profile that the kubelet takes from the label.
        let words = strings(&pod["spec"]["containers"][0]["startupProbe"]["exec"]["command"])[1..].join(" ");
        let lines = [words.as_str(), "verify"].map(|line| format!("--only=LITHIFY_PROFILE=$(LITHIFY_PROFILE) {line}"));
        let init = &pod["spec"]["initContainers"][0];
        assert_eq!(init["args"], json!(["install", "/lithify", lines[0], lines[1]]));
        let ready = &pod["spec"]["containers"][0]["readinessProbe"];
        assert_eq!(*ready, documents("examples/fleet/kustomize/component/container.yaml")[0]["readinessProbe"]);
        let variable = json!([{ "name": "LITHIFY_PROFILE",
            "valueFrom": { "fieldRef": { "fieldPath": "metadata.labels['lithify.dev/profile']" } } }]);
        assert_eq!(init["env"], variable);
        // What it had is still there.
        let before = &pods::of_documents(&[original(name)])[0]["spec"];
        for list in ["env", "volumeMounts", "ports"] {
            for item in before["containers"][0][list].as_array().into_iter().flatten() {
                assert!(pod["spec"]["containers"][0][list].as_array().unwrap().contains(item), "{item}");
            }
        }
        for volume in before["volumes"].as_array().into_iter().flatten() {
            assert!(pod["spec"]["volumes"].as_array().unwrap().contains(volume));
        }
    }
}

/// What the component, the mutating policy and Kyverno's inject is one thing, but for the profile: Kustomize cannot put a
/// label's value into a command line.
#[test]
fn it_injects_what_the_policies_inject() {
    let built = documents_of(&kubectl::kustomize(&project("examples/fleet/kustomize/overlay")).unwrap());
    let kustomized = pods::of_documents(&[named(&built, "web")]).remove(0);
    let mut plain = pods::of_documents(&[original("web")]).remove(0);
    plain["metadata"]["labels"]["lithify.dev/profile"] = "nginx".into();
    let request = || Request::new(&plain, "shop", &[]);
    let by_policy = crate::policy::mutate("examples/fleet/mutating-admission-policy.yaml", request());
    let by_kyverno = crate::kyverno::mutate(&plain, &[]);
    for other in [by_policy, by_kyverno] {
        let (mut one, mut two) = (kustomized["spec"].clone(), other["spec"].clone());
        for probe in ["startupProbe", "readinessProbe"] {
            let way = format!("/containers/0/{probe}/exec/command");
            let command = two.pointer_mut(&way).unwrap().as_array_mut().unwrap();
            assert_eq!(command.split_off(command.len() - 2), [json!("--profile"), json!("nginx")]);
        }
        let lines =
            ["harden --wait-for-app --wait-timeout 60", "verify"].map(|line| format!("--only={line} --profile nginx"));
        assert_eq!(two["initContainers"][0]["args"], json!(["install", "/lithify", lines[0], lines[1]]));
        for spec in [&mut one, &mut two] {
            let init = spec["initContainers"][0].as_object_mut().unwrap();
            init.remove("args");
            init.remove("env");
            // Their order does not matter to anybody.
            for list in ["/volumes", "/containers/0/volumeMounts"] {
                spec.pointer_mut(list).unwrap().as_array_mut().unwrap().sort_by_key(|e| e["name"].to_string());
            }
        }
        assert_eq!(one, two);
    }
}

/// Listed after the component, for clusters whose nodes mount images.
#[test]
fn the_image_as_a_volume_instead_of_an_init_container() {
    let overlay = |text: String| text.replace("  - ../component\n", "  - ../component\n  - ../image-volume\n");
    let built = build_with(&original("web").to_string(), overlay).unwrap();
    schema::kubernetes("1.37", &built[0]).unwrap();
    let pod = pods::of_documents(&built).remove(0);
    let mut plain = pods::of_documents(&[original("web")]).remove(0);
    plain["metadata"]["labels"]["lithify.dev/profile"] = "nginx".into();
    let mut expected = crate::policy::mutate_by(&crate::mutation::by_image_volume(), Request::new(&plain, "shop", &[]))
        ["spec"]
        .clone();
    // The profile is that of the label.
    for probe in ["startupProbe", "readinessProbe"] {
        let words = expected["containers"][0][probe]["exec"]["command"].as_array_mut().unwrap();
        words.truncate(words.len() - 2);
    }
    let label = json!({ "fieldRef": { "fieldPath": "metadata.labels['lithify.dev/profile']" } });
    expected["containers"][0]["env"] = json!([{ "name": "LITHIFY_PROFILE", "valueFrom": label }]);
    expected["initContainers"] = json!([]);
    let mut spec = pod["spec"].clone();
    for spec in [&mut spec, &mut expected] {
        for list in ["/volumes", "/containers/0/volumeMounts"] {
            spec.pointer_mut(list).unwrap().as_array_mut().unwrap().sort_by_key(|e| e["name"].to_string());
        }
    }
    assert_eq!(spec, expected);
    let demand = Request::new(&pod, "shop", &[("lithify.dev/demand", "enforce")]);
    assert_eq!(validate("examples/fleet/validating-admission-policy.yaml", &demand), []);
}

/// What the component makes stays valid under a patch of the overlay's own.
#[test]
fn a_later_patch_leaves_numbers_alone() {
    let patch = "patches:\n  - target: { kind: Deployment, name: web }\n    patch: |-\n      apiVersion: apps/v1\n      kind: Deployment\n      metadata: { name: web }\n      spec: { replicas: 3 }\n";
    for components in ["  - ../component\n", "  - ../component\n  - ../image-volume\n"] {
        let overlay = |text: String| text.replace("  - ../component\n", components) + patch;
        let built = build_with(&original("web").to_string(), overlay).unwrap();
        assert_eq!(built[0]["spec"]["replicas"], 3);
        assert_eq!(built[0]["spec"]["template"]["spec"]["containers"][0]["startupProbe"]["failureThreshold"], 14);
        schema::kubernetes("1.37", &built[0]).unwrap();
    }
}

#[test]
fn every_container_is_hardened() {
    let mut web = original("web");
    let more = json!({ "name": "worker", "image": "nginx:1.28" });
    web["spec"]["template"]["spec"]["containers"].as_array_mut().unwrap().push(more);
    let built = build(&web.to_string()).unwrap();
    let containers = built[0]["spec"]["template"]["spec"]["containers"].clone();
    assert_eq!(containers[0]["startupProbe"], containers[1]["startupProbe"]);
    assert!(!containers[1]["startupProbe"].is_null());
    assert_eq!(
        containers[1]["volumeMounts"],
        json!([{ "name": "lithify", "mountPath": "/lithify", "readOnly": true }])
    );
}

#[test]
fn a_startup_probe_that_is_there_is_not_lost() {
    let mut web = original("web");
    let http = json!({ "httpGet": { "path": "/", "port": 80 }, "periodSeconds": 3 });
    web["spec"]["template"]["spec"]["containers"][0]["startupProbe"] = http.clone();
    let error = build(&web.to_string()).unwrap_err();
    assert!(error.contains("/spec/template/spec/containers/0/startupProbe failed"), "{error}");
    // In another container both stand there, which the API server refuses: see tests/e2e/kubernetes/fleet.rs.
    let containers = &mut web["spec"]["template"]["spec"]["containers"];
    let with_probe = containers[0].clone();
    containers[0].as_object_mut().unwrap().remove("startupProbe");
    containers.as_array_mut().unwrap().push(with_probe);
    containers[1]["name"] = "worker".into();
    let built = build(&web.to_string()).unwrap();
    let probe = &built[0]["spec"]["template"]["spec"]["containers"][1]["startupProbe"];
    assert!(probe["httpGet"] == http["httpGet"] && !probe["exec"].is_null(), "{probe}");
}

/// A component cannot see which container has a readinessProbe of its own: the workload says it.
#[test]
fn a_readiness_probe_is_injected_where_the_workload_asks_for_it() {
    let mut web = original("web");
    let own = json!({ "httpGet": { "path": "/", "port": 80 } });
    web["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = own.clone();
    web["metadata"]["labels"].as_object_mut().unwrap().remove("lithify.dev/readiness").unwrap();
    let built = build(&web.to_string()).unwrap();
    assert_eq!(built[0]["spec"]["template"]["spec"]["containers"][0]["readinessProbe"], own);
}

/// A second time the build fails, and leaves nothing half done.
#[test]
fn it_is_applied_once() {
    let once = kubectl::kustomize(&project("examples/fleet/kustomize/overlay")).unwrap();
    assert!(build(&once).unwrap_err().contains("startupProbe failed"));
}

/// A label that the component has no line for: the pod has no profile, and the container says so.
#[test]
fn an_unknown_profile_is_no_silent_success() {
    let mut web = original("web");
    web["metadata"]["labels"]["lithify.dev/profile"] = "ngnix".into();
    let pod = pods::of_documents(&build(&web.to_string()).unwrap()).remove(0);
    assert_eq!(pod["metadata"]["labels"], json!({ "app": "web" }));
    let demand = [("lithify.dev/demand", "enforce")];
    let said = validate("examples/fleet/validating-admission-policy.yaml", &Request::new(&pod, "shop", &demand));
    assert!(said.len() == 1 && said[0].0.contains("label lithify.dev/profile"), "{said:?}");
}

/// Jobs are over before a probe, or killed by it; and the label means something else on a namespace.
#[test]
fn other_kinds_and_other_labels_are_left_alone() {
    let mut none = original("web");
    none["metadata"]["labels"]["lithify.dev/profile"] = "none".into();
    let mut template_only = original("cache");
    template_only["metadata"].as_object_mut().unwrap().remove("labels");
    template_only["spec"]["template"]["metadata"]["labels"]["lithify.dev/profile"] = "redis".into();
    let labels = json!({ "lithify.dev/profile": "shells" });
    let template =
        json!({ "spec": { "restartPolicy": "Never", "containers": [{ "name": "job", "image": "python:3" }] } });
    let job = json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "job", "labels": labels },
        "spec": { "template": template } });
    let cron_job = json!({ "apiVersion": "batch/v1", "kind": "CronJob", "metadata": { "name": "cron", "labels": labels },
        "spec": { "schedule": "0 3 * * *", "jobTemplate": { "spec": { "template": template } } } });
    let namespace =
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop", "labels": labels } });
    let all = [none, template_only, job, cron_job, namespace];
    let built = build(&all.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n")).unwrap();
    assert_eq!(built.len(), all.len());
    for document in all {
        assert_eq!(named(&built, document["metadata"]["name"].as_str().unwrap()), document);
    }
}

/// What is called as ours and is not is not merged with it.
#[test]
fn an_init_container_of_that_name_fails_the_build() {
    let harden = json!({ "name": "lithify", "image": "ghcr.io/lithify/lithify:0.1.0", "args": ["harden", "--root", "/shared"],
        "volumeMounts": [{ "name": "shared", "mountPath": "/shared" }] });
    let migrate = json!({ "name": "migrate", "image": "app:1" });
    for (inits, test) in [
        (json!([harden]), "initContainers/0/volumeMounts"),
        (json!([migrate, harden]), "initContainers/0/volumeMounts"),
        (json!([{ "name": "lithify", "image": "app:1", "command": ["/app"] }]), "initContainers/0/command"),
    ] {
        let mut web = original("web");
        web["spec"]["template"]["spec"]["initContainers"] = inits;
        let error = build(&web.to_string()).unwrap_err();
        assert!(error.contains(&format!("{test} failed")), "{error}");
    }
    // Others stay, after ours.
    let mut web = original("web");
    web["spec"]["template"]["spec"]["initContainers"] = json!([migrate]);
    let built = build(&web.to_string()).unwrap();
    let inits = &built[0]["spec"]["template"]["spec"]["initContainers"];
    assert_eq!((&inits[0]["name"], &inits[1]), (&json!("lithify"), &migrate));
}
