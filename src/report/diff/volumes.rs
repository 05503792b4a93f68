//! Volumes for a read-only root, ready to paste.

use std::fmt::Write;

use crate::drift::Volume;
use crate::profile::quote;
use crate::root::Canonical;
use crate::text::escape::escape;
use crate::volume::stage::scalar;

/// A volume with its name.
pub(super) struct Named<'a> {
    pub(super) name: String,
    /// Its path as text.
    pub(super) path: &'a str,
    pub(super) volume: &'a Volume,
}

/// The volumes that can be mounted, each with a name of its own.
pub(super) fn named(volumes: &[Volume]) -> Vec<Named<'_>> {
    let mut all: Vec<Named<'_>> = Vec::new();
    for volume in volumes.iter().filter(|volume| volume.path != b"/") {
        // YAML holds no other paths.
        let Ok(path) = std::str::from_utf8(&volume.path) else { continue };
        let base = super::super::advice::volume_name(path);
        let mut name = base.clone();
        for number in 2.. {
            if !all.iter().any(|known| known.name == name) {
                break;
            }
            let number = format!("-{number}");
            name = format!("{}{number}", base.get(..base.len().min(63 - number.len())).unwrap_or_default());
        }
        all.push(Named { name, path, volume });
    }
    all
}

/// The paths, for `[verify.mounts] writable`.
pub(super) fn paths(named: &[Named<'_>]) -> String {
    named.iter().map(|named| quote(named.path)).collect::<Vec<_>>().join(", ")
}

pub(super) fn write(volumes: &[Volume], text: &mut String) {
    let named = named(volumes);
    if !named.is_empty() {
        text.push_str("# With readOnlyRootFilesystem: true, the app needs in its container:\nvolumeMounts:\n");
        for Named { name, path, .. } in &named {
            let _ = writeln!(text, "  - {{ name: {}, mountPath: {} }}", scalar(name), scalar(path));
        }
        text.push_str("# and in its pod:\nvolumes:\n");
        for Named { name, .. } in &named {
            let _ = writeln!(text, "  - {{ name: {}, emptyDir: {{}} }}", scalar(name));
        }
        let _ = writeln!(text, "# and in its profile:\n#   [verify.mounts]\n#   writable = [{}]", paths(&named));
    }
    for warning in warnings(volumes) {
        let _ = writeln!(text, "# {warning}");
    }
}

/// What a volume does not solve.
pub(super) fn warnings(volumes: &[Volume]) -> Vec<String> {
    let warning = |Volume { path, hides }: &Volume| {
        match (path, hides) {
        (path, _) if *path == b"/" => Some(
            "/: no volume can be mounted over the root itself: change the app's configuration, so that it writes into a directory".to_owned(),
        ),
        (path, _) if std::str::from_utf8(path).is_err() => {
            Some(format!("{path}: YAML cannot hold this path: change the app's configuration"))
        }
        (_, 0) => None,
        (path, names) => Some(hidden(path, *names)),
    }
    };
    volumes.iter().filter_map(warning).collect()
}

fn hidden(path: &Canonical, names: u64) -> String {
    let names = if names == 1 { "1 name".to_owned() } else { format!("{names} names") };
    format!(
        "{}: an emptyDir there hides {names} of the image: let the app write into a directory of its own by its configuration, or fill the volume in an init container of the same image: lithify stage {0} --to VOLUME",
        escape(path)
    )
}
