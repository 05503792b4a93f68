//! Each check of isolation, in a container in which it passes, and in one in which it fails.

use std::fs;
use std::os::unix::net::UnixListener;

use super::settings::{SETTINGS, bring, everything, results, sleeper};
use crate::harness::container::Container;

/// The one result of a check.
fn result(container: &Container, id: &str, keys: &str) -> (String, String) {
    let profile = bring(container, "p", keys);
    let report = container.lithify(&["verify", "--format", "json", "-p", &profile]).json();
    let found: Vec<_> = results(&report).into_iter().filter(|(check, ..)| check == id).collect();
    let [(_, status, detail)] = found.as_slice() else { panic!("{id}: {report}") };
    (status.clone(), detail.clone())
}

#[test]
fn passes_and_fails_by_the_setting() {
    for setting in SETTINGS {
        let id = setting.id;
        let (status, detail) = result(&(setting.passes)(sleeper()).start(), id, setting.keys);
        assert_eq!(status, "pass", "{id}: {detail}");
        let (status, detail) = result(&(setting.fails)(sleeper()).start(), id, setting.keys);
        assert!(status == "fail" && detail.contains(setting.says), "{id}: {status}: {detail}");
    }
}

#[test]
fn not_applicable_is_neither_a_pass_nor_a_finding() {
    let container = sleeper().start();
    let keys = "[verify.mounts]\nrecursive_read_only = true\n[verify.exposure]\nwritable_cgroup = false\n";
    let profile = bring(&container, "p", keys);
    container
        .lithify(&["verify", "-v", "-p", &profile])
        .exits(0)
        .says("n/a mounts.recursive_read_only /: no volume is mounted read-only")
        .says("n/a exposure.writable_cgroup /: no control group is mounted")
        .says("2 not applicable")
        .does_not_say("hold");
}

#[test]
fn values_of_the_environment_are_printed_nowhere() {
    let container = sleeper().environment(&["PATH=/usr/bin", "API_TOKEN=hunter2"]).start();
    let profile = bring(&container, "p", "[verify.exposure]\nsecrets_in_environment = false\n");
    for format in ["text", "json"] {
        let ran = container.lithify(&["verify", "-v", "--format", format, "-p", &profile]).exits(1);
        ran.says("API_TOKEN").does_not_say("hunter2");
    }
}

#[test]
fn a_runtimes_socket_under_another_name() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("containerd.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    let asks = "[verify.exposure]\nruntime_socket = false\n";
    let container = sleeper().volume(&socket, "/srv/harmless", &["ro"]).start();
    let (status, detail) = result(&container, "exposure.runtime_socket", asks);
    assert_eq!((status.as_str(), detail.as_str()), ("fail", "a container runtime's socket is visible"));
    // A file of that name is no socket.
    fs::write(directory.path().join("docker.sock"), "").unwrap();
    let container = sleeper().volume(&directory.path().join("docker.sock"), "/run/docker.sock", &["ro"]).start();
    assert_eq!(result(&container, "exposure.runtime_socket", asks).0, "pass");
}

#[test]
fn security_modules() {
    // Whether the kernel has them decides: without, it is not applicable; with, runc has put no profile on the container.
    let has = |module: &str| fs::read_to_string("/sys/kernel/security/lsm").is_ok_and(|list| list.contains(module));
    for (module, name) in [("apparmor", "AppArmor"), ("selinux", "SELinux")] {
        let asks = format!("[verify.process]\n{module} = true");
        let (status, detail) = result(&sleeper().start(), &format!("process.{module}"), &asks);
        let expected = if has(module) { "fail" } else { "not_applicable" };
        assert_eq!(status, expected, "{detail}");
        assert!(has(module) || detail == format!("the kernel runs without {name}"), "{detail}");
    }
}

/// The kernel's files of AppArmor, as they read with a profile: mounted over, because this kernel may have no AppArmor.
#[test]
fn labels_of_apparmor_as_the_kernel_writes_them() {
    for (label, expected) in [
        ("cri-containerd.apparmor.d (enforce)\n", "pass"),
        ("docker-default (complain)\n", "fail"),
        ("unconfined\n", "fail"),
    ] {
        let container = sleeper().start();
        let fake = container.root().join("var/tmp/fake");
        fs::create_dir_all(fake.join("module/apparmor/parameters")).unwrap();
        fs::write(fake.join("module/apparmor/parameters/enabled"), "Y\n").unwrap();
        fs::write(fake.join("current"), label).unwrap();
        // sysfs stays sysfs: only its directory of modules is covered.
        container.enter(["mount", "--bind", "/var/tmp/fake/module", "/sys/module"]).exits(0);
        container.enter(["mount", "--bind", "/var/tmp/fake/current", "/proc/1/attr/current"]).exits(0);
        let (status, detail) = result(&container, "process.apparmor", "[verify.process]\napparmor = true");
        assert_eq!(status, expected, "{label}: {detail}");
    }
}

#[test]
fn the_whole_catalogue_at_once_in_text_and_json() {
    let container = sleeper().start();
    let profile = bring(&container, "p", &everything());
    let ran = container.lithify(&["verify", "-v", "-p", &profile]).exits(1);
    ran.says("pass kernel.settings kernel: kernel.osrelease = ").says("fix: set hostUsers: false");
    let report = container.lithify(&["verify", "--format", "json", "-p", &profile]).json();
    crate::command::output::assert_valid("report.schema.json", &report);
}

#[test]
fn from_beside_the_container() {
    // The namespaces, mounts and limits of that container count, not those of the reader.
    let container = sleeper().start();
    let profile = "[verify.exposure]\nhost_pid = false\nhost_ipc = false\nhost_network = false\nhost_uts = false\n[verify.mounts]\nproc_masks = true\n";
    let path = bring(&container, "p", profile);
    let path = container.root().join(path.trim_start_matches('/'));
    let root = format!("/proc/{}/root", container.pid());
    crate::harness::run_lithify(["verify", "-p", path.to_str().unwrap(), "--root", &root])
        .exits(0)
        .says("5 checks hold");
}
