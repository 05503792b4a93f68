//! Nothing passes because it could not be read: the whole catalogue without `/proc`, with a process 1 that cannot be looked
//! at, and where seccomp refuses the calls that reading needs.

use super::settings::{SETTINGS, bring, everything, results, sleeper};
use crate::harness::container::Spec;

#[test]
fn without_proc() {
    let container = sleeper().start();
    let profile = bring(&container, "p", &everything());
    let verify = ["/lithify/lithify", "verify", "--format", "json", "-p", &profile];
    container.enter(["umount", "-l", "/proc"]).exits(0);
    // It does not even know what itself may be asked.
    let ran = container.enter(verify);
    assert_ne!(ran.code, 0);
    ran.says("/proc/self/exe").says("mount proc on /proc").does_not_say("pass");
}

#[test]
fn with_a_proc_in_which_nothing_can_be_read() {
    let container = sleeper().start();
    let profile = bring(&container, "p", &everything());
    // Reading the memory at address 0 fails, so each of these files is one whose reading fails. The shell becomes lithify.
    let script = format!(
        "mkdir -p /var/tmp/empty && umount -l /sys && \
         for file in mountinfo status uid_map gid_map limits cgroup environ; do \
             mount --bind /proc/1/mem /proc/$$/$file && mount --bind /proc/1/mem /proc/1/$file || exit 99; \
         done && \
         mount --bind /proc/1/mem /proc/filesystems && mount --bind /var/tmp/empty /proc/sys && \
         mount --bind /var/tmp/empty /proc/$$/ns && \
         exec /lithify/lithify verify --format json -p {profile}"
    );
    let report = container.enter(["sh", "-c", &script]).exits(1).json();
    let found = results(&report);
    for (id, status, detail) in &found {
        // What is in /dev is known without /proc.
        let expected = if id == "exposure.devices" { "pass" } else { "unverified" };
        assert_eq!(status, expected, "{id}: {detail}");
    }
    assert!(found.len() > SETTINGS.len(), "{report}");
}

#[test]
fn a_directory_of_devices_that_cannot_be_looked_at() {
    let container = sleeper().start();
    let profile =
        bring(&container, "p", "[verify.exposure]\ndevices = false\nprivileged = false\nruntime_socket = false\n");
    container.enter(["sh", "-c", "mkdir -m 700 /dev/closed && chmod 700 /run"]).exits(0);
    let verify = ["setpriv", "--reuid=65532", "--regid=65532", "--clear-groups", "/lithify/lithify", "verify", "-p"];
    let ran = container.enter(verify.iter().chain(&[profile.as_str()])).exits(1);
    for id in ["devices", "privileged", "runtime_socket"] {
        ran.all().lines().find(|line| line.starts_with(&format!("UNVERIFIED exposure.{id} "))).expect(id);
    }
}

#[test]
fn an_unreadable_process_1() {
    // Another user's, in a /proc that shows each user only his own processes.
    let hidden = |spec: Spec| {
        spec.user(33, 33).with(|config| {
            let proc =
                config["mounts"].as_array_mut().unwrap().iter_mut().find(|mount| mount["type"] == "proc").unwrap();
            proc["options"].as_array_mut().unwrap().push("hidepid=2".into());
        })
    };
    let container = hidden(sleeper()).start();
    let profile = bring(&container, "p", &everything());
    let verify =
        ["setpriv", "--reuid=65532", "--regid=65532", "--clear-groups", "--bounding-set=-all", "/lithify/lithify"];
    let ran = container.enter(verify.iter().chain(&["verify", "--format", "json", "-p", &profile]));
    let report = ran.json();
    let of_process = ["process.", "limits.", "exposure.privileged", "exposure.secrets_in_environment"];
    for (id, status, detail) in results(&report) {
        if of_process.iter().any(|prefix| id.starts_with(prefix)) {
            assert_eq!(status, "unverified", "{id}: {detail}");
        }
    }
    assert_eq!(report["exit_code"], 1);

    // Only its environment is closed to another user without SYS_PTRACE.
    let container = sleeper().user(33, 33).start();
    let profile = bring(&container, "p", "[verify.exposure]\nsecrets_in_environment = false\n");
    let ran = container.enter(verify.iter().chain(&["verify", "-p", &profile])).exits(1);
    ran.says("UNVERIFIED exposure.secrets_in_environment process 1: Permission denied");
}

/// Calls by which the checks read, and the error with which a sandbox refuses them.
const REFUSALS: [(&[&str], i32); 4] = [
    (&["openat2"], nix::libc::ENOSYS),
    (&["statx"], nix::libc::EPERM),
    (&["openat2", "statx"], nix::libc::ENOSYS),
    (&["statfs"], nix::libc::ENOSYS),
];

#[test]
fn where_seccomp_refuses_what_reading_needs() {
    for (calls, errno) in REFUSALS {
        let refusing = |spec: Spec| calls.iter().fold(spec, |spec, call| spec.refuse(call, errno));
        // Where each would fail, none passes.
        for setting in SETTINGS {
            let container = refusing((setting.fails)(sleeper())).start();
            let profile = bring(&container, "p", setting.keys);
            let ran = container.lithify(&["verify", "--format", "json", "-p", &profile]);
            assert_ne!(ran.code, 0, "{calls:?} {errno}: {}: {}", setting.id, ran.all());
            if ran.stdout.is_empty() {
                // It cannot even read what it may be asked.
                ran.says("/proc/self/exe");
                break;
            }
            for (id, status, detail) in results(&ran.json()) {
                let is_finding = status == "fail" || status == "unverified";
                assert!(id != setting.id || is_finding, "{calls:?} {errno}: {id}: {status}: {detail}");
            }
        }
    }
}
