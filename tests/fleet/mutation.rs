//! The MutatingAdmissionPolicy, run on pods: what it injects, into what, and what it leaves alone.

use serde_json::{Value, json};

use crate::cases::{self, labelled};
use crate::pods::pod;
use crate::policy::{Request, mutate, mutate_by, validate};
use crate::{documents, pods};

const POLICY: &str = "examples/fleet/mutating-admission-policy.yaml";
const DEMAND: &str = "examples/fleet/validating-admission-policy.yaml";

#[track_caller]
fn mutated(pod: &Value, namespace: &[(&str, &str)]) -> Value {
    mutate(POLICY, Request::new(pod, "shop", namespace))
}

/// What the policy must make of a container: what startup-probe.yaml has, and the profile from the label.
#[track_caller]
fn assert_injected(pod: &Value, container: &str) {
    let spec = &pod["spec"];
    let container = spec["containers"].as_array().unwrap().iter().find(|c| c["name"] == container).unwrap();
    let example = &documents("examples/startup-probe.yaml")[0]["spec"];
    let mut probe = example["containers"][0]["startupProbe"].clone();
    let words = probe["exec"]["command"].as_array_mut().unwrap();
    let own = container["env"].as_array().into_iter().flatten().find(|variable| variable["name"] == "LITHIFY_PROFILE");
    let profile = own.map_or(&pod["metadata"]["labels"]["lithify.dev/profile"], |variable| &variable["value"]).clone();
    *words.last_mut().unwrap() = profile.clone();
    let line = words[1..].iter().map(|word| word.as_str().unwrap()).collect::<Vec<_>>().join(" ");
    assert_eq!(container["startupProbe"], probe, "{pod:#}");
    // Where it had none of its own.
    let own = &container["readinessProbe"]["httpGet"];
    if own.is_null() {
        let mut ready = example["containers"][0]["readinessProbe"].clone();
        *ready["exec"]["command"].as_array_mut().unwrap().last_mut().unwrap() = profile.clone();
        assert_eq!(container["readinessProbe"], ready);
    } else {
        assert!(container["readinessProbe"].get("exec").is_none(), "{container:#}");
    }
    let count =
        |list: &Value, key: &str, value: &str| list.as_array().unwrap().iter().filter(|e| e[key] == value).count();
    assert_eq!(count(&container["volumeMounts"], "mountPath", "/lithify"), 1, "{container:#}");
    let inits = spec["initContainers"].as_array().unwrap();
    let init = inits.iter().find(|init| init["name"] == "lithify").unwrap();
    let args = crate::strings(&init["args"]);
    assert_eq!(args[..2], ["install", "/lithify"]);
    // What was installed for any command line before stays so.
    let accepts = |line: String| args.len() == 2 || args.contains(&format!("--only={line}"));
    assert!(accepts(line) && accepts(format!("verify --profile {}", profile.as_str().unwrap())), "{args:?}");
    // By another way, or in a pod that has resources itself, it may ask for none.
    let asks = init["resources"]["requests"]["cpu"] == "100m";
    assert!(!asks || pod["spec"]["resources"].is_null(), "{init:#}");
    assert_eq!(init["volumeMounts"], example["initContainers"][0]["volumeMounts"]);
    assert_eq!(count(&spec["initContainers"], "name", "lithify"), 1);
    assert_eq!(count(&spec["volumes"], "name", "lithify"), 1);
}

#[test]
fn a_labelled_pod_is_injected_once_and_what_it_has_stays() {
    let full = labelled(
        pod(&[
            (
                "web",
                json!({ "env": [{ "name": "A", "value": "1" }], "volumeMounts": [{ "name": "data", "mountPath": "/data" }] }),
            ),
            ("worker", json!({})),
        ]),
        "nginx",
    );
    let mut full = full;
    full["spec"]["initContainers"] = json!([{ "name": "migrate", "image": "app:1" }]);
    full["spec"]["volumes"] = json!([{ "name": "data", "emptyDir": {} }]);
    for original in [full, labelled(pod(&[("web", json!({})), ("worker", json!({}))]), "nginx")] {
        let after = mutated(&original, &[]);
        assert_injected(&after, "web");
        assert_injected(&after, "worker");
        assert_eq!(after["metadata"]["labels"]["lithify.dev/profile"], "nginx");
        // All that it had is still there, in its order.
        let names = |pod: &Value, list: &str| -> Vec<String> {
            pod["spec"][list].as_array().into_iter().flatten().map(|e| e["name"].as_str().unwrap().to_owned()).collect()
        };
        for list in ["containers", "initContainers", "volumes"] {
            let kept: Vec<_> = names(&after, list).into_iter().filter(|name| name != "lithify").collect();
            assert_eq!(kept, names(&original, list));
        }
        for (key, value) in original["spec"]["containers"][0].as_object().unwrap() {
            match value {
                Value::Array(items) => {
                    assert!(after["spec"]["containers"][0][key].as_array().unwrap().starts_with(items))
                }
                value => assert_eq!(&after["spec"]["containers"][0][key], value),
            }
        }
        // Reinvoked, or by the second binding, it changes nothing.
        assert_eq!(mutated(&after, &[("lithify.dev/profile", "shells")]), after);
        // What it makes is what is demanded.
        assert_eq!(validate(DEMAND, &Request::new(&after, "shop", &[("lithify.dev/demand", "enforce")])), []);
    }
}

