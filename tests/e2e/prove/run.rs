//! `run --prove`: in the confinement of the app, before it starts, or once its scripts are over.

use std::fs;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use crate::harness::Ran;
use crate::harness::container::Spec;
use crate::harness::rootfs;
use crate::harness::tree::Tree;

const CONFINE: &str =
    "schema = 1\nname = \"p\"\n[confine]\nmode = \"best-effort\"\nwrite = [\"/tmp\"]\nexecute = [\"/usr/bin/id\"]\n";

/// What `run --prove` says with `[confine]`, by a user who may write everywhere.
fn confined(change: fn(Spec) -> Spec) -> Ran {
    let profile = tempfile::tempdir().unwrap();
    fs::write(profile.path().join("p.toml"), CONFINE).unwrap();
    let command = ["/lithify/lithify", "run", "--prove", "-v", "-p", "/profile/p.toml", "--", "/usr/bin/id"];
    let spec = Spec::new(&rootfs("nginx"), &command).volume(profile.path(), "/profile", &["ro"]);
    change(spec.tmpfs("/data", &["mode=1777"])).run().0
}

#[test]
fn what_confine_denies() {
    let ran = confined(|spec| spec).exits(0).says("uid=0");
    for place in ["/", "/var/tmp", "/dev/shm", "/data"] {
        let line = format!(
            "refused prove.confine {place}: to make a file there, which [confine] write does not allow: Permission denied (EACCES)"
        );
        assert!(ran.all().contains(&line), "{line}:\n{}", ran.all());
    }
    let start = "prove.start /usr/bin/dash: to start it";
    for line in
        [format!("refused {start}: Permission denied (EACCES)"), format!("refused {start} by a descriptor: Perm")]
    {
        assert!(ran.all().contains(&line), "{line}:\n{}", ran.all());
    }
    // [confine] execute does not stop the loader, which the app needs, and says so nowhere else (docs/run.md).
    ran.does_not_say("prove.confine /tmp:").says("succeeded prove.start /usr/bin/dash: to start it by /lib64/ld-linux");
    // A kernel without Landlock enforces nothing of it.
    confined(|spec| spec.refuse("landlock_create_ruleset", nix::libc::ENOSYS))
        .exits(125)
        .says("FAIL prove.confine /data: to make a file there, which [confine] write does not allow SUCCEEDED")
        .says(&format!("FAIL {start} SUCCEEDED"))
        .does_not_say("uid=0");
}

#[test]
fn once_the_scripts_are_over() {
    let remove = ["--remove", "sh", "--remove", "dash"];
    let app = ["--", "/docker-entrypoint.sh", "nginx", "-g", "daemon off;"];
    let command = [&["/lithify/lithify", "run", "--prove", "-v"], &remove[..], &app].concat();
    let container = Spec::new(&rootfs("nginx"), &command).start();
    assert_eq!(container.http(), "nginx answers\n");
    container.wait("prove", || container.log().contains("attempts stopped"));
    assert_eq!(container.http(), "nginx answers\n");
    // A copy that no rule finds, but that is a shell.
    let layer = Tree::new();
    layer.directory("/opt");
    fs::copy(rootfs("nginx").join("usr/bin/dash"), layer.at("/opt/innocent")).unwrap();
    let container = Spec::new(&rootfs("nginx"), &command).layer(layer.path()).start();
    container.wait_until_it_ends();
    let log = container.log();
    assert!(log.contains("FAIL prove.start /opt/innocent: to start it SUCCEEDED"), "{log}");
    assert!(log.contains("the app is stopped, because it is not hardened"), "{log}");
}

#[test]
fn without_a_profile_everything_counts() {
    let command = ["/lithify/lithify", "run", "--prove", "--", "/usr/bin/id"];
    let ran = Spec::new(&rootfs("nginx"), &command).restricted().run().0;
    ran.exits(125).says("FAIL prove.start /usr/bin/dash").does_not_say("uid=").does_not_say("prove.ptrace");
}

/// An app that tells who it is, and how many processes there are.
const SEES: &str = "id; set -- /proc/[0-9]*; echo of $# processes";

/// A device without any effect.
const ZERO: &str = "/dev/zero";

