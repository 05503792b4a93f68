//! `scan`: programs recognised by what is in them, and whatever else helps an intruder.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::Value;

use super::programs::is_of_coreutils;
use crate::harness::trace::reads;
use crate::harness::tree::{Tree, manifest};
use crate::harness::{rootfs, run_lithify};

fn scan(root: &std::path::Path) -> Value {
    run_lithify(["scan".as_ref(), "--format=json".as_ref(), "--root".as_ref(), root.as_os_str()]).exits(0).json()
}

/// Path and program of everything recognised by its content.
fn by_content(found: &Value) -> BTreeSet<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let programs = found["programs"].as_array().unwrap().iter().filter(|program| program["by"] == "content");
    programs.map(|program| (text(&program["path"]), text(&program["program"]))).collect()
}

const PACKAGED: [(&str, &str); 42] = [
    ("/bin/bash", "bash"),
    ("/bin/bash-static", "bash"),
    ("/bin/bsd-csh", "csh"),
    ("/bin/busybox", "busybox"),
    ("/bin/dash", "sh"),
    ("/bin/ksh93", "sh"),
    ("/bin/lksh", "lksh"),
    ("/bin/mksh", "mksh"),
    ("/bin/nc.openbsd", "nc"),
    ("/bin/nc.traditional", "nc"),
    ("/bin/sash", "sash"),
    ("/bin/tcsh", "csh"),
    ("/bin/zsh", "zsh"),
    ("/bin/zsh-static", "zsh"),
    ("/usr/bin/curl", "curl"),
    ("/usr/bin/elvish", "elvish"),
    ("/usr/bin/fish", "fish"),
    ("/usr/bin/fish_indent", "fish"),
    ("/usr/bin/fish_key_reader", "fish"),
    ("/usr/bin/gawk", "gawk"),
    ("/usr/bin/gdb", "gdb"),
    ("/usr/bin/lua5.4", "lua"),
    ("/usr/bin/mawk", "mawk"),
    ("/usr/bin/ncat", "ncat"),
    ("/usr/bin/openssl", "openssl"),
    ("/usr/bin/perl", "perl"),
    ("/usr/bin/php8.2", "php"),
    ("/usr/bin/posh", "posh"),
    ("/usr/bin/python3.11", "python"),
    ("/usr/bin/rc.byron", "rc"),
    ("/usr/bin/ruby3.1", "ruby"),
    ("/usr/bin/shcomp93", "sh"),
    ("/usr/bin/socat", "socat"),
    ("/usr/bin/ssh", "ssh"),
    ("/usr/bin/strace", "strace"),
    ("/usr/bin/tclsh8.6", "tclsh"),
    ("/usr/bin/wget", "wget"),
    ("/usr/bin/yash", "yash"),
    ("/usr/lib/diet/bin/mksh", "mksh"),
    ("/usr/lib/klibc/bin/mksh", "mksh"),
    ("/usr/lib/klibc/bin/sh", "sh"),
    ("/usr/lib/x86_64-linux-musl/bin/mksh", "mksh"),
];

#[test]
fn every_packaged_shell_is_recognised_and_nothing_else() {
    let expected: BTreeSet<_> =
        PACKAGED.iter().map(|(path, program)| ((*path).to_owned(), (*program).to_owned())).collect();
    assert_eq!(by_content(&scan(&rootfs("shells"))), expected);
}

#[test]
fn no_program_of_a_whole_system_is_taken_for_another() {
    let system = |name: &str| -> BTreeSet<_> {
        let found = by_content(&scan(&rootfs(name))).into_iter();
        let found = found.filter(|(path, program)| !is_of_coreutils(path, program));
        found.map(|(path, program)| format!("{path} {program}")).collect()
    };
    let base = [
        "/usr/bin/bash bash",
        "/usr/bin/dash sh",
        "/usr/bin/env env",
        "/usr/bin/find find",
        "/usr/bin/mawk mawk",
        "/usr/bin/perl perl",
        "/usr/bin/sed sed",
        "/usr/bin/xargs xargs",
        "/usr/sbin/chroot chroot",
    ];
    let base: BTreeSet<_> = base.iter().map(ToString::to_string).collect();
    assert_eq!(system("nginx"), base);
    assert_eq!(system("httpd"), base);
}

#[test]
fn under_another_name_stripped_and_with_bytes_appended() {
    let shells = rootfs("shells");
    let tree = Tree::new();
    tree.directory("/opt/app/lib");
    for (path, program) in PACKAGED {
        let name = format!("/opt/app/lib/health{}", path.replace('/', "_"));
        let mut bytes = fs::read(shells.join(&path[1..])).unwrap();
        bytes.extend_from_slice(b"appended");
        fs::write(tree.at(&name), bytes).unwrap();
        fs::set_permissions(tree.at(&name), fs::Permissions::from_mode(0o755)).unwrap();
        // What a linker left for debuggers is no part of what it is.
        crate::harness::run(std::process::Command::new("strip").arg(tree.at(&name))).exits(0);
        let found = by_content(&scan(tree.path()));
        assert_eq!(found, BTreeSet::from([(name.clone(), program.to_owned())]));
        fs::remove_file(tree.at(&name)).unwrap();
    }
}

#[test]
fn lithify_itself_is_none_of_them() {
    let tree = Tree::new();
    tree.directory("/bin");
    fs::copy(crate::harness::lithify(), tree.at("/bin/lithify")).unwrap();
    assert_eq!(scan(tree.path())["programs"], Value::Array(Vec::new()));
}

