//! Whatever is restarted, run once more or run side by side: the container ends in the same state.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::attack::assert_withstands;
use super::{example, with};
use crate::harness::cluster::{Namespace, Pod, status};
use crate::harness::run;

/// All that scan finds in the container.
#[track_caller]
fn state(pod: &Pod, container: &str) -> Value {
    let state = pod.exec(container, ["/lithify/lithify", "scan", "--format", "json"]).exits(0).json();
    assert!(state["programs"].is_array(), "{state}");
    state
}

/// Waits until the container was restarted this often and is ready, and gives its state.
#[track_caller]
fn state_after(pod: &Pod, container: &str, restarts: u64) -> Value {
    pod.until(&format!("is ready after {restarts} restarts"), |pod| {
        let status = status(pod, container);
        status["restartCount"].as_u64() >= Some(restarts) && status["ready"] == true
    });
    state(pod, container)
}

#[test]
fn a_container_gets_a_fresh_root_and_no_init_containers() {
    let namespace = Namespace::new();
    namespace.apply(&example("startup-probe"));
    let pod = namespace.pod("nginx");
    let first = state(pod.ready(), "nginx");
    // A file that the next root must not have.
    pod.exec("nginx", ["/lithify/lithify", "install", "/var/tmp"]).exits(0);
    assert_ne!(state(&pod, "nginx"), first);
    pod.exec("nginx", ["nginx", "-s", "stop"]).exits(0);
    assert_eq!(state_after(&pod, "nginx", 1), first);
    assert_withstands(&pod, "nginx");
    assert_eq!((pod.restarts("nginx"), pod.restarts("lithify")), (1, 0));
    // The probe once more.
    let harden = ["/lithify/lithify", "harden", "--wait-for-app", "--wait-timeout", "60", "--profile", "nginx"];
    pod.exec("nginx", harden).exits(0).says("nothing to remove");
    assert_eq!(state(&pod, "nginx"), first);
}

#[test]
fn a_staged_container_mounts_the_same_copies() {
    let namespace = Namespace::new();
    namespace.apply(&example("stage"));
    let pod = namespace.pod("nginx-staged");
    let first = state(pod.ready(), "nginx");
    pod.exec("nginx", ["nginx", "-s", "stop"]).exits(0);
    assert_eq!(state_after(&pod, "nginx", 1), first);
    assert_withstands(&pod, "nginx");
    assert_eq!((pod.restarts("nginx"), pod.restarts("stage")), (1, 0));
}

/// The second container listens elsewhere; both harden at the same time, with the program of one volume.
#[test]
fn two_containers_that_share_the_volume() {
    let manifest = example("startup-probe");
    let at = manifest.find("    - name: nginx\n").unwrap();
    let end = manifest.find("  volumes:\n").unwrap();
    let container = &manifest[at..end];
    let redis = with(container, "name: nginx", "name: redis");
    let redis = redis.replace("nginx:1.28", "redis:7").replace("\"nginx\"", "\"redis\"").replace("80", "6379");
    let namespace = Namespace::new();
    namespace.apply(&format!("{}{redis}{}", &manifest[..end], &manifest[end..]));
    let pod = namespace.pod("nginx");
    pod.ready();
    for container in ["nginx", "redis"] {
        assert_withstands(&pod, container);
        assert_eq!(pod.restarts(container), 0);
        pod.exec(container, ["/lithify/lithify", "verify", "--profile", container]).exits(0);
    }
    assert!(pod.http(80, "/").contains("Welcome to nginx!"));
}

#[test]
fn init_containers_that_run_twice() {
    let namespace = Namespace::new();
    let once = example("stage");
    // Each once more, under another name.
    let at = once.find("  initContainers:\n").unwrap() + "  initContainers:\n".len();
    let end = once.find("  containers:\n").unwrap();
    let again = once[at..end]
        .replace("- name: lithify\n", "- name: lithify-again\n")
        .replace("- name: stage\n", "- name: stage-again\n");
    let again = again.replace("&restricted", "&restricted-again").replace("*restricted", "*restricted-again");
    namespace.apply(&once);
    let first = state(namespace.pod("nginx-staged").ready(), "nginx");
    namespace.kubectl(["delete", "pod", "nginx-staged", "--grace-period=1"]).exits(0);
    namespace.apply(&format!("{}{again}{}", &once[..end], &once[end..]));
    let pod = namespace.pod("nginx-staged");
    assert_eq!(state(pod.ready(), "nginx"), first);
    assert!(
        pod.log("stage-again").contains("nothing changed") || pod.log("stage-again").contains("staged"),
        "{}",
        pod.log("stage-again")
    );
    assert_withstands(&pod, "nginx");
    pod.exec("nginx", ["/lithify/lithify", "verify", "--profile", "/site/staged.toml"]).exits(0);
}

#[test]
fn an_evicted_pod_is_replaced_by_a_hardened_one() {
    let namespace = Namespace::new();
    namespace.apply(&example("pre-stop"));
    namespace.wait("have a pod", || namespace.pods("app=nginx").len() == 1);
    let pod = namespace.pods("app=nginx").remove(0);
    let first = state(pod.ready(), "nginx");
    pod.evict();
    namespace.wait("have another", || namespace.pods("app=nginx").iter().any(|new| new.name != pod.name));
    let new = namespace.pods("app=nginx").into_iter().find(|new| new.name != pod.name).unwrap();
    assert_eq!(state(new.ready(), "nginx"), first);
    assert_withstands(&new, "nginx");
}

/// Only where the cluster is ours; .config/nextest.toml lets nothing else run beside it.
#[test]
fn a_node_that_loses_its_power() {
    if std::env::var_os("LITHIFY_CONTEXT").is_some() {
        println!("not tried: the node belongs to somebody else");
        return;
    }
    let node = |what: &str| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster.sh");
        run(Command::new(script).arg(what)).exits(0);
    };
    let namespace = Namespace::new();
    for name in ["startup-probe", "stage", "liveness-probe"] {
        namespace.apply(&example(name));
    }
    let pods = [("nginx", "nginx"), ("nginx-staged", "nginx"), ("httpd-watched", "httpd")];
    let pods = pods.map(|(pod, container)| (namespace.pod(pod), container));
    let first = pods.each_ref().map(|(pod, container)| state(pod.ready(), container));
    node("stop-node");
    node("start-node");
    for ((pod, container), first) in pods.iter().zip(first) {
        assert_eq!(state_after(pod, container, 1), first, "{}", pod.name);
        assert_withstands(pod, container);
        // The volume was still there, and the init containers ran over it.
        assert!(pod.log("lithify").contains("the same is there already"), "{}", pod.log("lithify"));
    }
}
