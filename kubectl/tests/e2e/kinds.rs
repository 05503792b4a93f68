//! Every kind of workload, in every style of YAML.

use serde_json::Value;

use super::{data, inject, manifest, plugin};

/// Kind, `apiVersion`, and the keys that lead to the pod's `spec`.
const KINDS: [(&str, &str, &str); 9] = [
    ("Pod", "v1", "spec"),
    ("PodTemplate", "v1", "template.spec"),
    ("ReplicationController", "v1", "spec.template.spec"),
    ("Deployment", "apps/v1", "spec.template.spec"),
    ("ReplicaSet", "apps/v1", "spec.template.spec"),
    ("StatefulSet", "apps/v1", "spec.template.spec"),
    ("DaemonSet", "apps/v1", "spec.template.spec"),
    ("Job", "batch/v1", "spec.template.spec"),
    ("CronJob", "batch/v1beta1", "spec.jobTemplate.spec.template.spec"),
];

const SPEC: &str = "containers:\n- name: app\n  image: app:1\n  command: [app]\n";

fn wrapped(kind: &str, version: &str, way: &str, spec: &str) -> String {
    let mut text = format!("apiVersion: {version}\nkind: {kind}\nmetadata:\n  name: x\n");
    let mut indent = String::new();
    for key in way.split('.') {
        text += &format!("{indent}{key}:\n");
        indent += "  ";
    }
    text + &spec.lines().map(|line| format!("{indent}{line}\n")).collect::<String>()
}

fn spec_of(object: &Value, way: &str) -> Value {
    object.pointer(&format!("/{}", way.replace('.', "/"))).unwrap().clone()
}

#[test]
fn all_kinds_get_the_same_pod() {
    // A Job's container ends by itself, which a probe does not fit.
    for mode in ["probe --force", "stage", "run"] {
        let arguments = format!("-p nginx --mode {mode}");
        let pod = spec_of(&data(&inject(&wrapped("Pod", "v1", "spec", SPEC), &arguments))[0], "spec");
        assert!(pod["initContainers"][0]["name"] == "lithify" && pod["volumes"][0]["name"] == "lithify", "{pod}");
        let all: Vec<String> = KINDS.iter().map(|(kind, version, way)| wrapped(kind, version, way, SPEC)).collect();
        let injected = inject(&all.join("---\n"), &arguments);
        let objects = data(&injected);
        assert_eq!(objects.len(), KINDS.len());
        for (object, (kind, _, way)) in objects.iter().zip(KINDS) {
            assert_eq!(spec_of(object, way), pod, "{kind}");
        }
        // And as the items of a list.
        let items: String = all.iter().map(|text| format!("- {}\n", text.trim_end().replace('\n', "\n  "))).collect();
        let list = format!("apiVersion: v1\nkind: List\nitems:\n{items}");
        let injected = data(&inject(&list, &arguments)).remove(0);
        let items = injected["items"].as_array().unwrap();
        assert_eq!(items.len(), KINDS.len());
        for (object, (kind, _, way)) in items.iter().zip(KINDS) {
            assert_eq!(spec_of(object, way), pod, "{kind} in a list");
        }
    }
}

#[test]
fn what_is_no_workload_stays_byte_for_byte() {
    let other = "apiVersion: v1\nkind: Service\nmetadata: {name: x}   # comment\n---\n\n---\napiVersion: example.org/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n      - name: x\n";
    let ran = plugin(other, "inject -p nginx --mode run");
    assert_eq!((ran.code, ran.stdout.as_str()), (0, other));
    assert!(ran.stderr.contains("describes no pods"), "{}", ran.stderr);
    for empty in ["", "---\n", "# nothing\n"] {
        assert_eq!(inject(empty, "-p nginx --mode run"), empty);
    }
}

#[test]
fn json_stays_json() {
    let pod = data(&wrapped("Pod", "v1", "spec", SPEC)).remove(0);
    for text in [pod.to_string(), serde_json::to_string_pretty(&pod).unwrap()] {
        for mode in ["probe", "stage", "run"] {
            let arguments = format!("-p nginx --mode {mode}");
            let injected = inject(&text, &arguments);
            let value: Value = serde_json::from_str(&injected).unwrap_or_else(|error| panic!("{error}: {injected}"));
            assert_eq!(value, data(&inject(&wrapped("Pod", "v1", "spec", SPEC), &arguments))[0]);
            assert_eq!(inject(&injected, &arguments), injected);
        }
    }
}

/// `jq '.items[]'` makes one of a List.
#[test]
fn a_stream_of_json_stays_one() {
    let pod = data(&wrapped("Pod", "v1", "spec", SPEC)).remove(0);
    let once = inject(&format!("{pod}\n"), "-p nginx --mode probe");
    let other = "{\"kind\": \"Other\", \"x\": \"\\ud83d\\ude00\"}";
    let injected = inject(&format!("{pod}\n{other}{pod}\n"), "-p nginx --mode probe");
    assert_eq!(injected, format!("{once}{other}{once}"));
}

