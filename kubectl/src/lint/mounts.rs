//! Volumes: the one that brings lithify, and those that a read-only root needs.

use crate::checks;
use crate::command_line::calls;
use crate::manifest::finding::{Finding, Severity};
use crate::manifest::paths::is_in;
use crate::manifest::workload::{Container, Workload};
use crate::names::{MOUNT_POINT, PROGRAM, PROGRAM_OF_IMAGE};
use crate::yaml::Node;
use lithify::profile::{Profile, Sourced};

/// Findings for containers that call lithify and do not have it.
pub(crate) fn delivery(workload: &Workload<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let inits = workload.init_containers();
    let filled: Vec<&str> = inits.iter().filter_map(checks::installs).collect();
    for container in workload.containers().iter().chain(&inits) {
        let mut add = |place: &std::ops::Range<usize>, message: String, fix: &str| {
            findings.push(Finding::new(Severity::Breaks, place, format!("{}: {message}", container.title), fix));
        };
        let uses = uses(container.node);
        let Some(mount) = container.mount_at(MOUNT_POINT) else {
            if let Some(place) = uses {
                add(
                    &place.range,
                    format!(
                        "{} will not be there: nothing is mounted at {MOUNT_POINT}",
                        place.words().first().copied().unwrap_or(PROGRAM)
                    ),
                    "volumeMounts: [{ name: lithify, mountPath: /lithify, readOnly: true }]",
                );
            }
            continue;
        };
        let volume = mount.text_of("name").unwrap_or_default();
        let known = filled.contains(&volume);
        let is_image = workload.volume(volume).is_some_and(|volume| volume.entry("image").is_some());
        if let Some(called) = uses.and_then(|command| command.words().first().copied()) {
            let there = if is_image { PROGRAM_OF_IMAGE } else { PROGRAM };
            if called != there && (is_image || known) {
                let message = format!("{called} will not be there: in volume {volume} the program is {there}");
                add(
                    &uses.map_or_else(|| mount.range.clone(), |command| command.range.clone()),
                    message,
                    "call it by that path",
                );
            }
        }
        if uses.is_some() && !known && !is_image {
            let holds = |key| workload.volume(volume).is_some_and(|volume| volume.entry(key).is_some());
            if holds("persistentVolumeClaim") || holds("hostPath") || holds("csi") {
                continue;
            }
            add(
                &mount.range,
                format!("volume {volume} is mounted at {MOUNT_POINT}, and no init container installs lithify into it"),
                "an init container with the image of lithify and args [\"install\", \"/lithify\"]: see docs/kubectl.md",
            );
        }
        if (known || is_image && uses.is_some()) && !checks::is_whole(mount) {
            add(
                &mount.range,
                format!("a subPath of volume {volume} is mounted at {MOUNT_POINT}, and lithify is in its root"),
                "leave out subPath",
            );
        }
    }
    findings
}

/// The command by which a container calls lithify from the volume.
fn uses(container: &Node) -> Option<&Node> {
    let commands = calls::handler_commands(container).map(|(_, command)| command);
    container
        .get("command")
        .into_iter()
        .chain(commands)
        .find(|command| command.words().first().is_some_and(|program| [PROGRAM, PROGRAM_OF_IMAGE].contains(program)))
}

/// Findings for paths that must be writable, in a container with a read-only root and no volume there.
pub(crate) fn writable(container: &Container<'_>, profile: &Profile) -> Vec<Finding> {
    let Some(place) = container.read_only_root() else { return Vec::new() };
    let missing = |path: &&Sourced<String>| {
        !container.mounts().iter().any(|mount| !mount.is_true("readOnly") && covers(mount, &path.value))
    };
    let fix = |path: &str| format!("an emptyDir volume with volumeMounts: [{{ name: ..., mountPath: {path} }}]");
    let must = profile.verify.writable.iter().filter(missing).map(|path| {
        let message = format!(
            "{}: {} must be writable (profile {}), the root is read-only, and no writable volume is mounted there",
            container.title, path.value, path.profile
        );
        Finding::new(Severity::Breaks, &place.range, message, fix(&path.value))
    });
    // The manifest does not tell what the image has.
    let may = profile.verify.writable_if_present.iter().filter(missing).map(|path| {
        let message = format!(
            "{}: if the image has {}, it must be writable (profile {}), and the root is read-only",
            container.title, path.value, path.profile
        );
        Finding::new(Severity::Note, &place.range, message, fix(&path.value))
    });
    must.chain(may).collect()
}

/// Notes on mounts that a profile wants without executable files, and that do not say so.
pub(crate) fn noexec(container: &Container<'_>, profile: &Profile) -> Vec<Finding> {
    let open = |mount: &&Node| !mount.words_of("bindMountOptions").contains(&"noexec");
    let note = |path: &Sourced<String>| {
        let mount = container.mounts().iter().find(|mount| covers(mount, &path.value)).filter(open)?;
        let message = format!(
            "{}: {} must be noexec (profile {}), and nothing in the manifest makes its mount so",
            container.title, path.value, path.profile
        );
        let fix = "bindMountOptions: [noexec] (Kubernetes 1.37, feature gate VolumeBindMountOptions), as inject --harden-volumes writes it, or mountOptions of the volume";
        Some(Finding::new(Severity::Note, &mount.range, message, fix))
    };
    profile.verify.noexec.iter().filter_map(note).collect()
}

/// Whether a path is in a mount. Images that have `/var/run` and `/run` link one to the other.
fn covers(mount: &Node, path: &str) -> bool {
    let plain =
        |path: &str| path.strip_prefix("/var/run").map_or_else(|| path.to_owned(), |rest| format!("/run{rest}"));
    let at = plain(mount.text_of("mountPath").unwrap_or_default().trim_end_matches('/'));
    is_in(&plain(path.trim_end_matches('/')), &at)
}
