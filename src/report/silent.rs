//! Mounts whose server does not answer, in words.

use crate::root::Silent;
use crate::text::escape::escape;

/// What to do about one.
pub(super) const HINT: &str =
    "what waits for it waits, too: bring its server back, or unmount it on the node (umount -l)";

/// The remark of a command that has left them out.
pub(super) fn note(mounts: &[Silent]) -> String {
    let each = |mount: &Silent| format!("{} ({})", mount.point, escape(&mount.filesystem));
    let mounts: Vec<String> = mounts.iter().map(each).collect();
    format!("left out, because the server of these mounts does not answer: {}; {HINT}", mounts.join(", "))
}
