//! How lithify comes into the app's container: a volume that an init container fills or that is lithify's image, and a
//! read-only mount.

use super::pod::{Additions, Pod, mount, security};
use super::resources;
use crate::checks;
use crate::checks::inscribed::{self, ONLY};
use crate::cli::{DEFAULT_IMAGE, Deliver, Delivery, Inject};
use crate::manifest::finding::Severity;
use crate::manifest::workload::{Container, Workload};
use crate::names::{INSTALLER, MOUNT_POINT, VOLUME};
use crate::yaml::{Style, Value};
use lithify::recognise::only::Line;

/// How the program comes into a pod: as it does already, else as `--deliver` says.
pub(crate) fn choose(workload: &Workload<'_>, options: &Inject) -> Delivery {
    checks::delivery(workload).unwrap_or(match options.deliver {
        Deliver::By(delivery) => delivery,
        Deliver::AsItIs | Deliver::ByCluster => Delivery::InitContainer,
    })
}

/// Adds what brings the program, or updates that of an earlier run.
pub(crate) fn deliver(pod: &mut Pod<'_>, chosen: &[Container<'_>], new: &mut Additions) {
    let delivery = pod.delivery;
    if let (Deliver::By(asked), Some(volume)) = (pod.options.deliver, pod.workload.volume(VOLUME)) {
        if asked != delivery {
            let message = format!("{} has lithify by {} already", pod.workload.title, delivery.name());
            let fix = format!("inject into the manifest as it was before, or --deliver {}", delivery.name());
            pod.refuse_at(&volume.range, message, fix);
        }
    }
    match delivery {
        Delivery::ImageVolume => image_volume(pod, new),
        Delivery::InitContainer => init_container(pod, chosen, new),
    }
}

/// Adds the volume that is lithify's image, or updates its reference.
fn image_volume(pod: &mut Pod<'_>, new: &mut Additions) {
    let image = pod.options.image.as_deref();
    if let Some(known) = pod.init_container(INSTALLER) {
        let message = format!("{}: the volume {VOLUME} is an image, which nothing can be installed into", known.title);
        pod.refuse(&known, message, "take away that init container, or that volume");
    }
    let Some((volume, at)) = pod.workload.volume_at(VOLUME) else {
        let reference = Value::text(image.unwrap_or(DEFAULT_IMAGE));
        let source = Value::map([("reference", reference)]);
        new.volumes.push(Value::map([("name", Value::text(VOLUME)), ("image", source)]));
        return;
    };
    if let (Some(source), Some(image)) = (volume.get("image"), image) {
        pod.set(source, &at.key("image"), "reference", Value::text(image));
    }
}

/// Adds the volume and the init container, or updates those of an earlier run.
fn init_container(pod: &mut Pod<'_>, chosen: &[Container<'_>], new: &mut Additions) {
    pod.empty_dir(VOLUME, new);
    let image = pod.options.image.as_deref();
    let Some(known) = pod.init_container(INSTALLER) else {
        let mount = Value::braces([("name", Value::text(VOLUME)), ("mountPath", Value::text(MOUNT_POINT))]);
        let entries = [
            ("name", Some(Value::text(INSTALLER))),
            ("image", Some(Value::text(image.unwrap_or(DEFAULT_IMAGE)))),
            ("args", Some(args(pod, chosen))),
            ("resources", resources::of_installer(pod.workload)),
            ("securityContext", Some(security(chosen.first()))),
            ("volumeMounts", Some(Value::List(vec![mount], Style::Block))),
        ];
        let entries = entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        new.init_containers.push(Value::Map(entries.collect(), Style::Block));
        return;
    };
    if checks::installs(&known) != Some(VOLUME) {
        let message = format!("{} does not install lithify into volume {VOLUME}: it is not ours", known.title);
        pod.refuse(&known, message, "give that init container another name");
        return;
    }
    if let Some(image) = image {
        pod.set(known.node, &known.path, "image", Value::text(image));
    }
    let Some(lines) = lines(pod, chosen).filter(|lines| !lines.is_empty()) else { return };
    // Lines for calls that the pod no longer makes go. Lines that somebody added stay.
    let before: Vec<Line> =
        inscribed::calls(pod.workload, VOLUME).iter().filter_map(|call| Line::new(&call.line()?).ok()).collect();
    let now = inscribed::lines(&lines);
    let is_in = |all: &[Line], line: &Line| all.iter().any(|one| one.words == line.words);
    let kept = inscribed::only(&known).into_iter().filter(|text| {
        inscribed::lines(std::slice::from_ref(text)).iter().all(|line| !is_in(&before, line) && !is_in(&now, line))
    });
    let only: Vec<String> = lines.iter().cloned().chain(kept).collect();
    let lists = ["command", "args"].map(|key| known.node.words_of(key));
    let updated = inscribed::with_lines(&lists, &only);
    pod.replace_words(&known.path, lists, updated);
}

/// The args of a new init container: `install`, and a `--only` for each call of the pod.
fn args(pod: &mut Pod<'_>, chosen: &[Container<'_>]) -> Value {
    let lines = lines(pod, chosen).unwrap_or_default();
    let style = if lines.is_empty() { Style::Words } else { Style::Block };
    let words = ["install", MOUNT_POINT].map(Value::text).into_iter();
    Value::List(words.chain(lines.iter().map(|line| Value::text(format!("{ONLY}{line}")))).collect(), style)
}

/// Each command line by which the pod calls lithify. `None` where only the kubelet knows one of them.
fn lines(pod: &mut Pod<'_>, chosen: &[Container<'_>]) -> Option<Vec<String>> {
    let place = chosen.first().map_or(0..0, Container::place);
    let mut lines = Vec::new();
    for call in pod.calls? {
        let Some(line) = call.line() else {
            let message = format!(
                "{}: only the kubelet knows the value of a variable that lithify gets, so it stays open to any command line in this pod",
                call.title
            );
            pod.find(Severity::Note, &place, message, "write the value there, in the place of $(NAME) or valueFrom");
            return None;
        };
        let line = inscribed::escaped(&line);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let read = inscribed::lines(&lines);
    if read.iter().enumerate().any(|(at, line)| read.iter().skip(at + 1).any(|other| line.words == other.words)) {
        let message = format!(
            "{}: two containers call lithify by the same words and other variables, which it cannot tell apart",
            pod.workload.title
        );
        pod.refuse_at(&place, message, "put what the LITHIFY_ variables say into the command lines");
    }
    Some(lines)
}

/// The read-only mount of the volume, where the container does not have it.
pub(crate) fn mount_program(pod: &mut Pod<'_>, container: &Container<'_>) -> Vec<Value> {
    let Some(known) = container.mount_at(MOUNT_POINT) else { return vec![mount(VOLUME, MOUNT_POINT, None)] };
    if known.text_of("name") != Some(VOLUME) || !checks::is_whole(known) {
        let message = format!("{}: another volume is mounted at {MOUNT_POINT}", container.title);
        pod.refuse_at(&known.range, message, "mount it somewhere else");
    }
    Vec::new()
}

/// Refuses a profile file over which the container mounts no volume.
pub(crate) fn check_profile_mounts(pod: &mut Pod<'_>, container: &Container<'_>) {
    for file in pod.profiles.files() {
        if checks::mount_over(container, file).is_none() {
            let message = format!("{}: no volume is mounted over the profile {file}", container.title);
            let fix = "put the profile into a ConfigMap and mount that read-only, see docs/kubectl.md";
            pod.refuse(container, message, fix);
        }
    }
}
