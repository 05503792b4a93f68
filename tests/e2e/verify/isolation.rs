//! Each check of isolation, in a container in which it passes, and in one in which it fails.

use std::fs;
use std::os::unix::net::UnixListener;

use serde_json::{Value, json};

use super::settings::{SETTINGS, bring, everything, results, sleeper};
use crate::harness::container::{Container, Spec};
use crate::harness::{rootfs, run_lithify};

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

/// The other checks, and the tests that show each in a container in which it passes and in one in which it fails.
const ELSEWHERE: [(&str, &str); 22] = [
    ("remove", "verify/containers.rs"),
    ("strip", "harden/accounts.rs"),
    ("mounts.read_only", "verify/containers.rs"),
    ("mounts.writable", "verify/containers.rs"),
    ("mounts.writable_if_present", "verify/isolation.rs"),
    ("mounts.staged", "stage/in_pod.rs"),
    ("process.group", "verify/containers.rs"),
    ("process.groups", "verify/isolation.rs"),
    ("process.no_new_privs", "verify/containers.rs"),
    ("process.capabilities", "verify/containers.rs"),
    ("process.seccomp", "verify/containers.rs"),
    // This kernel may have neither. What they write is mounted over.
    ("process.apparmor", "verify/isolation.rs"),
    ("process.selinux", "verify/isolation.rs"),
    ("files.absent", "verify/containers.rs"),
    ("files.present", "verify/containers.rs"),
    ("exposure.runtime_socket", "verify/containers.rs"),
    ("exposure.service_account_token", "verify/containers.rs"),
    // It only informs.
    ("kernel.settings", "verify/isolation.rs"),
    ("drift.executables", "drift/executables.rs"),
    ("drift.processes", "drift/processes.rs"),
    ("seal", "seal/digest.rs"),
    ("seal.digest", "seal/digest.rs"),
];

#[test]
fn every_check_of_the_catalogue_has_such_containers() {
    let listed = run_lithify(["verify", "--list-checks", "--format", "json"]).exits(0).json();
    let listed: Vec<&str> = listed.as_array().unwrap().iter().map(|check| check["id"].as_str().unwrap()).collect();
    let shown = SETTINGS.iter().map(|setting| setting.id).chain(ELSEWHERE.map(|(id, _)| id));
    let (mut listed_in_order, mut shown) = (listed.clone(), shown.collect::<Vec<_>>());
    listed_in_order.sort_unstable();
    shown.sort_unstable();
    assert_eq!(listed_in_order, shown);
    for (id, file) in ELSEWHERE {
        let text = fs::read_to_string(format!("{}/tests/e2e/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let named = text.contains(&format!("{id} ")) || text.contains(&format!("{id}\""));
        assert!(named || file == "verify/isolation.rs", "{file} says nothing of {id}");
    }
}

#[test]
fn what_must_be_writable_if_it_is_there() {
    let asks = "[verify.mounts]\nwritable_if_present = [\"/mnt\"]";
    let id = "mounts.writable_if_present";
    assert_eq!(result(&sleeper().tmpfs("/mnt", &[]).start(), id, asks).0, "pass");
    let (status, detail) = result(&sleeper().tmpfs("/mnt", &["ro"]).start(), id, asks);
    assert!(status == "fail" && detail.contains("read-only"), "{status}: {detail}");
}

#[test]
fn supplementary_groups() {
    let of = |set: fn(&mut Value)| sleeper().user(33, 33).with(set).start();
    let asks = "[verify.process]\ngroups = [33, 34]";
    assert_eq!(
        result(&of(|config| config["process"]["user"]["additionalGids"] = json!([34])), "process.groups", asks).0,
        "pass"
    );
    let (status, detail) =
        result(&of(|config| config["process"]["user"]["additionalGids"] = json!([35])), "process.groups", asks);
    assert!(status == "fail" && detail.contains("35"), "{status}: {detail}");
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
fn an_app_that_writes_over_its_environment() {
    let nginx = |variable: &str| {
        let command = ["/docker-entrypoint.sh", "nginx", "-g", "daemon off;"];
        let container =
            Spec::new(&rootfs("nginx"), &command).environment(&["PATH=/usr/sbin:/usr/bin:/bin", variable]).start();
        assert_eq!(container.http(), "nginx answers\n");
        let environ = container.exec(["/bin/cat", "/proc/1/environ"]).stdout;
        assert!(!environ.contains(variable), "{environ:?}");
        container
    };
    let asks = "[verify.exposure]\nsecrets_in_environment = false\n";
    let (status, detail) = result(&nginx("A=1"), "exposure.secrets_in_environment", asks);
    assert!(status == "pass" && detail.contains("written over its environment; lithify got"), "{status}: {detail}");
    let container = nginx("POSTGRES_PASSWORD=hunter2");
    let (status, detail) = result(&container, "exposure.secrets_in_environment", asks);
    assert!(status == "fail" && detail.contains("POSTGRES_PASSWORD"), "{status}: {detail}");
    // Whoever looks from outside has another environment.
    let profile = bring(&container, "q", asks);
    let outside = container.root().join(profile.trim_start_matches('/'));
    let root = format!("/proc/{}/root", container.pid());
    let ran = run_lithify(["verify", "--root", root.as_str(), "-p", outside.to_str().unwrap()]).exits(1);
    ran.says("UNVERIFIED exposure.secrets_in_environment").says("written over its environment, as programs");
}

#[test]
fn a_runtimes_socket_under_another_name() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("containerd.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    let deep = tempfile::tempdir().unwrap();
    fs::create_dir(deep.path().join("containerd")).unwrap();
    let _other = UnixListener::bind(deep.path().join("containerd/containerd.sock")).unwrap();
    let asks = "[verify.exposure]\nruntime_socket = false\n";
    let container = sleeper().volume(&socket, "/srv/harmless", &["ro"]).start();
    let (status, detail) = result(&container, "exposure.runtime_socket", asks);
    assert_eq!((status.as_str(), detail.as_str()), ("fail", "a container runtime's socket is visible"));
    // The directory that holds it, as somebody mounts /run/containerd, and the one above.
    for (source, place) in [(directory.path().to_owned(), "/foo"), (deep.path().to_owned(), "/bar")] {
        let container = sleeper().volume(&source, place, &["ro"]).start();
        let (status, detail) = result(&container, "exposure.runtime_socket", asks);
        assert_eq!((status.as_str(), detail.as_str()), ("fail", "a container runtime's socket is visible"), "{place}");
    }
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
