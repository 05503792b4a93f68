//! `scan`: who may log in.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

use crate::harness::container::Spec;
use crate::harness::tree::Tree;
use crate::harness::{harden, lithify, rootfs, run, run_lithify};

fn scan(tree: &Tree) -> Value {
    run_lithify(["scan", "--format=json", "--root", tree.path().to_str().unwrap()]).exits(0).json()
}

/// Class, account and path of every weakness.
fn weak(found: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let weaknesses = found["weaknesses"].as_array().unwrap().iter();
    weaknesses.map(|weak| [&weak["class"], &weak["account"], &weak["path"]].map(text).join(" ")).collect()
}

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nsync:x:4:65534::/bin:/bin/sync\n\
    app:x:101:101::/home/app:/usr/sbin/nologin\nwww::33:33::/:/bin/false\ntoor:!:0:0::/:\nold:!:7:7::/:/bin/zsh\n";

#[test]
fn accounts_with_a_shell_without_a_password_and_with_uid_0() {
    let tree = Tree::new();
    tree.file("/bin/bash").file("/usr/bin/dash").link("/bin/sh", "/usr/bin/dash");
    tree.file_with("/etc/passwd", PASSWD).file_with("/etc/shadow", "root:*:1::::::\napp::1::::::\n");
    let expected = [
        "empty-password app /etc/shadow",
        "empty-password www /etc/passwd",
        "login-shell root /etc/passwd",
        "login-shell toor /etc/passwd",
        "uid-0 toor /etc/passwd",
    ];
    let found = scan(&tree);
    let mut seen = weak(&found);
    seen.sort();
    assert_eq!(seen, expected);
    // A shell that is not there lets nobody in; it is said.
    let notes = found["notes"].to_string();
    assert!(notes.contains("gives old (uid 7) the shell /bin/zsh, which is not there to be run"), "{notes}");
    fs::remove_file(tree.at("/bin/bash")).unwrap();
    fs::remove_file(tree.at("/usr/bin/dash")).unwrap();
    let found = scan(&tree);
    assert!(!weak(&found).iter().any(|weak| weak.starts_with("login-shell")), "{found}");
    assert_eq!(found["notes"].as_array().unwrap().iter().filter(|note| note.to_string().contains("nobody")).count(), 3);
}

#[test]
fn a_directory_or_a_file_that_cannot_be_run_is_no_shell() {
    let tree = Tree::new();
    tree.directory("/bin/d").file("/bin/f");
    fs::set_permissions(tree.at("/bin/f"), fs::Permissions::from_mode(0o644)).unwrap();
    tree.file_with("/etc/passwd", "a:x:1:1::/:/bin/d\nb:x:2:2::/:/bin/f\n");
    assert_eq!(weak(&scan(&tree)), Vec::<String>::new());
}

#[test]
fn a_tombstone_is_no_shell() {
    let tree = Tree::new();
    tree.file("/r/bin/bash").file_with("/r/etc/passwd", "root:x:0:0::/root:/bin/bash\n");
    tree.file_with("/p.toml", "schema = 1\n[remove]\nnames = [\"bash\"]\nmethod = \"tombstone\"\n");
    let (root, profile) = (tree.at("/r"), tree.at("/p.toml"));
    let scan = || run_lithify(["scan", "--fail-on", "login-shell", "--root", root.to_str().unwrap()]);
    scan().exits(1);
    harden(&root, ["-p", profile.to_str().unwrap()]).exits(0);
    tree.assert_there(&["/r/bin/bash"]);
    scan().exits(0).says("1 tombstones").says("/bin/bash, which is not there to be run");
}

#[test]
fn a_real_image_before_and_after() {
    let container = Spec::new(&rootfs("nginx"), &["/usr/sbin/nginx", "-g", "daemon off;"]).start();
    container.http();
    container
        .lithify(&["scan", "--fail-on", "login-shell"])
        .exits(1)
        .says("FAIL scan login-shell: 1 found")
        .says("(root)");
    container.lithify(&["harden", "-p", "shells"]).exits(0);
    container.lithify(&["scan", "--fail-on", "login-shell"]).exits(0).says("which is not there to be run");
}

