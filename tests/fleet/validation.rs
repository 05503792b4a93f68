//! The ValidatingAdmissionPolicies, run on pods: what is hardened passes, and what is not is told what to do.

use serde_json::{Value, json};

use crate::policy::{Request, mutate, validate};
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
    // With hostPID no policy injects it, whatever its label.
    let mut host = plain.clone();
    host["metadata"]["labels"] = json!({ "lithify.dev/profile": "nginx" });
    host["spec"]["hostPID"] = true.into();
    assert_refused(&host, &["container web, worker", "hostPID: true", "take hostPID away"]);
    assert!(!messages(&host)[0].contains("Label the pod"));
    let own =
        pods::pod(&[("web", json!({ "startupProbe": { "exec": { "command": ["/lithify/lithify", "verify"] } } }))]);
    assert_refused(&own, &["container web"]);
    // Only volumes of the pod are hardened here, and its root not.
    assert_refused(&example("init-container"), &["container app"]);
    // The second container of a pod counts.
    let mut pod = example("startup-probe");
    pod["spec"]["containers"].as_array_mut().unwrap().push(json!({ "name": "sidecar", "image": "app:1" }));
    assert_refused(&pod, &["container sidecar"]);
    // A name alone anybody may take.
    pod["spec"]["containers"][1]["name"] = "istio-proxy".into();
    assert_refused(&pod, &["container istio-proxy"]);
    pod["spec"]["containers"][1]["image"] = "docker.io/istio/proxyv2:1.24.0".into();
    assert_eq!(messages(&pod), Vec::<String>::new());
}

