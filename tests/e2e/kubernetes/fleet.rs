//! The overlay of `examples/fleet/kustomize`, built by kubectl and applied as it is. `tests/fleet` shows that the admission
//! policies inject the same, which this cluster is too old to run.

use std::path::Path;
use std::process::Command;

use super::attack::assert_withstands;
use super::with;
use crate::harness::cluster::Namespace;
use crate::harness::run;

/// By the kubectl that tests/fleet/kubectl.sh found: that of the cluster may be too old to build it.
fn overlay() -> String {
    let at = |path: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let kubectl = at("target/fleet/kubectl");
    assert!(kubectl.exists(), "{} is not there: run tests/fleet/kubectl.sh first", kubectl.display());
    run(Command::new(kubectl).arg("kustomize").arg(at("examples/fleet/kustomize/overlay"))).exits(0).stdout
}

#[test]
fn labelled_workloads_are_hardened_and_others_are_not() {
    let namespace = Namespace::new();
    namespace.apply(&overlay());
    let web = namespace.only_pod("lithify.dev/profile=nginx");
    assert!(web.ready().http(80, "/").contains("Welcome to nginx!"));
    assert_withstands(&web, "nginx");
    // The profile is that of the label, which stands in what the program accepts: its own probe, and nothing else.
    let probe = ["/lithify/lithify", "harden", "--wait-for-app", "--wait-timeout", "60"];
    web.exec("nginx", probe).exits(0).says("nothing to remove");
    web.exec("nginx", ["/lithify/lithify", "verify"]).exits(0);
    web.exec("nginx", ["/lithify/lithify", "scan"]).exits(2).says("LITHIFY_PROFILE=nginx harden --wait-for-app");
    let cache = namespace.only_pod("lithify.dev/profile=redis");
    cache.ready().exec("redis", ["/bin/sh", "-c", "echo in"]).says("no such file");
    cache.exec("redis", probe).exits(0).says("nothing to remove");
    // What is injected takes nothing from the pod's class.
    assert_eq!(web.get()["status"]["qosClass"], "Guaranteed");
    // Without the label.
    let agent = namespace.only_pod("app=node-agent");
    agent.ready().exec("httpd", ["/bin/sh", "-c", "echo in"]).exits(0).says("in");
    for pod in [&web, &cache, &agent] {
        assert!(pod.get()["status"]["containerStatuses"][0]["restartCount"] == 0, "{}", pod.describe());
    }
}

/// Where the component finds a startupProbe in a container other than the first, both stand there.
#[test]
fn a_container_with_two_probes_is_refused() {
    let namespace = Namespace::new();
    let probe = "        startupProbe:\n          exec:";
    let both = overlay().replace(probe, "        startupProbe:\n          httpGet: { port: 80 }\n          exec:");
    assert!(both.contains("httpGet"));
    namespace.kubectl_with(&both, ["apply", "-f", "-"]).exits(1).says("may not specify more than 1 handler type");
}

/// A label that no profile has, as the describe of the pod shows it.
#[test]
fn a_mistake_in_the_label_is_said() {
    let namespace = Namespace::new();
    namespace.apply(&with(&overlay(), "        lithify.dev/profile: nginx", "        lithify.dev/profile: ngnix"));
    let web = namespace.only_pod("app=web");
    web.describe_says(
        "harden --wait-for-app --wait-timeout 60: there is no built-in profile `ngnix`, did you mean `nginx`?",
    );
    assert_eq!(web.get()["status"]["containerStatuses"][0]["ready"], false);
}
