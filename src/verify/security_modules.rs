//! `[verify.process] apparmor` and `selinux`: the label that a security module has put on the app.
//!
//! Not applicable where the kernel certainly runs without the module: `/sys` is sysfs and knows nothing of `AppArmor`, or
//! `/proc/filesystems` knows nothing of `SELinux`'s filesystem. Where that cannot be looked at, it is unverified.

use nix::errno::Errno;

use super::{Evidence, Isolation, Status};
use crate::linux::proc::Task;
use crate::linux::security::{has_apparmor, has_selinux};

/// The modes in which `AppArmor` stops what a profile does not allow.
const ENFORCED: [&[u8]; 2] = [b"(enforce)", b"(kill)"];

/// The types that the Pod Security Standard "baseline" accepts.
const CONTAINER_TYPES: [&[u8]; 4] = [b"container_t", b"container_init_t", b"container_kvm_t", b"container_engine_t"];

pub(super) fn apparmor(task: Task) -> (Status, Evidence) {
    let label = || task.label(Some("apparmor")).or_else(|_| task.label(None));
    judged(has_apparmor(), &label, |label| ENFORCED.iter().any(|mode| label.ends_with(mode)))
}

pub(super) fn selinux(task: Task) -> (Status, Evidence) {
    judged(has_selinux(), &|| task.label(None), |label| {
        label.split(|&byte| byte == b':').nth(2).is_some_and(|kind| CONTAINER_TYPES.contains(&kind))
    })
}

fn judged(
    is_on: Result<bool, Errno>,
    label: &dyn Fn() -> Result<Vec<u8>, Errno>,
    is_confined: fn(&[u8]) -> bool,
) -> (Status, Evidence) {
    match is_on.and_then(|on| if on { label().map(Some) } else { Ok(None) }) {
        Ok(None) => (Status::NotApplicable, Evidence::Isolation(Isolation::NothingSuch)),
        Ok(Some(label)) if is_confined(&label) => (Status::Pass, Evidence::Isolation(Isolation::Label(label))),
        Ok(Some(label)) => (Status::Fail, Evidence::Isolation(Isolation::Label(label))),
        Err(errno) => (Status::Unverified, Evidence::Os(errno)),
    }
}
