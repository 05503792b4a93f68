//! `--stage-dir`: the directories that `--mode stage` copies and mounts.

use crate::cli::Inject;
use crate::manifest::paths::plain;
use crate::names::{MOUNT_POINT, STAGE_POINT};

/// What is mounted without `--stage-dir`. On a merged image, `/bin` and `/sbin` are links to these and are staged with
/// them. On another image they are directories of their own, which the manifest does not tell.
const MOUNTED: [&str; 2] = ["/usr/bin", "/usr/sbin"];

/// The directories to stage, and those of them to mount.
pub(crate) fn chosen(options: &Inject) -> (Vec<String>, Vec<String>) {
    if options.stage_dirs.is_empty() {
        let mounted = MOUNTED.map(str::to_owned).to_vec();
        return (mounted.iter().cloned().chain(["/bin", "/sbin"].map(str::to_owned)).collect(), mounted);
    }
    let mut named: Vec<String> = Vec::new();
    for directory in options.stage_dirs.iter().filter_map(|directory| parse(directory).ok()) {
        if !named.contains(&directory) {
            named.push(directory);
        }
    }
    (named.clone(), named)
}

/// A directory to stage, in its normal form, or why it cannot be staged.
pub(crate) fn parse(path: &str) -> Result<String, &'static str> {
    let path = plain(path).ok_or("`..` leads where only the container can tell")?;
    let top = path.split('/').nth(1).unwrap_or_default();
    if !path.starts_with('/') {
        Err("it is not absolute")
    } else if top.is_empty() {
        Err("the root itself cannot be mounted over")
    } else if path.contains([':', ',']) || path.contains(char::is_control) {
        Err("a mount path has no `:`, and here no `,` and no control characters")
    } else if matches!(top, "proc" | "sys" | "dev") {
        Err("the kernel's files are no programs, and are not in the image")
    } else if [MOUNT_POINT, STAGE_POINT].contains(&format!("/{top}").as_str()) {
        Err("lithify's own volumes are mounted there")
    } else {
        Ok(path)
    }
}