/// `kubectl get deploy -A -o json`, on a cluster that has some.
#[test]
fn long_lists_are_read() {
    let labels: serde_json::Map<String, Value> = (0..60).map(|label| (format!("l{label}"), "v".into())).collect();
    let mut deployment = data(&super::deployment("command: [app]")).remove(0);
    deployment["metadata"]["labels"] = labels.into();
    let list = serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": vec![deployment; 2000] });
    let text = serde_json::to_string_pretty(&list).unwrap();
    let injected: Value = serde_json::from_str(&inject(&text, "-p nginx --mode run")).unwrap();
    let items = injected["items"].as_array().unwrap();
    assert_eq!(items.len(), 2000);
    for item in items {
        assert_eq!(item["spec"]["template"]["spec"]["containers"][0]["command"][1], "run");
    }
}

#[test]
fn windows_line_ends_stay() {
    let text = manifest("web.yaml").replace('\n', "\r\n");
    for mode in ["probe", "stage", "run"] {
        let injected = inject(&text, &format!("-p nginx --mode {mode}"));
        assert_eq!(injected, manifest(&format!("web.{mode}.yaml")).replace('\n', "\r\n"), "{mode}");
    }
}

#[test]
fn lists_are_indented_as_in_the_document() {
    let injected = inject(&wrapped("Deployment", "apps/v1", "spec.template.spec", SPEC), "-p nginx --mode run");
    assert!(injected.contains("\n      initContainers:\n      - name: lithify\n        image: "), "{injected}");
    assert!(injected.contains("\n      volumes:\n      - name: lithify\n        emptyDir: {}\n"), "{injected}");
}

#[test]
fn several_containers_and_only_one_of_them() {
    let two = "containers:\n- name: app\n  image: app:1\n  command: [app]\n- name: side\n  image: side:2\n  command: [side]\n";
    let text = wrapped("Pod", "v1", "spec", two);
    let pod = spec_of(&data(&inject(&text, "-p nginx --mode stage"))[0], "spec");
    let names: Vec<&str> =
        pod["initContainers"].as_array().unwrap().iter().map(|init| init["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["lithify", "lithify-stage-app", "lithify-stage-side"]);
    assert_eq!(
        (&pod["initContainers"][1]["image"], &pod["initContainers"][2]["image"]),
        (&"app:1".into(), &"side:2".into())
    );
    assert_eq!(pod["containers"][1]["volumeMounts"][1]["name"], "lithify-staged-side");

    let pod = spec_of(&data(&inject(&text, "-p nginx --mode run --container side"))[0], "spec");
    assert_eq!(pod["containers"][0]["command"], serde_json::json!(["app"]));
    assert_eq!(pod["containers"][0]["volumeMounts"], Value::Null);
    assert_eq!(pod["containers"][1]["command"][1], "run");
    plugin(&text, "inject -p nginx --mode run --container other")
        .exits(2)
        .says("no container is called other")
        .says("app, side");
}

const ROLLOUT: &str = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: { name: web }\nspec:\n  strategy: { canary: {} }\n  template:\n    metadata: { labels: { app: web } }\n    spec:\n      containers:\n      - name: app\n        image: app:1\n        command: [app]\n";

#[test]
fn kinds_of_others_by_the_path_to_their_pod() {
    // Left alone, and said.
    let ran = plugin(ROLLOUT, "inject -p nginx --mode run").exits(0);
    assert_eq!(ran.stdout, ROLLOUT);
    ran.says("note: Rollout web stays as it is").says("fix: --pod-at spec.template,");
    plugin(ROLLOUT, "lint -p nginx").exits(0).says("no workload in it").says("--pod-at spec.template");
    let mut plain = data(ROLLOUT).remove(0);
    plain["apiVersion"] = "apps/v1".into();
    plain["kind"] = "Deployment".into();
    for mode in ["probe", "stage", "run", "auto"] {
        let arguments = format!("-p nginx --mode {mode}");
        let ran = plugin(ROLLOUT, &format!("inject {arguments} --pod-at spec.template")).exits(0);
        let ran = ran.does_not_say("stays as it is");
        let expected = spec_of(&data(&inject(&plain.to_string(), &arguments))[0], "spec.template.spec");
        assert_eq!(spec_of(&data(&ran.stdout)[0], "spec.template.spec"), expected, "{mode}");
        plugin(&ran.stdout, "lint -p nginx --pod-at spec.template").exits(0).says("no findings");
    }
    // In a list, and beside others that have nothing there.
    let other = "apiVersion: example.org/v1\nkind: Other\nspec: { template: { a: 1 } }\n";
    let list = format!(
        "apiVersion: v1\nkind: List\nitems:\n- {}\n- {}\n",
        ROLLOUT.trim_end().replace('\n', "\n  "),
        other.trim_end().replace('\n', "\n  ")
    );
    let injected = data(&inject(&list, "-p nginx --mode run --pod-at spec.template")).remove(0);
    assert_eq!(injected["items"][0]["spec"]["template"]["spec"]["containers"][0]["command"][1], "run");
    assert_eq!(injected["items"][1], data(other)[0]);
    plugin(ROLLOUT, "advise --pod-at spec.template").exits(0).says("Rollout web  app        probe");
    // Deeper, and not where it was said.
    let deep = ROLLOUT
        .replace("  template:", "  workloadRef: { kind: x }\n  inner:")
        .replace("apiVersion: argoproj.io", "apiVersion: example.org");
    plugin(&deep, "lint -p nginx --pod-at spec.template")
        .exits(0)
        .says("--pod-at spec.inner, if pods are made from that");
    // Kubernetes' own kinds need no path.
    plugin(&plain.to_string(), "lint -p nginx --pod-at spec.template").exits(0).does_not_say("stays as it is");
}