#[test]
fn all_names_of_a_program() {
    let tree = Tree::new();
    tree.directory("/bin").directory("/opt");
    fs::copy(rootfs("nginx").join("usr/bin/dash"), tree.at("/bin/dash")).unwrap();
    fs::hard_link(tree.at("/bin/dash"), tree.at("/opt/.x")).unwrap();
    symlink("dash", tree.at("/bin/sh")).unwrap();
    symlink("/bin/sh", tree.at("/opt/link")).unwrap();
    let found = scan(tree.path());
    let programs = found["programs"].as_array().unwrap();
    assert_eq!(programs.len(), 1, "{found}");
    let mut names: Vec<_> =
        programs[0]["names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    names.push(programs[0]["path"].as_str().unwrap());
    names.sort_unstable();
    assert_eq!(names, ["/bin/dash", "/bin/sh", "/opt/.x", "/opt/link"]);
    assert_eq!(programs[0]["class"], "shell");
    assert!(programs[0]["functions"].as_array().unwrap().contains(&Value::from("shell")));
}

#[test]
fn weaknesses() {
    let tree = Tree::new();
    tree.file("/bin/app")
        .file("/bin/suid")
        .file_with("/bin/script", "#!/bin/none -e\n")
        .directory("/tmp")
        .directory("/open");
    for (path, mode) in [("/bin/suid", 0o6755), ("/tmp", 0o1777), ("/open", 0o777), ("/bin/app", 0o757)] {
        fs::set_permissions(tree.at(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    let ran =
        crate::harness::run(std::process::Command::new("setcap").arg("cap_net_raw+ep").arg(tree.at("/bin/script")));
    ran.exits(0);
    let found = scan(tree.path());
    let mut weak: Vec<String> = found["weaknesses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|weakness| format!("{} {}", weakness["class"].as_str().unwrap(), weakness["path"].as_str().unwrap()))
        .collect();
    weak.sort();
    let expected = [
        "file-capabilities /bin/script",
        "orphaned-script /bin/script",
        "setgid /bin/suid",
        "setuid /bin/suid",
        "world-writable /bin/app",
        "world-writable /open",
    ];
    assert_eq!(weak, expected);
}

#[test]
fn failing_on_classes_and_changing_nothing() {
    let root = rootfs("alpine");
    let before = manifest(&root);
    let scan = |classes: &str| {
        run_lithify(["scan".as_ref(), "--root".as_ref(), root.as_os_str(), "--fail-on".as_ref(), classes.as_ref()])
    };
    scan("multi-call,shell").exits(1).says("FAIL scan multi-call: 1 found");
    scan("shell").exits(0).says("multi-call (1)").says("/bin/busybox");
    scan("all").exits(1);
    scan("shells").exits(2).says("no such class");
    assert_eq!(manifest(&root), before);
}

#[test]
fn after_hardening_nothing_of_a_class_is_left() {
    let container =
        crate::harness::container::Spec::new(&rootfs("nginx"), &["/usr/sbin/nginx", "-g", "daemon off;"]).start();
    container.lithify(&["scan", "--fail-on", "shell,interpreter,package-manager"]).exits(1).says("FAIL scan shell");
    container.lithify(&["harden", "-p", "nginx", "--remove", "/var/lib/dpkg/info/*"]).exits(0);
    container.lithify(&["scan", "-q", "--fail-on", "shell,interpreter,downloader,setuid,setgid"]).exits(0);
    assert_eq!(container.http(), "nginx answers\n");
}

#[test]
fn broken_and_hostile_files() {
    let tree = Tree::new();
    tree.file_with("/a/empty", "")
        .file_with("/a/short", "\x7fELF")
        .file_with("/a/hash", "#!")
        .file_with("/a/long", &"#!".repeat(9000));
    let mut bytes = fs::read(rootfs("nginx").join("usr/bin/dash")).unwrap();
    // A program header table that points nowhere.
    bytes[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
    fs::write(tree.at("/a/broken"), &bytes).unwrap();
    fs::set_permissions(tree.at("/a/broken"), fs::Permissions::from_mode(0o755)).unwrap();
    tree.file("/a/evil\n\x1b[31mFAIL");
    let found = scan(tree.path());
    assert_eq!(found["executables"], 6);
    let _fifo =
        crate::harness::run(std::process::Command::new("mkfifo").arg("-m").arg("755").arg(tree.at("/a/sh"))).exits(0);
    // Nobody writes into it: to read it would never end.
    assert_eq!(scan(tree.path()), found);
}

#[test]
fn an_x_bit_and_a_name_make_no_program() {
    let tree = Tree::new();
    tree.file_with("/etc/hostname", "web-0\n").file_with("/bin/hostname", "#!/bin/x\n").file_with("/bin/ps", "");
    let found = scan(tree.path());
    let programs: Vec<_> = found["programs"].as_array().unwrap().iter().map(|program| &program["path"]).collect();
    assert_eq!(programs, ["/bin/hostname"]);
}

#[test]
fn holes_of_sparse_files_are_not_read() {
    let tree = Tree::new();
    tree.directory("/opt");
    // No segments to go by: the whole file is looked at, and a shell's strings lie behind the hole.
    let mut file = fs::File::create(tree.at("/opt/sparse")).unwrap();
    std::io::Write::write_all(&mut file, b"\x7fELF").unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"GNU bash, version 5", 100 << 30).unwrap();
    file.set_len(200 << 30).unwrap();
    file.set_permissions(fs::Permissions::from_mode(0o755)).unwrap();
    let mut found = Value::Null;
    let reads = reads(|strace| {
        let scan = ["scan", "--format=json", "--root", tree.path().to_str().unwrap()];
        found = crate::harness::run(strace.args(scan)).exits(0).json();
    });
    // 200 GiB are 800,000 parts of 256 KiB.
    assert!(reads < 100, "{reads} reads");
    assert_eq!(by_content(&found), BTreeSet::from([("/opt/sparse".to_owned(), "bash".to_owned())]));
}
