//! `--digest` and `--seal`: the files are exactly those that were stated, or it is said what differs.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::command::output::assert_valid;
use crate::harness::container::Spec;
use crate::harness::ran::Ran;
use crate::harness::tree::Tree;
use crate::harness::{command, rootfs, run, run_lithify};

fn lithify(tree: &Tree, name: &str, arguments: &[&str]) -> Ran {
    run_lithify([&[name, "--root", tree.path().to_str().unwrap()], arguments].concat())
}

fn digest(tree: &Tree, arguments: &[&str]) -> String {
    lithify(tree, "seal", arguments).exits(0).stdout.trim_end().to_owned()
}

/// The manifest of a tree, in a file outside.
fn manifest(tree: &Tree, arguments: &[&str]) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("seal").to_str().unwrap().to_owned();
    lithify(tree, "seal", &[arguments, &["--out", &path]].concat()).exits(0);
    (directory, path)
}

fn set_mode(tree: &Tree, path: &str, mode: u32) {
    fs::set_permissions(tree.at(path), fs::Permissions::from_mode(mode)).unwrap();
}

const OTHER: &str = "lithify1-sha256:0000000000000000000000000000000000000000000000000000000000000000";

#[test]
fn a_digest_decides_whether_a_hardened_root_is_the_right_one() {
    let tree = Tree::new();
    tree.program("/bin/sh").program("/bin/app").file_with("/etc/app.conf", "a = 1\n");
    for scope in [&[][..], &["--only", "executables"]] {
        let after = digest(&tree, &[&["--after", "-p", "shells"], scope].concat());
        let ask = ["-p", "shells", "--digest", &after];
        lithify(&tree, "verify", &ask).exits(1).says("FAIL seal.digest /: the files give lithify1");
        lithify(&tree, "harden", &[&ask[..], &["--dry-run"]].concat()).exits(0);
    }
    let after = digest(&tree, &["--after", "-p", "shells"]);
    lithify(&tree, "harden", &["-p", "shells", "--dry-run", "--digest", OTHER]).exits(1).says("FAIL seal.digest");
    assert!(tree.has("/bin/sh"));
    let ask = ["-p", "shells", "--digest", &after];
    let ran = lithify(&tree, "harden", &[&ask[..], &["--format", "json"]].concat()).exits(0);
    let report = ran.json();
    assert_valid("report.schema.json", &report);
    let check = report["checks"].as_array().unwrap().iter().find(|check| check["id"] == "seal.digest").unwrap();
    assert_eq!(["status", "subject", "detail"].map(|key| check[key].as_str().unwrap()), ["pass", "/", after.as_str()]);
    lithify(&tree, "verify", &ask).exits(0);
    lithify(&tree, "verify", &["--digest", &after]).exits(0);
    run(command().args(["verify", "-v", "--root"]).arg(tree.path()).env("LITHIFY_DIGEST", &after))
        .exits(0)
        .says("pass seal.digest");
    // A copy that accepts certain command lines takes the digest that the pod gives.
    let volume = tempfile::tempdir().unwrap();
    let line = format!("verify --root {} -p shells", tree.path().display());
    run(command().args(["install", "--only", &line]).arg(volume.path())).exits(0);
    let copy = |digest: &str| {
        let mut command = std::process::Command::new(volume.path().join("lithify"));
        run(command.env_clear().env("LITHIFY_DIGEST", digest).args(line.split(' ')))
    };
    copy(&after).exits(0);
    copy(OTHER).exits(1).says("FAIL seal.digest");
    copy("").exits(2).says("the digest is empty");
    // One byte.
    fs::write(tree.at("/etc/app.conf"), "a = 2\n").unwrap();
    let found = digest(&tree, &[]);
    for name in ["verify", "harden"] {
        lithify(&tree, name, &ask)
            .exits(1)
            .says(&format!("FAIL seal.digest /: the files give {found}, not {after}"))
            .says("fix: to see what differs, add --out FILE to the `lithify seal ...` that gave the digest")
            .says("lithify verify --seal FILE");
    }
    // A data file is not among the executables.
    let programs = digest(&tree, &["--only", "executables"]);
    fs::write(tree.at("/etc/app.conf"), "a = 3\n").unwrap();
    set_mode(&tree, "/etc/app.conf", 0o644);
    lithify(&tree, "verify", &["--digest", &programs]).exits(1).says("seal --only executables");
    fs::remove_file(tree.at("/etc/app.conf")).unwrap();
    let programs = digest(&tree, &["--only", "executables"]);
    fs::write(tree.at("/new"), "data").unwrap();
    lithify(&tree, "verify", &["--digest", &programs]).exits(0);
}

