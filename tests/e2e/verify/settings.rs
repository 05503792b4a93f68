//! For each check that asks about a container's isolation: how it is asked for, a container that a runtime has started with
//! the setting that makes it pass, and one with the setting that makes it fail.

use std::fs;

use serde_json::{Value, json};

use crate::harness::container::{Container, Spec};
use crate::harness::rootfs;

/// A check, the keys of a profile that ask for it, and what makes it pass and fail.
pub struct Setting {
    pub id: &'static str,
    pub keys: &'static str,
    pub passes: fn(Spec) -> Spec,
    pub fails: fn(Spec) -> Spec,
    /// What the failure says.
    pub says: &'static str,
}

fn unchanged(spec: Spec) -> Spec {
    spec
}

fn push(config: &mut Value, list: &str, value: Value) {
    let list = config.pointer_mut(list).unwrap();
    list.as_array_mut().unwrap().push(value);
}

fn without_namespace(config: &mut Value, kind: &str) {
    let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
    namespaces.retain(|namespace| namespace["type"] != kind);
}

fn mount(config: &mut Value, at: &str, kind: &str, options: &[&str]) {
    push(config, "/mounts", json!({"destination": at, "type": kind, "source": kind, "options": options}));
}

fn limits(config: &mut Value) {
    mount(config, "/sys/fs/cgroup", "cgroup", &["nosuid", "noexec", "nodev", "ro"]);
    let memory = json!({"limit": 268_435_456});
    config["linux"]["resources"] =
        json!({"memory": memory, "cpu": {"quota": 50_000, "period": 100_000}, "pids": {"limit": 100}});
}

fn read_only_cgroup(config: &mut Value) {
    mount(config, "/sys/fs/cgroup", "cgroup", &["nosuid", "noexec", "nodev", "ro"]);
}

fn writable_cgroup(config: &mut Value) {
    mount(config, "/sys/fs/cgroup", "cgroup", &["nosuid", "noexec", "nodev", "rw"]);
}

fn core_limit(config: &mut Value, limit: u64) {
    config["process"]["rlimits"] = json!([{"type": "RLIMIT_CORE", "hard": limit, "soft": limit}]);
}

fn disk(config: &mut Value) {
    push(
        config,
        "/linux/devices",
        json!({"path": "/dev/sdz", "type": "b", "major": 7, "minor": 200, "fileMode": 0o600}),
    );
}

/// A volume of the node's disk, read-only, with a writable one in it.
fn open_volume(config: &mut Value) {
    mount(config, "/opt", "tmpfs", &["ro"]);
    mount(config, "/opt/cache", "tmpfs", &["rw"]);
}

