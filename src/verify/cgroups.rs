//! `[verify.exposure] writable_cgroup`: whoever can write to a control group's files can lift its limits, and with
//! version 1 make the kernel run a program on the node (`release_agent`, CVE-2022-0492).

use super::seen::View;
use super::{Check, CheckId, Evidence, Isolation, Status, Verification};
use crate::profile::Verify;
use crate::root::{InRoot, Root};

/// The file of version 1 that names the program which the kernel runs on the node.
const RELEASE_AGENT: &[u8] = b"release_agent";

pub(super) fn check(root: &Root, verify: &Verify, view: &View, out: &mut Verification) {
    if verify.no_writable_cgroup.is_none() {
        return;
    }
    let mut add = |status, evidence| out.checks.push(Check::at(b"/", CheckId::WritableCgroup, status, evidence));
    let mounts = match view {
        Ok(mounts) => mounts,
        Err(reason) => return add(Status::Unverified, Evidence::NoMounts(reason.clone())),
    };
    let mut is_there = false;
    let mut writable = Vec::new();
    for (point, mount) in mounts.visible() {
        if !matches!(mount.filesystem.as_slice(), b"cgroup" | b"cgroup2") {
            continue;
        }
        is_there = true;
        if !mount.is_read_only() {
            let agent = InRoot(point).join(RELEASE_AGENT);
            writable.push(if root.resolve(&agent).is_ok() { agent } else { point.to_vec() });
        }
    }
    match (is_there, writable.is_empty()) {
        (false, _) => add(Status::NotApplicable, Evidence::Isolation(Isolation::NothingSuch)),
        (true, true) => add(Status::Pass, Evidence::Isolation(Isolation::Names(writable))),
        (true, false) => add(Status::Fail, Evidence::Isolation(Isolation::Names(writable))),
    }
}
