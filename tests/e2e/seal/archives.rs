//! `kubectl lithify seal` gives the digest of `lithify seal`, from archives and without root.

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use proptest::prelude::*;

use crate::harness::builder::Builder;
use crate::harness::docker::Docker;
use crate::harness::plugin::seal_as_nobody;
use crate::harness::tree::Tree;
use crate::harness::{harden, lithify, rootfs, run, run_lithify};

/// Commands that write an archive of the directory in which they run to standard output.
const WRITERS: [&[&str]; 4] = [
    &["tar", "--format=gnu", "--sparse", "-c", "."],
    &["tar", "--format=posix", "--xattrs", "--xattrs-include=*", "--sparse", "-c", "."],
    &["tar", "--format=posix", "--sparse", "--sparse-version=0.1", "-c", "."],
    &["bsdtar", "--format=pax", "-c", "."],
];

fn archive(root: &Path, writer: &[&str]) -> File {
    let archive = tempfile::tempfile().unwrap();
    let to = Stdio::from(archive.try_clone().unwrap());
    let mut command = Command::new(writer[0]);
    let done = command.args(&writer[1..]).current_dir(root).stdout(to).status().unwrap();
    assert!(done.success(), "{writer:?}");
    std::io::Seek::rewind(&mut &archive).unwrap();
    archive
}

/// By `lithify seal` as root.
#[track_caller]
fn sealed(root: &Path, arguments: &[&str]) -> String {
    run_lithify([&["seal", "--root", root.to_str().unwrap()], arguments].concat()).exits(0).stdout
}

#[track_caller]
fn digest(image: File, arguments: &[&str]) -> String {
    seal_as_nobody(image, arguments).exits(0).stdout
}

#[test]
fn real_trees() {
    for (name, arguments, writers) in [
        ("alpine", &["-p", "nginx"][..], &WRITERS[..]),
        ("alpine", &["--only", "executables"], &WRITERS[3..]),
        ("nginx", &["-p", "nginx"], &WRITERS[1..2]),
    ] {
        let root = rootfs(name);
        let expected = sealed(&root, arguments);
        for writer in writers {
            assert_eq!(digest(archive(&root, writer), arguments), expected, "{name} {writer:?} {arguments:?}");
        }
    }
}