pub const SETTINGS: [Setting; 21] = [
    Setting {
        id: "mounts.noexec",
        keys: "[verify.mounts]\nnoexec = [\"/mnt\"]",
        passes: |spec| spec.tmpfs("/mnt", &["noexec"]),
        fails: |spec| spec.tmpfs("/mnt", &[]),
        says: "programs can be started there",
    },
    Setting {
        id: "mounts.nosuid",
        keys: "[verify.mounts]\nnosuid = [\"/mnt\"]",
        passes: |spec| spec.tmpfs("/mnt", &[]),
        fails: |spec| spec.with(|config| mount(config, "/mnt", "tmpfs", &["nodev"])),
        says: "setuid programs take effect there",
    },
    Setting {
        id: "mounts.nodev",
        keys: "[verify.mounts]\nnodev = [\"/mnt\"]",
        passes: |spec| spec.tmpfs("/mnt", &[]),
        fails: |spec| spec.with(|config| mount(config, "/mnt", "tmpfs", &["nosuid"])),
        says: "device nodes take effect there",
    },
    Setting {
        id: "mounts.recursive_read_only",
        keys: "[verify.mounts]\nrecursive_read_only = true",
        passes: |spec| spec.with(|config| mount(config, "/opt", "tmpfs", &["ro"])),
        fails: |spec| spec.with(open_volume),
        says: "writable below a read-only volume: /opt/cache",
    },
    Setting {
        id: "mounts.shared",
        keys: "[verify.mounts]\nshared = false",
        passes: |spec| spec.tmpfs("/mnt", &[]),
        fails: |spec| spec.with(|config| mount(config, "/mnt", "tmpfs", &["shared"])),
        says: "shared with the node: /mnt",
    },
    Setting {
        id: "mounts.proc_masks",
        keys: "[verify.mounts]\nproc_masks = true",
        passes: unchanged,
        fails: |spec| spec.with(|config| config["linux"]["maskedPaths"] = json!([])),
        says: "not hidden, or not read-only: /proc/",
    },
    Setting {
        id: "process.user_namespace",
        keys: "[verify.process]\nuser_namespace = true",
        passes: |spec| spec.in_user_namespace(),
        fails: unchanged,
        says: "its root is root on the node",
    },
    Setting {
        id: "process.user",
        keys: "[verify.process]\nuser = \"non-root\"",
        passes: |spec| spec.in_user_namespace(),
        fails: unchanged,
        says: "it runs as root: uid 0",
    },
    Setting {
        id: "process.core_dumps",
        keys: "[verify.process]\ncore_dumps = false",
        passes: |spec| spec.with(|config| core_limit(config, 0)),
        fails: |spec| spec.with(|config| core_limit(config, 4096)),
        says: "up to 4096 bytes",
    },
    Setting {
        id: "exposure.host_ipc",
        keys: "[verify.exposure]\nhost_ipc = false",
        passes: unchanged,
        fails: |spec| spec.with(|config| without_namespace(config, "ipc")),
        says: "it is the machine's own",
    },
    Setting {
        id: "exposure.host_uts",
        keys: "[verify.exposure]\nhost_uts = false",
        passes: unchanged,
        fails: |spec| {
            spec.with(|config| {
                without_namespace(config, "uts");
                config.as_object_mut().unwrap().remove("hostname");
            })
        },
        says: "it is the machine's own",
    },
    Setting {
        id: "exposure.host_network",
        keys: "[verify.exposure]\nhost_network = false",
        passes: unchanged,
        fails: |spec| {
            spec.with(|config| {
                without_namespace(config, "network");
                config.as_object_mut().unwrap().remove("hooks");
            })
        },
        says: "it is the machine's own",
    },
    Setting {
        id: "exposure.host_pid",
        keys: "[verify.exposure]\nhost_pid = false",
        passes: unchanged,
        fails: Spec::host_pid,
        says: "it is the machine's own",
    },
    Setting {
        id: "exposure.host_paths",
        keys: "[verify.exposure]\nhost_paths = false",
        passes: |spec| spec.tmpfs("/mnt", &[]),
        fails: |spec| spec.volume(&rootfs("alpine"), "/mnt", &["rw"]),
        says: "files of the node, mounted writable: /mnt",
    },
    Setting {
        id: "exposure.privileged",
        keys: "[verify.exposure]\nprivileged = false",
        passes: unchanged,
        fails: |spec| {
            spec.with(|config| {
                config["linux"]["readonlyPaths"] = json!([]);
                config["linux"]["devices"] = json!([]);
                disk(config);
            })
        },
        says: "/proc/sys is writable; disks of the node are in /dev",
    },
    Setting {
        id: "exposure.devices",
        keys: "[verify.exposure]\ndevices = false",
        passes: unchanged,
        fails: |spec| {
            spec.with(|config| {
                let fuse = json!({"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o666});
                config["linux"]["devices"] = json!([fuse]);
            })
        },
        says: "devices of the node: /dev/fuse",
    },
    Setting {
        id: "exposure.writable_cgroup",
        keys: "[verify.exposure]\nwritable_cgroup = false",
        passes: |spec| spec.with(read_only_cgroup),
        fails: |spec| spec.with(writable_cgroup),
        says: "writable control groups: /sys/fs/cgroup/",
    },
    Setting {
        id: "exposure.secrets_in_environment",
        keys: "[verify.exposure]\nsecrets_in_environment = false",
        passes: |spec| spec.environment(&["PATH=/usr/bin", "DB_PASSWORD_FILE=/run/secrets/db"]),
        fails: |spec| spec.environment(&["PATH=/usr/bin", "DB_PASSWORD=hunter2"]),
        says: "variables that are named as secrets: DB_PASSWORD",
    },
    Setting {
        id: "limits.memory",
        keys: "[verify.limits]\nmemory = true",
        passes: |spec| spec.with(limits),
        fails: |spec| spec.with(read_only_cgroup),
        says: "no limit: /sys/fs/cgroup/",
    },
    Setting {
        id: "limits.cpu",
        keys: "[verify.limits]\ncpu = true",
        passes: |spec| spec.with(limits),
        fails: |spec| spec.with(read_only_cgroup),
        says: "no limit: /sys/fs/cgroup/",
    },
    Setting {
        id: "limits.pids",
        keys: "[verify.limits]\npids = true",
        passes: |spec| spec.with(limits),
        fails: |spec| spec.with(read_only_cgroup),
        says: "no limit: /sys/fs/cgroup/",
    },
];

/// A container that sleeps.
pub fn sleeper() -> Spec {
    Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"])
}

/// Brings a profile in beside lithify, as a ConfigMap would be; its path in the container.
pub fn bring(container: &Container, name: &str, keys: &str) -> String {
    let path = format!("var/tmp/{name}.toml");
    fs::write(container.root().join(&path), format!("schema = 1\nname = \"{name}\"\n{keys}\n")).unwrap();
    format!("/{path}")
}

/// A profile that asks for every check of the table, and for some more.
pub fn everything() -> String {
    let mut tables: Vec<(&str, Vec<&str>)> = Vec::new();
    let more = [
        "[verify.process]\nno_new_privs = true",
        "[verify.process]\nseccomp = \"filter\"",
        "[verify.process]\ncapabilities = []",
        "[verify.exposure]\nruntime_socket = false",
        "[verify.kernel]\nsettings = true",
        "[verify.process]\napparmor = true",
        "[verify.process]\nselinux = true",
    ];
    for keys in SETTINGS.iter().map(|setting| setting.keys).chain(more) {
        let (table, key) = keys.split_once('\n').unwrap();
        match tables.iter_mut().find(|(known, _)| *known == table) {
            Some((_, keys)) => keys.push(key),
            None => tables.push((table, vec![key])),
        }
    }
    tables.iter().map(|(table, keys)| format!("{table}\n{}\n", keys.join("\n"))).collect()
}

/// The results of the checks that the report has, each by its id.
pub fn results(report: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let checks = report["checks"].as_array().unwrap();
    checks.iter().map(|check| (text(&check["id"]), text(&check["status"]), text(&check["detail"]))).collect()
}