#[test]
fn a_digest_that_is_none_is_a_mistake_and_never_no_digest() {
    let tree = Tree::new();
    tree.program("/bin/sh");
    let root = tree.path().to_str().unwrap();
    for (text, says) in [
        ("", "the digest is empty"),
        ("sha256:00", "does not begin with `lithify1-sha256:`"),
        ("lithify2-sha256:00", "was made by another version of lithify"),
        (&OTHER.replacen("000", "0O0", 1), "character 18 of the digest, `O`, is not one of 0-9 and a-f"),
        (&OTHER[..79], "the digest has 63 hex digits instead of 64"),
    ] {
        for name in ["verify", "harden"] {
            let arguments = [name, "--root", root, "-p", "shells"];
            run(command().args(arguments).args(["--digest", text])).exits(2).says(says).says("fix: ");
            run(command().args(arguments).env("LITHIFY_DIGEST", text)).exits(2).says(says).says("fix: ");
        }
        run(command().args(["run", "--digest", text, "--", "/none"])).exits(125).says(says);
        run(command().args(["run", "--init", "--", "/none"]).env("LITHIFY_DIGEST", text)).exits(125).says(says);
    }
    assert!(tree.has("/bin/sh"), "nothing was done");
    // The command line wins.
    run(command().args(["verify", "--root", root, "--digest", &digest(&tree, &[])]).env("LITHIFY_DIGEST", "")).exits(0);
}

#[test]
fn what_differs_is_said_the_most_dangerous_first() {
    let tree = Tree::new();
    tree.program("/bin/app").file_with("/lib/x.so.1", "1").file_with("/etc/a", "a").file_with("/etc/b", "b");
    tree.file_with("/etc/gone", "").link("/link", "etc/a").file_with("/etc/c", "").directory("/tmp");
    for path in ["/etc/a", "/etc/b", "/etc/c", "/lib/x.so.1"] {
        set_mode(&tree, path, 0o644);
    }
    let (_kept, seal) = manifest(&tree, &[]);
    let verify = |arguments: &[&str]| lithify(&tree, "verify", &[&["--seal", &seal], arguments].concat());
    verify(&["-v"]).exits(0).says("pass seal /: 11 entries are as the seal states");
    fs::write(tree.at("/lib/x.so.1"), "2").unwrap();
    fs::write(tree.at("/etc/a"), "aa").unwrap();
    chown(tree.at("/etc/b"), Some(7), Some(8)).unwrap();
    set_mode(&tree, "/etc/c", 0o600);
    set_mode(&tree, "/bin/app", 0o4755);
    fs::remove_file(tree.at("/etc/gone")).unwrap();
    fs::remove_file(tree.at("/link")).unwrap();
    tree.link("/link", "etc/b").program("/tmp/new").directory("/etc/gone");
    let ran = verify(&["-q"]).exits(1);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(
        lines[..8],
        [
            "FAIL seal /tmp/new: is new: file, mode 0755",
            "FAIL seal /bin/app: has mode 4755, not 0755",
            "FAIL seal /lib/x.so.1: has other content: 1 bytes, sha256 d4735e3a265e..., not 1 bytes, sha256 6b86b273ff34...",
            "FAIL seal /etc/a: has other content: 2 bytes, sha256 961b6dd3ede3..., not 1 bytes, sha256 ca978112ca1b...",
            "FAIL seal /etc/b: belongs to 7:8, not 0:0",
            "FAIL seal /etc/c: has mode 0600, not 0644",
            "FAIL seal /etc/gone: is a dir now, and was a file",
            "FAIL seal /link: leads to etc/b, not etc/a",
        ]
    );
    let json = verify(&["--format", "json"]).exits(1).json();
    assert_valid("report.schema.json", &json);
    assert_eq!(json["findings"].as_array().unwrap().len(), 8);
    for number in 0..100 {
        tree.file_with(&format!("/etc/new/{number}"), "");
    }
    let ran = verify(&["-q"]).exits(1).says("  and 89 more of seal; -v or --format json names all");
    assert!(ran.stdout.starts_with("FAIL seal /etc/new/0: is new") && ran.stdout.lines().count() == 22, "{ran:?}");
    assert_eq!(verify(&["--format", "json"]).exits(1).json()["findings"].as_array().unwrap().len(), 109);
    // A digest in the pod's environment does not stand in the way.
    run(command()
        .args(["verify", "--seal", &seal, "--root"])
        .arg(tree.path())
        .env("LITHIFY_DIGEST", digest(&tree, &[])))
    .exits(1)
    .does_not_say("seal.digest");
}

