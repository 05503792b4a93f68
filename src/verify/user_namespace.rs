//! `[verify.process] user_namespace`: whether the app's root is root on the node. `user = "non-root"` asks the same where
//! the app's user is 0.

use super::{Evidence, Isolation, Status};
use crate::linux::proc::{IdMap, Task};

/// Whether root of the user namespace of `task` is somebody else outside of it.
pub(super) fn check(task: Task) -> (Status, Evidence) {
    match task.id_map(IdMap::Users) {
        Ok(map) => match outside(&map, 0) {
            Some(0) => (Status::Fail, Evidence::Isolation(Isolation::RootOutside(Some(0)))),
            outside => (Status::Pass, Evidence::Isolation(Isolation::RootOutside(outside))),
        },
        Err(errno) => (Status::Unverified, Evidence::Os(errno)),
    }
}

/// The id outside of the user namespace that root of it has, if that is known and not 0.
pub(super) fn root_outside(task: Task, map: IdMap) -> Option<u32> {
    let map = task.id_map(map).ok()?;
    // The kernel writes the greatest number for an id that the reader's own namespace does not have.
    outside(&map, 0).filter(|id| ![0, u32::MAX].contains(id))
}

/// The id outside that `inside` has; `None` if the namespace does not have it. Each line is the first id inside, the
/// first outside, and how many follow (`user_namespaces(7)`).
fn outside(map: &[[u32; 3]], inside: u32) -> Option<u32> {
    map.iter().find_map(|[first, outside, count]| {
        let offset = inside.checked_sub(*first).filter(|offset| offset < count)?;
        Some(outside.saturating_add(offset))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_outside() {
        assert_eq!(outside(&[[0, 0, u32::MAX]], 0), Some(0));
        assert_eq!(outside(&[[0, 100_000, 65536]], 33), Some(100_033));
        assert_eq!(outside(&[[1, 100_000, 10], [0, 1000, 1]], 0), Some(1000));
        assert_eq!(outside(&[[1, 100_000, 10]], 0), None);
        assert_eq!(outside(&[], 0), None);
    }
}
