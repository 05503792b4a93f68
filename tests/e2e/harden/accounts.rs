//! `[strip] login_shells`, and the profile `leftovers`.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::container::Spec;
use crate::harness::init_app::eventually;
use crate::harness::tree::Tree;
use crate::harness::{Ran, harden, rootfs, run, run_lithify};

const BEFORE: &str = "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\napp:x:7:7::/:\n";
const AFTER: &str = "root:x:0:0:root:/root:/usr/sbin/nologin\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\napp:x:7:7::/:/usr/sbin/nologin\n";

fn tree() -> Tree {
    let tree = Tree::new();
    tree.directory("/etc").file_with("/p.toml", "schema = 1\nname = \"p\"\n[strip]\nlogin_shells = true\n");
    fs::write(tree.at("/etc/passwd"), BEFORE).unwrap();
    tree
}

fn strip(tree: &Tree, arguments: &[&str]) -> Ran {
    let profile = tree.at("/p.toml");
    harden(tree.path(), [&["-p", profile.to_str().unwrap()], arguments].concat())
}

#[test]
fn login_shells_are_set_to_nologin_and_nothing_else_changes() {
    let tree = tree();
    let passwd = tree.at("/etc/passwd");
    fs::set_permissions(&passwd, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::chown(&passwd, Some(12), Some(34)).unwrap();
    strip(&tree, &["--dry-run"]).exits(0).says("would strip /etc/passwd (p: strip login shells, of root, app)");
    assert_eq!(fs::read_to_string(&passwd).unwrap(), BEFORE);
    let verify = || {
        run_lithify([
            "verify".as_ref(),
            "--root".as_ref(),
            tree.path().as_os_str(),
            "-p".as_ref(),
            tree.at("/p.toml").as_os_str(),
        ])
    };
    verify().exits(1).says("FAIL strip /etc/passwd: login shells of root, app (p: strip login shells)");
    strip(&tree, &["-v"]).exits(0).says("stripped /etc/passwd");
    assert_eq!(fs::read_to_string(&passwd).unwrap(), AFTER);
    let metadata = fs::metadata(&passwd).unwrap();
    assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o7777), (12, 34, 0o640));
    strip(&tree, &[]).exits(0).says("nothing to remove");
    verify().exits(0);
    assert_eq!(fs::read_dir(tree.at("/etc")).unwrap().count(), 1, "nothing else is left there");
}

#[test]
fn where_it_is_a_link_a_mount_or_not_there() {
    let tree = tree();
    fs::create_dir(tree.at("/data")).unwrap();
    fs::rename(tree.at("/etc/passwd"), tree.at("/data/passwd")).unwrap();
    symlink("/data/passwd", tree.at("/etc/passwd")).unwrap();
    strip(&tree, &["-v"]).exits(0).says("stripped /data/passwd");
    assert_eq!(fs::read_to_string(tree.at("/data/passwd")).unwrap(), AFTER);
    assert!(tree.at("/etc/passwd").is_symlink());

    fs::remove_file(tree.at("/etc/passwd")).unwrap();
    strip(&tree, &[]).exits(0);
    // A link out of the root leads to the root's own.
    symlink("/../../../../../../../../etc/passwd", tree.at("/etc/passwd")).unwrap();
    let machine = fs::read("/etc/passwd").unwrap();
    strip(&tree, &[]).exits(0);
    assert_eq!(fs::read("/etc/passwd").unwrap(), machine);

    let mounted = Tree::new();
    fs::write(mounted.at("/passwd"), BEFORE).unwrap();
    fs::copy(tree.at("/p.toml"), mounted.at("/p.toml")).unwrap();
    let container = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"])
        .volume(mounted.path(), "/site", &["ro"])
        .volume(&mounted.at("/passwd"), "/etc/passwd", &[])
        .start();
    container
        .lithify(&["harden", "-p", "/site/p.toml"])
        .exits(0)
        .says("note: /etc/passwd keeps the login shells of root, app");
    assert_eq!(fs::read_to_string(mounted.at("/passwd")).unwrap(), BEFORE);
}

