//! How the program comes into the app's container: a volume, an init container that fills it, a read-only mount.

use super::super::checks;
use super::super::cli::DEFAULT_IMAGE;
use super::super::finding::{Finding, Weight};
use super::super::inscribed::{self, ONLY};
use super::super::workload::Container;
use super::super::yaml::{Style, Value};
use super::super::{MOUNT_POINT, NAME};
use super::pod::{Additions, Pod};
use lithify::recognise::only::Line;

/// What the init container has of a CPU, in thousandths. The pod asks for as much from then on, so that no other init
/// container need have less.
pub(super) const MILLI_CPU: u64 = 100;

impl Pod<'_> {
    /// The volume and its init container.
    pub(super) fn delivery(&mut self, chosen: &[Container<'_>], new: &mut Additions) {
        match self.workload.volume(NAME) {
            Some(volume) if volume.entry("emptyDir").is_none() => {
                let message = format!("{}: the volume {NAME} is no emptyDir: it is not ours", self.workload.title);
                self.refuse_at(&volume.range, message, "give that volume another name");
            }
            Some(_) => {}
            None => new.volumes.push(Value::map([("name", Value::text(NAME)), ("emptyDir", empty())])),
        }
        let known = self.workload.init_containers().into_iter().find(|container| container.name == NAME);
        let image = self.options.image.as_deref();
        let Some(known) = known else {
            new.init_containers.push(Value::map([
                ("name", Value::text(NAME)),
                ("image", Value::text(image.unwrap_or(DEFAULT_IMAGE))),
                ("args", self.args(chosen)),
                ("resources", resources()),
                ("securityContext", security(chosen.first())),
                (
                    "volumeMounts",
                    Value::List(
                        vec![Value::braces([("name", Value::text(NAME)), ("mountPath", Value::text(MOUNT_POINT))])],
                        Style::Block,
                    ),
                ),
            ]));
            return;
        };
        if checks::installs(&known) != Some(NAME) {
            let message = format!("{} does not install lithify into volume {NAME}: it is not ours", known.title);
            self.refuse(&known, message, "give that init container another name");
            return;
        }
        if let Some(image) = image {
            self.set(known.node, &known.path, "image", Value::text(image));
        }
        let Some(lines) = self.lines(chosen).filter(|lines| !lines.is_empty()) else { return };
        // What somebody has added stays; what the pod called before and calls no more goes.
        let before: Vec<Line> =
            inscribed::calls(self.workload, NAME).iter().filter_map(|call| Line::new(&call.line()?).ok()).collect();
        let now = inscribed::lines(&lines);
        let is = |all: &[Line], line: &Line| all.iter().any(|one| one.words == line.words);
        let kept = inscribed::only(&known).into_iter().filter(|text| {
            inscribed::lines(std::slice::from_ref(text)).iter().all(|line| !is(&before, line) && !is(&now, line))
        });
        let only: Vec<String> = lines.iter().cloned().chain(kept).collect();
        let lists = ["command", "args"].map(|key| known.node.words_of(key));
        let updated = inscribed::with_lines(&lists, &only);
        self.put(&known.path, lists, updated);
    }

    /// The args of a new one: `install`, and all that the program is to accept.
    fn args(&mut self, chosen: &[Container<'_>]) -> Value {
        let lines = self.lines(chosen).unwrap_or_default();
        let style = if lines.is_empty() { Style::Words } else { Style::Block };
        let words = ["install", MOUNT_POINT].map(Value::text).into_iter();
        Value::List(words.chain(lines.iter().map(|line| Value::text(format!("{ONLY}{line}")))).collect(), style)
    }

    /// What the program is to accept, each once; `None` where the manifest does not tell.
    fn lines(&mut self, chosen: &[Container<'_>]) -> Option<Vec<String>> {
        let mut lines = Vec::new();
        for call in self.only? {
            let Some(line) = call.line() else {
                let message = format!(
                    "{}: the kubelet puts the value of a variable into its command, so lithify stays open to any command line in this pod",
                    call.title
                );
                let place = chosen.first().map_or(0..0, Container::place);
                let fix = "write the value there in the place of $(NAME)";
                self.findings.push(Finding::new(Weight::Note, &place, message, fix));
                return None;
            };
            let line = inscribed::escaped(&line);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        let read = inscribed::lines(&lines);
        if read.iter().enumerate().any(|(at, line)| read.iter().skip(at + 1).any(|other| line.words == other.words)) {
            let place = chosen.first().map_or(0..0, Container::place);
            let message = format!(
                "{}: two containers call lithify by the same words and other variables, which it cannot tell apart",
                self.workload.title
            );
            self.refuse_at(&place, message, "put what the LITHIFY_ variables say into the command lines");
        }
        Some(lines)
    }

    /// The read-only mount, where it is not there yet.
    pub(super) fn mount(&mut self, container: &Container<'_>) -> Vec<Value> {
        let Some(mount) = container.mount_at(MOUNT_POINT) else { return vec![mount(NAME, MOUNT_POINT, None)] };
        if mount.text_of("name") != Some(NAME) || !checks::is_whole(mount) {
            let message = format!("{}: another volume is mounted at {MOUNT_POINT}", container.title);
            self.refuse_at(&mount.range, message, "mount it somewhere else");
        }
        Vec::new()
    }
}

/// What the init container may use, as in `examples/fleet`: requests and limits are the same, or a pod of the class
/// Guaranteed would be one no more, and neither is missing where a quota wants both.
fn resources() -> Value {
    let amounts = || Value::braces([("cpu", Value::text(format!("{MILLI_CPU}m"))), ("memory", Value::text("16Mi"))]);
    Value::map([("requests", amounts()), ("limits", amounts())])
}

/// A read-only mount.
pub(super) fn mount(volume: &str, path: &str, sub_path: Option<&str>) -> Value {
    let entries = [("name", Some(volume)), ("mountPath", Some(path)), ("subPath", sub_path)];
    let entries = entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), Value::text(value?))));
    Value::Map(entries.chain([("readOnly".to_owned(), Value::yes())]).collect(), Style::Flow)
}

/// `{}`.
pub(super) fn empty() -> Value {
    Value::Map(Vec::new(), Style::Flow)
}

/// What an init container of ours may do: as little as the restricted Pod Security Standard wants. Who the app's container
/// runs as, and by which seccomp profile, goes for it, too; what the pod says goes for both anyway.
pub(super) fn security(app: Option<&Container<'_>>) -> Value {
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
