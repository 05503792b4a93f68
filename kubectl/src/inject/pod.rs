//! One pod while `inject` changes it: its changes and findings so far, and the changes that all modes make.

use std::ops::Range;

use super::profiles::Profiles;
use crate::checks::inscribed::Call;
use crate::cli::{Delivery, Inject, Mode};
use crate::command_line::arguments;
use crate::command_line::removed::Removed;
use crate::manifest::finding::{Finding, Severity};
use crate::manifest::workload::{Container, Workload};
use crate::yaml::{Changes, Node, Path, Style, Value};

/// One pod, what to do to it, and the result so far.
pub(crate) struct Pod<'a> {
    pub(crate) options: &'a Inject,
    pub(crate) profiles: &'a Profiles,
    pub(crate) removed: &'a Removed<'a>,
    pub(crate) workload: &'a Workload<'a>,
    /// How the program comes into the pod.
    pub(crate) delivery: Delivery,
    /// The mode of the container that is changed.
    pub(crate) mode: Mode,
    /// The calls of lithify in the finished pod; `None` until they are known.
    pub(crate) calls: Option<&'a Vec<Call>>,
    pub(crate) changes: &'a mut Changes,
    pub(crate) findings: &'a mut Vec<Finding>,
}

/// New items for the lists of the pod itself.
#[derive(Default)]
pub(crate) struct Additions {
    pub(crate) volumes: Vec<Value>,
    pub(crate) init_containers: Vec<Value>,
}

impl<'a> Pod<'a> {
    /// Appends items to a list, and makes the list where the node has none.
    pub(crate) fn append(
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
        } else {
            self.add(node, path, key, before, Value::List(items, Style::Block));
        }
    }

    /// Adds a key that the node does not have, or that is null there.
    pub(crate) fn add(&mut self, node: &Node, path: &Path, key: &str, before: Option<&'static str>, value: Value) {
        if node.entry(key).is_some() {
            self.changes.fill(path, key, value);
        } else {
            self.changes.add(path, before, key, value);
        }
    }

    /// Sets the value of a key, unless the key has that value.
    pub(crate) fn set(&mut self, node: &Node, path: &Path, key: &'static str, value: Value) {
        match node.entry(key) {
            Some(entry) if entry.value.value() == value => {}
            Some(_) => self.changes.set(path, key, key, value),
            None => self.changes.add(path, None, key, value),
        }
    }

    /// Puts the profiles of this run into a call of lithify, in the command and args of a container or a handler.
    pub(crate) fn update(&mut self, node: &Node, path: &Path) {
        self.update_with(node, path, None);
    }

    /// The same for a call that compares the digest.
    pub(crate) fn update_sealed(&mut self, node: &Node, path: &Path) {
        let options: &'a Inject = self.options;
        self.update_with(node, path, options.digest.as_ref());
    }

    fn update_with(&mut self, node: &Node, path: &Path, digest: Option<&String>) {
        let lists = ["command", "args"].map(|key| node.words_of(key));
        let mut updated = arguments::with_option(&lists, "profile", &self.profiles.there);
        if let Some(digest) = digest {
            let lists = updated.each_ref().map(|list| list.iter().map(String::as_str).collect());
            updated = arguments::with_option(&lists, "digest", std::slice::from_ref(digest));
        }
        self.replace_words(path, lists, updated);
    }

    /// The option of a new call that compares the digest; nothing without `--digest`.
    pub(crate) fn digest(&self) -> impl Iterator<Item = &'a str> {
        let options: &'a Inject = self.options;
        options.digest.iter().flat_map(|digest| ["--digest", digest.as_str()])
    }

    /// Replaces the words of a command and its args.
    pub(crate) fn replace_words(&mut self, path: &Path, lists: [Vec<&str>; 2], updated: [Vec<String>; 2]) {
        for ((key, before), after) in ["command", "args"].into_iter().zip(lists).zip(updated) {
            if before != after {
                let words = after.into_iter().map(Value::Text).collect();
                self.changes.items(&path.key(key), words);
            }
        }
    }

    /// A call of lithify: the words before its profiles, the profiles, and the words after them.
    pub(crate) fn call<S: AsRef<str>>(&self, before: &[S], after: &[&str]) -> Value {
        let profiles = self.profiles.there.iter().flat_map(|profile| ["--profile", profile.as_str()]);
        let words = std::iter::once(self.delivery.program()).chain(before.iter().map(AsRef::as_ref));
        Value::words(words.chain(profiles).chain(after.iter().copied()))
    }

    /// Adds an `emptyDir` volume, unless the pod has it. Refuses a volume of that name and another kind.
    pub(crate) fn empty_dir(&mut self, name: &str, new: &mut Additions) {
        match self.workload.volume(name) {
            Some(volume) if volume.entry("emptyDir").is_none() => {
                let message = format!("{}: the volume {name} is no emptyDir: it is not ours", self.workload.title);
                self.refuse_at(&volume.range, message, "give that volume another name");
            }
            Some(_) => {}
            None => new
                .volumes
                .push(Value::map([("name", Value::text(name)), ("emptyDir", Value::Map(Vec::new(), Style::Flow))])),
        }
    }

    /// The init container of this name.
    pub(crate) fn init_container(&self, name: &str) -> Option<Container<'a>> {
        self.workload.init_containers().into_iter().find(|container| container.name == name)
    }

    pub(crate) fn find(&mut self, severity: Severity, place: &Range<usize>, message: String, fix: impl Into<String>) {
        self.findings.push(Finding::new(severity, place, message, fix));
    }

    pub(crate) fn refuse(&mut self, container: &Container<'_>, message: String, fix: impl Into<String>) {
        self.refuse_at(&container.place(), message, fix);
    }

    pub(crate) fn refuse_at(&mut self, place: &Range<usize>, message: String, fix: impl Into<String>) {
        self.find(Severity::Refused, place, message, fix);
    }
}

/// A read-only mount.
pub(crate) fn mount(volume: &str, path: &str, sub_path: Option<&str>) -> Value {
    let entries = [("name", Some(volume)), ("mountPath", Some(path)), ("subPath", sub_path)];
    let entries = entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), Value::text(value?))));
    Value::Map(entries.chain([("readOnly".to_owned(), Value::yes())]).collect(), Style::Flow)
}

/// The security context of an init container that `inject` adds: as restricted as the restricted Pod Security Standard
/// asks. Its user and seccomp profile are those of the app's container; what the pod sets applies to both.
pub(crate) fn security(app: Option<&Container<'_>>) -> Value {
    let mut entries = vec![
        ("readOnlyRootFilesystem".to_owned(), Value::yes()),
        ("allowPrivilegeEscalation".to_owned(), Value::no()),
        ("capabilities".to_owned(), Value::braces([("drop", Value::List(vec![Value::text("ALL")], Style::Flow))])),
    ];
    for key in ["runAsNonRoot", "runAsUser", "runAsGroup", "seccompProfile"] {
        if let Some(value) = app.and_then(|app| app.node.at(&["securityContext", key])) {
            entries.push((key.to_owned(), value.value()));
        }
    }
    Value::Map(entries, Style::Block)
}
