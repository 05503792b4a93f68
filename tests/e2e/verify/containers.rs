//! `verify` in real containers with real mounts, users, capabilities and seccomp.

use std::fs;

use crate::harness::container::{Container, DEFAULT_CAPABILITIES, Spec};
use crate::harness::rootfs;
use crate::harness::tree::manifest;

fn sleeper() -> Spec {
    Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"])
}

fn with_profile(container: &Container, profile: &str) -> crate::harness::Ran {
    // The profile is brought in beside lithify, as a ConfigMap would be.
    let path = container.root().join("var/tmp/p.toml");
    fs::write(path, format!("schema = 1\nname = \"p\"\n{profile}")).unwrap();
    container.lithify(&["verify", "-v", "-p", "/var/tmp/p.toml"])
}

#[test]
fn a_restricted_pod_passes_and_each_deviation_is_found() {
    let restricted = || sleeper().read_only().user(65532, 65532).capabilities(&[]).no_new_privileges();
    let verify = ["verify", "-v", "-p", "restricted"];
    restricted().start().lithify(&verify).exits(0).says("checks hold").says("not counted: /dev").does_not_say("FAIL");
    restricted().capabilities(&["CAP_NET_BIND_SERVICE"]).start().lithify(&verify).exits(0);
    for (spec, id) in [
        (
            sleeper().user(65532, 65532).capabilities(&[]).no_new_privileges(),
            "FAIL mounts.read_only /: the mount is writable",
        ),
        (sleeper().read_only().capabilities(&[]).no_new_privileges(), "FAIL process.user"),
        (
            restricted().capabilities(&DEFAULT_CAPABILITIES),
            "FAIL process.capabilities process 1: it holds more than allowed: bounding",
        ),
        (sleeper().read_only().user(65532, 65532).capabilities(&[]), "FAIL process.no_new_privs"),
        (restricted().no_seccomp(), "FAIL process.seccomp"),
        (restricted().tmpfs("/tmp", &["rw"]), "FAIL mounts.read_only /tmp: mounted below read-only /"),
    ] {
        let ran = spec.start().lithify(&verify).exits(1).says(id).says("fix: ");
        assert_eq!(ran.stdout.matches("FAIL").count(), 1, "{}", ran.stdout);
    }
}

#[test]
fn what_a_read_only_root_keeps_is_found_and_explained() {
    // As a probe beside `run`, whose Landlock binds the app alone.
    let container = sleeper().read_only().start();
    let ran = container.lithify(&["verify", "-p", "shells"]).exits(1);
    ran.says("FAIL remove /usr/bin/dash").says("note: the root is read-only, so nothing can be removed from it");
    let container = sleeper().start();
    container.lithify(&["verify", "-p", "shells"]).exits(1).does_not_say("the root is read-only");
}

#[test]
fn permission_denied_is_no_proof_of_a_read_only_root() {
    let container = sleeper().user(65532, 65532).start();
    container.lithify(&["verify", "-p", "restricted"]).exits(1).says("FAIL mounts.read_only /: the mount is writable; only permissions stop uid 65532 (EACCES), which proves nothing");
}

#[test]
fn writable_noexec_and_files() {
    let container = sleeper().tmpfs("/tmp", &["noexec"]).tmpfs("/cache", &[]).start();
    let profile = "[verify.mounts]\nwritable = [\"/tmp\", \"/nowhere\"]\nwritable_if_present = [\"/cache\", \"/nor/this\"]\nnoexec = [\"/tmp\", \"/cache\"]\n\
        [verify.files]\nabsent = [\"/bin/sh\", \"/opt/x*\"]\npresent = [\"/usr/sbin/nginx\", \"/usr/sbin/httpd\"]\n";
    with_profile(&container, profile)
        .exits(1)
        .says("pass mounts.writable /tmp: writable")
        .says("FAIL mounts.writable /nowhere: does not exist")
        .says("pass mounts.writable_if_present /cache")
        .does_not_say("/nor/this")
        .says("pass mounts.noexec /tmp: noexec")
        .says("FAIL mounts.noexec /cache: programs can be started there")
        .says("FAIL files.absent /bin/sh: /usr/bin/sh is there")
        .says("pass files.absent /opt/x*")
        .says("pass files.present /usr/sbin/nginx")
        .says("FAIL files.present /usr/sbin/httpd: is not there");
}

