//! config.json of a container's bundle.

use std::path::Path;

use serde_json::{Value, json};

use super::Spec;
use crate::harness::lithify;

/// config.json (OCI runtime-spec).
pub(super) fn config(spec: &Spec, root: &Path, directory: &Path) -> Value {
    let mut mounts = vec![
        json!({"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]}),
        json!({"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]}),
        json!({"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]}),
        json!({"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]}),
        json!({"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]}),
        json!({"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]}),
        json!({"destination": "/dev/termination-log", "type": "bind", "source": directory.join("termination-log"), "options": ["bind", "rw"]}),
        json!({"destination": "/etc/hosts", "type": "bind", "source": directory.join("hosts"), "options": ["bind", "rw"]}),
    ];
    if spec.with_lithify {
        mounts.push(
            json!({"destination": "/lithify/lithify", "type": "bind", "source": lithify(), "options": ["bind", "ro"]}),
        );
    }
    mounts.extend(spec.mounts.iter().cloned());
    let shared = |kind: &str, path: &Option<String>| match path {
        Some(path) => json!({"type": kind, "path": path}),
        None => json!({"type": kind}),
    };
    let mut namespaces = vec![json!({"type": "ipc"}), json!({"type": "uts"}), json!({"type": "mount"})];
    namespaces.push(shared("network", &spec.shared_network));
    if !spec.host_pid {
        namespaces.push(shared("pid", &spec.shared_pid));
    }
    let capabilities = &spec.capabilities;
    // A process that is not root keeps none in force, as with Docker and containerd.
    let in_force: &[&str] = if spec.user.0 == 0 { capabilities } else { &[] };
    let mut config = json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": {"uid": spec.user.0, "gid": spec.user.1},
            "args": spec.arguments,
            "env": spec.environment,
            "cwd": spec.working_directory,
            "noNewPrivileges": spec.no_new_privileges,
            "capabilities": {"bounding": capabilities, "permitted": in_force, "effective": in_force, "inheritable": [], "ambient": []},
        },
        "root": {"path": root, "readonly": spec.read_only},
        "hostname": "pod",
        "mounts": mounts,
        // Loopback is up in a pod.
        "hooks": {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "nsenter -t $(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/') -n ip link set lo up"], "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}]},
        "linux": {
            "namespaces": namespaces,
            "maskedPaths": ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    });
    if !spec.seccomp.is_empty() {
        config["linux"]["seccomp"] =
            json!({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": spec.seccomp});
    }
    for change in &spec.changes {
        change(&mut config);
    }
    config
}
