//! A shell without an x bit: the kernel does not start it, the dynamic loader does (`ld.so FILE`).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::harness::app::NGINX;
use crate::harness::attempts::{ECHO, LOADER};
use crate::harness::container::Container;
use crate::harness::{harden, rootfs, run_lithify};

/// Puts `from` at `to` without an x bit.
fn hide(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o644)).unwrap();
}

fn hidden(container: &Container, shell: &str) -> bool {
    container.exec([LOADER, shell, "-c", ECHO]).all().contains("pwned")
}

#[test]
fn it_goes_by_class_and_by_allow_list_with_and_without_the_closure() {
    for profile in [
        "[remove]\nclasses = [\"shell\", \"multi-call\"]",
        "[keep]\nonly = [\"/usr/sbin/nginx\"]",
        "[keep]\nonly = [\"/usr/sbin/nginx\"]\nlibraries = \"closure\"\npaths = [\"/usr/lib/nginx/modules\"]",
    ] {
        let container = NGINX.start();
        let root = container.root();
        for shell in ["bash", "dash"] {
            hide(&rootfs("nginx").join("usr/bin").join(shell), &root.join("var/lib/app").join(shell));
            assert!(hidden(&container, &format!("/var/lib/app/{shell}")), "the loader starts it");
        }
        NGINX.lives_on(&container);
        let libraries = fs::read_dir(root.join("usr/lib/x86_64-linux-gnu")).unwrap().count();
        let ran = crate::harness::app::App::harden(&container, profile, "site").exits(0);
        for shell in ["bash", "dash"] {
            let shell = format!("/var/lib/app/{shell}");
            assert!(!hidden(&container, &shell), "{profile}: {}", ran.all());
            assert!(!root.join(&shell[1..]).exists(), "{profile}: {shell}");
        }
        if !profile.contains("closure") {
            assert_eq!(fs::read_dir(root.join("usr/lib/x86_64-linux-gnu")).unwrap().count(), libraries);
        }
        container.lithify(&["verify", "-p", "/var/tmp/site.toml"]).exits(0);
        NGINX.lives_on(&container);
    }
}

#[test]
fn scan_shows_it() {
    let directory = tempfile::tempdir().unwrap();
    hide(&rootfs("nginx").join("usr/bin/bash"), &directory.path().join("opt/data"));
    let scan = ["scan", "--root", directory.path().to_str().unwrap(), "--fail-on", "all"];
    run_lithify(scan).exits(1).says("/opt/data  bash by its content");
}

/// A 64-bit ELF file made one that no dynamic loader knows what to do with.
fn without_dynamic_section(mut bytes: Vec<u8>) -> Vec<u8> {
    let number = |bytes: &[u8], at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let (start, size, count) = (number(&bytes, 32), number(&bytes, 54), number(&bytes, 56));
    let mut headers = (0..count).map(|index| start + index * size);
    let dynamic = headers.find(|at| number(&bytes, *at) == 2).unwrap();
    bytes[dynamic] = 0;
    bytes
}

#[test]
fn libraries_data_and_what_nothing_starts_stay() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let at = |path: &str| root.join(path);
    let tree = rootfs("nginx");
    // Libraries that can be run, the loader, and a library under a name that says nothing.
    let libraries = tree.join("usr/lib/x86_64-linux-gnu");
    hide(&libraries.join("libc.so.6"), &at("lib/libc.so.6"));
    hide(&libraries.join("ld-linux-x86-64.so.2"), &at("lib/ld-linux-x86-64.so.2"));
    hide(&libraries.join("libc.so.6"), &at("opt/addon.node"));
    // A static program that no signature knows, such as the kernel for a virtual machine.
    hide(&crate::harness::lithify(), &at("opt/vmlinux"));
    fs::write(at("opt/vmlinux"), without_dynamic_section(fs::read(at("opt/vmlinux")).unwrap())).unwrap();
    // Debugging information: a program's headers without its content. An object file, a core, scripts, text.
    let of = |path: &Path, arguments: &[&str]| {
        let ran =
            std::process::Command::new("objcopy").args(arguments).arg(tree.join("usr/bin/bash")).arg(path).status();
        assert!(ran.unwrap().success());
    };
    fs::create_dir_all(at("usr/lib/debug/usr/bin")).unwrap();
    of(&at("usr/lib/debug/usr/bin/bash"), &["--only-keep-debug"]);
    for (path, kind) in [("opt/bash.o", 1), ("opt/core", 4)] {
        let mut bytes = fs::read(tree.join("usr/bin/bash")).unwrap();
        bytes[16] = kind;
        fs::write(at(path), bytes).unwrap();
    }
    fs::create_dir_all(at("usr/bin")).unwrap();
    fs::write(at("usr/bin/sh"), "#!/bin/bash\n".repeat(3000)).unwrap();
    fs::write(at("opt/text"), "GNU bash, version 5\n".repeat(3000)).unwrap();
    fs::set_permissions(at("usr/lib/debug/usr/bin/bash"), fs::Permissions::from_mode(0o644)).unwrap();
    let profile = at("site.toml");
    // And one that goes.
    for text in ["[remove]\nclasses = [\"shell\"]", "[keep]\nonly = [\"/none\"]"] {
        hide(&tree.join("usr/bin/bash"), &at("opt/bash"));
        fs::write(&profile, format!("schema = 1\n{text}\n")).unwrap();
        harden(root, ["-v", "--app", "none", "-p", profile.to_str().unwrap()])
            .exits(0)
            .says("1 name of 1 file removed");
        assert!(!at("opt/bash").exists());
        for path in [
            "lib/libc.so.6",
            "lib/ld-linux-x86-64.so.2",
            "opt/addon.node",
            "opt/vmlinux",
            "usr/lib/debug/usr/bin/bash",
            "opt/bash.o",
            "opt/core",
            "usr/bin/sh",
            "opt/text",
        ] {
            assert!(at(path).exists(), "{text}: {path}");
        }
    }
}

#[test]
fn what_this_user_may_not_read_is_no_finding() {
    let container = NGINX.start();
    let root = container.root();
    hide(&rootfs("nginx").join("usr/bin/bash"), &root.join("var/lib/secret"));
    fs::set_permissions(root.join("var/lib/secret"), fs::Permissions::from_mode(0o600)).unwrap();
    let ran = container.exec(["/usr/bin/setpriv", "--reuid", "65532", "--clear-groups", "/lithify/lithify", "scan"]);
    ran.exits(0).says("lithify scan /: ").does_not_say("/var/lib/secret");
    // To who may read it, it is one.
    container.lithify(&["scan"]).exits(0).says("/var/lib/secret");
}
