//! The seccomp profiles of the containers: single calls that fail, or about what `RuntimeDefault` refuses.
//!
//! A runtime's default is a list of what is allowed; this is its complement, from the profiles of moby and containerd
//! for a container without `CAP_SYS_ADMIN` and the like. What is in neither, such as calls that are newer than the
//! runtime, is allowed here, and answered with ENOSYS there.

use serde_json::{Value, json};

/// What fails with EPERM.
const REFUSED: [&str; 62] = [
    "_sysctl",
    "acct",
    "add_key",
    "bpf",
    "clock_adjtime",
    "clock_settime",
    "create_module",
    "delete_module",
    "fanotify_init",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "get_kernel_syms",
    "get_mempolicy",
    "init_module",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "ioperm",
    "iopl",
    "kcmp",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "lookup_dcookie",
    "mbind",
    "migrate_pages",
    "mount",
    "mount_setattr",
    "move_mount",
    "move_pages",
    "nfsservctl",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "pidfd_getfd",
    "pivot_root",
    "process_madvise",
    "query_module",
    "quotactl",
    "quotactl_fd",
    "reboot",
    "request_key",
    "set_mempolicy",
    "sethostname",
    "setdomainname",
    "setns",
    "settimeofday",
    "swapoff",
    "swapon",
    "sysfs",
    "syslog",
    "umount",
    "umount2",
    "unshare",
    "uselib",
    "userfaultfd",
    "ustat",
    "vhangup",
    "vm86",
];

/// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET (sched.h).
const NAMESPACES: [u32; 7] =
    [0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000];

/// About what `seccompProfile: {type: RuntimeDefault}` gives.
pub fn runtime_default() -> Vec<Value> {
    let mut rules = vec![refuse(&REFUSED, 1)];
    for flag in NAMESPACES {
        let mut rule = refuse(&["clone"], 1);
        rule["args"] = json!([{"index": 0, "value": flag, "valueTwo": flag, "op": "SCMP_CMP_MASKED_EQ"}]);
        rules.push(rule);
    }
    // Its flags are behind a pointer, which a filter cannot read: ENOSYS makes the C library take clone(2).
    rules.push(refuse(&["clone3"], 38));
    rules
}

/// The calls fail with this error number.
pub fn refuse(calls: &[&str], errno: u32) -> Value {
    json!({"names": calls, "action": "SCMP_ACT_ERRNO", "errnoRet": errno})
}

/// Opening with `O_TMPFILE` fails as where the filesystem has no such files.
pub fn no_unnamed_files() -> Value {
    let mut rule = refuse(&["openat"], nix::libc::EOPNOTSUPP.unsigned_abs());
    let flag = nix::libc::O_TMPFILE;
    rule["args"] = json!([{"index": 2, "value": flag, "valueTwo": flag, "op": "SCMP_CMP_MASKED_EQ"}]);
    rule
}

/// Asking for Landlock's version (LANDLOCK_CREATE_RULESET_VERSION) returns 0; everything else of Landlock works.
pub fn oldest_landlock() -> Value {
    let mut rule = refuse(&["landlock_create_ruleset"], 0);
    rule["args"] = json!([{"index": 2, "value": 1, "op": "SCMP_CMP_EQ"}]);
    rule
}
