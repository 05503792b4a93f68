//! A probe must say something before the kubelet gives it up: `--deadline`, on a tree that takes a while.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::time::Duration;

use crate::harness::trace::reads;
use crate::harness::tree::Tree;
use crate::harness::{harden, run_lithify};

const NAMES: usize = 4000;

fn big() -> Tree {
    let tree = Tree::new();
    for directory in 0..40 {
        let path = tree.at(&format!("/opt/{directory}"));
        fs::create_dir_all(&path).unwrap();
        for name in 0..NAMES / 40 {
            fs::write(path.join(format!("tool{name}")), "x").unwrap();
        }
    }
    tree
}

fn left(tree: &Tree) -> usize {
    (0..40).map(|directory| fs::read_dir(tree.at(&format!("/opt/{directory}"))).unwrap().count()).sum()
}

#[test]
fn nothing_is_begun_when_looking_takes_too_long() {
    let tree = big();
    let ran = harden(tree.path(), ["--remove=/opt/*/tool*", "--deadline=0.000001"]).exits(75);
    assert_eq!(
        ran.all(),
        "lithify harden: not yet: the deadline of 0.000001 s came before anything was changed; if it always does, raise --deadline and the probe's timeoutSeconds\n"
    );
    assert_eq!(left(&tree), NAMES);
}

#[test]
fn whatever_the_moment_the_next_run_completes_it() {
    let tree = big();
    // Too short for any machine.
    let mut deadline = Duration::from_micros(100);
    let mut tries = 0;
    loop {
        let before = left(&tree);
        let ran = harden(tree.path(), ["--remove=/opt/*/tool*", &format!("--deadline={:.6}", deadline.as_secs_f32())]);
        if ran.code == 0 {
            break;
        }
        let ran = ran.exits(75).says("not yet: the deadline of");
        assert_eq!(ran.all().lines().count(), 1, "{}", ran.all());
        if left(&tree) < before {
            ran.says("the next run completes it");
        }
        tries += 1;
        deadline = deadline * 5 / 4;
        assert!(tries < 80, "it never came to an end");
    }
    assert!(tries > 0, "the deadline never came");
    assert_eq!(left(&tree), 0);
}

#[test]
fn none_is_set_unless_the_app_is_waited_for() {
    let tree = big();
    for deadline in ["--deadline=0", "-q"] {
        harden(tree.path(), ["--remove=/opt/*/tool*", "--dry-run", deadline]).exits(0);
    }
    harden(tree.path(), ["--remove=x", "--deadline=soon"]).exits(2).says("seconds as a decimal number");
}

/// An ELF program whose headers say nothing of where its strings are, so that all of it is searched.
fn program() -> Vec<u8> {
    let mut head = b"\x7fELF\x02\x01\x01".to_vec();
    head.resize(16, 0);
    head.extend(2u16.to_le_bytes()); // ET_EXEC
    head.resize(4096, 0);
    head
}

fn executable(tree: &Tree, path: &str) -> File {
    tree.file(path);
    let mut file = File::create(tree.at(path)).unwrap();
    file.write_all(&program()).unwrap();
    file.set_permissions(fs::Permissions::from_mode(0o755)).unwrap();
    file
}

#[test]
fn it_holds_within_a_file() {
    let tree = Tree::new();
    tree.file("/usr/bin/unwanted");
    let mut large = executable(&tree, "/tmp/large");
    let part = b"\0getopts\0PATH?".repeat(80_000);
    for _ in 0..(200 << 20) / part.len() {
        large.write_all(&part).unwrap();
    }
    let reads = reads(|strace| {
        let flags = ["-p=shells", "--remove=unwanted", "--deadline=0.02"];
        let ran = crate::harness::run(strace.args(["harden", "--root"]).arg(tree.path()).args(flags)).exits(75);
        assert_eq!(ran.all().lines().count(), 1, "{}", ran.all());
    });
    assert!(reads < 700, "{reads} reads of 256 KiB of a file of 200 MiB: the deadline was not looked at meanwhile");
    assert!(tree.has("/usr/bin/unwanted"));
    // It is bounded, so that a time that is enough is enough.
    harden(tree.path(), ["-p=shells", "--remove=unwanted"]).exits(0);
    assert!(!tree.has("/usr/bin/unwanted"));
}

