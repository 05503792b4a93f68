//! Mounts whose server does not answer, in words.

use crate::root::{Root, Silent};
use crate::text::escape::escape;

/// What to do about these.
pub(super) fn hint(mounts: &[Silent]) -> &'static str {
    if mounts.iter().all(|mount| mount.not_asked.is_none()) {
        "what waits for it waits, too: bring its server back, or unmount it on the node (umount -l)"
    } else {
        "give the container room for one more process (pids limit), and memory"
    }
}

/// The remark of a command that has left those of `root` out.
pub fn note(root: &Root) -> Option<String> {
    let mounts = root.silent();
    if mounts.is_empty() {
        return None;
    }
    let each = |mount: &Silent| format!("{} ({})", mount.point, escape(&mount.filesystem));
    let names: Vec<String> = mounts.iter().map(each).collect();
    let not_asked = mounts.iter().find_map(|mount| mount.not_asked);
    let why = not_asked.map_or(String::new(), |errno| format!(" or was not asked ({})", errno.desc()));
    Some(format!(
        "left out, because the server of these mounts does not answer{why}: {}; {}",
        names.join(", "),
        hint(mounts)
    ))
}
