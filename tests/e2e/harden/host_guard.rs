//! Never a host by accident. Everything that is tried here against a machine's root is a dry run in a namespace of the
//! test's own, over a disposable tree: even a bug could not hurt the machine.

use std::fs;
use std::path::Path;

use nix::mount::{MsFlags, mount};

use crate::harness::container::Spec;
use crate::harness::tree::Tree;
use crate::harness::{command, rootfs, run};

#[test]
fn this_machines_own_root_is_refused() {
    for root in ["/", "/proc/self/root", "/proc/1/root"] {
        let ran = run(command().args(["harden", "--dry-run", "-p", "shells", "--root", root]));
        // Tests may run in a container: then process 1's root is its own, and only the machine's is refused.
        if in_initial_pid_namespace() {
            // Where even root may not look into process 1, its root cannot be opened at all.
            assert!([2, 3].contains(&ran.code), "{root}: {ran:?}");
            assert!(ran.all().contains("refused") || ran.all().contains("Permission denied"), "{}", ran.all());
            let variable =
                run(command().args(["harden", "--dry-run", "-p", "shells"]).env("LITHIFY_ALLOW_HOST", "true"));
            assert_eq!(variable.code, 3, "no variable may switch the guard off");
        }
    }
}

fn in_initial_pid_namespace() -> bool {
    fs::read_link("/proc/self/ns/pid").unwrap() == Path::new("pid:[4026531836]")
}

#[test]
fn a_containers_own_root_is_not() {
    let container = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "100"]).start();
    container.lithify(&["harden", "--dry-run", "-p", "shells"]).exits(0).says("would remove /usr/bin/dash");
    assert!(container.root().join("usr/bin/dash").exists());
}

/// A whole filesystem on a loop-free substitute: a fresh ext4 image would need a loop device, so the machine's root is
/// given as the kubelet gives a hostPath of `/`.
#[test]
fn a_node_debug_pods_host_mount_is_refused() {
    let container =
        Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "100"]).volume(Path::new("/"), "/host", &["ro"]).start();
    container
        .lithify(&["harden", "--dry-run", "--remove", "sh", "--root", "/host"])
        .exits(3)
        .says("looks like the root of a machine")
        .says("--allow-host");
    // A directory of it is no machine's root.
    container.lithify(&["harden", "--dry-run", "--remove", "sh", "--root", "/host/tmp"]).exits(0);
    container
        .lithify(&["harden", "--dry-run", "--remove", "none-of-that-name", "--root", "/host", "--allow-host"])
        .exits(0)
        .does_not_say("looks like");
}

#[test]
fn a_host_pid_sidecar_may_not_harden_the_node() {
    let container = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "100"]).host_pid().start();
    for root in ["/proc/1/root", "/"] {
        let ran = container.lithify(&["harden", "--dry-run", "-p", "shells", "--root", root]);
        assert_ne!(ran.code, 0, "{root}: {ran:?}");
        if in_initial_pid_namespace() {
            assert!([2, 3].contains(&ran.code), "{ran:?}");
            assert!(ran.all().contains("refused") || ran.all().contains("Permission denied"), "{}", ran.all());
        }
    }
}

#[test]
fn a_host_like_tree_is_refused_even_as_a_subvolume() {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
    let tree = Tree::new();
    tree.file("/bin/sh").directory("/proc");
    // As btrfs and ostree hosts are seen: a directory of the disk, with proc mounted in it.
    mount(Some(tree.path()), tree.path(), None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    mount(Some("proc"), &tree.at("/proc"), Some("proc"), MsFlags::empty(), None::<&str>).unwrap();
    crate::harness::harden(tree.path(), ["-p", "shells"]).exits(3).says("looks like the root of a machine");
    tree.assert_there(&["/bin/sh"]);
}

#[test]
fn without_proc_nothing_is_known_and_nothing_is_done() {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
    let tree = Tree::new();
    tree.file("/bin/sh");
    mount(Some("tmpfs"), "/proc", Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
    crate::harness::harden(tree.path(), ["-p", "shells"]).exits(3).says("mount proc on /proc");
    crate::harness::harden(tree.path(), ["-p", "shells", "--allow-host"]).exits(3).says("mount proc on /proc");
    tree.assert_there(&["/bin/sh"]);
}
