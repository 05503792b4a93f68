//! `--mode stage`: an init container with the app's own image copies its directories, and the app mounts the copies.

use super::command;
use super::pod::{Additions, Pod, mount, security};
use super::{resources, stage_dirs};
use crate::checks::{self, Staged};
use crate::manifest::finding::Severity;
use crate::manifest::paths::plain;
use crate::manifest::workload::Container;
use crate::names::{MOUNT_POINT, STAGE_POINT, VOLUME};
use crate::yaml::{Node, Style, Value};

/// The directory of the volume that holds the copies.
const BELOW: &str = "root";

/// The first part of the names of staging containers.
const STAGER: &str = "lithify-stage";

/// The first part of the names of their volumes.
const STAGED_VOLUME: &str = "lithify-staged";

/// The API's limit on names (RFC 1123 label).
const MAX_NAME: usize = 63;

pub(crate) fn stage(pod: &mut Pod<'_>, container: &Container<'_>, new: &mut Additions, mounts: &mut Vec<Value>) {
    if command::is_of_image(container) {
        if pod.options.command.is_some() {
            let Some(words) = command::named(pod, container) else { return };
            pod.set(container.node, &container.path, "command", Value::words(words));
        } else {
            let message = format!(
                "{} has no command: if the image's entrypoint is a script, it needs the shell that will not be there",
                container.title
            );
            let fix = "let the command be the app itself, here or with --command, such as '[\"nginx\", \"-g\", \"daemon off;\"]'";
            pod.find(Severity::Note, &container.place(), message, fix);
        }
    }
    let suffix = suffix(pod, container);
    let (name, volume) = (format!("{STAGER}{suffix}"), format!("{STAGED_VOLUME}{suffix}"));
    if name.len().max(volume.len()) > MAX_NAME {
        let message = format!("{}: its name is too long for {volume}", container.title);
        pod.refuse(container, message, "give the container a shorter name");
        return;
    }
    let Some(image) = container.node.get("image") else {
        pod.refuse(container, format!("{} has no image to stage from", container.title), "image: ...");
        return;
    };
    let (sources, mounted) = stage_dirs::chosen(pod.options);
    if let Some(known) = pod.init_container(&name) {
        staged_before(pod, container, &known, &sources, &volume);
    } else {
        new.init_containers.push(stager(pod, container, &name, &volume, image.value(), &sources));
        unmerged(pod, container);
    }
    pod.empty_dir(&volume, new);
    let staged = Staged { volume: &volume, by: &name, sources: sources.clone(), below: BELOW.to_owned() };
    for mount in container.mounts().iter().filter(|mount| mount.text_of("name") == Some(volume.as_str())) {
        pod.findings.extend(checks::mounted(container, mount, &[&staged]));
    }
    for directory in mounted {
        let there = |mount: &&Node| mount.text_of("mountPath").and_then(plain).as_ref() == Some(&directory);
        match container.mounts().iter().find(there) {
            Some(known) if known.text_of("name") == Some(volume.as_str()) => {}
            Some(known) => {
                let message = format!("{}: another volume is mounted at {directory}", container.title);
                let fix = "name the directories that are to be staged with --stage-dir";
                pod.refuse_at(&known.range, message, fix);
            }
            None => mounts.push(mount(&volume, &directory, Some(&format!("{BELOW}{directory}")))),
        }
    }
}

/// The last part of the names of the staging container and its volume. A container keeps those of an earlier run: the
/// number of containers may have changed since.
fn suffix(pod: &Pod<'_>, container: &Container<'_>) -> String {
    let containers = pod.workload.containers();
    let known = |staged: &Staged<'_>| {
        let suffix = staged.volume.strip_prefix(STAGED_VOLUME)?;
        // A volume that two containers mount was staged for the first.
        let mounts = |container: &&Container<'_>| {
            container.mounts().iter().any(|mount| mount.text_of("name") == Some(staged.volume))
        };
        let is_its_own = containers.iter().find(mounts).is_some_and(|first| first.name == container.name);
        (is_its_own && staged.by.strip_prefix(STAGER) == Some(suffix)).then(|| suffix.to_owned())
    };
    checks::staged(pod.workload)
        .iter()
        .find_map(known)
        .unwrap_or_else(|| if containers.len() == 1 { String::new() } else { format!("-{}", container.name) })
}

