//! Directories that this process may not enter, and the app could not have entered either: nothing there can have been
//! changed by it.

use nix::errno::Errno;

use crate::linux::proc::Task;
use crate::linux::proc::status::{CapabilitySets, Status};
use crate::root::{InRoot, Root, RootError};
use crate::target::Target;

/// Takes such directories out of what could not be looked at, and returns their paths. There are none unless the app and
/// this process run as one user other than root, without capabilities, and can never get any (`no_new_privs`).
pub fn take_closed(target: &Target, unreadable: &mut Vec<RootError>) -> Vec<Vec<u8>> {
    let mut closed = Vec::new();
    let may = |error: &RootError| error.errno() == Errno::EACCES;
    if !unreadable.iter().any(may) {
        return closed;
    }
    let status = |task: Task| task.status().ok().and_then(powerless);
    let Some(user) = status(Task::Own) else { return closed };
    if target.first().ok().and_then(status) != Some(user.clone()) {
        return closed;
    }
    unreadable.retain(|error| {
        let found = may(error) && is_closed(&target.root, error.path(), user.0);
        if found {
            closed.push(error.path().to_vec());
        }
        !found
    });
    closed
}

/// User, group and supplementary groups.
type User = (u32, u32, Vec<u32>);

/// The user of a process that has no way to become another one or to overrule permissions.
fn powerless(status: Status) -> Option<User> {
    let one = |ids: [u32; 4]| (ids == [ids[0]; 4]).then_some(ids[0]);
    let (uid, gid) = (one(status.uid?)?, one(status.gid?)?);
    let CapabilitySets { inheritable, permitted, effective, ambient, .. } = status.capabilities?;
    let none = uid != 0 && inheritable | permitted | effective | ambient == 0;
    (none && status.no_new_privs?).then_some((uid, gid, status.groups?))
}

/// Whether the user may not enter this directory, and does not own it: an owner can open it for a while.
fn is_closed(root: &Root, path: &[u8], uid: u32) -> bool {
    let path = InRoot(path);
    let inside = path.join(b".");
    root.resolve(path).is_ok_and(|stat| stat.uid != uid)
        && matches!(root.resolve(&inside), Err(error) if error.errno() == Errno::EACCES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_can_never_get_more_rights() {
        let caps = |prm: u32| format!("CapInh:\t0\nCapPrm:\t{prm}\nCapEff:\t0\nCapBnd:\tff\nCapAmb:\t0\n");
        let of = |uid: &str, prm, nnp| {
            let text = format!("Uid:\t{uid}\nGid:\t7\t7\t7\t7\nGroups:\t8 \n{}NoNewPrivs:\t{nnp}\n", caps(prm));
            powerless(Status::parse(&text))
        };
        assert_eq!(of("5\t5\t5\t5", 0, 1), Some((5, 7, vec![8])));
        assert_eq!(of("5\t5\t0\t5", 0, 1), None);
        assert_eq!(of("0\t0\t0\t0", 0, 1), None);
        assert_eq!(of("5\t5\t5\t5", 1, 1), None);
        assert_eq!(of("5\t5\t5\t5", 0, 0), None);
        assert_eq!(powerless(Status::default()), None);
    }
}
