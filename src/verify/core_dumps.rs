//! `[verify.process] core_dumps`: the kernel writes no copy of the app's memory when it crashes.
//!
//! The limit on core files does not hold where `core_pattern` pipes the memory to a program of the node: that program is
//! told the limit by `%c`, and keeps to it or not (core(5)).

use nix::errno::Errno;

use super::{Evidence, Isolation, Status};
use crate::linux::proc::{Task, setting};

pub(super) fn check(task: Task) -> (Status, Evidence) {
    match task.core_limit() {
        Ok(Some(0)) => judged(setting("kernel/core_pattern")),
        Ok(limit) => (Status::Fail, Evidence::Isolation(Isolation::CoreLimit(limit))),
        Err(errno) => (Status::Unverified, Evidence::Os(errno)),
    }
}

fn judged(pattern: Result<Vec<u8>, Errno>) -> (Status, Evidence) {
    match pattern {
        Err(errno) => (Status::Unverified, Evidence::Os(errno)),
        Ok(pattern) if pattern.first() != Some(&b'|') => {
            (Status::Pass, Evidence::Isolation(Isolation::CoreLimit(Some(0))))
        }
        Ok(pattern) => {
            let is_told = pattern.windows(2).any(|part| part == b"%c");
            (if is_told { Status::Pass } else { Status::Unverified }, Evidence::Isolation(Isolation::CorePipe(pattern)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_cores_go() {
        for (pattern, status) in [
            ("core", Status::Pass),
            ("/var/crash/%p", Status::Pass),
            ("|/usr/lib/systemd/systemd-coredump %P %u %g %s %t %c %h", Status::Pass),
            ("|/usr/share/collector %p", Status::Unverified),
        ] {
            assert_eq!(judged(Ok(pattern.as_bytes().to_vec())).0, status, "{pattern}");
        }
        assert_eq!(judged(Err(Errno::EACCES)).0, Status::Unverified);
    }
}
