//! Bad input: one clear error, the right exit code, nothing deleted, never a panic.

use std::fs;

use crate::harness::tree::Tree;
use crate::harness::{Ran, command, harden, run, run_lithify};

fn with_profile(content: &[u8]) -> Ran {
    let tree = Tree::new();
    tree.file("/root/bin/sh");
    fs::write(tree.at("/p.toml"), content).unwrap();
    let ran = harden(&tree.at("/root"), ["-p", tree.at("/p.toml").to_str().unwrap()]);
    tree.assert_there(&["/root/bin/sh"]);
    ran
}

#[test]
fn profiles_that_are_not_valid() {
    for (content, position, text) in [
        ("", ":1:1:", "the file is empty"),
        ("name = \"x\"\n", ":1:1:", "`schema` is missing"),
        ("schema = 2\n", ":1:10:", "schema 2 is not known"),
        ("schema = 1\n[remove]\nname = [\"sh\"]\n", ":3:1:", "did you mean `names`?"),
        ("schema = 1\n[verify.mounts]\nread-only = [\"/\"]\n", ":3:1:", "did you mean `read_only`?"),
        ("schema = 1\n[remove]\nnames = \"sh\"\n", ":3:9:", "`names` must be a list of strings, not the string"),
        ("schema = 1\n[remove]\nnames = [\"sh\", 7]\n", ":3:16:", "not the number 7"),
        ("schema = 1\n[remove]\npaths = [\"bin/sh\"]\n", ":3:10:", "\"/bin/sh\""),
        ("schema = 1\n[remove]\npaths = [\"/bin/[\u{e9}\"]\n", ":3:10:", "not a valid glob"),
        ("schema = 1\n[remove]\nnames = [\"/bin/sh\"]\n", ":3:10:", "write it under paths"),
        ("schema = 1\n[remove]\nmethod = \"shred\"\n", ":3:10:", "known: \"disable\", \"tombstone\", \"delete\""),
        ("schema = 1\ninclude = [\"shell\"]\n", ":2:12:", "did you mean `shells`?"),
        ("schema = 1\ninclude = [\"./none.toml\"]\n", ":2:12:", "no such file"),
        ("schema = 1\n[verify.process]\nuser = -1\n", ":3:8:", "an id from 0"),
        ("schema = 1\n[verify.process]\ncapabilities = [\"NET_BIND\"]\n", ":3:17:", "unknown capability"),
        ("schema = 1\n[remove\n", ":2:", ""),
        ("schema = 1\nschema = 1\n", ":2:1:", "duplicate key"),
    ] {
        let ran = with_profile(content.as_bytes()).exits(2).says("p.toml").says(text);
        assert!(ran.all().contains(position), "{position} is missing in:\n{}", ran.all());
        // The line at fault is shown, with a mark under it.
        assert!(ran.all().contains(" | ") && ran.all().contains('^'), "{}", ran.all());
    }
    with_profile(b"schema = 1\nname = \"\xff\"\n").exits(2).says(":2:9:").says("byte 0xff is not UTF-8");
}

