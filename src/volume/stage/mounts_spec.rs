//! What a pod spec and a profile need for a staged tree.

use crate::root::Canonical;
use std::fmt::Write;
use std::path::Path;

use serde::Serialize;

use super::{MARKER, NAME};

/// One entry of a container's `volumeMounts` (Kubernetes API, core/v1 `VolumeMount`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mount {
    /// Name of the volume.
    pub name: String,
    /// The original directory.
    pub mount_path: String,
    /// Its copy, below the root of the volume.
    pub sub_path: String,
    /// Always set: if a user other than root makes the copy, it belongs to that user.
    pub read_only: bool,
}

/// The mounts for staged `directories` (canonical paths). Only real directories need a mount: every link to a directory
/// also leads to what is mounted over it.
pub fn mounts(directories: &[Canonical], volume: &str) -> Vec<Mount> {
    let text = |path: &Canonical| String::from_utf8_lossy(path).into_owned();
    directories
        .iter()
        .map(|path| Mount {
            name: volume.to_owned(),
            mount_path: text(path),
            sub_path: format!("{NAME}{}", text(path)),
            read_only: true,
        })
        .collect()
}

/// The mounts as a block of YAML.
pub fn to_yaml(mounts: &[Mount]) -> String {
    let mut out = "volumeMounts:\n".to_owned();
    for Mount { name, mount_path, sub_path, .. } in mounts {
        let _ = writeln!(
            out,
            "  - {{ name: {}, mountPath: {}, subPath: {}, readOnly: true }}",
            scalar(name),
            scalar(mount_path),
            scalar(sub_path)
        );
    }
    out
}

/// The files that only a mounted copy has, for `[verify.files] present`.
pub fn present(directories: &[Canonical]) -> Vec<String> {
    directories.iter().map(|path| format!("{}/{MARKER}", String::from_utf8_lossy(path))).collect()
}

/// A name for the volume that is mounted at `volume`: its last component as a DNS label.
pub fn volume_name(volume: &Path) -> String {
    let last = volume.file_name().unwrap_or_default().to_string_lossy();
    let label: String =
        last.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).take(63).collect();
    let label = label.trim_matches('-');
    if label.is_empty() { "staged".to_owned() } else { label.to_owned() }
}

/// A string as YAML: plain if it cannot be taken for anything else, such as a number; else quoted as in JSON.
pub fn scalar(text: &str) -> String {
    let first = text.bytes().next().unwrap_or_default();
    let plain = text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'/' | b'.' | b'_' | b'-' | b'+'))
        && (first == b'/' || first.is_ascii_alphabetic())
        && !matches!(text, "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n");
    if plain { text.to_owned() } else { serde_json::to_string(text).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::path::canonical;

    #[test]
    fn yaml_of_ordinary_and_strange_names() {
        let yaml = to_yaml(&mounts(&[canonical("/usr/bin"), canonical("/opt/a b: c")], "hard"));
        assert_eq!(
            yaml,
            "volumeMounts:\n  - { name: hard, mountPath: /usr/bin, subPath: root/usr/bin, readOnly: true }\n  - { name: hard, mountPath: \"/opt/a b: c\", subPath: \"root/opt/a b: c\", readOnly: true }\n"
        );
    }

    #[test]
    fn names_that_yaml_takes_for_something_else() {
        for name in ["123", "1e3", "0x1f", "true", "null", "yes", "n", "off", "2-3"] {
            let yaml = to_yaml(&mounts(&[canonical("/bin")], name));
            assert!(yaml.contains(&format!("name: \"{name}\",")), "{yaml}");
        }
    }

    #[test]
    fn names_of_volumes() {
        assert_eq!(volume_name(Path::new("/staged")), "staged");
        assert_eq!(volume_name(Path::new("/mnt/My_Volume")), "my-volume");
        assert_eq!(volume_name(Path::new("/")), "staged");
    }
}
