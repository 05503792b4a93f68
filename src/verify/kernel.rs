//! `[verify.kernel] settings`: settings of the node's kernel that matter for whoever is in a container. They are told, not
//! judged: a pod cannot change them.

use super::{Check, CheckId, Evidence, Isolation, Status, Subject, Verification};
use crate::linux::proc::setting;
use crate::profile::Verify;

/// Files below `/proc/sys`.
const SETTINGS: [&str; 12] = [
    "kernel/osrelease",
    "kernel/yama/ptrace_scope",
    "kernel/unprivileged_bpf_disabled",
    "kernel/unprivileged_userns_clone",
    "user/max_user_namespaces",
    "kernel/io_uring_disabled",
    "kernel/perf_event_paranoid",
    "kernel/kptr_restrict",
    "kernel/dmesg_restrict",
    "vm/memfd_noexec",
    "fs/suid_dumpable",
    "kernel/core_pattern",
];

/// How much of a value is told.
const LONGEST: usize = 100;

pub(super) fn check(verify: &Verify, out: &mut Verification) {
    if !verify.kernel_settings.as_ref().is_some_and(|asked| asked.value) {
        return;
    }
    let mut settings = Vec::new();
    let mut errno = None;
    for name in SETTINGS {
        match setting(name) {
            Ok(mut value) => {
                value.truncate(LONGEST);
                settings.push((name, value));
            }
            Err(error) => errno = Some(error),
        }
    }
    // Each kernel has some of them.
    let (status, evidence) = match errno {
        Some(errno) if settings.is_empty() => (Status::Unverified, Evidence::Os(errno)),
        _ => (Status::Pass, Evidence::Isolation(Isolation::Settings(settings))),
    };
    out.checks.push(Check { id: CheckId::KernelSettings, subject: Subject::Kernel, status, evidence });
}
