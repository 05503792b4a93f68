//! `[verify.files]`: what must be absent, and what must be present.

use super::{Check, CheckId, Evidence, Status, Verification};
use crate::profile::Verify;
use crate::recognise::tombstone::Detector;
use crate::root::{Canonical, Root, glob};

pub(super) fn check(root: &Root, verify: &Verify, out: &mut Verification) {
    let mut tombstones = Detector::default();
    let mut is_tombstone = |path: &Canonical| root.file(path).is_ok_and(|file| tombstones.is_tombstone(&file));
    for (id, patterns) in [(CheckId::Absent, &verify.absent), (CheckId::Present, &verify.present)] {
        for pattern in patterns {
            let (status, evidence) = match glob::matches(root, &pattern.value) {
                Err(error) => (Status::Unverified, Evidence::Unreadable(error)),
                Ok((paths, problems)) => match (paths.first(), problems.into_iter().next()) {
                    (Some(_), _) if id == CheckId::Present => {
                        let resolved: Vec<_> = paths.iter().map(|path| root.resolve(path)).collect();
                        if resolved.iter().any(Result::is_ok) {
                            (Status::Pass, Evidence::There)
                        } else if let Some(error) =
                            resolved.into_iter().filter_map(Result::err).find(|error| !error.leads_nowhere())
                        {
                            (Status::Unverified, Evidence::Unreadable(error))
                        } else {
                            (Status::Fail, Evidence::Dangling)
                        }
                    }
                    (Some(_), None) if paths.iter().all(&mut is_tombstone) => (Status::Pass, Evidence::Tombstone),
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
