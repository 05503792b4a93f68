//! `run --prove`: in the confinement of the app, before it starts, or once its scripts are over.

use std::fs;

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

/// What `[confine]` denies beside files, by a container in which a device of the node's is under a name of its own.
fn beside_files(more: &str, change: fn(Spec) -> Spec) -> Ran {
    let profile = tempfile::tempdir().unwrap();
    let keys =
        "bind = [8080]\nconnect = [5432]\nioctl = [\"/dev/shm\"]\nscope = [\"abstract-unix-socket\", \"signal\"]\n";
    let text = format!("schema = 1\nname = \"p\"\n{more}[confine]\nmode = \"best-effort\"\n{keys}");
    fs::write(profile.path().join("p.toml"), text).unwrap();
    let command = ["/lithify/lithify", "run", "--prove", "-v", "-p", "/profile/p.toml", "--", "/usr/bin/id"];
    let spec = Spec::new(&rootfs("nginx"), &command).volume(profile.path(), "/profile", &["ro"]);
    change(spec.volume(std::path::Path::new("/dev/zero"), "/dev/kmsg", &[])).run().0
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
        let ran = beside_files(more, |spec| spec).exits(0).says("uid=");
        let without = beside_files(more, |spec| spec.refuse("landlock_create_ruleset", nix::libc::ENOSYS));
        let without = without.exits(125).does_not_say("uid=");
        for (attempt, errno) in BESIDE_FILES {
            let line = |ran: &Ran, begin: &str, end: &str| {
                let found = ran
                    .all()
                    .lines()
                    .any(|line| line.starts_with(begin) && line.contains(attempt) && line.ends_with(end));
                assert!(found, "{begin} {attempt} {end}:\n{}", ran.all());
            };
            line(&ran, "refused ", &format!("({errno})"));
            line(&without, "FAIL ", " SUCCEEDED");
        }
    }
}
