//! `--mode probe`: the kubelet calls `harden` until the app has settled, and `verify` from then on.

use super::super::checks;
use super::super::finding::{Finding, Weight};
use super::super::ours;
use super::super::workload::Container;
use super::super::yaml::Value;
use super::pod::Pod;
use super::startup;

/// Seconds that an app has to start where nobody says how long it takes.
const WAIT: u64 = 60;

/// A run stops by itself after 8 s, and says so; the kubelet would say nothing.
const TIMEOUT: u64 = 10;

impl Pod<'_> {
    pub(super) fn probe(&mut self, container: &Container<'_>) {
        if let Some(place) = container.read_only_root() {
            let message =
                format!("{}: nothing can be deleted from a read-only root (readOnlyRootFilesystem)", container.title);
            self.refuse_at(
                &place.range,
                message,
                "--mode stage mounts hardened copies, --mode run denies it to the app",
            );
        }
        if let Some(place) = container.non_root() {
            let message = format!(
                "{}: it does not run as root, and only the owner of a directory may delete from it: the probe would fail",
                container.title
            );
            self.findings.push(Finding::new(
                Weight::Breaks,
                &place.range,
                message,
                "--mode stage works without root, --mode run denies what it cannot delete",
            ));
        }
        self.findings.extend(checks::unsearchable(container));
        if matches!(self.workload.kind, "Job" | "CronJob") {
            let message =
                format!("{}: a job may be over before its first probe, and is not hardened then", container.title);
            let place = container.place();
            self.findings.push(Finding::new(Weight::Note, &place, message, "--mode run hardens before it starts"));
        }
        self.startup(container);
        match container.node.get("livenessProbe") {
            None => {
                let command = self.call(&["verify"], &[]);
                let probe = Value::map([
                    ("exec", Value::map([("command", command)])),
                    ("periodSeconds", Value::number(60)),
                    ("timeoutSeconds", Value::number(TIMEOUT)),
                ]);
                self.append_probe(container, "livenessProbe", probe);
            }
            Some(probe) => {
                let is_verify = ours::handler(Some(probe)).is_some_and(|call| call.first() == Some(&"verify"));
                if let Some(exec) = probe.get("exec").filter(|_| is_verify) {
                    self.update(exec, &container.path.key("livenessProbe").key("exec"));
                }
            }
        }
    }

    fn startup(&mut self, container: &Container<'_>) {
        let path = container.path.key("startupProbe");
        let Some(probe) = container.node.get("startupProbe") else {
            let (period, tries) = startup::tries(WAIT);
            let probe = Value::map([
                ("exec", self.harden(WAIT, &[])),
                ("periodSeconds", Value::number(period)),
                ("failureThreshold", Value::number(tries)),
                ("timeoutSeconds", Value::number(TIMEOUT)),
            ]);
            self.append_probe(container, "startupProbe", probe);
            return;
        };
        if let Some(exec) =
            probe.get("exec").filter(|_| ours::handler(Some(probe)).is_some_and(|call| call.first() == Some(&"harden")))
        {
            self.update(exec, &path.key("exec"));
            return;
        }
        match startup::waits(probe, container) {
            Ok(waits) => {
                let wait = waits.budget.max(WAIT);
                let (period, tries) = startup::tries(wait);
                let exec = self.harden(wait, &[waits.target]);
                self.changes.set(&path, waits.handler, "exec", exec);
                self.set(probe, &path, "periodSeconds", Value::number(period));
                self.set(probe, &path, "failureThreshold", Value::number(tries));
                let timeout = probe.number_of("timeoutSeconds").unwrap_or_default().max(TIMEOUT);
                self.set(probe, &path, "timeoutSeconds", Value::number(timeout));
            }
            Err((why, fix)) => {
                let message = format!("{}: its startupProbe cannot become --wait-for: {why}", container.title);
                let place =
                    container.node.entry("startupProbe").map_or(probe.range.clone(), |entry| entry.key_range.clone());
                self.refuse_at(&place, message, fix);
            }
        }
    }

    fn harden(&self, wait: u64, targets: &[String]) -> Value {
        let wait = wait.to_string();
        let targets = targets.iter().flat_map(|target| ["--wait-for", target.as_str()]);
        let words: Vec<&str> =
            ["harden", "--wait-for-app"].into_iter().chain(targets).chain(["--wait-timeout", &wait]).collect();
        Value::map([("command", self.call(&words, &[]))])
    }

    fn append_probe(&mut self, container: &Container<'_>, key: &str, probe: Value) {
        if container.node.entry(key).is_some() {
            self.changes.fill(&container.path, key, probe);
        } else {
            self.changes.add(&container.path, None, key, probe);
        }
    }
}
