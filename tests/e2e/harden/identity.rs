//! What a program is, and what belongs together: libraries, interpreters, kept chains, all names of a file.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::harness::tree::{Tree, manifest};
use crate::harness::{Ran, harden, rootfs, run, run_lithify};

fn with(tree: &Tree, profile: &str) -> Ran {
    let path = tree.at("/p.toml");
    fs::write(&path, format!("schema = 1\n{profile}\n")).unwrap();
    harden(&tree.at("/r"), ["-v", "-p", path.to_str().unwrap()])
}

fn verify(tree: &Tree, profile: &str) -> Ran {
    let path = tree.at("/p.toml");
    fs::write(&path, format!("schema = 1\n{profile}\n")).unwrap();
    run_lithify(["verify", "-v", "-p", path.to_str().unwrap(), "--root", tree.at("/r").to_str().unwrap()])
}

#[test]
fn a_library_under_whatever_name_is_refused() {
    let tree = Tree::new();
    tree.file("/r/lib/libc.so.6").directory("/r/bin").hard_link("/r/bin/foo", "/r/lib/libc.so.6");
    with(&tree, "[remove]\nnames = [\"foo\"]").exits(3).says("shared library");
    let library = fs::read_dir(rootfs("nginx").join("usr/lib/x86_64-linux-gnu"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.file_name().unwrap().to_str().unwrap().starts_with("libm.so"))
        .unwrap();
    fs::copy(library, tree.at("/r/lib/loader")).unwrap();
    symlink("../lib/loader", tree.at("/r/bin/bar")).unwrap();
    with(&tree, "[remove]\nnames = [\"bar\"]").exits(3).says("shared library");
    with(&tree, "[remove]\npaths = [\"/lib/loader\"]").exits(3).says("shared library");
    tree.assert_there(&["/r/lib/libc.so.6", "/r/bin/foo", "/r/lib/loader", "/r/bin/bar"]);
}

#[test]
fn the_interpreter_of_a_kept_script_also_as_a_link_and_by_a_glob() {
    let tree = Tree::new();
    tree.file("/r/bin/busybox").file_with("/r/bin/app", "#!/bin/sh\n").link("/r/bin/sh", "busybox");
    for kept in ["/bin/app", "/bin/ap*"] {
        let ran = with(&tree, &format!("[remove]\nnames = [\"sh\"]\n[keep]\npaths = [\"{kept}\"]"));
        ran.exits(3).says("/bin/app needs /bin/sh");
    }
    tree.assert_there(&["/r/bin/sh", "/r/bin/busybox"]);
}

#[test]
fn a_refusal_says_the_whole_chain() {
    let tree = Tree::new();
    tree.file_with("/r/bin/app", "#!/bin/wrapper\n").file_with("/r/bin/wrapper", "#!/usr/bin/env -S python3 -u\n");
    tree.file("/r/usr/bin/env").file_with("/r/usr/bin/python3", "#!/opt/real\n").file("/r/opt/real");
    let chain = "/bin/app needs /bin/wrapper as the interpreter of its #! line, which needs /usr/bin/python3 as the interpreter of its #! line, which needs /opt/real as the interpreter of its #! line";
    let ran = with(&tree, "name = \"p\"\n[remove]\npaths = [\"/opt/real\"]\n[keep]\nnames = [\"app\"]");
    ran.exits(3).says(&format!(
        "REFUSED /opt/real: paths \"/opt/real\" of profile p would delete it, but [keep] names \"app\" (p): {chain}"
    ));
    tree.assert_there(&["/r/opt/real"]);
}

#[test]
fn env_looks_in_the_profiles_directories_too() {
    let tree = Tree::new();
    tree.file_with("/r/bin/app", "#!/usr/bin/env tool\n").file("/r/opt/tools/tool").file("/r/opt/tools/other");
    let profile = "[remove]\nnames = [\"tool\"]\nsearch = [\"/bin\", \"/opt/tools\"]\n[keep]\nnames = [\"app\"]";
    with(&tree, profile).exits(3).says("/bin/app needs /opt/tools/tool");
    tree.assert_there(&["/r/opt/tools/tool"]);
    with(&tree, "[remove]\nsearch = [\"/bin\", \"/opt/tools\"]\n[keep]\nonly = [\"app\"]").exits(0);
    tree.assert_there(&["/r/bin/app", "/r/opt/tools/tool"]);
    tree.assert_gone(&["/r/opt/tools/other"]);
}

#[test]
fn what_is_kept_stays_reachable() {
    let tree = Tree::new();
    tree.file("/r/data/app").directory("/r/opt").directory("/r/bin");
    tree.link("/r/opt/d", "../data").link("/r/bin/app", "/opt/d/app");
    with(&tree, "[remove]\npaths = [\"/opt/d\"]\n[keep]\npaths = [\"/bin/app\"]").exits(0).says("kept /opt/d");
    tree.assert_there(&["/r/opt/d", "/r/bin/app"]);
    // A link in a kept directory.
    tree.file("/r/bin/sh").directory("/r/opt/tool").link("/r/opt/tool/sh", "/bin/sh");
    with(&tree, "[remove]\nnames = [\"sh\"]\n[keep]\npaths = [\"/opt/tool\"]").exits(0).says("kept /bin/sh");
    tree.assert_there(&["/r/bin/sh"]);
}

#[test]
fn links_to_what_stays_in_a_directory_stay() {
    let tree = Tree::new();
    tree.file("/r/opt/debug/app").file("/r/opt/debug/x").directory("/r/bin");
    tree.link("/r/bin/app", "/opt/debug/app").link("/r/bin/dbg", "/opt/debug");
    with(&tree, "[remove]\npaths = [\"/opt/debug\"]\n[keep]\npaths = [\"/opt/debug/app\"]").exits(0);
    tree.assert_there(&["/r/bin/app", "/r/bin/dbg", "/r/opt/debug/app"]);
    tree.assert_gone(&["/r/opt/debug/x"]);
}

#[test]
fn what_cannot_be_looked_at_for_keep_refuses_all() {
    let tree = Tree::new();
    tree.file("/r/bin/sh").file("/r/closed/hard");
    fs::set_permissions(tree.at("/r/closed"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(tree.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let profile = tree.at("/p.toml");
    fs::write(&profile, "schema = 1\n[remove]\nnames = [\"sh\"]\n[keep]\npaths = [\"/closed/*\"]\n").unwrap();
    let program = tree.at("/lithify");
    fs::copy(crate::harness::lithify(), &program).unwrap();
    let user = ["--reuid", "65532", "--regid", "65532", "--clear-groups"];
    let ran = run(Command::new("setpriv")
        .args(user)
        .arg(&program)
        .args(["harden", "--allow-host", "-p"])
        .arg(&profile)
        .arg("--root")
        .arg(tree.at("/r")));
    ran.exits(3).says("Permission denied").says("/closed");
    tree.assert_there(&["/r/bin/sh"]);
}

#[test]
fn fifos_have_names_and_links_too() {
    let tree = Tree::new();
    tree.directory("/r/opt").directory("/r/bin").link("/r/bin/lf", "/opt/f");
    run(Command::new("mkfifo").arg(tree.at("/r/opt/f"))).exits(0);
    tree.hard_link("/r/opt/f2", "/r/opt/f");
    with(&tree, "[remove]\npaths = [\"/opt/f\"]").exits(0);
    tree.assert_gone(&["/r/opt/f", "/r/opt/f2", "/r/bin/lf"]);
}

#[test]
fn the_order_of_rules_does_not_matter() {
    for paths in ["\"/opt/d\", \"/opt/d/sh\"", "\"/opt/d/sh\", \"/opt/d\""] {
        let tree = Tree::new();
        tree.file("/r/etc/realsh").directory("/r/opt/d").link("/r/opt/d/sh", "/etc/realsh");
        with(&tree, &format!("[remove]\npaths = [{paths}]")).exits(0);
        tree.assert_gone(&["/r/etc/realsh", "/r/opt/d"]);
    }
}

#[test]
fn a_bind_mount_is_no_second_name() {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
    let tree = Tree::new();
    tree.directory("/r/bin").directory("/r/opt/tools").directory("/r/etc");
    mount(Some(&tree.at("/r/bin")), &tree.at("/r/opt/tools"), None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    tree.file("/r/bin/sh").hard_link("/r/etc/hidden", "/r/bin/sh");
    let ran = with(&tree, "[remove]\nnames = [\"sh\"]\nsearch = [\"/bin\", \"/opt/tools\"]\nmounts = [\"/opt/tools\"]");
    ran.exits(0);
    tree.assert_gone(&["/r/etc/hidden", "/r/bin/sh", "/r/opt/tools/sh"]);
}

#[test]
fn a_failure_is_told_again_by_the_next_run() {
    let tree = Tree::new();
    tree.file("/r/bin/sh").directory("/r/opt/lk").hard_link("/r/opt/sh2", "/r/bin/sh").link("/r/opt/lk/l", "/bin/sh");
    let immutable = |flag: &str| {
        run(Command::new("chattr").arg(flag).arg(tree.at("/r/opt")).arg(tree.at("/r/opt/lk"))).exits(0);
    };
    immutable("+i");
    let results: Vec<Ran> = (0..2).map(|_| with(&tree, "[remove]\nnames = [\"sh\"]")).collect();
    let dangles = fs::metadata(tree.at("/r/bin/sh")).is_err();
    immutable("-i");
    assert!(!dangles);
    for ran in results {
        ran.exits(1).says("EPERM").says("/bin/sh: was left alone");
    }
    with(&tree, "[remove]\nnames = [\"sh\"]").exits(0);
    tree.assert_gone(&["/r/bin/sh", "/r/opt/sh2", "/r/opt/lk/l"]);
}

#[test]
fn verification_enters_mounts_and_follows_links() {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
    let tree = Tree::new();
    tree.directory("/r/opt/m").directory("/r/bin").link("/r/bin/nginx", "/nope");
    mount(Some("tmpfs"), &tree.at("/r/opt/m"), Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
    tree.file("/r/opt/m/evil");
    verify(&tree, "[verify.files]\nabsent = [\"/opt/**/evil\"]").exits(1).says("FAIL files.absent");
    verify(&tree, "[verify.files]\npresent = [\"/bin/nginx\"]").exits(1).says("leads nowhere");
}

#[test]
fn a_directory_over_a_file_of_the_runtime_is_the_users() {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
    let tree = Tree::new();
    tree.directory("/r/etc/hosts").directory("/volume");
    mount(Some(&tree.at("/r")), &tree.at("/r"), None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    mount(Some(&tree.at("/volume")), &tree.at("/r/etc/hosts"), None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
    mount(None::<&str>, &tree.at("/r"), None::<&str>, flags, None::<&str>).unwrap();
    verify(&tree, "[verify.mounts]\nread_only = [\"/\"]").exits(1).says("FAIL mounts.read_only /etc/hosts");
}

#[test]
fn capabilities_of_a_file_with_two_names_and_no_x_bit() {
    let tree = Tree::new();
    tree.file("/r/bin/c").file("/r/bin/n");
    for name in ["/r/bin/c", "/r/bin/n"] {
        run(Command::new("setcap").arg("cap_net_raw+ep").arg(tree.at(name))).exits(0);
    }
    fs::set_permissions(tree.at("/r/bin/n"), fs::Permissions::from_mode(0o644)).unwrap();
    tree.hard_link("/r/bin/c2", "/r/bin/c");
    with(&tree, "[strip]\nfile_capabilities = true").exits(0);
    let left = run(Command::new("getcap").arg("-r").arg(tree.at("/r"))).exits(0);
    assert_eq!(left.stdout, "");
    tree.assert_there(&["/r/bin/c", "/r/bin/c2", "/r/bin/n"]);
}

#[test]
fn by_class_whatever_it_is_called() {
    let shells = rootfs("shells");
    let tree = Tree::new();
    tree.directory("/r/opt/app").directory("/r/bin").file("/r/bin/app");
    fs::copy(shells.join("bin/bash"), tree.at("/r/opt/app/healthd")).unwrap();
    fs::copy(shells.join("bin/busybox"), tree.at("/r/bin/busybox")).unwrap();
    tree.hard_link("/r/opt/.x", "/r/opt/app/healthd")
        .link("/r/bin/sh", "busybox")
        .link("/r/bin/h", "../opt/app/healthd");
    let dry = manifest(&tree.at("/r"));
    with(&tree, "[remove]\nclasses = [\"shel\"]").exits(2).says("did you mean `shell`?");
    assert_eq!(manifest(&tree.at("/r")), dry);
    with(&tree, "[remove]\nclasses = [\"shell\"]").exits(0).says("/bin/busybox is a multi-call program");
    tree.assert_gone(&["/r/opt/app/healthd", "/r/opt/.x", "/r/bin/h"]);
    tree.assert_there(&["/r/bin/busybox", "/r/bin/sh", "/r/bin/app"]);
    with(&tree, "[remove]\nclasses = [\"shell\", \"multi-call\"]\n[keep]\napp = [\"app\"]").exits(0);
    tree.assert_gone(&["/r/bin/busybox", "/r/bin/sh"]);
    tree.assert_there(&["/r/bin/app"]);
    with(&tree, "[remove]\nclasses = [\"shell\", \"multi-call\"]\n[keep]\napp = [\"app\"]")
        .exits(0)
        .says("nothing to remove");
}

#[test]
fn distroless_leaves_nothing_to_scan_for_and_the_app() {
    let container =
        crate::harness::container::Spec::new(&rootfs("nginx"), &["/usr/sbin/nginx", "-g", "daemon off;"]).start();
    container.http();
    container.lithify(&["harden", "-p", "distroless"]).exits(0);
    let left = container.lithify(&["scan", "--format", "json"]).exits(0).json();
    let programs = left["programs"].as_array().unwrap();
    let by_content = programs.iter().filter(|program| program["by"] == "content").count();
    assert_eq!(by_content, 0, "{left}");
    assert!(!programs.iter().any(|program| program["path"].as_str().unwrap().starts_with("/usr/bin/")), "{left}");
    container.http();
    container.lithify(&["harden", "-p", "distroless"]).exits(0).says("nothing to remove");
}

#[test]
fn an_allow_list_leaves_the_app_and_what_it_needs() {
    let container =
        crate::harness::container::Spec::new(&rootfs("nginx"), &["/usr/sbin/nginx", "-g", "daemon off;"]).start();
    container.http();
    let profile = container.root().join("var/tmp/p.toml");
    fs::write(&profile, "schema = 1\nname = \"p\"\n[keep]\nonly = [\"nginx\"]\n").unwrap();
    container.lithify(&["harden", "-p", "/var/tmp/p.toml"]).exits(0);
    container.http();
    let left = container.lithify(&["scan", "--format", "json"]).exits(0).json();
    assert_eq!(left["programs"], serde_json::json!([]), "{left}");
    // nginx, the loader and libraries that are executable files; nothing else.
    let executables =
        run(Command::new("find").arg(container.root()).args(["-xdev", "-type", "f", "-perm", "/111"])).exits(0);
    let executables = executables.says("/usr/sbin/nginx\n").stdout;
    let others: Vec<&str> =
        executables.lines().filter(|path| !path.contains(".so") && !path.ends_with("/usr/sbin/nginx")).collect();
    // And the empty files that runc made to mount on.
    assert!(others.iter().all(|path| path.ends_with("/lithify") || path.ends_with("/etc/hosts")), "{others:?}");
    container.lithify(&["harden", "-p", "/var/tmp/p.toml"]).exits(0).says("nothing to remove");
}

#[test]
fn an_allow_list_keeps_the_interpreters_of_its_scripts() {
    let tree = Tree::new();
    tree.file("/r/bin/busybox")
        .link("/r/bin/sh", "busybox")
        .file("/r/bin/python3")
        .file("/r/bin/other")
        .file("/r/opt/tool");
    tree.file_with("/r/bin/app", "#!/usr/bin/env python3\n").file_with("/r/bin/wrapper", "#!/bin/sh\n");
    tree.file("/r/usr/bin/env").file("/r/lib/libx.so.1");
    with(&tree, "[keep]\nonly = [\"app\", \"/bin/wrap*\"]").exits(0);
    tree.assert_there(&[
        "/r/bin/app",
        "/r/bin/wrapper",
        "/r/bin/sh",
        "/r/bin/busybox",
        "/r/bin/python3",
        "/r/usr/bin/env",
        "/r/lib/libx.so.1",
    ]);
    tree.assert_gone(&["/r/bin/other", "/r/opt/tool"]);
}