/// A new staging container.
fn stager(
    pod: &Pod<'_>,
    container: &Container<'_>,
    name: &str,
    volume: &str,
    image: Value,
    sources: &[String],
) -> Value {
    let after: Vec<&str> = sources.iter().map(String::as_str).chain(["--to", STAGE_POINT]).collect();
    let mut volume_mounts = vec![
        mount(VOLUME, MOUNT_POINT, None),
        // Only this container may write to the volume.
        Value::braces([("name", Value::text(volume)), ("mountPath", Value::text(STAGE_POINT))]),
    ];
    volume_mounts.extend(profile_mounts(pod, container, None));
    let policy = container.node.get("imagePullPolicy").map(|policy| ("imagePullPolicy".to_owned(), policy.value()));
    let mut entries = vec![("name".to_owned(), Value::text(name)), ("image".to_owned(), image)];
    entries.extend(policy);
    entries.push(("command".to_owned(), pod.call(&["stage"], &after)));
    entries.extend(resources::of_stager(pod.workload, container).map(|resources| ("resources".to_owned(), resources)));
    entries.push(("securityContext".to_owned(), security(Some(container))));
    entries.push(("volumeMounts".to_owned(), Value::List(volume_mounts, Style::Block)));
    Value::Map(entries, Style::Block)
}

/// The app's mounts of profiles that are files, without those that the staging container `known` has.
fn profile_mounts(pod: &Pod<'_>, container: &Container<'_>, known: Option<&Container<'_>>) -> Vec<Value> {
    let mut mounts: Vec<Value> = Vec::new();
    for file in pod.profiles.files().filter(|file| known.is_none_or(|known| checks::mount_over(known, file).is_none()))
    {
        let mount = checks::mount_over(container, file).map(Node::value);
        mounts.extend(mount.filter(|mount| !mounts.contains(mount)));
    }
    mounts
}

/// Updates the staging container of an earlier run: the profiles and the app's image may have changed.
fn staged_before(
    pod: &mut Pod<'_>,
    container: &Container<'_>,
    known: &Container<'_>,
    sources: &[String],
    volume: &str,
) {
    let staged = checks::staged(pod.workload);
    let before = staged.iter().find(|staged| staged.by == known.name && staged.volume == volume);
    match before.filter(|before| before.below == BELOW) {
        None => {
            let message = format!("{} does not stage into volume {volume}: it is not ours", known.title);
            pod.refuse(known, message, "give that init container another name");
        }
        Some(before) if before.sources != sources => {
            let message = format!("{} stages {}, not {}", known.title, before.sources.join(", "), sources.join(", "));
            let dirs = if pod.options.stage_dirs.is_empty() {
                "give the same --stage-dir as before"
            } else {
                "inject into the manifest as it was before"
            };
            pod.refuse(known, message, dirs);
        }
        Some(_) => {
            pod.update(known.node, &known.path);
            let mounts = profile_mounts(pod, container, Some(known));
            pod.append(known.node, &known.path, "volumeMounts", None, mounts);
            if let Some(image) = container.node.get("image") {
                pod.set(known.node, &known.path, "image", image.value());
            }
        }
    }
}

/// Warns about images whose `/bin` and `/sbin` may not be links.
fn unmerged(pod: &mut Pod<'_>, container: &Container<'_>) {
    let image = container.node.text_of("image").unwrap_or_default();
    if pod.options.stage_dirs.is_empty() && (image.contains("alpine") || image.contains("busybox")) {
        let message = format!(
            "{}: in {image} /bin and /sbin may be directories of their own, which stay as they are",
            container.title
        );
        let place = container.node.get("image").map_or_else(|| container.place(), |image| image.range.clone());
        let fix = "--stage-dir /bin --stage-dir /sbin --stage-dir /usr/bin --stage-dir /usr/sbin, or --force where they are links";
        pod.find(Severity::Breaks, &place, message, fix);
    }
}