#[test]
fn killed_at_every_step_it_is_the_old_one_or_the_new_one() {
    let mut killed = 0;
    for call in ["openat", "write", "fchown", "fchmod", "fsync", "linkat", "renameat"] {
        for (nth, effect) in (1..12).flat_map(|nth| [(nth, "signal=KILL:error=EINTR"), (nth, "signal=KILL")]) {
            let tree = tree();
            let mut strace = std::process::Command::new("strace");
            strace.args(["-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
            strace.args(["-e", &format!("inject={call}:{effect}:when={nth}")]);
            strace
                .arg(crate::harness::lithify())
                .args(["harden", "--root"])
                .arg(tree.path())
                .arg("-p")
                .arg(tree.at("/p.toml"));
            let status = strace.env_clear().stdout(std::process::Stdio::null()).status().unwrap();
            if status.success() {
                break;
            }
            killed += 1;
            let text = fs::read_to_string(tree.at("/etc/passwd")).unwrap();
            assert!(text == BEFORE || text == AFTER, "{call} {nth}: {text}");
            strip(&tree, &[]).exits(0);
            assert_eq!(fs::read_to_string(tree.at("/etc/passwd")).unwrap(), AFTER);
            assert_eq!(fs::read_dir(tree.at("/etc")).unwrap().count(), 1, "{call} {nth}");
        }
    }
    assert!(killed > 20, "only {killed} runs were killed");
}

#[test]
fn two_runs_at_once_end_well() {
    for _ in 0..30 {
        let tree = tree();
        let spawn = || {
            let mut child = crate::harness::command();
            child.arg("harden").arg("--root").arg(tree.path()).arg("-p").arg(tree.at("/p.toml"));
            child.stdout(std::process::Stdio::piped()).spawn().unwrap()
        };
        for child in [spawn(), spawn(), spawn()] {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        }
        assert_eq!(fs::read_to_string(tree.at("/etc/passwd")).unwrap(), AFTER);
        assert_eq!(fs::read_dir(tree.at("/etc")).unwrap().count(), 1);
    }
}

#[test]
fn an_access_control_list_stays() {
    let tree = tree();
    // acl(5) as the kernel keeps it: the owner reads and writes, user 33 reads, the group nothing, the mask is r.
    let list = "0x0200000001000600ffffffff020004002100000004000000ffffffff10000400ffffffff20000000ffffffff";
    let set = ["-n", "system.posix_acl_access", "-v", list];
    run(std::process::Command::new("setfattr").args(set).arg(tree.at("/etc/passwd"))).exits(0);
    let get = || {
        let mut get = std::process::Command::new("getfattr");
        run(get.args(["--only-values", "-n", "system.posix_acl_access"]).arg(tree.at("/etc/passwd"))).exits(0).stdout
    };
    let before = get();
    strip(&tree, &[]).exits(0);
    assert_eq!(fs::read_to_string(tree.at("/etc/passwd")).unwrap(), AFTER);
    assert_eq!(get(), before);
}

#[test]
fn what_somebody_adds_meanwhile_is_not_lost() {
    let tree = tree();
    let (mut strace, trace) = (std::process::Command::new("strace"), tree.at("/trace"));
    // The new text is written, and then it is stopped.
    strace.args(["-qq", "-e", "trace=fchown", "-e", "inject=fchown:signal=STOP:when=1", "-o"]).arg(&trace);
    strace.arg(crate::harness::lithify()).args(["harden", "--root"]).arg(tree.path()).arg("-p").arg(tree.at("/p.toml"));
    let mut child = strace.env_clear().stdout(std::process::Stdio::null()).spawn().unwrap();
    eventually("it is stopped", || {
        fs::read_to_string(&trace).is_ok_and(|text| text.contains("stopped by SIGSTOP")).then_some(())
    });
    let stopped = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
    let mut passwd = fs::File::options().append(true).open(tree.at("/etc/passwd")).unwrap();
    std::io::Write::write_all(&mut passwd, b"new:x:8:8::/:/bin/sh\n").unwrap();
    kill(Pid::from_raw(stopped.trim().parse().unwrap()), Signal::SIGCONT).unwrap();
    assert!(child.wait().unwrap().success());
    let text = fs::read_to_string(tree.at("/etc/passwd")).unwrap();
    assert_eq!(text, format!("{AFTER}new:x:8:8::/:/usr/sbin/nologin\n"));
}

#[test]
fn leftovers_of_a_real_system() {
    let container = Spec::new(&rootfs("nginx"), &["/usr/sbin/nginx", "-g", "daemon off;"]).start();
    container.http();
    let there = |path: &str| container.root().join(path).symlink_metadata().is_ok();
    assert!(
        there("etc/init.d/nginx") && there("etc/cron.daily/dpkg") && there("etc/rc3.d") && there("var/lib/dpkg/status")
    );
    container.lithify(&["harden", "-p", "nginx"]).exits(0);
    for path in ["etc/init.d", "etc/cron.daily", "etc/cron.d", "etc/rc3.d", "var/backups", "etc/passwd-", "etc/shells"]
    {
        assert!(!there(path), "{path}");
    }
    // Vulnerability scanners read the package database.
    assert!(there("var/lib/dpkg/status"));
    let ran = run(std::process::Command::new("grep").args(["-c", "sh$"]).arg(container.root().join("etc/passwd")));
    assert_eq!(ran.stdout.trim(), "0");
    container.lithify(&["verify", "-p", "leftovers"]).exits(0);
    container.http();
}