#[test]
fn a_shadow_that_cannot_be_read_is_a_finding_to_who_asks() {
    let tree = Tree::new();
    tree.file_with("/r/etc/passwd", "root:x:0:0::/:/bin/false\n").file_with("/r/etc/shadow", "root::1::::::\n");
    fs::set_permissions(tree.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(tree.at("/r/etc/shadow"), fs::Permissions::from_mode(0o600)).unwrap();
    let program = tree.at("/lithify");
    fs::copy(lithify(), &program).unwrap();
    let as_user = |more: &[&str]| {
        run(Command::new("setpriv")
            .args(["--reuid", "65532", "--regid", "65532", "--clear-groups"])
            .arg(&program)
            .args(["scan", "--root"])
            .arg(tree.at("/r"))
            .args(more))
    };
    as_user(&[]).exits(0).says(" /etc/shadow: Permission denied");
    as_user(&["--fail-on", "shell"]).exits(0).says("note: ");
    for classes in ["empty-password", "all"] {
        as_user(&["-q", "--fail-on", classes])
            .exits(1)
            .says("UNVERIFIED scan: empty-password: ")
            .says(" /etc/shadow: Permission denied");
    }
    run_lithify(["scan", "--fail-on", "empty-password", "--root", tree.at("/r").to_str().unwrap()])
        .exits(1)
        .says("FAIL scan empty-password: 1 found");
    // Nothing points there: nothing is unknown.
    tree.file_with("/r/etc/passwd", "root:*:0:0::/:/bin/false\n");
    as_user(&["--fail-on", "empty-password"]).exits(0).does_not_say("shadow");
}

#[test]
fn hostile_account_files() {
    let tree = Tree::new();
    tree.file("/bin/sh").file_with("/etc/passwd", "a\x1b[31mFAIL:x:0:0\n:::\nb:x\n\n#:\u{202e}:\n:");
    let ran = run_lithify(["scan", "--root", tree.path().to_str().unwrap()]).exits(0);
    assert!(!ran.stdout.contains('\x1b') && ran.stdout.contains("a\\u{1b}[31mFAIL"), "{}", ran.stdout);
    tree.directory("/other/etc/passwd");
    run_lithify(["scan", "--root", tree.at("/other").to_str().unwrap()])
        .exits(0)
        .says("UNVERIFIED scan: read /etc/passwd: Invalid argument");
    tree.file_with("/big/etc/passwd", &"x:x:1:1::/:/bin/false\n".repeat(60_000));
    run_lithify(["scan", "--fail-on", "uid-0", "--root", tree.at("/big").to_str().unwrap()])
        .exits(1)
        .says("UNVERIFIED scan: read /etc/passwd: File too large");
}

#[test]
fn an_entry_of_a_megabyte_is_a_line_of_a_few_kilobytes() {
    let tree = Tree::new();
    tree.file("/bin/sh").directory("/etc");
    let (dots, name) = ("./".repeat(300_000), "n".repeat(300_000));
    for shell in [format!("/bin/{dots}sh"), format!("/bin/{dots}none")] {
        fs::write(tree.at("/etc/passwd"), format!("{name}::0:0::/:{shell}\n")).unwrap();
        let root = tree.path().to_str().unwrap();
        let ran = run_lithify(["scan", "--root", root, "--fail-on", "empty-password,uid-0"]).exits(1).says("nnn...");
        assert!(ran.all().lines().all(|line| line.len() < 8192), "{} bytes", ran.all().len());
        let profile = tree.at("/strip.toml");
        fs::write(&profile, "schema = 1\n[strip]\nlogin_shells = true\n").unwrap();
        let ran = harden(tree.path(), ["--dry-run", "-p", profile.to_str().unwrap()]).exits(0);
        assert!(ran.all().lines().all(|line| line.len() < 8192), "{} bytes", ran.all().len());
    }
}