#[test]
fn the_write_test_leaves_no_trace() {
    let volume = tempfile::tempdir().unwrap();
    let container = sleeper().volume(volume.path(), "/data", &["rw"]).start();
    let (root, data) = (manifest(container.root()), manifest(volume.path()));
    let ran = container.lithify(&["verify", "-p", "restricted"]).exits(1);
    ran.says("FAIL mounts.read_only /: writable").says("FAIL mounts.read_only /data: ");
    assert_eq!(manifest(container.root()), root);
    assert_eq!(manifest(volume.path()), data);
}

#[test]
fn users_groups_and_ids() {
    let container = sleeper().user(33, 33).start();
    with_profile(&container, "[verify.process]\nuser = \"www-data\"\ngroup = 33\ngroups = [33]\n").exits(0);
    with_profile(&container, "[verify.process]\nuser = 34\n").exits(1).says("uid 33, not 34");
    with_profile(&container, "[verify.process]\ngroup = \"nobody-here\"\n").exits(1).says("UNVERIFIED process.group");
    let root = sleeper().start();
    with_profile(&root, "[verify.process]\ngroup = \"non-root\"\n").exits(1).says("FAIL process.group");
}

#[test]
fn what_harden_removed_and_somebody_brought_back_is_drift() {
    let container = sleeper().start();
    container.lithify(&["verify", "-p", "shells"]).exits(1).says("FAIL remove /usr/bin/dash: still there");
    container.lithify(&["harden", "-p", "shells"]).exits(0);
    container.lithify(&["verify", "-p", "shells"]).exits(0);
    fs::copy("/bin/sh", container.root().join("usr/local/bin/bash")).unwrap();
    container.lithify(&["verify", "-p", "shells"]).exits(1).says("FAIL remove /usr/local/bin/bash");
}

#[test]
fn another_containers_process_is_not_taken_for_the_app() {
    // A directory is no container: what a process may do cannot be told from it.
    let tree = crate::harness::tree::Tree::new();
    tree.directory("/bin");
    crate::harness::run_lithify(["verify", "-p", "restricted", "--root", tree.path().to_str().unwrap()])
        .exits(1)
        .says("UNVERIFIED process.user no process belongs to a directory");
}

#[test]
fn from_beside_the_container() {
    // As an ephemeral container or sidecar would, through the process's root: its mounts and its status count.
    let container = sleeper().read_only().user(65532, 65532).capabilities(&[]).no_new_privileges().start();
    let root = format!("/proc/{}/root", container.pid());
    let ran = crate::harness::run_lithify(["verify", "-v", "-p", "restricted", "--root", &root]);
    ran.says("pass process.user process")
        .says("pass process.seccomp process")
        .says("pass mounts.read_only /: read-only: writing fails with EROFS")
        .does_not_say("FAIL process")
        .does_not_say("FAIL mounts")
        .does_not_say("UNVERIFIED");
}

#[test]
fn exposure() {
    let socket_directory = tempfile::tempdir().unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(socket_directory.path().join("docker.sock")).unwrap();
    let token = tempfile::tempdir().unwrap();
    fs::write(token.path().join("token"), "secret").unwrap();
    let container = sleeper()
        .volume(&socket_directory.path().join("docker.sock"), "/run/docker.sock", &["ro"])
        .volume(token.path(), "/var/run/secrets/kubernetes.io/serviceaccount", &["ro"])
        .start();
    let asks = "[verify.exposure]\nruntime_socket = false\nservice_account_token = false\nhost_pid = false\n";
    with_profile(&container, asks)
        .exits(1)
        .says("FAIL exposure.runtime_socket /run/docker.sock")
        .says("FAIL exposure.service_account_token")
        .says("pass exposure.host_pid");
    with_profile(&sleeper().start(), asks).exits(0);
}
