//! One pod being injected: what all modes have in common.

use super::super::arguments;
use super::super::checks;
use super::super::cli::{Inject, Mode};
use super::super::finding::{Finding, Weight};
use super::super::inscribed::Call;
use super::super::ours;
use super::super::removed::Removed;
use super::super::workload::{Container, Workload};
use super::super::yaml::{Changes, Node, Path, Style, Value};
use super::Profiles;

/// Everything at hand for one pod.
pub(super) struct Pod<'a> {
    pub(super) options: &'a Inject,
    pub(super) profiles: &'a Profiles,
    pub(super) removed: &'a Removed<'a>,
    pub(super) workload: &'a Workload<'a>,
    /// The calls of the program in the new pod, where they are known.
    pub(super) only: Option<&'a Vec<Call>>,
    pub(super) changes: &'a mut Changes,
    pub(super) findings: &'a mut Vec<Finding>,
}

/// What is new in the pod's own lists.
#[derive(Default)]
pub(super) struct Additions {
    pub(super) volumes: Vec<Value>,
    pub(super) init_containers: Vec<Value>,
}

impl Pod<'_> {
    /// Puts into the changes what the chosen containers need, and into the findings what forbids it.
    pub(super) fn inject(&mut self, chosen: &[Container<'_>]) {
        let mut new = Additions::default();
        let mode = self.options.mode;
        self.delivery(chosen, &mut new);
        for container in chosen {
            if let Some(other) = ours::mode(self.workload, container).filter(|known| *known != mode) {
                let message = format!("{} has lithify in mode {} already", container.title, other.name());
                let fix = format!("inject into the manifest as it was before, or use --mode {}", other.name());
                self.refuse(container, message, fix);
                continue;
            }
            self.findings.extend(checks::handlers(container, Some(mode), self.removed));
            self.findings.extend(checks::app(container, Some(mode), self.removed));
            self.mounted_profiles(container);
            let mut mounts = self.mount(container);
            match mode {
                Mode::Probe => self.probe(container),
                Mode::Run => self.run(container),
                Mode::Stage => self.stage(container, &mut new, &mut mounts),
            }
            self.append(container.node, &container.path, "volumeMounts", None, mounts);
        }
        let (spec, path) = (self.workload.spec, self.workload.path.clone());
        self.append(spec, &path, "initContainers", Some("containers"), new.init_containers);
        self.append(spec, &path, "volumes", None, new.volumes);
    }

    /// Items for a list that may not be there yet.
    pub(super) fn append(
        &mut self,
        node: &Node,
        path: &Path,
        key: &str,
        before: Option<&'static str>,
        items: Vec<Value>,
    ) {
        if items.is_empty() {
            return;
        }
        if node.get(key).is_some() {
            for item in items {
                self.changes.push(&path.key(key), item);
            }
        } else if node.entry(key).is_some() {
            // There, and null: a change of its own.
            self.changes.fill(path, key, Value::List(items, Style::Block));
        } else {
            self.changes.add(path, before, key, Value::List(items, Style::Block));
        }
    }

    /// A value in the place of another one, where it differs.
    pub(super) fn set(&mut self, node: &Node, path: &Path, key: &'static str, value: Value) {
        match node.entry(key) {
            Some(entry) if entry.value.value() == value => {}
            Some(_) => self.changes.set(path, key, key, value),
            None => self.changes.add(path, None, key, value),
        }
    }

    /// A command of ours, of a container or a handler, with the profiles that are asked for now.
    pub(super) fn update(&mut self, node: &Node, path: &Path) {
        let lists = ["command", "args"].map(|key| node.words_of(key));
        let updated = arguments::with_profiles(&lists, &self.profiles.there);
        self.put(path, lists, updated);
    }

    /// Other words in the place of a command and args.
    pub(super) fn put(&mut self, path: &Path, lists: [Vec<&str>; 2], updated: [Vec<String>; 2]) {
        for ((key, before), after) in ["command", "args"].into_iter().zip(lists).zip(updated) {
            if before != after {
                let words = after.into_iter().map(Value::Text).collect();
                self.changes.items(&path.key(key), words);
            }
        }
    }

    /// The command of ours for these profiles.
    pub(super) fn call<S: AsRef<str>>(&self, before: &[S], after: &[&str]) -> Value {
        let profiles = self.profiles.there.iter().flat_map(|profile| ["--profile", profile.as_str()]);
        let words = std::iter::once(super::super::PROGRAM).chain(before.iter().map(AsRef::as_ref));
        Value::words(words.chain(profiles).chain(after.iter().copied()))
    }

    pub(super) fn refuse(&mut self, container: &Container<'_>, message: String, fix: impl Into<String>) {
        let place = container.place();
        self.refuse_at(&place, message, fix);
    }

    pub(super) fn refuse_at(&mut self, place: &std::ops::Range<usize>, message: String, fix: impl Into<String>) {
        self.findings.push(Finding::new(Weight::Refused, place, message, fix));
    }

    /// A profile that is a file must be in a volume that the container mounts.
    fn mounted_profiles(&mut self, container: &Container<'_>) {
        for file in self.profiles.files() {
            if checks::mount_over(container, file).is_none() {
                let message = format!("{}: no volume is mounted over the profile {file}", container.title);
                self.refuse(
                    container,
                    message,
                    "put the profile into a ConfigMap and mount that read-only, see docs/kubectl.md",
                );
            }
        }
    }
}
