//! Known state on a real cluster: what docs/state.md promises, from the digest that CI computes to the event of a drift.

use serde_json::{Value, json};

use super::{example, with};
use crate::harness::builder::Builder;
use crate::harness::cluster::{Namespace, Pod, status};
use crate::harness::run_lithify;

const NGINX: &str = "image: nginx:1.28";
/// A small image, and the same with one letter of its page changed.
const SMALL: &str = "image: nginx:1.28-alpine";
const CHANGED: &str = "image: nginx:1.28-changed";
const NO_DIGEST: &str = "lithify1-sha256:0000000000000000000000000000000000000000000000000000000000000000";
const EXECS: [&str; 2] = ["periodSeconds: 5", "periodSeconds: 60"];

/// The pod of the example with this image; its ConfigMap is made.
fn manifest(namespace: &Namespace, image: &str) -> String {
    let example = with(&example("state"), NGINX, image);
    let (pod, map) = example.split_once("---\n").unwrap();
    namespace.apply(map);
    with(pod, EXECS[1], "periodSeconds: 2")
}

/// What CI runs: lithify in a container of the image, once, with further mounts. What it prints.
#[track_caller]
fn in_container_of(namespace: &Namespace, name: &str, image: &str, command: &[&str], mounts: &[&str]) -> String {
    let image = image.trim_start_matches("image: ");
    let mut volume_mounts = vec![json!({ "name": "lithify", "mountPath": "/lithify" })];
    volume_mounts.push(json!({ "name": "site", "mountPath": "/site", "readOnly": true }));
    volume_mounts.extend(mounts.iter().map(|path| json!({ "name": "volume", "mountPath": path })));
    let install = json!({
        "name": "lithify",
        "image": "ghcr.io/lithify/lithify:0.1.0",
        "args": ["install", "/lithify"],
        "volumeMounts": [{ "name": "lithify", "mountPath": "/lithify" }],
    });
    let command = [&["/lithify/lithify"], command].concat();
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name },
        "spec": {
            "restartPolicy": "Never",
            "initContainers": [install],
            "containers": [{ "name": "seal", "image": image, "command": command, "volumeMounts": volume_mounts }],
            "volumes": [
                { "name": "lithify", "emptyDir": {} },
                { "name": "volume", "emptyDir": {} },
                { "name": "site", "configMap": { "name": "nginx-site" } },
            ],
        },
    });
    namespace.apply(&pod.to_string());
    let pod = namespace.pod(name);
    let ended = |pod: &Value| status(pod, "seal")["state"]["terminated"]["exitCode"].clone();
    let after = pod.until("has ended", |pod| !ended(pod).is_null());
    assert_eq!(ended(&after), 0, "{}", pod.log("seal"));
    pod.log_says("seal", "lithify1-sha256:");
    // Its notes are in the log, too.
    let log = pod.log("seal");
    log.lines().find(|line| line.starts_with("lithify1-sha256:")).unwrap().to_owned()
}

#[track_caller]
fn digest(namespace: &Namespace, image: &str) -> String {
    in_container_of(namespace, "ci", image, &["seal", "--after", "--profile", "/site/nginx.toml"], &[])
}

fn serves(pod: &Pod) {
    assert!(pod.ready().http(80, "/").contains("Welcome to nginx!"));
}

/// As the example is written, with the digest that CI writes into it.
#[track_caller]
pub fn the_example_becomes_ready() {
    let namespace = Namespace::new();
    let manifest = manifest(&namespace, NGINX);
    let digest = digest(&namespace, NGINX);
    namespace.apply(&with(&manifest, NO_DIGEST, &digest));
    let pod = namespace.pod("nginx-known");
    serves(&pod);
    pod.exec("nginx", ["/bin/sh", "-c", "echo in"]).says("no such file");
    // What must fail does, when it is tried.
    let prove = ["/lithify/lithify", "verify", "--profile", "/site/nginx.toml", "--format", "json", "--prove"];
    pod.exec("nginx", prove).exits(0).says("prove.mount");
    // Several rounds of its livenessProbe find no drift.
    std::thread::sleep(std::time::Duration::from_secs(8));
    assert_eq!(pod.restarts("nginx"), 0, "{}", pod.describe());
}

#[test]
fn one_letter_of_the_image_keeps_the_pod_from_becoming_ready() {
    let namespace = Namespace::new();
    let small = manifest(&namespace, SMALL);
    let digest = digest(&namespace, SMALL);
    namespace.apply(&with(&small, NO_DIGEST, &digest));
    serves(&namespace.pod("nginx-known"));

    let changed = with(&with(&small, SMALL, CHANGED), NO_DIGEST, &digest);
    let changed = with(&changed, "name: nginx-known", "name: nginx-changed");
    namespace.apply(&with(
        &with(&changed, EXECS[0], "periodSeconds: 1"),
        "failureThreshold: 14",
        "failureThreshold: 20",
    ));
    let pod = namespace.pod("nginx-changed");
    pod.until("was restarted", |pod| status(pod, "nginx")["restartCount"].as_u64() > Some(0));
    let pod_now = pod.get();
    assert_eq!(status(&pod_now, "nginx")["ready"], false);
    // That alone says why: both digests, and what to do.
    pod.describe_says(&digest);
    pod.describe_says("Startup probe failed: FAIL seal.digest /: the files give lithify1-sha256:");
    pod.describe_says("run `lithify verify --seal FILE` with the same profile");
    println!("{}", pod.describe());
}

