//! Workloads as people have them, injected by the plugin and applied: the app answers, and the shell is gone.

use serde_json::Value;

use super::attack::assert_withstands;
use crate::harness::cluster::{Namespace, status};
use crate::harness::plugin::{inject, plugin};

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

#[test]
fn stage_in_a_pod_that_is_restricted() {
    let namespace = Namespace::new();
    let plain = "apiVersion: v1
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
    let injected = inject(
        plain,
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