/// A job would be over before the probe, or killed by it.
#[test]
fn a_probe_does_not_harden_what_ends_by_itself() {
    for policy in ["Never", "OnFailure"] {
        let mut pod = example("startup-probe");
        pod["spec"]["restartPolicy"] = policy.into();
        assert_refused(&pod, &["container nginx", "restartPolicy", "use run"]);
        let mut run = example("entrypoint");
        run["spec"]["restartPolicy"] = policy.into();
        assert_eq!(messages(&run), Vec::<String>::new());
    }
    // The container's own comes first (1.36).
    let mut pod = example("startup-probe");
    pod["spec"]["containers"][0]["restartPolicy"] = "Never".into();
    assert_refused(&pod, &["container nginx", "a container that ends by itself (restartPolicy): use run"]);
    pod["spec"]["restartPolicy"] = "Never".into();
    pod["spec"]["containers"][0]["restartPolicy"] = "Always".into();
    assert_eq!(messages(&pod), Vec::<String>::new());
    let mut pod = example("startup-probe");
    pod["spec"]["restartPolicy"] = "Always".into();
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
        &["no /lithify/lithify in container nginx", "args [install, DIR, --only=COMMAND...]"],
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
    // A variable of the container counts only for a program that reads it.
    let pod = with(&|spec| {
        words(spec, harden.clone());
        spec["containers"][0]["env"] = json!([{ "name": "LITHIFY_PROFILE", "value": "nginx" }]);
    });
    assert_refused(&pod, &["no profile for container nginx", "only where no --only is"]);
    let mut pod = with(&|spec| {
        words(spec, harden.clone());
        spec["initContainers"][0]["env"] = from_label.clone();
        let line = "--only=LITHIFY_PROFILE=$(LITHIFY_PROFILE) harden --wait-for-app";
        spec["initContainers"][0]["args"].as_array_mut().unwrap().push(line.into());
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

/// What lies in the pod is no tool for anything but what the pod's spec says.
#[test]
fn a_program_that_accepts_any_command_line_is_refused() {
    let with = |args: Value| {
        let mut pod = example("startup-probe");
        pod["spec"]["initContainers"][0]["args"] = args;
        pod
    };
    let open = ["init container lithify installs a lithify that accepts any command line", "--only=COMMAND"];
    assert_refused(&with(json!(["install", "/lithify"])), &open);
    assert_eq!(
        messages(&with(json!(["install", "/lithify", "--only", "verify --profile nginx"]))),
        Vec::<String>::new()
    );
    // Another option among them, and an order that hides the directory.
    for args in [
        json!(["install", "/lithify", "--log", "/lithify/log", "--only=verify"]),
        json!(["install", "--only=verify", "/lithify"]),
        json!(["--only=verify", "install", "/lithify"]),
    ] {
        assert_refused(&with(args), &["no /lithify/lithify in container nginx"]);
    }
    // Variables before the line count as the container's would.
    for variable in ["LITHIFY_DRY_RUN=true", "LITHIFY_ROOT=/tmp", "LITHIFY_FALLBACK=warn"] {
        let line = format!("--only={variable} harden --wait-for-app --wait-timeout 60 --profile nginx");
        assert_refused(&with(json!(["install", "/lithify", line])), &["container lithify is hardened with less than"]);
    }
}

/// Volumes that others write to in another way, and mounts that hide the program.
#[test]
fn a_program_that_can_be_replaced_is_refused() {
    let mount = |pod: &mut Value, mount: Value| {
        pod["spec"]["containers"][0]["volumeMounts"].as_array_mut().unwrap().push(mount);
    };
    let good = example("startup-probe");
    for (key, value) in [("subPath", "x"), ("subPathExpr", "$(X)")] {
        let mut pod = good.clone();
        pod["spec"]["containers"][0]["volumeMounts"][0][key] = value.into();
        assert_refused(&pod, &["no /lithify/lithify in container nginx"]);
        let mut pod = good.clone();
        pod["spec"]["initContainers"][0]["volumeMounts"][0][key] = value.into();
        assert_refused(&pod, &["no /lithify/lithify in container nginx"]);
    }
    let mut over = good.clone();
    over["spec"]["volumes"].as_array_mut().unwrap().push(json!({ "name": "site", "configMap": { "name": "site" } }));
    mount(&mut over, json!({ "name": "site", "mountPath": "/lithify/lithify", "subPath": "true" }));
    assert_refused(&over, &["no /lithify/lithify in container nginx", "nothing below"]);
    // Two volumes, one claim.
    let mut claim = good.clone();
    let same = |name: &str| json!({ "name": name, "persistentVolumeClaim": { "claimName": "one" } });
    claim["spec"]["volumes"] = json!([same("lithify"), same("other")]);
    mount(&mut claim, json!({ "name": "other", "mountPath": "/other" }));
    assert_refused(&claim, &["no /lithify/lithify in container nginx", "an emptyDir"]);
}

/// What is staged counts where it is mounted over what it was copied from, and where lithify has copied it.
#[test]
fn staged_directories_count_at_their_place() {
    let good = example("stage");
    for change in [
        // Anywhere else, whole, or by a path that only the kubelet knows.
        &(|spec: &mut Value| {
            for index in [1, 2] {
                let mount = &mut spec["containers"][0]["volumeMounts"][index];
                mount["mountPath"] = format!("/tmp/{index}").into();
            }
        }) as &dyn Fn(&mut Value),
        &|spec| {
            for index in [1, 2] {
                spec["containers"][0]["volumeMounts"][index].as_object_mut().unwrap().remove("subPath");
            }
        },
        &|spec| {
            for index in [1, 2] {
                let mount = spec["containers"][0]["volumeMounts"][index].as_object_mut().unwrap();
                let path = mount.remove("subPath").unwrap();
                mount.insert("subPathExpr".into(), path);
            }
        },
        // By another program than ours.
        &|spec| {
            spec["initContainers"][1]["volumeMounts"].as_array_mut().unwrap().remove(0);
        },
        &|spec| spec["initContainers"][1]["volumeMounts"][0]["name"] = "cache".into(),
        &|spec| spec["initContainers"][1]["volumeMounts"][0]["subPath"] = "x".into(),
        // Into a volume that may be mounted by another name.
        &|spec| spec["volumes"][1] = json!({ "name": "staged", "persistentVolumeClaim": { "claimName": "one" } }),
    ] {
        let mut pod = good.clone();
        change(&mut pod["spec"]);
        assert_ne!(pod, good);
        assert!(messages(&pod)[0].contains("not hardened by lithify: container nginx"), "{:?}", messages(&pod));
    }
    // Two containers may share a volume.
    let mut below = good;
    for index in [1, 2] {
        let path = &mut below["spec"]["containers"][0]["volumeMounts"][index]["subPath"];
        *path = format!("web/{}", path.as_str().unwrap()).into();
    }
    assert_eq!(messages(&below), Vec::<String>::new());
}

/// The words of lithify are those of the command and its arguments up to `--`; what follows is the app's.
#[test]
fn the_words_of_lithify_are_told_from_those_of_the_app() {
    let with = |command: Value, args: Value, env: Value| {
        let mut pod = example("entrypoint");
        let container = &mut pod["spec"]["containers"][0];
        container["command"] = command;
        if !args.is_null() {
            container["args"] = args;
        }
        container["env"] = env;
        pod
    };
    let variable = |name: &str, value: &str| json!([{ "name": name, "value": value }]);
    let run = |words: &[&str]| json!([&["/lithify/lithify", "run"], words].concat());
    for pod in [
        with(run(&["--profile", "httpd", "--", "app", "--log-level=warn", "--dry-run", "-h"]), Value::Null, json!([])),
        with(run(&["--profile", "httpd", "--"]), json!(["app", "--fallback", "warn"]), json!([])),
        with(run(&[]), json!(["--profile", "httpd", "--", "httpd"]), json!([])),
        with(json!(["/lithify/lithify"]), json!(["run", "-p", "httpd", "--", "httpd"]), json!([])),
        with(run(&["-v", "--user", "warn", "--profile=httpd", "--", "httpd"]), Value::Null, json!([])),
        with(run(&["--profile", "httpd", "--", "httpd"]), Value::Null, variable("LITHIFY_TIMEOUT", "3")),
        with(run(&["--profile", "httpd", "--", "httpd"]), Value::Null, variable("LITHIFY_FALLBACK", "fail")),
    ] {
        assert_eq!(messages(&pod), Vec::<String>::new(), "{pod:#}");
    }
    // A variable is read where any command line is accepted: in an image volume.
    let mut volume = example("image-volume");
    let container = &mut volume["spec"]["containers"][0];
    container["startupProbe"]["exec"]["command"] = json!(["/lithify/bin/lithify", "harden", "--wait-for-app"]);
    assert_refused(&volume, &["no profile for container nginx"]);
    volume["spec"]["containers"][0]["env"] = variable("LITHIFY_PROFILE", "nginx");
    assert_eq!(messages(&volume), Vec::<String>::new());
    let weak = "container httpd is hardened with less than everything";
    for (pod, text) in [
        (with(run(&["--profile", "httpd"]), json!(["--fallback", "warn", "--", "httpd"]), json!([])), weak),
        (with(run(&["--profile", "httpd", "--fallback"]), json!(["warn", "--", "httpd"]), json!([])), weak),
        (with(run(&["--fallback=warn", "--profile", "httpd", "--", "httpd"]), Value::Null, json!([])), weak),
        (with(run(&["--profile", "httpd", "-V", "--", "httpd"]), Value::Null, json!([])), weak),
        (with(run(&["--profile", "httpd", "--", "httpd"]), Value::Null, variable("LITHIFY_FALLBACK", "warn")), weak),
        (with(run(&["--", "httpd", "--profile", "httpd"]), Value::Null, json!([])), "no profile for container httpd"),
        (with(run(&["--"]), json!(["httpd", "-p", "httpd"]), json!([])), "no profile for container httpd"),
        (with(json!(["/bin/sh"]), json!(["/lithify/lithify", "run", "--"]), json!([])), "not hardened by lithify"),
    ] {
        assert_refused(&pod, &[text]);
    }
    for word in ["--help", "-h", "--version", "-V", "-qh", "--dry-run", "--root=/tmp"] {
        let mut pod = example("startup-probe");
        let words = &mut pod["spec"]["containers"][0]["startupProbe"]["exec"]["command"];
        words.as_array_mut().unwrap().insert(2, word.into());
        assert_refused(&pod, &["container nginx is hardened with less than everything"]);
    }
    for name in ["LITHIFY_DRY_RUN", "LITHIFY_ROOT"] {
        let mut pod = example("startup-probe");
        pod["spec"]["containers"][0]["env"] = variable(name, "/tmp");
        assert_refused(&pod, &["less than everything", name]);
    }
}

/// What is said against an update of a pod, which each demand refuses or reports in its own way.
#[track_caller]
fn said_of_update(old: &Value, new: &Value, resource: &'static str) -> Vec<String> {
    let said = |labels: &[(&str, &str)]| validate(POLICY, &Request::new(new, "shop", labels).update(old, resource));
    assert!(said(&[]).is_empty());
    let (enforced, audited) = (said(&ENFORCE), said(&[("lithify.dev/demand", "audit")]));
    assert!(enforced.iter().all(|(_, actions)| actions == &["Deny"]), "{enforced:?}");
    assert!(audited.iter().all(|(_, actions)| actions == &["Warn", "Audit"]), "{audited:?}");
    let texts = |said: Vec<(String, Vec<String>)>| said.into_iter().map(|(text, _)| text).collect::<Vec<_>>();
    let texts = (texts(enforced), texts(audited));
    assert_eq!(texts.0, texts.1);
    texts.0
}

#[test]
fn an_ephemeral_container_may_look_and_not_write() {
    let mut image_volume = example("stage");
    image_volume["spec"]["initContainers"][1]["command"][0] = "/lithify/bin/lithify".into();
    for (pod, volume) in [(example("startup-probe"), "lithify"), (example("stage"), "staged"), (image_volume, "staged")]
    {
        let mut with = pod.clone();
        for (mounts, allowed) in [
            (json!([]), true),
            (json!([{ "name": volume, "mountPath": "/x", "readOnly": true }]), true),
            (json!([{ "name": volume, "mountPath": "/x" }]), false),
        ] {
            with["spec"]["ephemeralContainers"] =
                json!([{ "name": "debugger", "image": "busybox:1", "volumeMounts": mounts }]);
            let messages = said_of_update(&pod, &with, "pods/ephemeralcontainers");
            assert_eq!(messages.is_empty(), allowed, "{mounts}");
            assert!(messages.iter().all(|message| message.contains("readOnly: true")));
        }
        assert!(said_of_update(&pod, &pod, "pods/ephemeralcontainers").is_empty());
    }
}

/// When the pod restarts, the kubelet reads the label again that an init container of kustomize/ takes the profile from, and
/// the init containers' images.
#[test]
fn what_a_restart_is_hardened_by_stays() {
    let mut pod = pods::pod(&[("web", json!({}))]);
    pod["metadata"]["labels"] = json!({ "app": "web", "lithify.dev/profile": "nginx" });
    let plain = pod.clone();
    let pod = mutate("examples/fleet/mutating-admission-policy.yaml", Request::new(&pod, "shop", &[]));
    let mut from_label = pod.clone();
    from_label["spec"]["initContainers"][0]["env"] =
        documents("examples/fleet/kustomize/component/pod.yaml")[0]["spec"]["template"]["spec"]["initContainers"][0]["env"].clone();
    let said = |old: &Value, change: &dyn Fn(&mut Value)| {
        let mut new = old.clone();
        change(&mut new);
        assert_ne!(&new, old);
        said_of_update(old, &new, "pods")
    };
    let unlabel = |pod: &mut Value| {
        pod["metadata"]["labels"].as_object_mut().unwrap().remove("lithify.dev/profile");
    };
    let weaken = |pod: &mut Value| pod["metadata"]["labels"]["lithify.dev/profile"] = "shells".into();
    let no_labels = |pod: &mut Value| {
        pod["metadata"].as_object_mut().unwrap().remove("labels");
    };
    for change in [&unlabel as &dyn Fn(&mut Value), &weaken, &no_labels] {
        let messages = said(&from_label, change);
        assert!(messages.len() == 1 && messages[0].contains("the label lithify.dev/profile"), "{messages:?}");
        // Nothing reads it there.
        assert!(said(&plain, change).is_empty() && said(&pod, change).is_empty());
    }
    let image = |pod: &mut Value| pod["spec"]["initContainers"][0]["image"] = "evil/lithify:0.1.0".into();
    let messages = said(&pod, &image);
    assert!(messages.len() == 1 && messages[0].contains("the image of an init container"), "{messages:?}");
    // All else may change: other labels, the app's image, finalizers.
    for change in [
        &(|pod: &mut Value| pod["metadata"]["labels"]["app"] = "web2".into()) as &dyn Fn(&mut Value),
        &|pod| pod["spec"]["containers"][0]["image"] = "nginx:1.29".into(),
        &|pod| pod["metadata"]["finalizers"] = json!(["example.org/x"]),
    ] {
        assert!(said(&pod, change).is_empty());
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
