//! Where the profile goes, and an app that runs already.

use std::fs;
use std::process::Command;

use super::{entry, learned, list, profile, tree};
use crate::harness::app::NGINX;
use crate::harness::container::Spec;
use crate::harness::rootfs;

#[test]
fn a_file_that_cannot_be_written() {
    let tree = tree();
    let ran = learned(&tree, &["--out", "/none/x.toml"], &["/bin/app", "exit", "0"]).exits(125);
    ran.says("--out /none/x.toml").says("standard output").says("schema = 1");
    // The app's own code says more.
    learned(&tree, &["--out", "/none/x.toml"], &["/bin/app", "exit", "3"]).exits(3).says("schema = 1");
    // A disk that is full: nothing half written is left.
    let script =
        "cd \"$0\"; mount -t proc none proc; mount -t tmpfs none tmp -o size=8k; head -c 64K /dev/zero >tmp/fill;
        chroot . /lithify learn --out /tmp/x.toml -- /bin/app exit 0; code=$?; echo left: $(ls -A tmp); exit $code";
    let mut unshare = Command::new("unshare");
    unshare.args(["--pid", "--fork", "--kill-child", "--mount", "sh", "-c", script]).arg(tree.path());
    let ran = crate::harness::run(&mut unshare).says("left: fill\n");
    ran.exits(125).says("ENOSPC").says("schema = 1");
}

#[test]
fn what_somebody_else_has_put_in_the_place_of_the_file_leads_nowhere() {
    let tree = tree();
    tree.file_with("/etc/precious", "precious").directory("/volume");
    for target in ["/etc/precious", "/etc/new"] {
        let link = tree.at("/volume/p.toml");
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(target, &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(65534), Some(65534)).unwrap();
        learned(&tree, &["--out", "/volume/p.toml"], &["/bin/app", "exit", "0"]).exits(0);
        assert!(link.symlink_metadata().unwrap().is_file());
        assert!(fs::read_to_string(link).unwrap().contains("schema = 1"));
    }
    assert_eq!(fs::read_to_string(tree.at("/etc/precious")).unwrap(), "precious");
    assert!(!tree.at("/etc/new").exists());
}

#[test]
fn what_the_app_puts_in_the_place_of_the_file_leads_nowhere() {
    let script = "echo precious >/etc/precious; ln -s /etc/precious /srv/p.toml";
    let learn = ["/lithify/lithify", "learn", "--out", "/srv/p.toml", "--", "/bin/sh", "-c", script];
    let container = Spec::new(&rootfs("nginx"), &learn).start();
    container.wait_until_it_ends();
    let root = container.root();
    assert!(root.join("srv/p.toml").symlink_metadata().unwrap().is_file(), "{}", container.log());
    assert_eq!(fs::read_to_string(root.join("etc/precious")).unwrap(), "precious\n");
}

#[test]
fn a_fifo_that_nobody_reads_holds_nothing_up() {
    let tree = tree();
    nix::unistd::mkfifo(&tree.at("/tmp/fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    learned(&tree, &["--out", "/tmp/fifo"], &["/bin/app", "exit", "0"]).exits(125).says("ENXIO").says("schema = 1");
}

#[test]
fn a_second_run_joins_the_first() {
    let tree = tree();
    learned(&tree, &["--out", "/tmp/one.toml"], &["/bin/tasks", "vfork", "/bin/app", "exit", "0"]).exits(0);
    let flags = ["--add", "/tmp/one.toml", "--out", "/tmp/two.toml"];
    learned(&tree, &flags, &["/bin/app", "exit", "0"]).exits(0);
    let two = fs::read_to_string(tree.at("/tmp/two.toml")).unwrap();
    assert_eq!(list(profile(&two), "only").len(), 2, "{two}");
    fs::write(tree.at("/tmp/other.toml"), "schema = 2\n").unwrap();
    learned(&tree, &["--add", "/tmp/none.toml"], &["/bin/app", "exit", "0"])
        .exits(125)
        .says("--add /tmp/none.toml: cannot be read: no such file\n  fix: ");
    learned(&tree, &["--add", "/tmp/other.toml"], &["/bin/app", "exit", "0"]).exits(125).says("schema");
}

#[test]
fn an_app_that_runs_already() {
    let container = NGINX.start();
    // In the container, and from the node by the root of its first process.
    let inside = container.lithify(&["learn", "--for", "0.5"]).exits(0);
    let root = format!("/proc/{}/root", container.pid());
    let outside = crate::harness::run_lithify(["learn", "--root", &root, "--for", "0.5"]).exits(0);
    for ran in [inside, outside] {
        let ran = ran.says("the app ran already");
        let text = profile(&ran.stdout);
        assert_eq!(entry(text, "only", "/usr/sbin/nginx"), "the app, ran already; run 1", "{text}");
        assert!(text.contains("it listened on") && text.contains("8080"), "{text}");
        entry(text, "writable", "/var/cache/nginx");
    }
    NGINX.answers(&container);
}
