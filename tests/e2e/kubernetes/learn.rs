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

/// One of a workload's pods is found, also by what its controller calls them; and what is said where none runs.
#[test]
fn a_pod_of_a_workload() {
    let namespace = Namespace::new();
    let template = POD.split_once("spec:\n").unwrap().1.replace("\n  ", "\n      ");
    let deployment = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: web }}\nspec:\n  selector: {{ matchLabels: {{ app: web }} }}\n  \
         template:\n    metadata: {{ labels: {{ app: web }} }}\n    spec:\n      {}",
        template.trim_start()
    );
    namespace.apply(&deployment);
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata: { name: once }\nspec:\n  template:\n    spec:\n      \
               restartPolicy: Never\n      terminationGracePeriodSeconds: 2\n      containers:\n        \
               - { name: nginx, image: nginx:1.28, command: [sleep, \"600\"] }\n";
    namespace.apply(job);
    for (workload, label) in [("deployment/web", "app=web"), ("job/once", "job-name=once")] {
        let pod = namespace.only_pod(label);
        let ran = learn(&namespace, &format!("{workload} -c nginx"), "");
        // It may not run yet.
        if ran.code != 0 {
            ran.exits(2).says(&format!("{workload} has no pod that runs: {} is Pending", pod.name));
        }
        pod.ready();
        let ran = learn(&namespace, &format!("{workload} -c nginx"), "").exits(0);
        assert!(ran.stderr.contains(&format!("note: of {workload} the pod {} is taken", pod.name)), "{}", ran.all());
        assert!(ran.stdout.contains(&format!(" patch pod {} --subresource=", pod.name)), "{}", ran.all());
    }
    if minor_version() >= 25 {
        let ran = learn(&namespace, "deployment/web --for 3 --apply", "").exits(0);
        lithify::profile::load_text("learned.toml", &ran.stdout).unwrap();
    }
    namespace.kubectl(["scale", "deployment/web", "--replicas=0"]).exits(0);
    namespace.wait("lose the pod", || namespace.pods("app=web").is_empty());
    learn(&namespace, "deployment/web", "").exits(2).says("deployment/web has no pod that runs: ");
    learn(&namespace, "deployment/none", "").exits(2).says("kubectl get deployment: ").says("not found");
}

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
