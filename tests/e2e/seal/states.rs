//! `seal`: the digest, the manifest, and why there may be none.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use crate::command::output::assert_valid;
use crate::harness::ran::Ran;
use crate::harness::tree::Tree;
use crate::harness::{lithify, run_lithify};

fn seal(tree: &Tree, arguments: &[&str]) -> Ran {
    run_lithify([&["seal", "--root", tree.path().to_str().unwrap()], arguments].concat())
}

fn digest(tree: &Tree, arguments: &[&str]) -> String {
    seal(tree, arguments).exits(0).stdout
}

fn entries(tree: &Tree, arguments: &[&str]) -> Vec<String> {
    let manifest = seal(tree, &[arguments, &["--out", "-"]].concat()).exits(0).stdout;
    let lines = manifest.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').map_or(line, |(name, _)| name).to_owned()).collect()
}

#[test]
fn every_kind_of_file_has_its_line() {
    let tree = Tree::new();
    tree.file_with("/b c", "x").file_with("/b/x", "").link("/l", "to nowhere").directory("/empty");
    let device = |path: &str, kind| {
        mknod(&tree.at(path), kind, Mode::from_bits_truncate(0o640), makedev(1, 3)).unwrap();
        fs::set_permissions(tree.at(path), fs::Permissions::from_mode(0o640)).unwrap();
    };
    device("/null", SFlag::S_IFCHR);
    device("/block", SFlag::S_IFBLK);
    device("/fifo", SFlag::S_IFIFO);
    let _listener = UnixListener::bind(tree.at("/socket")).unwrap();
    fs::set_permissions(tree.at("/socket"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(tree.at("/b c"), fs::Permissions::from_mode(0o4755)).unwrap();
    for directory in ["/b", "/empty"] {
        fs::set_permissions(tree.at(directory), fs::Permissions::from_mode(0o750)).unwrap();
    }
    chown(tree.at("/empty"), Some(7), Some(8)).unwrap();
    let manifest = seal(&tree, &["--out", "-"]).exits(0).stdout;
    let found: Vec<&str> = manifest.lines().filter(|line| !line.starts_with('#')).collect();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let x = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    assert_eq!(
        found,
        [
            "./b type=dir mode=0750 uid=0 gid=0",
            &format!("./b/x type=file mode=0755 uid=0 gid=0 size=0 sha256digest={empty}"),
            &format!("./b\\040c type=file mode=04755 uid=0 gid=0 size=1 sha256digest={x}"),
            "./block type=block mode=0640 uid=0 gid=0 device=native,1,3",
            "./empty type=dir mode=0750 uid=7 gid=8",
            "./fifo type=fifo mode=0640 uid=0 gid=0",
            "./l type=link uid=0 gid=0 link=to\\040nowhere",
            "./null type=char mode=0640 uid=0 gid=0 device=native,1,3",
            "./socket type=socket mode=0755 uid=0 gid=0",
        ]
    );
    assert!(manifest.starts_with("#mtree\n"), "{manifest}");
    assert_eq!(manifest.lines().last().unwrap(), format!("# {}", digest(&tree, &[]).trim_end()));
}

#[test]
fn standard_output_is_the_digest_alone_and_the_manifest_goes_to_a_file() {
    let tree = Tree::new();
    tree.file("/a");
    tree.file_with("/p.toml", "schema = 1\n[seal]\nexclude = [\"/none\"]\n");
    let (profile, out) = (tree.at("/p.toml"), tempfile::tempdir().unwrap());
    let out = out.path().join("manifest");
    let arguments = ["-p", profile.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let ran = seal(&tree, &arguments).exits(0);
    assert_eq!(ran.stdout.lines().count(), 1, "{ran:?}");
    assert_eq!(ran.stderr, "note: [seal] exclude /none: nothing is there to leave out\n");
    let manifest = fs::read_to_string(&out).unwrap();
    assert_eq!(manifest.lines().last().unwrap(), format!("# {}", ran.stdout.trim_end()));
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o7777, 0o644);
    let json = seal(&tree, &[&arguments[..2], &["--format", "json"]].concat()).exits(0).json();
    assert_valid("seal.schema.json", &json);
    assert_eq!(json["digest"], ran.stdout.trim_end());
    seal(&tree, &["--out", "/none/x"]).exits(1).says("--out /none/x: No such file or directory").says("fix: ");
}

#[test]
fn executables_alone() {
    let tree = Tree::new();
    tree.file("/bin/x").program("/lib/library.so").file_with("/script", "#!/bin/sh\n").file_with("/data", "data");
    for path in ["/lib/library.so", "/script", "/data"] {
        fs::set_permissions(tree.at(path), fs::Permissions::from_mode(0o644)).unwrap();
    }
    tree.link("/link", "bin/x").file_with("/p", "#").file_with("/short", "");
    fs::set_permissions(tree.at("/p"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(tree.at("/short"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(entries(&tree, &["--only", "executables"]), ["./bin/x", "./lib/library.so", "./script"]);
    let before = digest(&tree, &["--only", "executables"]);
    assert!(before.starts_with("lithify1x-sha256:"), "{before}");
    fs::write(tree.at("/data"), "other data").unwrap();
    assert_eq!(digest(&tree, &["--only", "executables"]), before);
    fs::write(tree.at("/lib/library.so"), "\x7fELF of another").unwrap();
    assert_ne!(digest(&tree, &["--only", "executables"]), before);
}

#[test]
fn what_is_left_out_and_the_way_there() {
    let tree = Tree::new();
    tree.file("/dev/null").file("/proc/1/x").file("/sys/x").file("/etc/hosts").file("/.dockerenv");
    tree.file("/a/b/log/x").file("/opt/app/x.pyc").file("/opt/app/y.py").directory("/srv").directory("/run");
    tree.file_with(
        "/p.toml",
        "schema = 1\n[seal]\nexclude = [\"/a/b/log\", \"/opt/**/*.pyc\", \"/srv/data\", \"/p.toml\"]\n",
    );
    let profile = tree.at("/p.toml");
    let arguments = ["-p", profile.to_str().unwrap()];
    // An image has an empty /run, a container has the runtime's directories there: the digest is the same.
    assert_eq!(entries(&tree, &arguments), ["./opt", "./opt/app", "./opt/app/y.py"]);
    let before = digest(&tree, &arguments);
    tree.file("/srv/data/x").directory("/srv/data/y");
    fs::remove_dir_all(tree.at("/a")).unwrap();
    fs::remove_dir(tree.at("/run")).unwrap();
    assert_eq!(digest(&tree, &arguments), before);
    tree.file("/srv/other");
    assert_ne!(digest(&tree, &arguments), before);
}

#[test]
fn what_cannot_be_known_gives_no_digest() {
    let tree = Tree::new();
    tree.file("/a");
    let file = fs::File::create(tree.at("/sparse")).unwrap();
    file.set_len(1 << 40).unwrap();
    let ran = seal(&tree, &[]).exits(1);
    assert_eq!(ran.stdout, "");
    ran.says("UNVERIFIED seal /sparse: 1099511627776 bytes are more than --max-file-size allows (17179869184)")
        .says("no digest, because 1 file could not be looked at")
        .does_not_say("sha256:");
    let json = seal(&tree, &["--format", "json"]).exits(1).json();
    assert_valid("seal.schema.json", &json);
    assert_eq!((&json["digest"], &json["exit_code"]), (&serde_json::Value::Null, &1.into()));
    let out = tree.at("/manifest");
    seal(&tree, &["--out", out.to_str().unwrap()]).exits(1);
    assert!(!tree.has("/manifest"), "no manifest that looks whole");
    seal(&tree, &["--max-file-size", "2X"]).exits(2).says("give a number of bytes");
    file.set_len(1 << 20).unwrap();
    seal(&tree, &["--max-file-size", "1M"]).exits(0);
    seal(&tree, &["--max-file-size", "1048575"]).exits(1);
}

#[test]
fn a_directory_in_place_of_a_runtimes_file_hides_nothing() {
    let tree = Tree::new();
    tree.file("/etc/hosts/payload").link("/etc/mtab", "/proc/mounts").file("/etc/resolv.conf");
    assert_eq!(entries(&tree, &[]), ["./etc", "./etc/hosts", "./etc/hosts/payload"]);
}

#[test]
fn a_program_under_the_name_of_a_runtimes_file_is_an_entry() {
    let tree = Tree::new();
    tree.program("/.dockerenv")
        .file_with("/etc/mtab", "#!/bin/sh\n")
        .file_with("/run/.containerenv", "engine=podman\n");
    tree.file("/etc/hosts");
    assert_eq!(entries(&tree, &[]), ["./.dockerenv", "./etc", "./etc/mtab"]);
}

/// Who may write in a place that is left out puts a link there, on the way of another exclusion.
#[test]
fn an_exclusion_cannot_be_turned_by_a_link_in_another_one() {
    let tree = Tree::new();
    tree.file("/bin/app").directory("/tmp/cache").directory("/app").link("/var/tmp", "/tmp");
    tree.file_with("/p.toml", "schema = 1\n[seal]\nexclude = [\"/tmp/*\"]\n[verify.mounts]\nwritable_if_present = [\"/tmp/cache\", \"/var/tmp/cache\", \"/tmp\"]\n");
    let profile = tree.at("/p.toml");
    let arguments = ["-p", profile.to_str().unwrap()];
    let before = digest(&tree, &arguments);
    tree.file("/app/new/evil");
    let changed = digest(&tree, &arguments);
    assert_ne!(changed, before);
    fs::remove_dir(tree.at("/tmp/cache")).unwrap();
    tree.link("/tmp/cache", "/app/new");
    assert_eq!(digest(&tree, &arguments), changed, "the link is left out, and what it leads to is not");
}

/// A seal of executables states no links: so one that others may replace leads no exclusion away.
#[test]
fn with_executables_alone_only_links_of_the_roots_owner_are_followed() {
    let tree = Tree::new();
    tree.file("/bin/app").directory("/app/cache").directory("/run").link("/var/run", "/run").file("/run/pids/x");
    tree.file_with(
        "/p.toml",
        "schema = 1\n[verify.mounts]\nwritable_if_present = [\"/app/cache\", \"/var/run/pids\"]\n",
    );
    for directory in ["/", "/var", "/run", "/bin", "/app"] {
        fs::set_permissions(tree.at(directory), fs::Permissions::from_mode(0o755)).unwrap();
    }
    chown(tree.at("/app"), Some(1000), Some(1000)).unwrap();
    let profile = tree.at("/p.toml");
    let arguments = ["-p", profile.to_str().unwrap(), "--only", "executables"];
    let found = entries(&tree, &arguments);
    assert_eq!(found, ["./bin/app", "./p.toml"], "/run/pids is left out by the way of root's link");
    tree.file("/app/lib/evil");
    fs::remove_dir(tree.at("/app/cache")).unwrap();
    tree.link("/app/cache", "lib");
    assert_eq!(entries(&tree, &arguments), ["./app/lib/evil", "./bin/app", "./p.toml"]);
}

/// While a large file is read, another one moves from a directory that comes later to one that came before.
#[test]
fn a_file_that_moves_behind_the_walk_is_no_state() {
    let tree = Tree::new();
    tree.directory("/a").file("/z/evil").directory("/m");
    fs::File::create(tree.at("/m/big")).unwrap().set_len(6 << 30).unwrap();
    let mut command = Command::new(lithify());
    command.args(["seal", "--root"]).arg(tree.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let open = || {
        let descriptors = fs::read_dir(format!("/proc/{}/fd", child.id())).into_iter().flatten();
        let mut links = descriptors.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
        links.any(|link| link.ends_with("m/big"))
    };
    while !open() {
        std::thread::yield_now();
    }
    fs::rename(tree.at("/z/evil"), tree.at("/a/evil")).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]), "{text}");
    assert!(text.contains("/z: changed while it was read"), "{text}");
    tree.assert_there(&["/a/evil"]);
}
