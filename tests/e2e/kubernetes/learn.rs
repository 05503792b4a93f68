//! `kubectl lithify learn`: a pod that runs, and a workload, learned on a cluster; the profile then hardens the same app.

use crate::harness::cluster::{Namespace, minor_version};
use crate::harness::plugin::learn;

const POD: &str = "apiVersion: v1
kind: Pod
metadata: { name: web }
spec:
  terminationGracePeriodSeconds: 2
  containers:
    - name: nginx
      image: nginx:1.28
      command: [nginx, -g, daemon off;]
";

#[test]
fn a_pod_that_runs_and_the_same_from_its_manifest() {
    let namespace = Namespace::new();
    // The subresource by `kubectl patch` is of 1.25.
    if minor_version() >= 25 {
        namespace.apply(POD);
        namespace.pod("web").ready().http(80, "/");
        let ran = learn(&namespace, "web --for 3 --apply", "").exits(0);
        assert!(ran.stdout.contains("/nginx\", # ") && ran.stderr.contains("next: "), "{}", ran.all());
        lithify::profile::load_text("learned.toml", &ran.stdout).unwrap();
    }
    let manifest = POD.replace("name: web", "name: fresh");
    let ran = learn(&namespace, "-f - --for 5 --apply", &manifest).exits(0);
    assert!(ran.stdout.contains("/nginx\", # the app, started once"), "{}", ran.all());
    lithify::profile::load_text("learned.toml", &ran.stdout).unwrap();
    // The app goes on.
    assert!(namespace.pod("fresh").ready().http(80, "/").contains("Welcome to nginx!"));
}
