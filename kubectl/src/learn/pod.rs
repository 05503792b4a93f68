//! A pod that runs: an ephemeral container in the process namespace of its app looks at the app through `/proc/1/root`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{log, running};
use crate::cli::{DEFAULT_IMAGE, Learn, Object};
use crate::cluster::{Cluster, quoted};
use crate::failure::Failure;
use crate::output::{print, say};

/// The name of the ephemeral container; a further one gets a number.
const NAME: &str = "lithify-learn";

/// How long a container may take to be pulled and started.
const STARTING: Duration = Duration::from_secs(180);

/// Prints the commands that learn, or with `--apply` runs them and returns the profile.
pub(super) fn learn(options: &Learn, object: &Object) -> Result<Option<String>, Failure> {
    let cluster = Cluster::new(options.context.as_ref(), options.namespace.as_ref());
    let pod = running::pod(&cluster, object)?;
    let pod = pod.as_str();
    if !options.apply {
        let container = options.container.as_deref().unwrap_or("CONTAINER");
        print(&commands(options, &cluster, pod, container))?;
        say("note: nothing was done; --apply runs this, waits, and prints the profile\n");
        return Ok(None);
    }
    let seen = cluster.get("pod", pod)?;
    let container = container(&seen, options)?;
    let name = free_name(&seen);
    let patch = patch(options, &name, &container);
    cluster.run(&["patch", "pod", pod, "--subresource=ephemeralcontainers", "--patch", &patch])?;
    say(&format!(
        "note: the ephemeral container {name} of pod {pod} looks at {container} for {} s: use the app; it stays in the pod's spec, also if you stop waiting\n",
        lithify::text::seconds::format(options.time)
    ));
    let deadline = Instant::now() + STARTING + options.time;
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let state = state(&cluster.get("pod", pod)?, &name);
        let ended = state.pointer("/terminated").is_some();
        let text = if ended || state.pointer("/running").is_some() {
            cluster.run(&["logs", pod, "-c", &name])?
        } else {
            String::new()
        };
        if ended || log::is_done(&text) {
            say(&log::said(&text));
            return log::profile(&text).map(Some);
        }
        if Instant::now() > deadline {
            return Err(Failure::Manifest(format!(
                "the ephemeral container {name} has written no profile: {state}\n  fix: see kubectl describe pod {pod}; is the image there ({})?",
                image(options)
            )));
        }
    }
}

/// What somebody would type.
fn commands(options: &Learn, cluster: &Cluster, pod: &str, container: &str) -> String {
    let kubectl = cluster.shown();
    let out = options.out.as_deref().filter(|out| *out != "-").unwrap_or("learned.toml");
    let seconds = STARTING.as_secs() + options.time.as_secs();
    format!(
        "{kubectl} patch pod {pod} --subresource=ephemeralcontainers --patch {patch}\n\
         {kubectl} wait pod {pod} --timeout={seconds}s --for=jsonpath='{{.status.ephemeralContainerStatuses[?(@.name==\"{NAME}\")].state.terminated.exitCode}}'=0\n\
         {kubectl} logs {pod} -c {NAME} | kubectl lithify learn --logs - --out {out}\n",
        pod = quoted(pod),
        patch = quoted(&patch(options, NAME, container)),
        out = quoted(out),
    )
}

fn image(options: &Learn) -> &str {
    options.image.as_deref().unwrap_or(DEFAULT_IMAGE)
}

/// The ephemeral container. It looks into another user's processes, which takes root and `SYS_PTRACE`.
fn patch(options: &Learn, name: &str, container: &str) -> String {
    let args =
        ["learn", "--root", "/proc/1/root", "--for", &lithify::text::seconds::format(options.time)].map(str::to_owned);
    let container = json!({
        "name": name,
        "image": image(options),
        "targetContainerName": container,
        "args": args,
        "securityContext": {
            "runAsUser": 0,
            "runAsNonRoot": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "add": ["SYS_PTRACE"] },
        },
    });
    json!({ "spec": { "ephemeralContainers": [container] } }).to_string()
}

/// The container that is meant.
fn container(pod: &Value, options: &Learn) -> Result<String, Failure> {
    if pod.pointer("/spec/shareProcessNamespace") == Some(&Value::Bool(true)) {
        return Err(Failure::usage(
            "the containers of this pod share one process namespace (shareProcessNamespace: true), in which process 1 is none of the app's",
            "learn from its manifest: kubectl lithify learn -f FILE",
        ));
    }
    let containers = list(pod, "/spec/containers");
    let names: Vec<&str> =
        containers.iter().filter_map(|container| container.get("name").and_then(Value::as_str)).collect();
    match (options.container.as_deref(), names.as_slice()) {
        (Some(name), _) if names.contains(&name) => Ok(name.to_owned()),
        (None, [name]) => Ok((*name).to_owned()),
        _ => Err(Failure::usage(
            format!("the containers of this pod are {}", names.join(", ")),
            "name the app's with --container",
        )),
    }
}

/// A name that no ephemeral container of the pod has: none is ever removed from a pod.
fn free_name(pod: &Value) -> String {
    let known = list(pod, "/spec/ephemeralContainers");
    let is_free =
        |name: &String| known.iter().all(|container| container.get("name").and_then(Value::as_str) != Some(name));
    let mut names = std::iter::once(NAME.to_owned()).chain((2..).map(|number: u32| format!("{NAME}-{number}")));
    names.find(is_free).unwrap_or_default()
}

/// The list at this place of an object.
fn list<'a>(object: &'a Value, place: &str) -> &'a [Value] {
    object.pointer(place).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The state of the ephemeral container of this name.
fn state(pod: &Value, name: &str) -> Value {
    let all = list(pod, "/status/ephemeralContainerStatuses");
    let status = all.iter().find(|status| status.get("name").and_then(Value::as_str) == Some(name));
    status.and_then(|status| status.get("state")).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_time_gets_another_name() {
        assert_eq!(free_name(&json!({})), "lithify-learn");
        let pod =
            json!({ "spec": { "ephemeralContainers": [{ "name": "lithify-learn" }, { "name": "lithify-learn-2" }] } });
        assert_eq!(free_name(&pod), "lithify-learn-3");
    }
}