#[test]
fn profiles_that_cannot_be_read() {
    let tree = Tree::new();
    tree.file("/root/bin/sh").directory("/d.toml");
    let large = fs::File::create(tree.at("/large.toml")).unwrap();
    large.set_len(100 * 1024 * 1024).unwrap();
    nix::unistd::mkfifo(&tree.at("/fifo.toml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let with = |profile: &str| harden(&tree.at("/root"), ["-p", profile]).exits(2);
    let path = |name: &str| tree.at(name).to_str().unwrap().to_owned();
    with(&path("none.toml")).says("no such file");
    with(&path("d.toml")).says("it is a directory");
    with(&path("large.toml")).says("104857600 bytes");
    with(&path("fifo.toml")).says("not a regular file");
    with("shels").says("no built-in profile `shels`, did you mean `shells`?");
    with("/dev/null").says("not a regular file");
    tree.assert_there(&["/root/bin/sh"]);
}

#[test]
fn a_profile_that_may_not_be_read() {
    let tree = Tree::new();
    tree.file_with("/secret.toml", "schema = 1\n");
    fs::set_permissions(tree.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    fs::set_permissions(tree.at("/secret.toml"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    use std::os::unix::process::CommandExt;
    run(command().uid(65532).gid(65532).args(["profile", "show"]).arg(tree.at("/secret.toml")))
        .exits(2)
        .says("Permission denied");
}

#[test]
fn include_cycles_are_named_and_diamonds_are_none() {
    let tree = Tree::new();
    tree.file_with("/a.toml", "schema = 1\ninclude = [\"./b.toml\"]\n")
        .file_with("/b.toml", "schema = 1\ninclude = [\"./c.toml\"]\n");
    tree.file_with("/c.toml", "schema = 1\ninclude = [\"./b.toml\"]\n");
    let a = tree.at("/a.toml");
    run_lithify(["profile".as_ref(), "show".as_ref(), a.as_os_str()])
        .exits(2)
        .says("include cycle")
        .says("c.toml:2:12:");
    tree.file_with("/c.toml", "schema = 1\ninclude = [\"shells\"]\n")
        .file_with("/a.toml", "schema = 1\ninclude = [\"./b.toml\", \"./c.toml\", \"shells\"]\n");
    run_lithify(["profile".as_ref(), "show".as_ref(), a.as_os_str()]).exits(0).says("# shells");
}

#[test]
fn roots_that_are_none() {
    let tree = Tree::new();
    tree.file("/file");
    let with = |root: &str| run_lithify(["harden", "--root", root, "-p", "shells"]).exits(2);
    with("/nonexistent").says("/nonexistent: No such file or directory");
    with(tree.at("/file").to_str().unwrap()).says("Not a directory");
    with("/proc").says("proc filesystem");
    with("/proc/self").says("proc filesystem");
    run_lithify(["verify", "--root", "/nonexistent", "-p", "shells"]).exits(2);
}

#[test]
fn usage() {
    run_lithify(["harden"]).exits(2).says("name a profile");
    run_lithify(["harden", "--nonsense"]).exits(2).says("--nonsense");
    run_lithify(["harden", "--remove", "a/b", "--root", "/tmp"]).exits(2).says("not an absolute path");
    run_lithify(["run", "-p", "shells"]).exits(2);
    run_lithify(["--version"]).exits(0).says(env!("CARGO_PKG_VERSION"));
    run_lithify(["profile", "show", "nonsense"]).exits(2);
}

#[test]
fn the_environment_stands_in_for_flags() {
    let tree = Tree::new();
    tree.file("/bin/sh").file("/bin/touch").file("/bin/vi").file("/bin/ex");
    let with = |variables: &[(&str, &str)]| run(command().arg("harden").envs(variables.iter().copied()));
    let root = tree.path().to_str().unwrap();
    with(&[
        ("LITHIFY_ROOT", root),
        ("LITHIFY_PROFILE", "shells, setuid"),
        ("LITHIFY_DRY_RUN", "true"),
        ("LITHIFY_SERVICE_PORT", "x"),
    ])
    .exits(0)
    .says("would remove /bin/sh");
    tree.assert_there(&["/bin/sh"]);
    with(&[
        ("LITHIFY_ROOT", root),
        ("LITHIFY_REMOVE", "/bin/{vi,ex},touch"),
        ("LITHIFY_PROFILE", ""),
        ("LITHIFY_FORMAT", "json"),
        ("LITHIFY_LOG", ""),
    ])
    .exits(0)
    .says("\"removed\":3");
    tree.assert_gone(&["/bin/vi", "/bin/ex", "/bin/touch"]);
    with(&[("LITHIFY_ROOT", root), ("LITHIFY_DRY_RUN", "perhaps")]).exits(2);
    // The command line wins, and the one dangerous flag has no variable.
    run(command().args(["harden", "--root", root, "--remove", "sh"]).env("LITHIFY_ROOT", "/nonexistent")).exits(0);
    tree.assert_gone(&["/bin/sh"]);
}

#[test]
fn what_the_caller_passes_steers_no_terminal() {
    use std::os::unix::process::CommandExt;
    let forged = "\u{1b}[2J\u{202e}x";
    for (name, word) in [(forged, "--nonsense"), ("lithify", forged)] {
        let ran = run(command().arg0(name).args(["harden", word])).exits(2).says("Usage: lithify harden");
        assert!(!ran.all().contains('\u{1b}') && !ran.all().contains('\u{202e}'), "{ran:?}");
    }
}

#[test]
fn manifests_that_are_none() {
    let tree = Tree::new();
    tree.file("/root/bin/x");
    nix::unistd::mkfifo(&tree.at("/fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let path = |name: &str| tree.at(name).to_str().unwrap().to_owned();
    run_lithify(["seal", "--root", &path("root"), "--out", &path("manifest")]).exits(0);
    let whole = fs::read_to_string(tree.at("/manifest")).unwrap();
    fs::write(tree.at("/crlf"), whole.replace('\n', "\r\n")).unwrap();
    let with = |manifest: &str| run_lithify(["verify", "--root", &path("root"), "--seal", &path(manifest)]).exits(2);
    // Nobody writes into it: it would never be read to its end.
    with("fifo").says("no regular file").says("fix: name a regular file");
    with("root").says("no regular file");
    with("crlf").says("CRLF").says("fix: take the manifest");
    run_lithify(["verify", "--root", &path("root"), "--seal", &path("manifest")]).exits(0);
}
