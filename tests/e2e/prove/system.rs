//! Attempts that need no program of the image: system calls, sockets, setuid files, and places to write.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use crate::harness::Ran;
use crate::harness::container::{Container, DEFAULT_CAPABILITIES, Spec};
use crate::harness::rootfs;

fn sleeper() -> Spec {
    Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"])
}

fn prove(container: &Container) -> Ran {
    container.lithify(&["verify", "--prove", "-v"])
}

#[track_caller]
fn succeeds(spec: Spec, attempt: &str) -> Container {
    let container = spec.start();
    prove(&container).exits(1).says(&format!("FAIL {attempt} SUCCEEDED"));
    container
}

#[track_caller]
fn fails(spec: Spec, attempt: &str, errno: &str) {
    prove(&spec.start()).says(&format!("refused {attempt}: ")).says(&format!(" ({errno})\n"));
}

#[test]
fn modules() {
    let attempt = "prove.module this process: to load a kernel module";
    // The kernel's own answer to an empty image, if it may be loaded; this machine may have no modules.
    succeeds(sleeper().refuse("init_module", nix::libc::ENOEXEC), attempt);
    fails(sleeper().refuse("init_module", nix::libc::EPERM), attempt, "EPERM");
}

#[test]
fn mounts() {
    let attempt = "prove.mount this process: to mount a filesystem";
    let more = [&DEFAULT_CAPABILITIES[..], &["CAP_SYS_ADMIN"]].concat();
    for spec in [sleeper().capabilities(&more), sleeper().capabilities(&more).refuse("unshare", nix::libc::EPERM)] {
        let container = spec.start();
        let mounts = || fs::read_to_string(format!("/proc/{}/mountinfo", container.pid())).unwrap();
        let before = mounts();
        prove(&container).exits(1).says(&format!("FAIL {attempt} SUCCEEDED"));
        assert_eq!(mounts(), before);
    }
    fails(sleeper(), attempt, "EPERM");
}

#[test]
fn a_filter_that_kills_refuses() {
    let container =
        sleeper().restricted().no_seccomp().kill(&["mount", "fsopen", "init_module", "unshare", "ptrace"]).start();
    let mut ran = container.lithify(&["verify", "--prove", "-v", "-p", "restricted"]).exits(0);
    let killed = "a seccomp filter kills whoever tries it (SIGSYS)";
    for attempt in [
        "module this process: to load a kernel module",
        "user_namespace this process: to make a user namespace",
        "mount this process: to mount a filesystem",
        "ptrace process 1: to trace it",
    ] {
        ran = ran.says(&format!("refused prove.{attempt}: {killed}"));
    }
    ran.says("succeeded prove.start /usr/bin/dash: to start it SUCCEEDED").does_not_say("signal");
    let more = [&DEFAULT_CAPABILITIES[..], &["CAP_SYS_ADMIN"]].concat();
    succeeds(sleeper().capabilities(&more).kill(&["mount"]), "prove.mount this process: to mount a filesystem");
}

#[test]
fn mounts_where_the_root_is_no_mount_point() {
    let more = [&DEFAULT_CAPABILITIES[..], &["CAP_SYS_ADMIN", "CAP_SYS_CHROOT"]].concat();
    let proc = std::path::Path::new("/proc");
    let container = sleeper().capabilities(&more).volume(proc, "/opt/root/proc", &["ro"]).start();
    let root = container.root();
    fs::copy(crate::harness::lithify(), root.join("opt/root/lithify")).unwrap();
    container
        .exec(["/usr/sbin/chroot", "/opt/root", "/lithify", "verify", "--prove", "-v"])
        .says("prove.mount this process: to mount a filesystem SUCCEEDED");
}

#[test]
fn user_namespaces() {
    let attempt = "prove.user_namespace this process: to make a user namespace";
    succeeds(sleeper(), attempt);
    fails(sleeper().restricted(), attempt, "EPERM");
}

#[test]
fn tracing_process_1() {
    let attempt = "prove.ptrace process 1: to trace it";
    let container = succeeds(sleeper(), attempt);
    let status = fs::read_to_string(format!("/proc/{}/status", container.pid())).unwrap();
    assert!(status.contains("\nTracerPid:\t0\n") && status.contains("\nState:\tS"), "{status}");
    fails(sleeper().refuse("ptrace", nix::libc::EPERM), attempt, "EPERM");
}

