//! `scan`: executables, and directories of executables, which the app's user may write.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use serde_json::Value;

use crate::harness::container::{Container, Spec};
use crate::harness::tree::Tree;
use crate::harness::{rootfs, run_lithify};

const APP: (u32, u32) = (101, 102);

/// A tree with a sleeping app, and what belongs to whom.
fn tree() -> Tree {
    let tree = Tree::new();
    let at = |path: &str| tree.at(path);
    tree.directory("/bin")
        .directory("/home/app/bin")
        .directory("/usr/local/bin")
        .directory("/tmp")
        .directory("/lithify");
    for directory in ["/proc", "/dev", "/sys", "/etc"] {
        tree.directory(directory);
    }
    for (path, owner, mode) in [
        ("/bin/roots", (0, 0), 0o755),
        ("/bin/his", (APP.0, 0), 0o555),
        ("/bin/groups", (0, APP.1), 0o775),
        ("/bin/everybodys", (0, 0), 0o757),
        ("/bin/not-the-groups", (0, APP.1), 0o757),
        ("/bin/others", (7, 7), 0o775),
        ("/bin/data", (APP.0, 0), 0o644),
        ("/home/app/bin/tool", (0, 0), 0o755),
        ("/tmp/tool", (0, 0), 0o755),
        ("/bin/sleep", (0, 0), 0o755),
    ] {
        tree.file(path);
        chown(at(path), Some(owner.0), Some(owner.1)).unwrap();
        fs::set_permissions(at(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    for name in ["/bin/sleep", "/bin/busybox"] {
        fs::copy(rootfs("shells").join("bin/busybox"), at(name)).unwrap();
    }
    for (path, owner, mode) in
        [("/home/app/bin", APP.0, 0o755), ("/tmp", 0, 0o1777), ("/usr/local/bin", 0, 0o1777), ("/", 0, 0o755)]
    {
        chown(at(path), Some(owner), Some(0)).unwrap();
        fs::set_permissions(at(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    tree
}

fn writable(found: &Value) -> Vec<String> {
    let weaknesses = found["weaknesses"].as_array().unwrap().iter();
    weaknesses
        .filter(|weak| weak["class"] == "app-writable")
        .map(|weak| weak["path"].as_str().unwrap().to_owned())
        .collect()
}

fn scan(container: &Container) -> Value {
    container.lithify(&["scan", "--format=json"]).exits(0).json()
}

#[test]
fn by_owner_group_and_everybody() {
    let tree = tree();
    let container = Spec::new(tree.path(), &["/bin/sleep", "1000"]).user(APP.0, APP.1).start();
    let expected = ["/bin/everybodys", "/bin/groups", "/bin/his", "/home/app/bin", "/usr/local/bin"].map(str::to_owned);
    assert_eq!(writable(&scan(&container)), expected);
    // The same from the node; the app's rights count, not those of who looks.
    let root = format!("/proc/{}/root", container.pid());
    let found = run_lithify(["scan", "--format=json", "--root", &root]).exits(0).json();
    assert_eq!(writable(&found), expected);
    container.lithify(&["scan", "-q", "--fail-on", "app-writable"]).exits(1).says("FAIL scan app-writable: 5 found");
    // And it is true: the app can change what is listed, and nothing else.
    let write = |path: &str| {
        let target = format!("of={path}");
        container.exec(["/bin/busybox", "dd", "if=/dev/zero", &target, "bs=1", "count=1", "conv=notrunc"]).code
    };
    container.exec(["/bin/busybox", "chmod", "755", "/bin/his"]).exits(0);
    for path in ["/bin/everybodys", "/bin/groups", "/bin/his"] {
        assert_eq!(write(path), 0, "{path}");
    }
    for path in ["/bin/roots", "/bin/not-the-groups", "/bin/others", "/home/app/bin/tool", "/tmp/tool"] {
        assert_ne!(write(path), 0, "{path}");
    }
    let replace = |path: &str| container.exec(["/bin/busybox", "mv", path, &format!("{path}-")]).code;
    assert_eq!(replace("/home/app/bin/tool"), 0);
    assert_ne!(replace("/tmp/tool"), 0);
    assert_ne!(replace("/bin/everybodys"), 0);
    container.exec(["/bin/busybox", "touch", "/usr/local/bin/ls"]).exits(0);
}

#[test]
fn nothing_on_a_read_only_mount() {
    let tree = tree();
    let volume = Tree::new();
    volume.file("/tool");
    chown(volume.at("/tool"), Some(APP.0), Some(APP.1)).unwrap();
    tree.directory("/rw").directory("/ro").file("/single");
    let container = Spec::new(tree.path(), &["/bin/sleep", "1000"])
        .user(APP.0, APP.1)
        .read_only()
        .volume(volume.path(), "/rw", &["rw"])
        .volume(volume.path(), "/ro", &["ro"])
        .volume(&volume.at("/tool"), "/single", &["rw"])
        .start();
    assert_eq!(writable(&scan(&container)), ["/rw/tool", "/single"].map(str::to_owned));
}

#[test]
fn an_app_that_is_root_is_one_note() {
    let tree = tree();
    let container = Spec::new(tree.path(), &["/bin/sleep", "1000"]).start();
    let found = scan(&container);
    assert_eq!(writable(&found), Vec::<String>::new());
    assert!(found["notes"].to_string().contains("the app (process 1) runs as root"), "{found}");
    container.lithify(&["scan", "-q", "--fail-on", "app-writable"]).exits(1).says("UNVERIFIED scan: app-writable");
    container.lithify(&["scan", "--fail-on", "all"]).does_not_say("UNVERIFIED scan: app-writable");
}

#[test]
fn a_directory_has_no_app() {
    let tree = tree();
    let scan = |more: &[&str]| run_lithify([&["scan", "--root", tree.path().to_str().unwrap()], more].concat());
    scan(&[])
        .exits(0)
        .says("note: which executables the app may write is not known: no process belongs to a directory");
    scan(&["--fail-on", "app-writable"]).exits(1).says("UNVERIFIED scan: app-writable");
}
