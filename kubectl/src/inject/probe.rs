//! `--mode probe`: the kubelet calls `harden` until the app has settled, and `verify` from then on: for readiness, and to
//! restart a container that does not hold.

use super::pod::Pod;
use super::startup;
use crate::checks;
use crate::command_line::calls;
use crate::manifest::finding::Severity;
use crate::manifest::workload::Container;
use crate::yaml::{Node, Value};

/// How many seconds an app has to start, where the manifest does not say.
const WAIT: u64 = 60;

/// The timeout of a probe in seconds. `harden` stops by itself after 8 s and reports why; the kubelet would not report
/// it.
const TIMEOUT: u64 = 10;

/// The seconds between two looks of the livenessProbe.
const LIVENESS_PERIOD: u64 = 60;

/// The seconds between two looks of the readinessProbe. It is there because the kubelet takes a container that it has
/// restarted for ready at once where there is none, and keeps a restarted one from traffic where there is one.
const READINESS_PERIOD: u64 = 10;

/// How many looks of `verify` in a row must fail. The first look at a restarted container may come before it is hardened.
const VERIFY_TRIES: u64 = 2;

pub(crate) fn probe(pod: &mut Pod<'_>, container: &Container<'_>) {
    if let Some(place) = container.read_only_root() {
        let message =
            format!("{}: nothing can be deleted from a read-only root (readOnlyRootFilesystem)", container.title);
        let fix = "--mode stage mounts hardened copies, --mode run denies it to the app";
        pod.refuse_at(&place.range, message, fix);
    }
    if let Some(place) = container.non_root() {
        let message = format!(
            "{}: it does not run as root, and only the owner of a directory may delete from it: the probe would fail",
            container.title
        );
        let fix = "--mode stage works without root, --mode run denies what it cannot delete";
        pod.find(Severity::Breaks, &place.range, message, fix);
    }
    pod.findings.extend(checks::unsearchable(container));
    pod.findings.extend(checks::ends(pod.workload, container));
    startup_probe(pod, container);
    verify_probe(pod, container, "livenessProbe", LIVENESS_PERIOD);
    verify_probe(pod, container, "readinessProbe", READINESS_PERIOD);
}

fn startup_probe(pod: &mut Pod<'_>, container: &Container<'_>) {
    let path = container.path.key("startupProbe");
    let Some(probe) = container.node.get("startupProbe") else {
        let (period, tries) = startup::tries(WAIT);
        let probe = Value::map([
            ("exec", harden(pod, WAIT, &[])),
            ("periodSeconds", Value::number(period)),
            ("failureThreshold", Value::number(tries)),
            ("timeoutSeconds", Value::number(TIMEOUT)),
        ]);
        pod.add(container.node, &container.path, "startupProbe", None, probe);
        return;
    };
    if let Some(exec) = exec_of(probe, "harden") {
        pod.update_sealed(exec, &path.key("exec"));
        return;
    }
    match startup::wait_of(probe, container) {
        Ok(known) => {
            let wait = known.budget.max(WAIT);
            let (period, tries) = startup::tries(wait);
            let exec = harden(pod, wait, &[known.target]);
            pod.changes.set(&path, known.handler, "exec", exec);
            pod.set(probe, &path, "periodSeconds", Value::number(period));
            pod.set(probe, &path, "failureThreshold", Value::number(tries));
            let timeout = probe.number_of("timeoutSeconds").unwrap_or_default().max(TIMEOUT);
            pod.set(probe, &path, "timeoutSeconds", Value::number(timeout));
        }
        Err((why, fix)) => {
            let message = format!("{}: its startupProbe cannot become --wait-for: {why}", container.title);
            let place =
                container.node.entry("startupProbe").map_or(probe.range.clone(), |entry| entry.key_range.clone());
            pod.refuse_at(&place, message, fix);
        }
    }
}

/// A probe that is the app's own stays.
fn verify_probe(pod: &mut Pod<'_>, container: &Container<'_>, name: &'static str, period: u64) {
    let Some(probe) = container.node.get(name) else {
        let command = pod.call(&["verify"], &[]);
        let probe = Value::map([
            ("exec", Value::map([("command", command)])),
            ("periodSeconds", Value::number(period)),
            ("failureThreshold", Value::number(VERIFY_TRIES)),
            ("timeoutSeconds", Value::number(TIMEOUT)),
        ]);
        pod.add(container.node, &container.path, name, None, probe);
        return;
    };
    if let Some(exec) = exec_of(probe, "verify") {
        pod.update(exec, &container.path.key(name).key("exec"));
    }
}

/// The `exec` of a probe that calls this subcommand of lithify.
fn exec_of<'a>(probe: &'a Node, subcommand: &str) -> Option<&'a Node> {
    probe.get("exec").filter(|_| calls::handler(Some(probe)).is_some_and(|call| call.first() == Some(&subcommand)))
}

fn harden(pod: &Pod<'_>, wait: u64, targets: &[String]) -> Value {
    let wait = wait.to_string();
    let targets = targets.iter().flat_map(|target| ["--wait-for", target.as_str()]);
    let words: Vec<&str> =
        ["harden", "--wait-for-app"].into_iter().chain(targets).chain(["--wait-timeout", &wait]).collect();
    let digest: Vec<&str> = pod.digest().collect();
    Value::map([("command", pod.call(&words, &digest))])
}
