//! Workloads as people have them, injected by the plugin and applied: the app answers, and the shell is gone.

use serde_json::Value;

use super::attack::assert_withstands;
use crate::harness::cluster::{Namespace, minor_version, status};
use crate::harness::plugin::{advise, inject, inject_as_the_cluster_can, plugin};

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector:
    matchLabels: { app: web }
  template:
    metadata:
      labels: { app: web }
    spec:
      terminationGracePeriodSeconds: 2
      containers:
      - name: nginx
        image: nginx:1.28
        ports:
        - name: http
          containerPort: 80
        # The old one.
        startupProbe:
          httpGet: { path: /, port: http }
          periodSeconds: 2
";

#[test]
fn probe_in_a_deployment() {
    let namespace = Namespace::new();
    let injected = inject(DEPLOYMENT, "--mode probe --profile nginx");
    namespace.apply(&injected);
    namespace.rolled_out("deployment/web");
    let pod = namespace.only_pod("app=web");
    assert!(pod.ready().http(80, "/").contains("Welcome to nginx!"));
    assert_withstands(&pod, "nginx");
    assert_eq!(pod.restarts("nginx"), 0);
    // Applied again as it is injected again: nothing is rolled out.
    namespace.apply(&inject(&injected, "--mode probe --profile nginx"));
    namespace.rolled_out("deployment/web");
    assert_eq!(namespace.only_pod("app=web").name, pod.name);
}

/// Not root, on a read-only root.
const RESTRICTED: &str = "apiVersion: v1
kind: Pod
metadata: { name: cache }
spec:
  securityContext: { runAsUser: 65532, runAsGroup: 65532, runAsNonRoot: true, fsGroup: 65532 }
  containers:
    - name: redis
      image: redis:7
      command: [redis-server, --save, '']
      securityContext:
        readOnlyRootFilesystem: true
        allowPrivilegeEscalation: false
        capabilities: { drop: [ALL] }
      volumeMounts:
        - { name: data, mountPath: /data }
  volumes:
    - { name: data, emptyDir: {} }
";

#[test]
fn stage_in_a_pod_that_is_restricted() {
    let namespace = Namespace::new();
    let injected = inject(
        RESTRICTED,
        "--mode stage --profile redis --stage-dir /usr/bin --stage-dir /usr/sbin --stage-dir /usr/local/bin",
    );
    let probes = ["/usr/bin", "/usr/local/bin"].map(|directory| format!("probe file {directory}/.lithify-staged"));
    let injected = probes.iter().fold(injected, |manifest, probe| super::accepting(&manifest, probe));
    namespace.apply(&injected);
    let pod = namespace.pod("cache");
    // It has no readinessProbe: a container that runs is one that is ready.
    namespace.wait("listen", || pod.ready().exec("redis", ["redis-cli", "PING"]).code == 0);
    pod.exec("redis", ["redis-cli", "SET", "key", "value"]).exits(0).says("OK");
    assert_withstands(&pod, "redis");
    assert_eq!(pod.restarts("redis"), 0);
    // What is staged is what the pod mounts, and read-only.
    pod.exec("redis", ["/lithify/lithify", "probe", "file", "/usr/bin/.lithify-staged"]).exits(0);
    pod.exec("redis", ["/lithify/lithify", "probe", "file", "/usr/local/bin/.lithify-staged"]).exits(0);
    let ran = plugin(&injected, "lint --profile redis");
    ran.exits(0).says("no findings");
}

#[test]
fn run_in_a_cron_job() {
    let namespace = Namespace::new();
    let script = "import os, sys; print('at work'); sys.exit(3 if os.system('echo in') != 0 else 4)";
    let plain = format!(
        "apiVersion: batch/v1
kind: CronJob
metadata: {{ name: nightly }}
spec:
  schedule: \"0 3 * * *\"
  jobTemplate:
    spec:
      backoffLimit: 0
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: job
              image: python:3
              command: [python3]
              args: [-c, \"{script}\"]
"
    );
    // Unhardened, it finds a shell.
    let ended = |name: &str| -> Value {
        namespace.run_now("nightly", name);
        namespace.job_ends(name, "Failed");
        let pod = namespace.only_pod(&format!("job-name={name}"));
        pod.log_says("job", "at work");
        status(&pod.get(), "job")["state"]["terminated"]["exitCode"].clone()
    };
    namespace.apply(&plain);
    assert_eq!(ended("before"), 4);
    namespace.apply(&inject(&plain, "--mode run --profile shells"));
    assert_eq!(ended("after"), 3);
}

/// Three workloads, of which each needs another mode, in the one that `advise` names, of their manifest and of themselves.
#[test]
fn each_in_the_mode_that_is_advised() {
    let namespace = Namespace::new();
    let job = "apiVersion: batch/v1
kind: Job
metadata: { name: once }
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: job
          image: nginx:1.28
          command: [nginx, -v]
";
    let manifest = format!("{DEPLOYMENT}---\n{RESTRICTED}---\n{job}");
    let modes = |table: &str| -> Vec<String> {
        table.lines().skip(1).map(|line| line.split_whitespace().nth(3).unwrap().to_owned()).collect()
    };
    assert_eq!(modes(&plugin(&manifest, "advise --profile distroless").exits(0).stdout), ["probe", "stage", "run"]);
    let ran = inject_as_the_cluster_can(&manifest, "--profile distroless --mode auto").exits(0);
    let mut notes = vec![
        "Deployment web, container nginx: --mode auto is probe: ",
        "Pod cache, container redis: --mode auto is stage: ",
        "Job once, container job: --mode auto is run: ",
    ];
    if minor_version() < 36 {
        notes.extend(["note: --deliver auto is init-container: node ", "image volumes are on since 1.36"]);
    }
    let ran = notes.into_iter().fold(ran, |ran, note| ran.says(note));
    namespace.apply(&ran.stdout);
    namespace.rolled_out("deployment/web");
    let web = namespace.only_pod("app=web");
    assert_withstands(web.ready(), "nginx");
    assert_withstands(namespace.pod("cache").ready(), "redis");
    namespace.job_ends("once", "Complete");
    namespace.only_pod("job-name=once").log_says("job", "removed");
    // What is there is asked, too.
    for (object, mode) in
        [("deployment/web", "probe"), (web.name.as_str(), "probe"), ("cache", "stage"), ("job/once", "run")]
    {
        let ran = advise(&namespace, object).exits(0).says("it has it already");
        assert_eq!(modes(&ran.stdout), [mode], "{object}");
    }
    advise(&namespace, "deployment/none").exits(2).says("kubectl get deployment: ").says("not found");
}