#[test]
fn the_label_of_a_namespace_counts_where_a_pod_has_none() {
    let namespace = [("lithify.dev/profile", "shells")];
    for plain in [pod(&[("web", json!({}))]), {
        let mut pod = pod(&[("web", json!({}))]);
        pod["metadata"]["labels"] = json!({ "app": "web" });
        pod
    }] {
        let after = mutated(&plain, &namespace);
        assert_injected(&after, "web");
        assert_eq!(after["metadata"]["labels"]["lithify.dev/profile"], "shells");
        assert_eq!(mutated(&plain, &[]), plain, "no label anywhere");
    }
    let after = mutated(&labelled(pod(&[("web", json!({}))]), "nginx"), &namespace);
    assert_eq!(after["metadata"]["labels"]["lithify.dev/profile"], "nginx");
    let none = labelled(pod(&[("web", json!({}))]), "none");
    assert_eq!(mutated(&none, &namespace), none);
}

#[test]
fn the_namespaces_of_the_system_are_left_alone() {
    let pod = labelled(pod(&[("web", json!({}))]), "shells");
    for system in ["kube-system", "kube-public", "kube-node-lease"] {
        assert_eq!(mutate(POLICY, Request::new(&pod, system, &[("lithify.dev/profile", "shells")])), pod);
    }
}

/// What cannot be hardened by a probe stays as it is; where nothing can, the whole pod does.
#[test]
fn what_can_be_hardened_is_injected_and_nothing_else_is() {
    for cases::Case { pod, injected } in cases::all() {
        let after = mutated(&pod, &[]);
        for (index, container) in pod["spec"]["containers"].as_array().unwrap().iter().enumerate() {
            let name = container["name"].as_str().unwrap();
            if injected.contains(&name) {
                assert_injected(&after, name);
            } else {
                assert_eq!(after["spec"]["containers"][index], *container, "{pod:#}");
            }
        }
        assert!(!injected.is_empty() || after == pod, "{after:#}");
        // By the label of the namespace alone: the pod gets one with the rest, and only then.
        let mut plain = pod.clone();
        if pod["metadata"]["labels"]["lithify.dev/profile"] != "none" {
            plain["metadata"]["labels"].as_object_mut().unwrap().remove("lithify.dev/profile");
            let after = mutated(&plain, &[("lithify.dev/profile", "shells")]);
            assert_eq!(
                after["metadata"]["labels"]["lithify.dev/profile"] == "shells",
                !injected.is_empty(),
                "{after:#}"
            );
            assert!(!injected.is_empty() || after == plain);
        }
    }
}

/// The policies, with the image as a volume.
pub fn by_image_volume() -> Vec<Value> {
    let mut documents = documents(POLICY);
    let variables = documents[0]["spec"]["variables"].as_array_mut().unwrap();
    let deliver = variables.iter_mut().find(|variable| variable["name"] == "deliver").unwrap();
    assert_eq!(deliver["expression"], "'init-container'");
    deliver["expression"] = "'image-volume'".into();
    documents
}

#[test]
fn the_image_as_a_volume_instead_of_an_init_container() {
    let policies = by_image_volume();
    let plain = labelled(pod(&[("web", json!({})), ("worker", json!({}))]), "nginx");
    let after = mutate_by(&policies, Request::new(&plain, "shop", &[]));
    let spec = &after["spec"];
    let example = &documents("examples/image-volume.yaml")[0]["spec"];
    assert_eq!(spec["volumes"], example["volumes"]);
    assert_eq!(spec["initContainers"], Value::Null);
    for container in spec["containers"].as_array().unwrap() {
        for key in ["startupProbe", "readinessProbe", "volumeMounts"] {
            assert_eq!(container[key], example["containers"][0][key], "{key}");
        }
    }
    assert_eq!(validate(DEMAND, &Request::new(&after, "shop", &[("lithify.dev/demand", "enforce")])), []);
    // A second time changes nothing, and what came otherwise stays as it is, also for a container that comes later.
    let again = |pod: &Value| mutate_by(&policies, Request::new(pod, "shop", &[]));
    assert_eq!(again(&after), after);
    let late = json!({ "name": "late", "image": "nginx:1.28" });
    for (mut pod, policies, program) in [
        (after.clone(), documents(POLICY), "/lithify/bin/lithify"),
        (mutated(&plain, &[]), policies.clone(), "/lithify/lithify"),
    ] {
        let (inits, volumes) = (pod["spec"]["initContainers"].clone(), pod["spec"]["volumes"].clone());
        pod["spec"]["containers"].as_array_mut().unwrap().push(late.clone());
        let after = mutate_by(&policies, Request::new(&pod, "shop", &[]));
        assert_eq!((&after["spec"]["initContainers"], &after["spec"]["volumes"]), (&inits, &volumes));
        assert_eq!(after["spec"]["containers"][2]["startupProbe"]["exec"]["command"][0], program);
        assert_eq!(after["spec"]["containers"][2]["readinessProbe"]["exec"]["command"][0], program);
    }
    // A volume of that name with an image, and an init container of that name that does something else.
    let mut taken = after.clone();
    taken["spec"]["volumes"][0] = json!({ "name": "lithify", "configMap": { "name": "x" } });
    taken["spec"]["containers"].as_array_mut().unwrap().push(late);
    assert_eq!(again(&taken), taken);
}

#[test]
fn every_example_that_is_hardened_stays_as_it_is() {
    for name in ["startup-probe", "entrypoint", "run", "stage", "pre-stop", "liveness-probe", "image-volume"] {
        for pod in pods::of_example(&format!("examples/{name}.yaml")) {
            let pod = labelled(pod, "nginx");
            assert_eq!(mutated(&pod, &[]), pod, "{name}");
        }
    }
}
