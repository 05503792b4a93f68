//! A real cluster, by kubectl: the one that tests/cluster.sh starts, or the context that `LITHIFY_CONTEXT` names.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Ran, run, run_with};

const KUBECONFIG: &str = "/var/lib/lithify-cluster/kubeconfig";

/// How long anything may take on a busy node.
const TIME: Duration = Duration::from_secs(180);

/// kubectl with arguments, at the cluster of the tests.
fn kubectl<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ran {
    run(command().args(arguments))
}

fn command() -> Command {
    let mut command = Command::new("kubectl");
    with_context(&mut command);
    let is_there = std::env::var_os("LITHIFY_CONTEXT").is_some() || Path::new(KUBECONFIG).exists();
    assert!(is_there, "there is no cluster: run `tests/cluster.sh up` first");
    command
}

/// The plugin with this cluster.
pub fn with_context(command: &mut Command) {
    match std::env::var("LITHIFY_CONTEXT") {
        Ok(context) => command.args(["--context", &context]),
        Err(_) => command.env("KUBECONFIG", KUBECONFIG),
    };
}

/// N of the API server's version 1.N.
pub fn minor_version() -> u32 {
    let version = kubectl(["get", "--raw", "/version"]).exits(0).json();
    // Not its `minor`, which not every build sets.
    version["gitVersion"].as_str().unwrap().split('.').nth(1).unwrap().parse().unwrap()
}

/// What a test makes on the cluster is in a namespace of its own, and goes with it.
pub struct Namespace {
    name: String,
}

impl Namespace {
    #[track_caller]
    pub fn new() -> Self {
        // The API server chooses a name that was never used: the one before may still be going.
        let new = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "generateName": "lithify-" } });
        let made = run_with(command().args(["create", "-o", "json", "-f", "-"]), &new.to_string()).exits(0).json();
        let namespace = Self { name: made["metadata"]["name"].as_str().unwrap().to_owned() };
        // Pods are refused until the controllers have made it, and before 1.24 its token.
        let with_token = minor_version() < 24;
        namespace.wait("have a service account", || {
            let account = namespace.kubectl(["get", "serviceaccount", "default", "-o", "json"]).json_or_null();
            account.is_object() && !(with_token && account["secrets"].is_null())
        });
        namespace
    }

    /// The plugin, or whatever else calls kubectl, with this cluster and namespace.
    pub fn with_flags(&self, command: &mut Command) {
        with_context(command.args(["--namespace", &self.name]));
    }

    pub fn kubectl<S: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ran {
        run(command().args(["--namespace", &self.name]).args(arguments))
    }

    /// `kubectl apply`, of what the cluster is too old for in the form that it knows.
    #[track_caller]
    pub fn apply(&self, manifest: &str) {
        self.try_apply(manifest).exits(0);
    }

    pub fn try_apply(&self, manifest: &str) -> Ran {
        let cron_job = "apiVersion: batch/v1\nkind: CronJob";
        if manifest.contains(cron_job) && minor_version() < 21 {
            let older = manifest.replace(cron_job, "apiVersion: batch/v1beta1\nkind: CronJob");
            return self.kubectl_with(&older, ["apply", "-f", "-"]);
        }
        self.kubectl_with(manifest, ["apply", "-f", "-"])
    }

    /// kubectl with something on its standard input.
    pub fn kubectl_with<S: AsRef<std::ffi::OsStr>>(&self, input: &str, arguments: impl IntoIterator<Item = S>) -> Ran {
        let mut command = command();
        run_with(command.args(["--namespace", &self.name]).args(arguments), input)
    }

    /// Runs a CronJob now, as a Job of this name, as `kubectl create job --from` does, whose client and server must be of an age.
    #[track_caller]
    pub fn run_now(&self, cron_job: &str, name: &str) {
        let cron_job = self.kubectl(["get", "cronjob", cron_job, "-o", "json"]).exits(0).json();
        let spec = &cron_job["spec"]["jobTemplate"]["spec"];
        let job = json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": name }, "spec": spec });
        self.apply(&job.to_string());
    }

    /// The pod of this name, whether it is there yet or not.
    pub fn pod<'a>(&'a self, name: &str) -> Pod<'a> {
        Pod { namespace: self, name: name.to_owned() }
    }

    /// The pods with this label, as `key=value`, but for those that are going.
    #[track_caller]
    pub fn pods(&self, label: &str) -> Vec<Pod<'_>> {
        let pods = self.kubectl(["get", "pods", "-l", label, "-o", "json"]).exits(0).json();
        let staying =
            pods["items"].as_array().unwrap().iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        staying.map(|pod| self.pod(pod["metadata"]["name"].as_str().unwrap())).collect()
    }

    /// The only pod with this label, once it is there.
    #[track_caller]
    pub fn only_pod(&self, label: &str) -> Pod<'_> {
        let mut pods = Vec::new();
        self.wait(&format!("have one pod with {label}"), || {
            pods = self.pods(label);
            pods.len() == 1
        });
        pods.remove(0)
    }

    /// Waits until a controller says so of what it has made.
    #[track_caller]
    pub fn rolled_out(&self, what: &str) {
        self.kubectl(["rollout", "status", what, &format!("--timeout={}s", TIME.as_secs())]).exits(0);
    }

    /// Waits until a Job ends so.
    #[track_caller]
    pub fn job_ends(&self, name: &str, condition: &str) {
        let (condition, timeout) = (format!("--for=condition={condition}"), format!("--timeout={}s", TIME.as_secs()));
        self.kubectl(["wait", &condition, &timeout, &format!("job/{name}")]).exits(0);
    }

    #[track_caller]
    pub fn wait(&self, what: &str, done: impl FnMut() -> bool) {
        if !is_in_time(done) {
            let seen = ["pods", "events"].map(|kind| self.kubectl(["get", kind, "-o", "wide"]).all());
            panic!("{} did not {what} in {TIME:?}:\n{}\n{}", self.name, seen[0], seen[1]);
        }
    }
}