#[test]
fn a_manifest_that_cannot_be_used_is_refused_with_its_line() {
    let tree = Tree::new();
    tree.file("/a").file("/b");
    let (_kept, seal) = manifest(&tree, &[]);
    let good = fs::read_to_string(&seal).unwrap();
    let lines = good.lines().count();
    for (text, says) in [
        (String::new(), "it is empty".to_owned()),
        ("hello\n".to_owned(), "line 1 is not `#mtree`".to_owned()),
        (good[..good.len() - 9].to_owned(), "it was cut off".to_owned()),
        (
            good.lines().take(lines - 1).fold(String::new(), |text, line| text + line + "\n"),
            "it was cut off".to_owned(),
        ),
        (good.replace("uid=0", "uid=1"), format!("line {lines} says lithify1-sha256:")),
        (good.replace("lithify1-", "lithify9-"), "was made by another version of lithify".to_owned()),
        (good.replace("./a ", "./../a "), "leads out of the root".to_owned()),
        (good.replace("./b ", "./a "), "is not in order, or is there twice".to_owned()),
        (good.replace("type=file", "type=file flags=none"), "is not as lithify writes it".to_owned()),
        ("#mtree\n/set type=file uid=0\n./a\n".to_owned(), "as another tool writes it".to_owned()),
    ] {
        fs::write(&seal, &text).unwrap();
        let ran = lithify(&tree, "verify", &["--seal", &seal]).exits(2);
        ran.says(&format!("--seal {seal}: ")).says(&says).says("fix: ").does_not_say("FAIL");
    }
    lithify(&tree, "verify", &["--seal", "/none"]).exits(2).says("No such file");
    lithify(&tree, "verify", &["--seal", "/"]).exits(2).says("it is no regular file");
}

#[test]
fn what_changes_while_it_is_read_is_unverified() {
    let tree = Tree::new();
    tree.file_with("/large", &"x".repeat(60_000_000));
    let before = digest(&tree, &[]);
    let (_kept, seal) = manifest(&tree, &[]);
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let path = tree.at("/large");
        let ended = &ended;
        scope.spawn(move || {
            let mut file = fs::File::options().append(true).open(path).unwrap();
            while !ended.load(Ordering::Relaxed) {
                file.write_all(b"y").unwrap();
            }
        });
        for ask in [["--digest", &before], ["--seal", &seal]] {
            let ran = lithify(&tree, "verify", &ask);
            // The thread may end only after an assertion that fails.
            ended.store(ran.code != 1, Ordering::Relaxed);
            ran.exits(1).says("UNVERIFIED seal").says("/large: changed while it was read").does_not_say("FAIL");
        }
        ended.store(true, Ordering::Relaxed);
    });
}

#[test]
fn what_cannot_be_read_is_unverified_and_gives_no_digest() {
    let tree = Tree::new();
    tree.file("/a").file("/secret").file("/closed/x");
    let before = digest(&tree, &[]);
    let (kept, seal) = manifest(&tree, &[]);
    set_mode(&tree, "/secret", 0o600);
    set_mode(&tree, "/closed", 0o700);
    for directory in [tree.path(), kept.path()] {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
    }
    for (ask, id) in [(["--digest", &before], "seal.digest"), (["--seal", &seal], "seal")] {
        let ran = run(command().args(["verify", "--root"]).arg(tree.path()).args(ask).uid(1000).gid(1000)).exits(1);
        let ran = ran.says(&format!("UNVERIFIED {id} /secret: ")).says(&format!("UNVERIFIED {id} /closed: "));
        ran.says("fix: run lithify as root")
            .does_not_say("the files give")
            .does_not_say("/closed/x")
            .does_not_say("is gone");
    }
}

#[test]
fn a_digest_that_takes_too_long_says_what_to_raise() {
    let tree = Tree::new();
    tree.program("/bin/sh");
    fs::File::create(tree.at("/sparse")).unwrap().set_len(15 << 30).unwrap();
    lithify(&tree, "harden", &["-p", "shells", "--digest", OTHER, "--deadline", "1"])
        .exits(75)
        .says("not yet: the deadline of 1 s came before the digest was computed: raise --deadline and the probe's timeoutSeconds")
        .does_not_say("seal.digest");
    assert!(!tree.has("/bin/sh"), "it is hardened all the same");
    lithify(&tree, "verify", &["--digest", OTHER, "--max-file-size", "1G"])
        .exits(1)
        .says("UNVERIFIED seal.digest /sparse: 16106127360 bytes are more than --max-file-size allows (1073741824)")
        .does_not_say("the files give");
}