#[test]
fn runtime_sockets() {
    let attempt = "prove.runtime_socket /run/docker.sock: to connect to the container runtime";
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("docker.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let spec = || sleeper().volume(&path, "/run/docker.sock", &["ro"]);
    succeeds(spec(), attempt);
    // Nothing is sent.
    let mut sent = Vec::new();
    listener.accept().unwrap().0.read_to_end(&mut sent).unwrap();
    assert_eq!(sent, b"");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fails(spec().restricted(), attempt, "EACCES");
    drop(listener);
    // Nobody listens now, but somebody may later.
    prove(&spec().start()).says(&format!("UNVERIFIED {attempt} was not tried: Connection refused (ECONNREFUSED)"));
}

#[test]
fn runtime_sockets_at_other_places() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("docker.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    for place in ["/host/run/docker.sock", "/srv/innocent"] {
        let attempt = format!("prove.runtime_socket {place}: to connect to the container runtime");
        succeeds(sleeper().volume(&path, place, &["ro"]), &attempt);
    }
}

#[test]
fn gaining_privileges_by_a_file() {
    let attempt = "prove.gain /usr/bin/su: to gain privileges by it";
    let app = || sleeper().user(1000, 1000);
    // The kernel hides the gain from a process that is traced.
    succeeds(app(), attempt);
    succeeds(app().capabilities(&[]), attempt);
    let powerless = format!("powerless {attempt}: it starts, and gains nothing");
    prove(&app().no_new_privileges().start()).says(&powerless);
    prove(&sleeper().start()).says(&powerless);
}

#[test]
fn writing_and_executing() {
    let attempt = "prove.execute /data: to write a program there and start it";
    succeeds(sleeper().tmpfs("/data", &["mode=1777"]), attempt);
    fails(sleeper().tmpfs("/data", &["noexec"]), attempt, "EACCES");
    fails(sleeper().tmpfs("/data", &["ro"]), attempt, "EROFS");
    let attempt = "prove.memfd this process: to write a program into memory and start it";
    succeeds(sleeper(), attempt);
    fails(sleeper().refuse("memfd_create", nix::libc::EPERM), attempt, "EPERM");
}

#[test]
fn writing_where_it_should_be_read_only() {
    let asks = "schema = 1\nname = \"p\"\n[verify.mounts]\nread_only = [\"/data\"]\nnoexec = [\"/data\"]\n";
    let of = |options: &[&str]| {
        let container = sleeper().tmpfs("/data", options).start();
        fs::write(container.root().join("var/tmp/p.toml"), asks).unwrap();
        container.lithify(&["verify", "--prove", "-v", "-p", "/var/tmp/p.toml"])
    };
    of(&[]).exits(1).says("FAIL prove.write /data: to make a file there SUCCEEDED").says("FAIL prove.execute /data: ");
    of(&["ro", "noexec"])
        .exits(0)
        .says("refused prove.write /data: to make a file there: Read-only file system (EROFS)");
}

#[test]
fn who_may_not_write_somewhere_proves_nothing_of_it() {
    let asks = "schema = 1\nname = \"p\"\n[verify.mounts]\nread_only = [\"/data\"]\nnoexec = [\"/data\"]\n";
    let of = |options: &[&str]| {
        let container = sleeper().user(65532, 65532).tmpfs("/data", &[&["mode=0755"], options].concat()).start();
        fs::write(container.root().join("var/tmp/p.toml"), asks).unwrap();
        container.lithify(&["verify", "--prove", "-v", "-p", "/var/tmp/p.toml"])
    };
    let ran = of(&[]).exits(1);
    ran.says("UNVERIFIED prove.write /data: to make a file there was not tried: ")
        .does_not_say("refused prove.execute /data");
    of(&["ro", "noexec"])
        .exits(0)
        .says("refused prove.write /data: to make a file there: Read-only file system (EROFS)");
    let ran = of(&["noexec"]).exits(1);
    ran.says("mountinfo says noexec").does_not_say("UNVERIFIED prove.execute /data");
}

#[test]
fn a_restricted_pod_passes() {
    let container = sleeper().restricted().start();
    let ran = container.lithify(&["verify", "--prove", "-v", "-p", "restricted"]).exits(0);
    ran.does_not_say("FAIL").does_not_say("UNVERIFIED").says("refused prove.write /: ").says("refused prove.mount ");
}

#[test]
fn attempts_have_the_ids_of_the_checks_that_read_the_same() {
    let container = sleeper().start();
    let report = container.lithify(&["verify", "--prove", "--format", "json"]).exits(1).json();
    let checks = container.lithify(&["verify", "--list-checks", "--format", "json"]).exits(0).json();
    let ids = |list: &serde_json::Value, id: &str| {
        let found = list.as_array().unwrap().iter().find(|entry| entry["id"] == id);
        found.unwrap_or_else(|| panic!("{id}: {list}"))["ids"].clone()
    };
    assert_eq!(ids(&report["attempts"], "prove.module"), ids(&checks, "process.capabilities"));
    assert_eq!(ids(&report["attempts"], "prove.start"), ids(&checks, "remove"));
    assert_eq!(ids(&report["findings"], "prove.start"), ids(&checks, "remove"));
    assert_eq!(ids(&report["attempts"], "prove.memfd"), serde_json::json!([]));
}