/// Whoever may write a file must not be able to hold up for ever what looks at it.
#[test]
fn what_is_too_large_is_named_and_not_searched_for_ever() {
    let tree = Tree::new();
    tree.file("/usr/bin/unwanted");
    let hole = executable(&tree, "/tmp/hole");
    hole.set_len(1 << 40).unwrap();
    harden(tree.path(), ["-p=shells"]).exits(0);
    // A byte in each of so many parts that all of it would have to be read.
    let sparse = executable(&tree, "/tmp/sparse");
    for part in 1..=4200u64 {
        sparse.write_all_at(b"x", part << 20).unwrap();
    }
    let says = "read /tmp/sparse: File too large";
    harden(tree.path(), ["-p=shells", "--remove=unwanted"])
        .exits(1)
        .says("UNVERIFIED inventory")
        .says(says)
        .says("fix: ");
    assert!(!tree.has("/usr/bin/unwanted"));
    let staging = Tree::new();
    let (root, to) = (tree.path().to_str().unwrap(), staging.path().to_str().unwrap());
    run_lithify(["stage", "-p=shells", "--root", root, "/tmp", "--to", to]).exits(1).says(says).says("[keep] paths");
    // The app's own may be that large.
    tree.file_with("/profile.toml", "schema = 1\ninclude = [\"shells\"]\n[keep]\npaths = [\"/tmp/sparse\"]\n");
    harden(tree.path(), ["-p", tree.at("/profile.toml").to_str().unwrap()]).exits(0).does_not_say("sparse");
    run_lithify(["scan", "--fail-on=all", "--root", tree.path().to_str().unwrap()])
        .exits(1)
        .says("UNVERIFIED")
        .says(says);
}

/// Program headers that all lead to the same bytes.
#[test]
fn nothing_is_searched_twice() {
    let tree = Tree::new();
    let mut head = fs::read("/bin/true").unwrap()[..64].to_vec();
    head[32..40].copy_from_slice(&64u64.to_le_bytes());
    head[56..58].copy_from_slice(&140u16.to_le_bytes());
    for _ in 0..140 {
        head.extend(1u32.to_le_bytes()); // PT_LOAD
        head.extend(4u32.to_le_bytes()); // PF_R
        for word in [0u64, 0, 0, 32 << 20, 32 << 20, 4096] {
            head.extend(word.to_le_bytes());
        }
    }
    head.resize(32 << 20, b'x');
    tree.file("/tmp/many");
    fs::write(tree.at("/tmp/many"), head).unwrap();
    fs::set_permissions(tree.at("/tmp/many"), fs::Permissions::from_mode(0o755)).unwrap();
    let reads = reads(|strace| {
        crate::harness::run(strace.args(["scan", "--root"]).arg(tree.path())).exits(0);
    });
    assert!((128..400).contains(&reads), "{reads} reads for 32 MiB, 256 KiB each");
}

/// A file's names are many ways to it, and one search.
#[test]
fn a_file_with_many_names_is_searched_once() {
    let tree = Tree::new();
    let mut large = executable(&tree, "/tmp/large");
    large.write_all(&vec![b'x'; 64 << 20]).unwrap();
    let vast = executable(&tree, "/tmp/vast");
    for part in 1..=4200u64 {
        vast.write_all_at(b"x", part << 20).unwrap();
    }
    for link in 0..20 {
        fs::hard_link(tree.at("/tmp/large"), tree.at(&format!("/tmp/large{link}"))).unwrap();
        fs::hard_link(tree.at("/tmp/vast"), tree.at(&format!("/tmp/vast{link}"))).unwrap();
    }
    let root = tree.path().to_str().unwrap();
    for words in [&["harden", "-p", "shells"][..], &["scan", "--fail-on", "all"]] {
        let reads = reads(|strace| {
            let ran = crate::harness::run(strace.args(words).args(["--root", root])).exits(1);
            assert_eq!(ran.all().matches("File too large").count(), 1, "{}", ran.all());
        });
        // Twice, where a run looks before and after; in parts of 256 KiB, of 1 GiB and of 64 MiB.
        assert!(reads < 2 * (4096 + 256 + 300), "{words:?}: {reads} reads");
    }
}
