//! Programs whose setuid, setgid or file capabilities had no effect: the kernel grants nothing to a program under a tracer
//! that lacks `CAP_SYS_PTRACE` (ptrace(2), execve(2)). Reads only.

use std::ffi::CString;

use crate::linux::proc::status::Status;
use crate::root::{Canonical, Root};

/// The effective bit and the two words of the permitted set in an attribute `security.capability` (capabilities(7)).
const PERMITTED: [usize; 2] = [4, 12];

/// Whether the program at `path` should have gained something that its process, which has this status, does not have.
pub(super) fn is_missing(root: &Root, path: &Canonical, status: &Status) -> bool {
    // Under no_new_privs it never gains anything.
    if status.no_new_privs == Some(true) {
        return false;
    }
    let Ok(stat) = root.stat_at(path) else { return false };
    let effective = |ids: Option<[u32; 4]>| ids.map(|[_, effective, ..]| effective);
    let user = stat.mode & 0o4000 != 0 && effective(status.uid).is_some_and(|uid| uid != stat.uid);
    // Without the group's x bit, setgid means mandatory locking.
    let group = stat.mode & 0o2010 == 0o2010 && effective(status.gid).is_some_and(|gid| gid != stat.gid);
    let sets = status.capabilities.unwrap_or_default();
    user || group || granted(root, path) & sets.bounding & !sets.permitted != 0
}

/// Whether the file grants capabilities.
pub(super) fn grants(root: &Root, path: &Canonical) -> bool {
    granted(root, path) != 0
}

/// The capabilities that the file grants.
fn granted(root: &Root, path: &Canonical) -> u64 {
    let read = || {
        let directory = root.directory(&path.parent()?).ok()?;
        let name = CString::new(path.name()).ok()?;
        directory.capabilities(&name, &directory.file(&name).ok()?).ok()
    };
    let value = read().unwrap_or_default();
    let word = |at: usize| value.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let [low, high] = PERMITTED.map(|at| u64::from(word(at).unwrap_or_default()));
    high << 32 | low
}