/// An annotation that is missing is no digest that fits.
#[test]
fn without_the_annotation_it_is_never_ready() {
    let namespace = Namespace::new();
    let small = manifest(&namespace, SMALL);
    let annotation = format!("  annotations:\n    lithify.dev/digest: {NO_DIGEST}\n");
    namespace.apply(&with(&with(&small, &annotation, ""), EXECS[0], "periodSeconds: 1"));
    let pod = namespace.pod("nginx-known");
    pod.describe_says("the digest is empty");
    pod.until("was restarted", |pod| status(pod, "nginx")["restartCount"].as_u64() > Some(0));
    assert_eq!(status(&pod.get(), "nginx")["ready"], false);
}

/// The digest stands in the probe itself.
#[test]
fn without_an_annotation() {
    let namespace = Namespace::new();
    let small = manifest(&namespace, SMALL);
    let digest = digest(&namespace, SMALL);
    let plain = with(
        &small,
        "LITHIFY_DIGEST=$(DIGEST) harden --wait-for-app --wait-timeout 60 --profile /site/nginx.toml",
        &format!("harden --wait-for-app --wait-timeout 60 --profile /site/nginx.toml --digest {digest}"),
    );
    let plain = with(
        &plain,
        "\"60\", \"--profile\", \"/site/nginx.toml\"]",
        &format!("\"60\", \"--profile\", \"/site/nginx.toml\", \"--digest\", \"{digest}\"]"),
    );
    namespace.apply(&plain);
    serves(&namespace.pod("nginx-known"));
}

/// Before the app starts: by `run`, with the digest of the annotation in the container's command.
#[test]
fn before_the_app_starts() {
    let namespace = Namespace::new();
    let small = manifest(&namespace, SMALL);
    let digest = digest(&namespace, SMALL);
    let (head, tail) = small.split_once("      startupProbe:\n").unwrap();
    let (_, tail) = tail.split_once("      livenessProbe:\n").unwrap();
    let line = "LITHIFY_DIGEST=$(DIGEST) run --profile /site/nginx.toml -- nginx -g 'daemon off;'";
    let head =
        with(head, "LITHIFY_DIGEST=$(DIGEST) harden --wait-for-app --wait-timeout 60 --profile /site/nginx.toml", line);
    let command =
        json!(["/lithify/lithify", "run", "--profile", "/site/nginx.toml", "--", "nginx", "-g", "daemon off;"]);
    let run = format!("{head}      command: {command}\n      livenessProbe:\n        initialDelaySeconds: 10\n{tail}");
    namespace.apply(&with(&run, NO_DIGEST, &digest));
    serves(&namespace.pod("nginx-known"));

    let changed = with(&with(&run, SMALL, CHANGED), "name: nginx-known", "name: nginx-changed");
    namespace.apply(&with(&changed, NO_DIGEST, &digest));
    let pod = namespace.pod("nginx-changed");
    let ended = |pod: &Value| status(pod, "nginx")["lastState"]["terminated"]["exitCode"].as_u64();
    pod.until("was not started", |pod| ended(pod) == Some(125));
    pod.describe_says(&digest);
    println!("{}", pod.describe());
}

/// With a service account, a termination log and volumes where the image has directories and where it has none.
#[test]
fn the_same_digest_in_a_pod_and_of_the_image() {
    let namespace = Namespace::new();
    manifest(&namespace, SMALL);
    let site = "schema = 1\n[seal]\nexclude = [\"/var/www\", \"/etc/nginx\", \"/opt/app/data\"]\n";
    let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "nginx-site" }, "data": { "site.toml": site } });
    namespace.apply(&map.to_string());
    let seal = ["seal", "--profile", "/site/site.toml"];
    let inside =
        in_container_of(&namespace, "inside", SMALL, &seal, &["/var/www", "/etc/nginx", "/opt/app/data", "/of/nobody"]);
    let builder = Builder::new();
    let image = builder.image("docker.io/library/nginx:1.28-alpine");
    let profile = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    std::fs::write(profile.path(), site).unwrap();
    let root = image.root.to_str().unwrap();
    let outside = run_lithify(["seal", "--root", root, "--profile", profile.path().to_str().unwrap()]).exits(0).stdout;
    assert_eq!(inside, outside.trim_end());
}

/// What is dropped into the container is named by an event, and the container is restarted.
#[test]
fn drift_is_an_event() {
    let namespace = Namespace::new();
    let small = manifest(&namespace, SMALL);
    let digest = digest(&namespace, SMALL);
    let intruder = "  shareProcessNamespace: true\n  containers:\n    - name: intruder\n      image: alpine:3.22\n      \
                    command: [sleep, \"1000\"]\n      securityContext: { capabilities: { add: [SYS_PTRACE] } }\n";
    namespace.apply(&with(&with(&small, "  containers:\n", intruder), NO_DIGEST, &digest));
    let pod = namespace.pod("nginx-known");
    serves(&pod);
    let bring = "for exe in /proc/[0-9]*/exe; do case $(readlink $exe) in */nginx) cp /bin/busybox ${exe%exe}root/usr/bin/helper; exit;; esac; done; exit 1";
    pod.exec("intruder", ["sh", "-c", bring]).exits(0);
    pod.describe_says("FAIL drift.executables /usr/bin/helper: was made or changed");
    pod.until("was restarted", |pod| {
        let status = status(pod, "nginx");
        status["restartCount"].as_u64() == Some(1) && status["ready"] == true
    });
    println!("{}", pod.describe());
    serves(&pod);
}