/// What `[confine]` denies beside files, by a container in which this device of the node's is `/dev/kmsg`.
fn beside_files(more: &str, device: &str, change: &dyn Fn(Spec) -> Spec) -> Ran {
    let profile = tempfile::tempdir().unwrap();
    let keys =
        "bind = [8080]\nconnect = [5432]\nioctl = [\"/dev/shm\"]\nscope = [\"abstract-unix-socket\", \"signal\"]\n";
    let text = format!("schema = 1\nname = \"p\"\n{more}[confine]\nmode = \"best-effort\"\n{keys}");
    fs::write(profile.path().join("p.toml"), text).unwrap();
    let command = ["/lithify/lithify", "run", "--prove", "-v", "-p", "/profile/p.toml", "--", "/bin/sh", "-c", SEES];
    let spec = Spec::new(&rootfs("nginx"), &command).volume(profile.path(), "/profile", &["ro"]);
    change(spec.volume(Path::new(device), "/dev/kmsg", &[])).run().0
}

/// Whether the report has a line of this beginning, attempt and end.
#[track_caller]
fn has_line(ran: &Ran, begin: &str, attempt: &str, end: &str) {
    let is_it = |line: &str| line.starts_with(begin) && line.contains(attempt) && line.ends_with(end);
    assert!(ran.all().lines().any(is_it), "{begin} {attempt} {end}:\n{}", ran.all());
}

/// Each attempt on what `[confine]` denies beside files, and the error with which Landlock stops it.
const BESIDE_FILES: [(&str, &str); 5] = [
    ("prove.ioctl /dev/kmsg: to control it (ioctl), which [confine] ioctl does not allow", "EACCES"),
    ("prove.bind TCP port 49152: to bind a socket to it, which [confine] bind does not allow", "EACCES"),
    ("prove.connect TCP port 49152: to connect to it, which [confine] connect does not allow", "EACCES"),
    (
        "prove.abstract_socket this process: to connect to an abstract socket of a process that [confine] scope puts out of reach",
        "EPERM",
    ),
    ("prove.signal this process: to send a signal to a process that [confine] scope puts out of reach", "EPERM"),
];

#[test]
fn what_confine_denies_beside_files() {
    // As root, and as a user who loses every right on the way.
    for more in ["", "[verify.process]\nuser = \"65532\"\n"] {
        let ran = beside_files(more, ZERO, &|spec| spec).exits(0).says("uid=");
        // Nothing that the attempts needed is left beside the app.
        let ran = ran.says("of 1 processes");
        let without = beside_files(more, ZERO, &|spec| spec.refuse("landlock_create_ruleset", nix::libc::ENOSYS));
        let without = without.exits(125).does_not_say("uid=");
        for (attempt, errno) in BESIDE_FILES {
            has_line(&ran, "refused ", attempt, &format!("({errno})"));
            has_line(&without, "FAIL ", attempt, " SUCCEEDED");
        }
    }
}

/// What is refused without `[confine]`, too, is no sign of it, and no finding.
#[test]
fn what_something_else_refuses_is_not_taken_for_confine() {
    let [ioctl, bind, connect, ..] = BESIDE_FILES.map(|(attempt, _)| attempt);
    let before = "was not tried: something else than [confine] refuses it before: Permission denied (EACCES)";
    let sockets: fn(Spec) -> Spec =
        |spec| spec.refuse("bind", Errno::EACCES as i32).refuse("connect", Errno::EACCES as i32);
    let without = |spec: Spec| spec.refuse("landlock_create_ruleset", Errno::ENOSYS as i32);
    for ran in [beside_files("", ZERO, &sockets), beside_files("", ZERO, &|spec| without(sockets(spec)))] {
        has_line(&ran, "not tried ", bind, before);
        has_line(&ran, "not tried ", connect, before);
    }
    // A device that this user may not open.
    let directory = tempfile::tempdir().unwrap();
    let closed = directory.path().join("zero");
    mknod(&closed, SFlag::S_IFCHR, Mode::empty(), makedev(1, 5)).unwrap();
    let user = "[verify.process]\nuser = \"65532\"\n";
    let ran = beside_files(user, closed.to_str().unwrap(), &|spec| spec).exits(0).says("uid=");
    has_line(&ran, "not tried ", ioctl, before);
}