/// A small image.
fn image() -> Tree {
    let tree = Tree::new();
    fs::set_permissions(tree.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for directory in ["/dev", "/proc", "/sys", "/etc", "/lithify", "/data"] {
        tree.directory(directory);
    }
    tree.program("/bin/sh").file_with("/etc/app.conf", "a = 1\n").file_with("/data/content", "x");
    tree
}

const RUN: [&str; 4] = ["/lithify/lithify", "run", "-p", "shells"];

fn run_in(tree: &Path, more: &[&str]) -> Spec {
    Spec::new(tree, &[&RUN[..], more, &["--", "/lithify/lithify", "probe", "file", "/etc/app.conf"]].concat())
}

#[test]
fn run_starts_the_app_only_in_the_state_that_was_computed_from_the_image() {
    let tree = image();
    let seal = ["/lithify/lithify", "seal", "--after", "-p", "shells"];
    let (ran, _) = Spec::new(tree.path(), &seal).run();
    let digest = ran.exits(0).stdout.trim_end().to_owned();
    run_in(tree.path(), &["--digest", &digest]).run().0.exits(0).says("1 name of 1 file removed");
    run_in(tree.path(), &[]).environment(&[&format!("LITHIFY_DIGEST={digest}")]).run().0.exits(0);
    let (ran, _) = run_in(tree.path(), &[]).environment(&["LITHIFY_DIGEST="]).run();
    ran.exits(125).says("the digest is empty").says("annotation");
    // A volume hides a directory of the image.
    let volume = tempfile::tempdir().unwrap();
    let (ran, message) = run_in(tree.path(), &["--digest", &digest]).volume(volume.path(), "/data", &["rw"]).run();
    ran.exits(125)
        .says("FAIL seal.digest /: the files give ")
        .says("name them in [seal] exclude and compute the digest again: /data");
    assert!(message.contains(&digest), "{message}");
    // One byte.
    fs::write(tree.at("/etc/app.conf"), "a = 2\n").unwrap();
    let (ran, message) = run_in(tree.path(), &["--digest", &digest]).run();
    ran.exits(125).says(&format!("not {digest}")).does_not_say("answers");
    assert!(message.starts_with("lithify run /: ") && message.contains("FAIL seal.digest"), "{message}");
}

#[test]
fn a_mount_that_hides_files_of_the_seal_is_one_finding() {
    let tree = image();
    let (_kept, seal) = manifest(&tree, &[]);
    fs::copy(&seal, tree.at("/dev/../seal")).unwrap();
    let verify = ["/lithify/lithify", "verify", "--seal", "/seal"];
    let volume = tempfile::tempdir().unwrap();
    let (ran, _) = Spec::new(tree.path(), &verify).volume(volume.path(), "/data", &["rw"]).run();
    ran.exits(1)
        .says("FAIL seal /data: is a mount here, which hides entries of the seal: 2")
        .says("fix: where the seal is made, leave this directory out")
        .says("FAIL seal /lithify/lithify: is a mount here, which hides entries of the seal: 1")
        .says("FAIL seal /seal: is new: file")
        .does_not_say("/data/content")
        .does_not_say("is gone");
}

#[test]
fn a_probe_finds_nginx_hardened_and_exactly_as_predicted() {
    let tree = rootfs("nginx");
    let (ran, _) = Spec::new(&tree, &["/lithify/lithify", "seal", "--after", "-p", "nginx"]).run();
    let digest = ran.exits(0).stdout.trim_end().to_owned();
    let container = Spec::new(&tree, &["/docker-entrypoint.sh", "nginx", "-g", "daemon off;"]).start();
    assert_eq!(container.http(), "nginx answers\n");
    let probe = ["harden", "--wait-for-app", "-p", "nginx", "--digest", &digest];
    let mut ran = container.lithify(&probe);
    container.wait("the app to settle", || {
        ran = container.lithify(&probe);
        ran.code != 75
    });
    ran.exits(0);
    assert_eq!(container.http(), "nginx answers\n");
    let verify = ["verify", "-p", "nginx", "--digest", &digest];
    container.lithify(&verify).exits(0);
    let mut library = fs::File::options().append(true).open(container.root().join("etc/passwd")).unwrap();
    library.write_all(b"#").unwrap();
    drop(library);
    container.lithify(&verify).exits(1).says("FAIL seal.digest /: the files give ").says(&digest);
    container.lithify(&probe).exits(1).says("FAIL seal.digest");
}
