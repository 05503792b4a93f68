//! Another container's root, `/proc/PID/root`, from a sidecar or an ephemeral container in the same process namespace.

use std::fs;

use crate::harden::wait_for_app::{HELD, go};
use crate::harness::container::{Container, DEFAULT_CAPABILITIES, Spec};
use crate::harness::rootfs;
use crate::harness::tree::manifest;

const NGINX: [&str; 4] = ["/docker-entrypoint.sh", "nginx", "-g", "daemon off;"];

/// A container in the app's process namespace that may look into its processes.
fn sidecar(app: &Container) -> Container {
    let capabilities = [&DEFAULT_CAPABILITIES[..], &["CAP_SYS_PTRACE"]].concat();
    Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"]).share_pid_with(app).capabilities(&capabilities).start()
}

#[test]
fn hardened_verified_and_scanned_from_a_sidecar() {
    let app = Spec::new(&rootfs("nginx"), &NGINX).start();
    assert_eq!(app.http(), "nginx answers\n");
    let sidecar = sidecar(&app);
    let root = ["--root", "/proc/1/root"];
    let lithify = |arguments: &[&str]| sidecar.lithify(&[arguments, &root].concat());

    lithify(&["scan"]).exits(0).says("/usr/bin/dash").says("lithify scan /proc/1/root");
    lithify(&["verify", "-p", "shells"]).exits(1).says("/usr/bin/dash: still there");
    // Its processes are the app, not ours.
    lithify(&["harden", "--remove=nginx"]).exits(3).says("process 1 (nginx), the container's first, runs it");
    let own = manifest(sidecar.root());
    lithify(&["harden", "--wait-for-app", "-p", "shells"]).exits(0).says("removed");
    lithify(&["harden", "-p", "shells"]).exits(0).says("nothing to remove");
    lithify(&["verify", "-p", "shells"]).exits(0);

    assert_ne!(app.exec(["/bin/sh", "-c", "echo in"]).code, 0);
    assert!(app.root().join("usr/bin/dash").symlink_metadata().is_err());
    assert_eq!(app.http(), "nginx answers\n");
    assert_eq!(manifest(sidecar.root()), own, "the sidecar's own files are not meant");
    sidecar.exec(["/bin/sh", "-c", "echo in"]).exits(0);
}

#[test]
fn the_process_that_is_named_is_verified() {
    let pause = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"]).user(65535, 65535).start();
    let app = Spec::new(&rootfs("nginx"), &["/usr/bin/tail", "-f", "/dev/null"])
        .share_pid_with(&pause)
        .user(33, 33)
        .read_only()
        .tmpfs("/srv", &[])
        .start();
    let sidecar = sidecar(&pause);
    let found = sidecar.exec(["/bin/sh", "-c", "grep -lx tail /proc/[0-9]*/comm"]).exits(0).stdout;
    let pid = found.trim().trim_start_matches("/proc/").trim_end_matches("/comm").to_owned();
    let profile = "schema = 1\n[verify.mounts]\nread_only = [\"/\"]\n[verify.process]\nuser = 33\n";
    fs::write(sidecar.root().join("etc/site.toml"), profile).unwrap();
    let root = format!("--root=/proc/{pid}/root");
    // That process's mounts, of which one is writable; the sidecar's own root is writable altogether.
    let ran = sidecar.lithify(&["verify", "-v", "-p", "/etc/site.toml", &root]).exits(1);
    let ran = ran.says(&format!("pass process.user process {pid}: uid 33")).says("pass mounts.read_only /: read-only");
    ran.says("FAIL mounts.read_only /srv: ").says(", 1 finding");
    // A read-only root can be deleted from as little as from within.
    sidecar.lithify(&["harden", "--remove=tail", &root]).exits(3).says("(tail), the container's first, runs it");
    assert!(app.root().join("usr/bin/tail").exists());
}

/// By a path that does not say which process it is nobody knows whose mounts count: ours prove nothing.
#[test]
fn a_detour_to_the_other_root_does_not_lend_it_our_mounts() {
    let app = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"]).tmpfs("/srv", &[]).start();
    let capabilities = [&DEFAULT_CAPABILITIES[..], &["CAP_SYS_PTRACE"]].concat();
    let sidecar = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"]).tmpfs("/srv", &["noexec"]);
    let sidecar = sidecar.share_pid_with(&app).capabilities(&capabilities).start();
    let profile = "schema = 1\n[verify.mounts]\nnoexec = [\"/srv\"]\n";
    fs::write(sidecar.root().join("etc/site.toml"), profile).unwrap();
    sidecar.exec(["/bin/ln", "-s", "/proc/1/root", "/etc/detour"]).exits(0);
    let verify = |root: &str| sidecar.lithify(&["verify", "-v", "-p", "/etc/site.toml", root]).exits(1);
    verify("--root=/proc/1/root").says("FAIL mounts.noexec /srv: programs can be started there");
    let detour = verify("--root=/etc/detour");
    detour.says("UNVERIFIED mounts.noexec /srv: --root leads to another process's root: name it as /proc/PID/root");
}

