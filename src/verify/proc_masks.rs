//! `[verify.mounts] proc_masks`: the parts of `/proc` that runtimes hide or make read-only are hidden and read-only
//! (`procMount: Default`). By mountinfo: something is mounted over each of them.

use super::seen::View;
use super::{Check, CheckId, Evidence, Isolation, Status, Verification};
use crate::linux::proc::mountinfo::Mount;
use crate::profile::Verify;
use crate::root::Root;

const PROC: &[u8] = b"/proc";

/// What is hidden, where the kernel has it (containerd, `oci.DefaultSpec`; moby, `oci/defaults.go`).
const HIDDEN: [&str; 7] = [
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
];

/// What is read-only.
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

pub(super) fn check(root: &Root, verify: &Verify, view: &View, out: &mut Verification) {
    if !verify.proc_masks.as_ref().is_some_and(|asked| asked.value) {
        return;
    }
    let mut add = |status, evidence| out.checks.push(Check::at(PROC, CheckId::ProcMasks, status, evidence));
    let mounts = match view {
        Ok(mounts) => mounts,
        Err(reason) => return add(Status::Unverified, Evidence::NoMounts(reason.clone())),
    };
    if mounts.covering(PROC).is_none_or(|mount| mount.filesystem != b"proc") {
        return add(Status::NotApplicable, Evidence::Isolation(Isolation::NothingSuch));
    }
    let mut open = Vec::new();
    let hidden = HIDDEN.iter().map(|path| (path, true));
    for (path, hides) in hidden.chain(READ_ONLY.iter().map(|path| (path, false))) {
        let path = path.as_bytes();
        match root.resolve(path) {
            Err(error) if error.leads_nowhere() => continue,
            Err(error) => return add(Status::Unverified, Evidence::Unreadable(error)),
            Ok(_) => {}
        }
        let holds = if hides { mounts.is_point(path) } else { mounts.covering(path).is_some_and(Mount::is_read_only) };
        if !holds {
            open.push(path.to_vec());
        }
    }
    add(if open.is_empty() { Status::Pass } else { Status::Fail }, Evidence::Isolation(Isolation::Names(open)));
}