fn is_in_time(mut done: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !done() {
        if start.elapsed() > TIME {
            return false;
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    true
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let gone = ["delete", "namespace", &self.name, "--wait=false"];
        let _ = command().args(gone).stdout(Stdio::null()).status();
        // Nobody waits for what a failed or finished test has left running.
        let pods = ["delete", "pods", "--all", "--grace-period=0", "--force", "--wait=false"];
        let _ = self.kubectl(pods);
    }
}

/// A pod, whether it is there yet or not.
pub struct Pod<'a> {
    namespace: &'a Namespace,
    pub name: String,
}

impl Pod<'_> {
    /// As `kubectl get -o json` shows it.
    #[track_caller]
    pub fn get(&self) -> Value {
        self.namespace.kubectl(["get", "pod", &self.name, "-o", "json"]).exits(0).json()
    }

    pub fn describe(&self) -> String {
        self.namespace.kubectl(["describe", "pod", &self.name]).all()
    }

    /// The line of `kubectl get pod`.
    pub fn line(&self) -> String {
        self.namespace.kubectl(["get", "pod", &self.name, "--no-headers"]).all()
    }

    pub fn log(&self, container: &str) -> String {
        self.namespace.kubectl(["logs", &self.name, "-c", container]).all()
    }

    /// Waits until the log of a container contains this: a line takes a moment to get there.
    #[track_caller]
    pub fn log_says(&self, container: &str, text: &str) {
        let said = is_in_time(|| self.log(container).contains(text));
        assert!(said, "expected {text:?} in:\n{}", self.log(container));
    }

    /// Waits until its description contains this: events come when the kubelet gets round to it.
    #[track_caller]
    pub fn describe_says(&self, text: &str) {
        let said = is_in_time(|| self.describe().contains(text));
        assert!(said, "expected {text:?} in:\n{}", self.describe());
    }

    /// Waits until all its containers are ready.
    #[track_caller]
    pub fn ready(&self) -> &Self {
        let timeout = format!("--timeout={}s", TIME.as_secs());
        self.namespace.wait("be made", || self.namespace.kubectl(["get", "pod", &self.name]).code == 0);
        let ran = self.namespace.kubectl(["wait", "--for=condition=Ready", &timeout, &format!("pod/{}", self.name)]);
        assert!(ran.code == 0, "{}\n{}\n{}", ran.all(), self.describe(), self.all_logs());
        self
    }

    fn all_logs(&self) -> String {
        self.namespace.kubectl(["logs", &self.name, "--all-containers", "--prefix"]).all()
    }

    /// Waits until what `kubectl get -o json` shows is so.
    #[track_caller]
    pub fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Value::Null;
        self.namespace.wait(&format!("have a pod {} that {what}", self.name), || {
            seen =
                self.namespace.kubectl(["get", "pod", &self.name, "-o", "json", "--ignore-not-found"]).json_or_null();
            is_so(&seen)
        });
        seen
    }

    /// `kubectl exec` in its container of this name.
    pub fn exec<S: AsRef<std::ffi::OsStr>>(&self, container: &str, arguments: impl IntoIterator<Item = S>) -> Ran {
        let mut all: Vec<std::ffi::OsString> =
            ["exec", &self.name, "-c", container, "--"].iter().map(Into::into).collect();
        all.extend(arguments.into_iter().map(|word| word.as_ref().to_owned()));
        self.namespace.kubectl(all)
    }

    /// What its port answers, once it does, through the proxy of the API server.
    #[track_caller]
    pub fn http(&self, port: u16, path: &str) -> String {
        let mut answer = String::new();
        self.namespace.wait("answer", || {
            let ran = self.try_http(port, path);
            answer = ran.stdout.clone();
            ran.code == 0
        });
        answer
    }

    pub fn try_http(&self, port: u16, path: &str) -> Ran {
        let (namespace, name) = (&self.namespace.name, &self.name);
        let url = format!("/api/v1/namespaces/{namespace}/pods/{name}:{port}/proxy/{}", path.trim_start_matches('/'));
        self.namespace.kubectl(["get", "--raw", &url])
    }

    /// Adds an ephemeral container that runs lithify as root in the container `target`, as `kubectl debug --custom` does.
    /// Before 1.22 the API was another one and knew no securityContext: there it is the image that says root.
    #[track_caller]
    pub fn add_ephemeral_container(&self, target: &str, command: &[&str]) {
        let mut container = json!({
            "name": "lithify",
            "image": "ghcr.io/lithify/lithify:0.1.0",
            "targetContainerName": target,
            "command": command,
            "securityContext": { "runAsUser": 0, "capabilities": { "add": ["SYS_PTRACE"] } },
        });
        let patch = json!({ "spec": { "ephemeralContainers": [container] } }).to_string();
        let new = ["patch", "pod", &self.name, "--subresource=ephemeralcontainers", "--patch", &patch];
        if minor_version() >= 22 {
            self.namespace.kubectl(new).exits(0);
            return;
        }
        container["image"] = json!("ghcr.io/lithify/lithify:root");
        container.as_object_mut().unwrap().remove("securityContext");
        let (namespace, name) = (&self.namespace.name, &self.name);
        let old = json!({
            "apiVersion": "v1",
            "kind": "EphemeralContainers",
            "metadata": { "name": name },
            "ephemeralContainers": [container],
        });
        let url = format!("/api/v1/namespaces/{namespace}/pods/{name}/ephemeralcontainers");
        self.namespace.kubectl_with(&old.to_string(), ["replace", "--raw", &url, "-f", "-"]).exits(0);
    }

    /// Asks for its eviction, as `kubectl drain` does.
    #[track_caller]
    pub fn evict(&self) {
        let (namespace, name) = (&self.namespace.name, &self.name);
        let version = if minor_version() < 22 { "policy/v1beta1" } else { "policy/v1" };
        let eviction = json!({ "apiVersion": version, "kind": "Eviction", "metadata": { "name": name } });
        let url = format!("/api/v1/namespaces/{namespace}/pods/{name}/eviction");
        self.namespace.kubectl_with(&eviction.to_string(), ["create", "--raw", &url, "-f", "-"]).exits(0);
    }

    /// How often its container of this name was restarted.
    #[track_caller]
    pub fn restarts(&self, container: &str) -> u64 {
        status(&self.get(), container)["restartCount"].as_u64().unwrap_or(0)
    }
}

/// The status of a container or init container in what [`Pod::get`] gives; null as long as there is none.
pub fn status(pod: &Value, container: &str) -> Value {
    let of = |kind: &str| pod["status"][kind].as_array().cloned().unwrap_or_default();
    let all = [of("containerStatuses"), of("initContainerStatuses"), of("ephemeralContainerStatuses")].concat();
    all.into_iter().find(|status| status["name"] == container).unwrap_or(Value::Null)
}
