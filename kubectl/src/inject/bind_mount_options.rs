//! `--harden-volumes`: nothing in the app's volumes is executed, changes its user, or is a device (`bindMountOptions`,
//! Kubernetes 1.37, alpha).

use super::pod::Pod;
use crate::checks;
use crate::command_line::calls;
use crate::manifest::finding::Severity;
use crate::manifest::paths::{is_in, normal};
use crate::manifest::workload::Container;
use crate::names::VOLUME;
use crate::yaml::{Node, Style, Value};

/// Adds the options to each mount of a container that has none, but for mounts of programs.
pub(crate) fn harden(pod: &mut Pod<'_>, container: &Container<'_>) {
    let staged = checks::staged(pod.workload);
    let mut changed = false;
    for (index, mount) in container.mounts().iter().enumerate() {
        let volume = mount.text_of("name").unwrap_or_default();
        let is_ours = volume == VOLUME || staged.iter().any(|staged| staged.volume == volume);
        // The API refuses these options for an image.
        let is_image = pod.workload.volume(volume).is_some_and(|volume| volume.entry("image").is_some());
        if is_ours || is_image || mount.get("bindMountOptions").is_some() {
            continue;
        }
        let options =
            if runs_from(container, mount) { &["nosuid", "nodev"][..] } else { &["noexec", "nosuid", "nodev"] };
        let options = Value::List(options.iter().map(|option| Value::text(*option)).collect(), Style::Flow);
        pod.add(mount, &container.path.key("volumeMounts").index(index), "bindMountOptions", None, options);
        changed = true;
    }
    if changed {
        let message = format!(
            "{}: an API server without the feature gate VolumeBindMountOptions (1.37, alpha) drops bindMountOptions in silence",
            container.title
        );
        let fix = "let `verify` say whether it holds: [verify.mounts] noexec, with the paths";
        pod.find(Severity::Note, &container.place(), message, fix);
    }
}

/// Whether the command of a container, or one of its probes and hooks, runs a program from a mount.
fn runs_from(container: &Container<'_>, mount: &Node) -> bool {
    let at = normal(mount.text_of("mountPath").unwrap_or_default());
    let own = calls::words(container.node);
    let handlers = calls::handler_commands(container.node).map(|(_, command)| command.words());
    std::iter::once(own).chain(handlers).flatten().any(|word| is_in(&normal(word), &at))
}
