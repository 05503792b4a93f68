//! What others say of the same tree: the script of docs/state.md (find, sort and sha256sum), bsdtar (libarchive) and
//! NetBSD's mtree. They agree with the digest and the manifest, and find the same changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use crate::harness::tree::Tree;
use crate::harness::{Ran, rootfs, run, run_lithify};

/// The script of docs/state.md, as a file.
fn script() -> tempfile::NamedTempFile {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/state.md")).unwrap();
    let block = page.split("```bash\n").find(|block| block.starts_with("#!/bin/bash\n")).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, block.split("```").next().unwrap()).unwrap();
    file
}

/// What the script prints of a tree.
#[track_caller]
fn by_script(root: &Path, left_out: &[&str]) -> String {
    let ran = run(Command::new("bash").arg(script().path()).arg(root).args(left_out)).exits(0);
    assert_eq!(ran.stderr, "");
    ran.stdout
}

fn seal(root: &Path, arguments: &[&str]) -> Ran {
    run_lithify([&["seal", "--root", root.to_str().unwrap()], arguments].concat())
}

#[track_caller]
fn digest(root: &Path, arguments: &[&str]) -> String {
    seal(root, arguments).exits(0).stdout
}

/// Names and files of every kind that a tree may hold.
pub fn odd(tree: &Tree) -> &Tree {
    // `/` sorts before every byte that a name can hold.
    for path in
        ["/a/b", "/a/b-c", "/a/b.d", "/a/bb/x", "/a-b", "/a.b", "/a0", "/a\u{1}", "/b/-", "/b/0", "/b/\u{1}", "/b/~"]
    {
        tree.file(path);
    }
    tree.file("/a\u{1}d/x").file("/a.d/x");
    for name in [
        "two words",
        " lead",
        "trail ",
        "line\nfeed",
        "tab\there",
        "[brackets]",
        "star*",
        "what?",
        "#hash",
        "a=b",
        "back\\slash",
        "\\040",
        "quote'\"`$x",
        "\u{fc}n\u{ef}",
        "-rf",
        "--",
        "...",
        "\u{7f}",
        "%s%n",
    ] {
        tree.file(&format!("/odd/{name}")).file(&format!("/odd/{name}.d/{name}"));
        symlink(name, tree.at(&format!("/odd/{name}.l"))).unwrap();
    }
    for bytes in [&b"\xff\xfe"[..], b"\xc3", b"caf\xe9"] {
        fs::write(tree.at("/odd").join(std::ffi::OsStr::from_bytes(bytes)), bytes).unwrap();
    }
    symlink(std::ffi::OsStr::from_bytes(b"\xff/\n/\\"), tree.at("/odd/link")).unwrap();
    tree.directory("/empty/in/empty").link("/dangling", "/nowhere").link("/up", "../../..");
    tree.file("/hard").hard_link("/odd/hard", "/hard");
    mknod(&tree.at("/fifo"), SFlag::S_IFIFO, Mode::empty(), 0).unwrap();
    mknod(&tree.at("/char"), SFlag::S_IFCHR, Mode::from_bits_truncate(0o6), makedev(10, 300)).unwrap();
    mknod(&tree.at("/block"), SFlag::S_IFBLK, Mode::from_bits_truncate(0o660), makedev(7, 9)).unwrap();
    UnixListener::bind(tree.at("/socket")).unwrap();
    for (path, mode) in [("/a-b", 0o4755), ("/a0", 0), ("/b/0", 0o7), ("/a/bb", 0o3770), ("/empty", 0o1777)] {
        fs::set_permissions(tree.at(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    chown(tree.at("/b/-"), Some(33), Some(0xffff_fff0)).unwrap();
    for (path, capability) in
        [("/a/b-c", "cap_net_raw+ep"), ("/odd/line\nfeed", "cap_sys_admin,cap_chown+ei"), ("/odd/[brackets]", "all=p")]
    {
        run(Command::new("setcap").arg(capability).arg(tree.at(path))).exits(0);
    }
    // Without an x bit it has them, too.
    fs::set_permissions(tree.at("/odd/[brackets]"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::File::create(tree.at("/sparse")).unwrap().set_len(3_000_000).unwrap();
    tree
}

#[test]
fn the_script_of_the_documentation_computes_the_same_digest() {
    for name in ["nginx", "httpd", "alpine"] {
        let root = rootfs(name);
        assert_eq!(by_script(&root, &[]), digest(&root, &[]), "{name}");
    }
    let tree = Tree::new();
    odd(&tree);
    assert_eq!(by_script(tree.path(), &[]), digest(tree.path(), &[]));
}

/// What is left out, and the directories that lead there.
#[test]
fn the_script_leaves_out_the_same() {
    let tree = Tree::new();
    odd(&tree);
    let profile = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    fs::write(profile.path(), "schema = 1\n[seal]\nexclude = [\"/var/log\", \"/srv/data/cache\", \"/a/b\"]\n").unwrap();
    let out = ["/var/log", "/srv/data/cache", "/a/b"];
    let same = |what: &str| {
        let excluding = digest(tree.path(), &["-p", profile.path().to_str().unwrap()]);
        assert_eq!(by_script(tree.path(), &out), excluding, "{what}");
        excluding
    };
    let before = same("nothing is there");
    // What a runtime and the kubelet make, and what is on volumes, does not count.
    for directory in ["/dev/pts", "/proc/1", "/sys/fs", "/etc", "/run/secrets", "/var/run/secrets", "/srv/data/cache"] {
        tree.directory(directory);
    }
    assert_eq!(same("directories"), before);
    for file in ["/etc/hosts", "/etc/hostname", "/.dockerenv", "/run/.containerenv", "/var/log/x", "/srv/data/cache/x"]
    {
        tree.file(file);
    }
    tree.link("/etc/mtab", "/proc/mounts").link("/etc/resolv.conf", "/run/x");
    // harden's mark.
    fs::write(tree.at("/.lithify"), "").unwrap();
    assert_eq!(same("files"), before);
    // Everything else does, and a directory in place of such a file.
    fs::remove_file(tree.at("/etc/hostname")).unwrap();
    let mut seen = BTreeSet::from([before]);
    let mut counts = |path: &str| assert!(seen.insert(same(path)), "{path}");
    for path in ["/etc/hosts.allow", "/run/secrets/x", "/srv/data/cache2", "/device"] {
        tree.file(path);
        counts(path);
    }
    for path in ["/etc/hostname", "/run/empty", "/srv/data/empty"] {
        tree.directory(path);
        counts(path);
    }
    assert_eq!(by_script(tree.path(), &[]), digest(tree.path(), &[]));
}

/// A text without the escapes of names, of which bsdtar uses fewer.
fn decoded(text: &str) -> String {
    let mut parts = text.split('\\');
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| {
        text + &char::from(u8::from_str_radix(&part[..3], 8).unwrap()).to_string() + &part[3..]
    })
}

/// The entries of a manifest: what is stated of each name, in a form that bsdtar writes, too.
fn entries(manifest: &str) -> BTreeMap<String, BTreeSet<String>> {
    let lines = manifest.lines().filter(|line| !line.starts_with('#') && !line.starts_with(". "));
    let entry = |line: &str| {
        let mut words = line.split(' ');
        let name = decoded(words.next().unwrap());
        // Its modes have no zeros in front.
        let words: BTreeSet<String> = words
            .map(|word| match word.strip_prefix("mode=") {
                Some(mode) => format!("mode={:o}", u32::from_str_radix(mode, 8).unwrap()),
                None => decoded(word),
            })
            .collect();
        let is_link = words.contains("type=link");
        let not_stated = |word: &String| word.starts_with("xattr.") || is_link && word.starts_with("mode=");
        (name, words.into_iter().filter(|word| !not_stated(word)).collect())
    };
    lines.map(entry).collect()
}

/// What bsdtar makes of a tree, or of an archive `@FILE`.
#[track_caller]
fn bsdtar(root: &Path, what: &str) -> BTreeMap<String, BTreeSet<String>> {
    let options = ["--format=mtree", "--options=!all,type,mode,uid,gid,size,sha256,link,device", "-C"];
    let manifest = run(Command::new("bsdtar").args(["-cf", "-"]).args(options).arg(root).arg(what)).exits(0).stdout;
    entries(&manifest)
}

/// What NetBSD's mtree finds different from a manifest. It asks for an entry of the root, knows no capabilities, and takes
/// `*`, `?` and `[` in a name for patterns, however they are written.
fn mtree(root: &Path, manifest: &str) -> Ran {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, without_capabilities(manifest).replacen("#mtree\n", "#mtree\n. type=dir\n", 1)).unwrap();
    run(Command::new("mtree").arg("-p").arg(root).arg("-f").arg(file.path()))
}

fn without_capabilities(manifest: &str) -> String {
    manifest.lines().map(|line| format!("{}\n", line.split(" xattr.").next().unwrap())).collect()
}

fn manifest(root: &Path) -> String {
    seal(root, &["--out", "-"]).exits(0).stdout
}

/// A tree from which nothing is left out, so that tools that know no exclusions see the same.
fn whole(tree: &Tree) -> &Tree {
    run(Command::new("cp").arg("-a").arg(rootfs("nginx").join("etc/apt")).arg(tree.at("/copy"))).exits(0);
    fs::copy(rootfs("nginx").join("etc/passwd"), tree.at("/copy/passwd")).unwrap();
    odd(tree)
}

#[test]
fn bsdtar_writes_the_same_manifest() {
    let tree = Tree::new();
    let manifest = manifest(whole(&tree).path());
    let ours = entries(&manifest);
    let mut theirs = bsdtar(tree.path(), ".");
    // A socket is not archived.
    let socket = ours.get("./socket").cloned();
    theirs.extend(socket.map(|facts| ("./socket".to_owned(), facts)));
    let differ: Vec<_> = ours.iter().filter(|(name, facts)| theirs.get(*name) != Some(facts)).collect();
    assert!(differ.is_empty(), "{differ:#?}");
    assert_eq!(ours.len(), theirs.len());
    // And it reads ours.
    let file = tempfile::NamedTempFile::new().unwrap();
    // It warns of a key that it does not know, and of sockets.
    let known: Vec<_> = manifest.lines().filter(|line| !line.contains(" type=socket ")).collect();
    fs::write(&file, without_capabilities(&known.join("\n"))).unwrap();
    let read = bsdtar(tree.path(), &format!("@{}", file.path().display()));
    assert_eq!(read.keys().collect::<Vec<_>>(), ours.keys().filter(|name| *name != "./socket").collect::<Vec<_>>());
}

/// One change of a tree.
type Change = (&'static str, fn(&Tree));

/// Changes that every tool sees.
const CHANGES: &[Change] = &[
    ("a byte more", |tree| fs::write(tree.at("/copy/passwd"), "x").unwrap()),
    ("another content of the same length and times", |tree| {
        let at = tree.at("/copy/passwd");
        let time = fs::metadata(&at).unwrap().modified().unwrap();
        let content = fs::read_to_string(&at).unwrap().replacen("root:x:0:", "root::00:", 1);
        fs::write(&at, content).unwrap();
        fs::File::options().write(true).open(&at).unwrap().set_modified(time).unwrap();
    }),
    ("mode", |tree| fs::set_permissions(tree.at("/copy/passwd"), fs::Permissions::from_mode(0o646)).unwrap()),
    ("setuid", |tree| fs::set_permissions(tree.at("/a0"), fs::Permissions::from_mode(0o4000)).unwrap()),
    ("mode of a directory", |tree| fs::set_permissions(tree.at("/a/bb"), fs::Permissions::from_mode(0o2770)).unwrap()),
    ("owner", |tree| chown(tree.at("/copy/passwd"), Some(1), None).unwrap()),
    ("group", |tree| chown(tree.at("/copy"), None, Some(1)).unwrap()),
    ("target of a link", |tree| {
        fs::remove_file(tree.at("/up")).unwrap();
        tree.link("/up", "../..");
    }),
    ("a new file", |tree| fs::write(tree.at("/b/new"), "").unwrap()),
    ("a new directory", |tree| fs::create_dir(tree.at("/empty/2")).unwrap()),
    ("a file less", |tree| fs::remove_file(tree.at("/b/~")).unwrap()),
    ("another name", |tree| fs::rename(tree.at("/b/~"), tree.at("/b/!")).unwrap()),
    ("a name in another case", |tree| fs::rename(tree.at("/copy"), tree.at("/Copy")).unwrap()),
    ("two files swapped", |tree| {
        fs::rename(tree.at("/a-b"), tree.at("/a-")).unwrap();
        fs::rename(tree.at("/a.b"), tree.at("/a-b")).unwrap();
        fs::rename(tree.at("/a-"), tree.at("/a.b")).unwrap();
    }),
    ("a directory in place of a file", |tree| {
        fs::remove_file(tree.at("/b/~")).unwrap();
        tree.directory("/b/~");
    }),
    ("a fifo in place of a file", |tree| {
        fs::remove_file(tree.at("/b/~")).unwrap();
        nix::unistd::mkfifo(&tree.at("/b/~"), Mode::S_IRWXU).unwrap();
    }),
    ("a link to the same content", |tree| {
        fs::rename(tree.at("/b/~"), tree.at("/b/file")).unwrap();
        tree.link("/b/~", "file");
    }),
    ("another device", |tree| {
        fs::remove_file(tree.at("/char")).unwrap();
        mknod(&tree.at("/char"), SFlag::S_IFCHR, Mode::from_bits_truncate(0o6), makedev(10, 301)).unwrap();
    }),
    ("a byte at the end of a hole", |tree| {
        let file = fs::File::options().write(true).open(tree.at("/sparse")).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &[1], 2_999_999).unwrap();
    }),
];

#[test]
fn every_tool_finds_the_same_changes() {
    let tree = || {
        let tree = Tree::new();
        whole(&tree);
        for name in ["star*", "what?", "[brackets]"] {
            for name in [format!("/odd/{name}"), format!("/odd/{name}.l")] {
                fs::remove_file(tree.at(&name)).unwrap();
            }
            fs::remove_dir_all(tree.at(&format!("/odd/{name}.d"))).unwrap();
        }
        tree
    };
    let unchanged = tree();
    let before = manifest(unchanged.path());
    let archived = bsdtar(unchanged.path(), ".");
    assert_eq!(mtree(unchanged.path(), &before).exits(0).all(), "");
    for (what, change) in CHANGES {
        let tree = tree();
        assert_eq!(manifest(tree.path()), before, "{what}: the tree is made the same each time");
        change(&tree);
        assert_ne!(digest(tree.path(), &[]), before.lines().last().unwrap()[2..], "{what}");
        assert_ne!(bsdtar(tree.path(), "."), archived, "{what}: bsdtar");
        let differs = mtree(tree.path(), &before);
        assert!(!differs.stdout.is_empty(), "{what}: mtree: {differs:?}");
    }
}
