//! How the program comes into the app's container: a volume, an init container that fills it, a read-only mount.

use super::super::checks;
use super::super::cli::DEFAULT_IMAGE;
use super::super::paths::is_in;
use super::super::workload::Container;
use super::super::yaml::{Node, Style, Value};
use super::super::{MOUNT_POINT, NAME};
use super::pod::{Additions, Pod};

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
                ("args", Value::words(["install", MOUNT_POINT])),
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
        } else if let Some(image) = image {
            self.set(known.node, &known.path, "image", Value::text(image));
        }
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

/// The mount of a container that a path is in.
pub(super) fn mount_over<'a>(container: &Container<'a>, path: &str) -> Option<&'a Node> {
    container.mounts().iter().find(|mount| {
        let at = mount.text_of("mountPath").unwrap_or_default().trim_end_matches('/');
        is_in(path, at)
    })
}