#[test]
fn a_mount_point_of_the_other_container_is_never_unlinked() {
    let volume = tempfile::tempdir().unwrap();
    for name in ["touch", "tac"] {
        fs::write(volume.path().join(name), "a volume's").unwrap();
    }
    let app = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"])
        .volume(&volume.path().join("touch"), "/usr/bin/touch", &[])
        .volume(&volume.path().join("tac"), "/usr/bin/tac", &[])
        .start();
    let sidecar = sidecar(&app);
    let seen = |name: &str| app.exec(["/usr/bin/head", "-c", "10", &format!("/usr/bin/{name}")]).stdout;
    assert_eq!((seen("touch"), seen("tac")), ("a volume's".to_owned(), "a volume's".to_owned()));
    // From another mount namespace the kernel does not refuse: the mount is gone, and the name with it.
    sidecar.exec(["/bin/rm", "-f", "/proc/1/root/usr/bin/tac"]).exits(0);
    assert_ne!(seen("tac"), "a volume's");

    sidecar
        .lithify(&["harden", "--remove=touch", "--remove=dash", "--root", "/proc/1/root"])
        .exits(1)
        .says("/usr/bin/touch: was not removed")
        .says("it is a mount point, which is never unlinked");
    assert_eq!(seen("touch"), "a volume's");
    assert_eq!(fs::read_to_string(volume.path().join("touch")).unwrap(), "a volume's");
    assert!(!app.root().join("usr/bin/dash").exists(), "the rest went");
}

#[test]
fn a_sidecar_waits_for_the_other_containers_app() {
    let app = Spec::new(&rootfs("nginx"), &["/bin/sh", "-c", &format!("{HELD}; exec nginx -g 'daemon off;'")]).start();
    let sidecar = sidecar(&app);
    let probe = ["harden", "--wait-for-app", "-p", "shells", "--root", "/proc/1/root"];
    let first = sidecar.lithify(&probe).exits(75);
    assert!(first.stdout.contains("the container's first process still runs /usr/bin/dash"), "{}", first.stdout);
    go(&app);
    let mut last = first;
    sidecar.wait("harden the app", || {
        last = sidecar.lithify(&probe);
        last.code != 75
    });
    last.exits(0);
    assert!(!app.root().join("usr/bin/dash").exists() && sidecar.root().join("usr/bin/dash").exists());
    assert_eq!(app.http(), "nginx answers\n");
}

#[test]
fn a_process_that_may_not_be_looked_into() {
    let app = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"]).user(33, 33).start();
    let sidecar = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"]).share_pid_with(&app).start();
    for command in ["harden", "verify"] {
        let ran = sidecar.lithify(&[command, "-p", "shells", "--root", "/proc/1/root"]);
        ran.exits(2).says("/proc/1/root: Permission denied").says("SYS_PTRACE");
    }
    sidecar.lithify(&["scan", "--root", "/proc/1/root"]).exits(2).says("SYS_PTRACE");
    sidecar.lithify(&["scan", "--root", "/proc/4194303/root"]).exits(2).says("shareProcessNamespace: true");
    assert!(app.root().join("usr/bin/dash").exists());
}

#[test]
fn a_link_to_another_containers_root_does_not_stand_for_our_own_process() {
    let app = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"]).user(33, 33).start();
    let sidecar = sidecar(&app);
    let profile = "schema = 1\n[verify.process]\nuser = 0\n";
    fs::write(sidecar.root().join("etc/site.toml"), profile).unwrap();
    std::os::unix::fs::symlink("/proc/1/root", sidecar.root().join("opt/app")).unwrap();
    for root in ["/opt/app", "/proc/1/task/1/root", "/proc/1/root/."] {
        let ran = sidecar.lithify(&["verify", "-v", "-p", "/etc/site.toml", "--root", root]).exits(1);
        ran.does_not_say("pass process.user").says("name it as /proc/PID/root");
        sidecar.lithify(&["harden", "--remove=dash", "--root", root]).exits(3);
    }
    sidecar.lithify(&["verify", "-p", "/etc/site.toml", "--root", "/proc/1/root"]).exits(1).says("uid 33, not 0");
    assert!(app.root().join("usr/bin/dash").exists());
}
