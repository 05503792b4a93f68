//! Rules by class against names that were chosen to mislead, and in the directories of distributions.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::tree::Tree;
use crate::harness::{Ran, harden, rootfs};

fn with(tree: &Tree, profile: &str) -> Ran {
    let path = tree.at("/p.toml");
    fs::write(&path, format!("schema = 1\n{profile}\n")).unwrap();
    // These trees have no app.
    harden(&tree.at("/r"), ["-v", "--app", "none", "-p", path.to_str().unwrap()])
}

fn copy(tree: &Tree, from: &std::path::Path, to: &str) {
    fs::create_dir_all(tree.at(to).parent().unwrap()).unwrap();
    fs::copy(from, tree.at(to)).unwrap();
    fs::set_permissions(tree.at(to), fs::Permissions::from_mode(0o755)).unwrap();
}

/// Shells under names of libraries, one with ET_DYN for ET_EXEC in its header; and real libraries, one under another name.
fn misleading() -> Tree {
    let (shells, nginx) = (rootfs("shells"), rootfs("nginx"));
    let tree = Tree::new();
    copy(&tree, &shells.join("bin/bash"), "/r/opt/libx.so");
    copy(&tree, &shells.join("bin/busybox"), "/r/opt/libbusy.so.1");
    tree.hard_link("/r/opt/liby.so", "/r/opt/libx.so");
    let mut relabelled = fs::read(shells.join("bin/busybox")).unwrap();
    assert_eq!(relabelled[16], 2, "ET_EXEC");
    relabelled[16] = 3;
    tree.file("/r/opt/healthd");
    fs::write(tree.at("/r/opt/healthd"), relabelled).unwrap();
    for name in ["/r/lib/libm.so.6", "/r/lib/plugin"] {
        copy(&tree, &nginx.join("usr/lib/x86_64-linux-gnu/libm.so.6"), name);
    }
    tree.file_with("/r/bin/app", "#!/proc/self/exe\n");
    tree
}

const SHELLS: [&str; 4] = ["/r/opt/libx.so", "/r/opt/liby.so", "/r/opt/libbusy.so.1", "/r/opt/healthd"];
const STAYS: [&str; 3] = ["/r/lib/libm.so.6", "/r/lib/plugin", "/r/bin/app"];

#[test]
fn a_shell_called_a_library_is_a_shell() {
    let tree = misleading();
    with(&tree, "[remove]\nclasses = [\"shell\", \"multi-call\"]").exits(0);
    tree.assert_gone(&SHELLS);
    tree.assert_there(&STAYS);
    with(&tree, "[remove]\npaths = [\"/lib/plugin\", \"/lib/libm.so.6\"]").exits(3).says("it is a shared library");
    tree.assert_there(&STAYS);
}

#[test]
fn nor_does_that_name_put_it_on_the_allow_list() {
    let tree = misleading();
    with(&tree, "[keep]\nonly = [\"/bin/app\"]").exits(0);
    tree.assert_gone(&SHELLS);
    tree.assert_there(&STAYS);
}

#[test]
fn by_name_in_the_directories_of_distributions() {
    let programs = [
        "/r/busybox/sh",
        "/r/usr/lib/klibc/bin/sh",
        "/r/usr/lib/x86_64-linux-musl/bin/sh",
        "/r/usr/lib/cargo/bin/coreutils/sh",
        "/r/usr/lib/git-core/git-shell",
        "/r/usr/libexec/git-core/git-shell",
        "/r/opt/java/openjdk/bin/jshell",
        "/r/usr/lib/jvm/java-17/bin/jshell",
        "/r/opt/bitnami/common/bin/sh",
        "/r/nix/store/x-bash/bin/bash",
        "/r/gnu/store/x-bash/bin/bash",
    ];
    let tree = Tree::new();
    for path in programs {
        // Nothing in it tells what it is.
        tree.file_with(path, &format!("#!/nowhere/{path}\n"));
    }
    let others = ["/r/opt/app/bin/sh", "/r/usr/share/doc/sh", "/r/nix/store/x/share/bash"];
    for path in others {
        tree.file_with(path, &format!("#!/nowhere/{path}\n"));
    }
    with(&tree, "[remove]\nclasses = [\"shell\"]").exits(0);
    tree.assert_gone(&programs);
    tree.assert_there(&others);
    with(&tree, "[remove]\nclasses = [\"shell\"]").exits(0).says("nothing to remove");
}

#[test]
fn another_name_that_is_met_first_saves_nothing() {
    let tree = Tree::new();
    tree.file_with("/r/usr/bin/pip", "#!/usr/bin/python3\n");
    // Where programs are looked for by their content only, and walked through earlier.
    tree.hard_link("/r/aaa/pip", "/r/usr/bin/pip");
    // The class that is met first is none of the profile's.
    tree.file_with("/r/usr/bin/gdb", "#!/bin/sh\n");
    tree.hard_link("/r/usr/bin/wget", "/r/usr/bin/gdb");
    for name in ["pip", "gdb"] {
        fs::set_permissions(tree.at(&format!("/r/usr/bin/{name}")), fs::Permissions::from_mode(0o755)).unwrap();
    }
    with(&tree, "[remove]\nclasses = [\"package-manager\", \"downloader\"]").exits(0);
    for name in ["/r/usr/bin/pip", "/r/aaa/pip", "/r/usr/bin/wget", "/r/usr/bin/gdb"] {
        assert!(fs::symlink_metadata(tree.at(name)).is_err(), "{name}");
    }
}