/// Owners, modes and kinds of which somebody who is not root can make none.
fn tree_of_all_kinds() -> Tree {
    let tree = Tree::new();
    tree.program("/bin/su").file("/plain").directory("/empty").link("/out", "/etc").link("/nowhere", "x\n\\y z");
    tree.hard_link("/bin/again", "/bin/su")
        .file("/secret/in")
        .link(&format!("/{}", "l".repeat(150)), &"t/".repeat(200));
    tree.file(&format!("/{}/{}", "d".repeat(200), "n".repeat(200))).file("/odd \\#=*?[\n/x").file("/.wh.name");
    fs::write(tree.path().join(std::ffi::OsStr::from_bytes(b"\xff\xfe")), "bytes").unwrap();
    for (path, kind) in [("/char", SFlag::S_IFCHR), ("/disk", SFlag::S_IFBLK), ("/fifo", SFlag::S_IFIFO)] {
        mknod(&tree.at(path), kind, Mode::from_bits_truncate(0o640), makedev(10, 229)).unwrap();
    }
    let sparse = File::create(tree.at("/sparse")).unwrap();
    sparse.write_all_at(b"in the middle", 1 << 20).unwrap();
    sparse.set_len(3 << 20).unwrap();
    for (path, owner, mode) in [
        ("/bin/su", 0, 0o4755),
        ("/plain", 70_000, 0o2000),
        ("/secret/in", 1, 0),
        ("/secret", 2, 0),
        ("/empty", 3, 0o1777),
        ("/char", 4, 0o666),
    ] {
        chown(tree.at(path), Some(owner), Some(owner + 1)).unwrap();
        fs::set_permissions(tree.at(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    tree
}

#[test]
fn what_only_root_can_make_comes_from_the_headers() {
    let tree = tree_of_all_kinds();
    let expected = sealed(tree.path(), &[]);
    for writer in WRITERS {
        assert_eq!(digest(archive(tree.path(), writer), &[]), expected, "{writer:?}");
    }
    // Capabilities: 0x0a, which is also a line end, is cap_dac_override and cap_fowner.
    run(Command::new("setcap").arg("cap_dac_override,cap_fowner=ep").arg(tree.at("/plain"))).exits(0);
    let with = sealed(tree.path(), &[]);
    assert_ne!(with, expected);
    assert_eq!(digest(archive(tree.path(), WRITERS[1]), &[]), with);
    assert_eq!(digest(archive(tree.path(), WRITERS[3]), &[]), with);
    let out = seal_as_nobody(archive(tree.path(), WRITERS[1]), &["--out", "-"]).exits(0).stdout;
    assert!(out.starts_with("#mtree\n") && out.ends_with(&format!("# {with}")), "{out}");
    assert!(out.contains("device=native,10,229\n") && out.contains("xattr.security.capability="), "{out}");
}

#[test]
fn what_is_left_out_is_said() {
    let tree = Tree::new();
    tree.file("/a").file("/var/log/x");
    let profile = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    fs::set_permissions(profile.path(), fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&profile, "schema = 1\n[seal]\nexclude = [\"/var/log\", \"/none\"]\n").unwrap();
    let arguments = ["-p", profile.path().to_str().unwrap()];
    let ran = seal_as_nobody(archive(tree.path(), WRITERS[0]), &arguments).exits(0);
    assert_eq!(ran.stdout, sealed(tree.path(), &arguments));
    assert_eq!(ran.stderr, "note: [seal] exclude /none: nothing is there to leave out\n");
}

#[test]
fn the_layers_of_images_that_were_built() {
    let builder = Builder::new();
    // Over nginx a layer that deletes; its whiteouts are what the others lack.
    builder.build("debian", &[]);
    for name in ["debian", "docker.io/library/alpine:3.22"] {
        let image = builder.image(name);
        let expected = sealed(&image.root, &[]);
        for format in ["oci-archive", "docker-archive"] {
            let pushed = builder.archive(name, format);
            assert_eq!(digest(File::open(&pushed).unwrap(), &[]), expected, "{name} {format}");
        }
        let exported = archive(&image.root, WRITERS[1]);
        assert_eq!(digest(exported, &[]), expected, "{name}");
        // The image that was built has a file at /lithify.
        let program = "/for-lithify/lithify";
        let container = image.container().without_lithify().volume(&lithify(), program, &["bind", "ro"]);
        let (ran, _) = container.command(&[program, "seal"]).run();
        assert_eq!(ran.exits(0).stdout, expected, "{name} in a container");
    }
}

/// Docker's own archives, and a container of Docker with all that it mounts there.
#[test]
fn what_docker_exports_and_saves() {
    let image = "docker.io/library/alpine:3.22";
    let docker = Docker::with(&[image]);
    let directory = tempfile::tempdir().unwrap();
    let written = |name: &str, arguments: &[&str]| {
        let file = directory.path().join(name);
        docker.client([arguments, &["--output", file.to_str().unwrap()]].concat()).exits(0);
        digest(File::open(&file).unwrap(), &[])
    };
    let container = docker.client(["create", image]).exits(0).stdout;
    let exported = written("exported", &["export", container.trim()]);
    assert_eq!(written("saved", &["save", image]), exported);
    let program = format!("{}:/lithify/lithify:ro", lithify().display());
    let ran = docker.client(["run", "--rm", "--volume", &program, image, "/lithify/lithify", "seal"]);
    assert_eq!(ran.exits(0).stdout, exported);
}

/// What CI computes from an archive is what `harden` leaves.
#[test]
fn the_digest_after_hardening() {
    let app = "--app=nginx -g 'daemon off;'";
    let tree = Tree::new();
    run(Command::new("cp").arg("-a").arg(rootfs("nginx")).arg(tree.at("/nginx"))).exits(0);
    let root = tree.at("/nginx");
    // Of `[strip]`: only the headers have it.
    run(Command::new("setcap").arg("cap_net_raw=ep").arg(root.join("usr/sbin/nginx"))).exits(0);
    run(Command::new("setcap").arg("cap_net_raw=ep").arg(root.join("usr/bin/cat"))).exits(0);
    let image = archive(&root, WRITERS[1]);
    for (profile, arguments) in [("shells", &[][..]), ("nginx", &[][..]), ("distroless", &[app])] {
        let arguments = [&["-p", profile], arguments].concat();
        let after = [&["--after"], arguments.as_slice()].concat();
        let expected = sealed(&root, &after);
        assert_ne!(expected, sealed(&root, &arguments));
        std::io::Seek::rewind(&mut &image).unwrap();
        assert_eq!(digest(image.try_clone().unwrap(), &after), expected, "{profile}");
        // The last one is really hardened.
        if profile == "distroless" {
            harden(&root, &arguments).exits(0);
            assert_eq!(sealed(&root, &arguments), expected);
        }
    }
}

#[test]
fn a_plan_that_the_archive_cannot_tell() {
    let tree = Tree::new();
    tree.program("/bin/sh").program("/bin/app");
    let image = || archive(tree.path(), WRITERS[0]);
    let profile = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    fs::set_permissions(profile.path(), fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&profile, "schema = 1\n[remove]\nnames = [\"sh\"]\nmethod = \"tombstone\"\n").unwrap();
    let profile = profile.path().to_str().unwrap();
    seal_as_nobody(image(), &["--after", "-p", profile])
        .exits(2)
        .says("tombstones are copies of the lithify in the container");
    seal_as_nobody(image(), &["-p", profile]).exits(0);
    seal_as_nobody(image(), &["--after"]).exits(2).says("nothing to do: name a profile");
    let refused = seal_as_nobody(image(), &["--after", "-p", "shells", "--remove", "/bin/app", "--app", "/bin/app"]);
    refused.exits(3).says("/bin/app").says("lithify seal standard input: refused");
    let json = seal_as_nobody(image(), &["--after", "-p", "shells", "--format", "json"]).exits(0).json();
    assert_eq!((&json["root"], json["digest"].as_str().unwrap().len()), (&"standard input".into(), 80));
}

#[test]
fn archives_that_are_refused_touch_nothing() {
    let tree = Tree::new();
    tree.file("/a");
    let made = |transform: &str| archive(tree.path(), &["tar", "-P", "-c", "./a", "--transform", transform]);
    for (image, code, text) in [
        (made("s,.*,/tmp/x,"), 3, "its name is absolute"),
        (made("s,.*,../../x,"), 3, "has `..` in it"),
        (File::open("/bin/ls").unwrap(), 2, "standard input: it is no tar archive"),
        (File::open("/dev/null").unwrap(), 2, "standard input: it is empty"),
    ] {
        let ran = seal_as_nobody(image, &[]).exits(code).says(text).says("\n  fix: ");
        assert_eq!(ran.stdout, "");
    }
    let large = archive(tree.path(), WRITERS[0]);
    seal_as_nobody(large, &["--max-file-size", "5"]).exits(3).says("more than --max-file-size allows (5)");
    let whole = archive(tree.path(), WRITERS[0]);
    whole.set_len(1000).unwrap();
    seal_as_nobody(whole, &[]).exits(2).says("it was cut off");
}

/// One more file of a random tree.
fn some_file() -> impl Strategy<Value = (Vec<String>, u8, u32, u32, String)> {
    let name = prop::sample::select(vec!["a", "b", "c d", "é", "-x", "nn"]).prop_map(str::to_owned);
    (prop::collection::vec(name, 1..4), 0..6_u8, 0..0o10000_u32, 0..200_000_u32, ".{0,30}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_tree_has_one_digest(files in prop::collection::vec(some_file(), 0..20)) {
        let tree = Tree::new();
        for (names, kind, mode, owner, content) in files {
            let path = format!("/{}", names.join("/"));
            let at = tree.at(&path);
            if at.symlink_metadata().is_ok() || fs::create_dir_all(at.parent().unwrap()).is_err() {
                continue;
            }
            let content = if content.is_empty() { "x".to_owned() } else { content.replace('\0', "") };
            let made = match kind {
                0 => fs::create_dir(&at),
                1 => std::os::unix::fs::symlink(if content.is_empty() { "x" } else { &content }, &at),
                2 => mknod(&at, SFlag::S_IFIFO, Mode::empty(), 0).map_err(Into::into),
                3 => fs::hard_link(tree.at("/first"), &at).or_else(|_| fs::write(tree.at("/first"), &content)),
                _ => fs::write(&at, &content),
            };
            if made.is_ok() && at.symlink_metadata().is_ok_and(|made| !made.is_symlink()) {
                chown(&at, Some(owner), Some(owner / 2)).unwrap();
                fs::set_permissions(&at, fs::Permissions::from_mode(mode)).unwrap();
            }
        }
        let expected = sealed(tree.path(), &[]);
        for writer in WRITERS {
            prop_assert_eq!(&digest(archive(tree.path(), writer), &[]), &expected, "{:?}", writer);
        }
    }
}
