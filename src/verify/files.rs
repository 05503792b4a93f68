//! `[verify.files]`: what must be absent, and what must be present.

use super::{Check, CheckId, Evidence, Status, Verification};
use crate::profile::Verify;
use crate::root::{Root, glob};

pub(super) fn check(root: &Root, verify: &Verify, out: &mut Verification) {
    for (id, patterns) in [(CheckId::Absent, &verify.absent), (CheckId::Present, &verify.present)] {
        for pattern in patterns {
            let (status, evidence) = match glob::matches(root, &pattern.value) {
                Err(error) => (Status::Unverified, Evidence::Unreadable(error)),
                Ok((paths, problems)) => match (paths.first(), problems.into_iter().next()) {
                    (Some(_), _) if id == CheckId::Present => {
                        if paths.iter().any(|path| root.resolve(path).is_ok()) {
                            (Status::Pass, Evidence::There)
                        } else {
                            (Status::Fail, Evidence::Dangling)
                        }
                    }
                    (Some(_), None) if paths.iter().all(|path| is_tombstone(root, path)) => {
                        (Status::Pass, Evidence::Tombstone)
                    }
                    (Some(path), _) => (Status::Fail, Evidence::Matched(path.clone())),
                    (None, Some(error)) => (Status::Unverified, Evidence::Unreadable(error)),
                    (None, None) if id == CheckId::Present => (Status::Fail, Evidence::NotThere),
                    (None, None) => (Status::Pass, Evidence::NotThere),
                },
            };
            out.checks.push(Check::at(pattern.value.as_str().as_bytes(), id, status, evidence));
        }
    }
}

/// Whether lithify put the file there in place of a command that it removed.
fn is_tombstone(root: &Root, path: &[u8]) -> bool {
    let program = crate::linux::proc::open_own_program();
    program.is_ok_and(|program| root.is_tombstone(path, &program).unwrap_or(false))
}
