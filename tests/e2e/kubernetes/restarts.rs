//! Whatever is restarted, run once more or run side by side: the container ends in the same state.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::attack::assert_withstands;
use super::{accepting, example, with};
use crate::harness::cluster::{Namespace, Pod, status};
use crate::harness::run;

/// An example whose program may look at all that there is.
fn looked_at(name: &str) -> String {
    accepting(&example(name), "scan --format json")
}

/// All that scan finds in the container.
#[track_caller]
fn state(pod: &Pod, container: &str) -> Value {
    let state = pod.exec(container, ["/lithify/lithify", "scan", "--format", "json"]).exits(0).json();
    assert!(state["programs"].is_array(), "{state}");
    state
}

/// Waits until the container was restarted and is ready.
#[track_caller]
fn restarted(pod: &Pod, container: &str) {
    pod.until("is ready after a restart", |pod| {
        let status = status(pod, container);
        status["restartCount"].as_u64() >= Some(1) && status["ready"] == true
    });
}

/// Until the container is there again. Whoever told it to stop may be killed with the container before he has ended himself.
fn restart_nginx(pod: &Pod) {
    pod.exec("nginx", ["nginx", "-s", "stop"]);
    restarted(pod, "nginx");
}

#[test]
fn a_container_gets_a_fresh_root_and_no_init_containers() {
    let namespace = Namespace::new();
    namespace.apply(&accepting(&looked_at("startup-probe"), "install /var/tmp"));
    let pod = namespace.pod("nginx");
    let first = state(pod.ready(), "nginx");
    // A file that the next root must not have.
    pod.exec("nginx", ["/lithify/lithify", "install", "/var/tmp"]).exits(0);
    assert_ne!(state(&pod, "nginx"), first);
    restart_nginx(&pod);
    assert_eq!(state(&pod, "nginx"), first);
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
    namespace.apply(&looked_at("stage"));
    let pod = namespace.pod("nginx-staged");
    let first = state(pod.ready(), "nginx");
    restart_nginx(&pod);
    assert_eq!(state(&pod, "nginx"), first);
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
    let both = format!("{}{redis}{}", &manifest[..end], &manifest[end..]);
    let both = accepting(&both, "harden --wait-for-app --wait-timeout 60 --profile redis");
    namespace.apply(&accepting(&both, "verify --profile redis"));
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
    let once = looked_at("stage");
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
    let log = pod.log("stage-again");
    assert!(log.contains("nothing changed") || log.contains("staged"), "{log}");
    assert_withstands(&pod, "nginx");
    pod.exec("nginx", ["/lithify/lithify", "verify", "--profile", "/site/staged.toml"]).exits(0);
}

#[test]
fn an_evicted_pod_is_replaced_by_a_hardened_one() {
    let namespace = Namespace::new();
    namespace.apply(&looked_at("pre-stop"));
    let pod = namespace.only_pod("app=nginx");
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
        namespace.apply(&looked_at(name));
    }
    let pods = [("nginx", "nginx", 80), ("nginx-staged", "nginx", 8080), ("httpd-watched", "httpd", 80)];
    let pods = pods.map(|(pod, container, port)| (namespace.pod(pod), container, port));
    // Not every one has a probe that waits for it, and `run` hardens before the app answers.
    let first = pods.each_ref().map(|(pod, container, port)| {
        pod.ready().http(*port, "/");
        state(pod, container)
    });
    node("stop-node");
    node("start-node");
    for ((pod, container, port), first) in pods.iter().zip(first) {
        restarted(pod, container);
        pod.http(*port, "/");
        assert_eq!(state(pod, container), first, "{}", pod.name);
        assert_withstands(pod, container);
        // The volume was still there, and the init containers ran over it.
        pod.log_says("lithify", "the same is there already");
    }
}
