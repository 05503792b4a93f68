//! What changes the digest, and what does not, on trees made at random.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;

use crate::harness::{run, run_lithify};

/// A file of a random tree: in which directory, its name, and what it is.
#[derive(Clone, Debug)]
struct File {
    directory: usize,
    name: Vec<u8>,
    what: What,
    mode: u32,
    owner: (u32, u32),
}

#[derive(Clone, Debug)]
enum What {
    Directory,
    Regular(Vec<u8>),
    Link(Vec<u8>),
    Fifo,
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![3 => 97u8..100, 1 => 1u8..=255];
    let not_special = |name: &Vec<u8>| !name.contains(&b'/') && name != b"." && name != b"..";
    prop::collection::vec(byte, 1..6).prop_filter("a name", not_special)
}

fn file() -> impl Strategy<Value = File> {
    let what = prop_oneof![
        2 => Just(What::Directory),
        4 => prop::collection::vec(any::<u8>(), 0..40).prop_map(What::Regular),
        1 => name().prop_map(What::Link),
        1 => Just(What::Fifo),
    ];
    let owner = (0u32..5, 0u32..5);
    (0usize..6, name(), what, 0u32..0o10000, owner).prop_map(|(directory, name, what, mode, owner)| File {
        directory,
        name,
        what,
        mode,
        owner,
    })
}

fn os(bytes: &[u8]) -> &std::ffi::OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(bytes)
}

/// Makes the tree; the paths of its files, in the order in which they were made.
fn make(root: &Path, files: &[File]) -> Vec<PathBuf> {
    let mut directories = vec![root.to_path_buf()];
    let mut made = Vec::new();
    for file in files {
        let at = directories[file.directory % directories.len()].join(os(&file.name));
        if at.symlink_metadata().is_ok() {
            continue;
        }
        match &file.what {
            What::Directory => {
                fs::create_dir(&at).unwrap();
                directories.push(at.clone());
            }
            What::Regular(content) => fs::write(&at, content).unwrap(),
            What::Link(target) => symlink(os(target), &at).unwrap(),
            What::Fifo => nix::unistd::mkfifo(&at, nix::sys::stat::Mode::S_IRWXU).unwrap(),
        }
        lchown(&at, Some(file.owner.0), Some(file.owner.1)).unwrap();
        if !matches!(file.what, What::Link(_)) {
            fs::set_permissions(&at, fs::Permissions::from_mode(file.mode)).unwrap();
        }
        made.push(at);
    }
    made
}

fn digest(root: &Path) -> String {
    run_lithify(["seal", "--root", root.to_str().unwrap()]).exits(0).stdout
}

/// Changes one thing of the file at `path`. False if it has no such thing.
fn change(path: &Path, kind: usize, number: u32) -> bool {
    let old = path.symlink_metadata().unwrap();
    let mode = old.permissions().mode() & 0o7777;
    let again = || {
        // A change of the owner takes setuid away.
        lchown(path, Some(old.uid()), Some(old.gid())).unwrap();
        if !path.is_symlink() {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    let remove = || if old.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() };
    match kind {
        0 if old.is_file() => {
            let mut content = fs::read(path).unwrap();
            content.push(number as u8);
            fs::write(path, content).unwrap();
            again();
        }
        1 if old.is_file() && old.len() > 0 => {
            let mut content = fs::read(path).unwrap();
            let at = number as usize % content.len();
            content[at] ^= 1 << (number % 8);
            fs::write(path, content).unwrap();
            again();
        }
        2 if !path.is_symlink() => {
            fs::set_permissions(path, fs::Permissions::from_mode(mode ^ 1 << (number % 12))).unwrap();
        }
        3 => {
            lchown(path, Some(old.uid() + 1 + number % 5), None).unwrap();
            if !path.is_symlink() {
                fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            }
        }
        4 => {
            lchown(path, None, Some(old.gid() + 1 + number % 5)).unwrap();
            if !path.is_symlink() {
                fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            }
        }
        5 if path.is_symlink() => {
            let target = fs::read_link(path).unwrap().join("x");
            fs::remove_file(path).unwrap();
            symlink(target, path).unwrap();
            again();
        }
        6 if old.is_file() => {
            run(Command::new("setcap").arg("cap_net_raw+ep").arg(path)).exits(0);
        }
        7 => {
            remove();
            if old.is_dir() {
                fs::write(path, "").unwrap()
            } else {
                fs::create_dir(path).unwrap()
            }
            again();
        }
        8 => {
            let other = path.with_file_name("another name");
            fs::rename(path, other).unwrap();
        }
        9 => fs::write(path.with_file_name("a new file"), "").unwrap(),
        10 => remove(),
        11 if old.is_dir() => fs::create_dir(path.join("a new directory")).unwrap(),
        _ => return false,
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// Also one that takes nothing away and adds nothing.
    #[test]
    fn any_single_change_changes_it(files in prop::collection::vec(file(), 1..15), which: prop::sample::Index, kind in 0usize..12, number: u32) {
        let tree = tempfile::tempdir().unwrap();
        let made = make(tree.path(), &files);
        let before = digest(tree.path());
        if change(&made[which.index(made.len())], kind, number) {
            prop_assert_ne!(digest(tree.path()), before);
        }
    }

    /// The order in which files are made and listed, times, inodes, link counts, and attributes that are no capabilities.
    #[test]
    fn what_is_not_stated_does_not(files in prop::collection::vec(file(), 1..15), which: prop::sample::Index) {
        let tree = tempfile::tempdir().unwrap();
        let made = make(tree.path(), &files);
        let before = digest(tree.path());
        // The other way round, so that names lie otherwise in their directories.
        let other = tempfile::tempdir().unwrap();
        let mut directories: Vec<_> = made.iter().filter(|path| path.is_dir() && !path.is_symlink()).collect();
        directories.sort();
        let at = |path: &Path| other.path().join(path.strip_prefix(tree.path()).unwrap());
        for directory in directories.iter().rev() {
            fs::create_dir_all(at(directory)).unwrap();
        }
        for path in made.iter().rev().filter(|path| !directories.contains(path)) {
            run(Command::new("cp").args(["-a", "--no-preserve=timestamps", "--"]).arg(path).arg(at(path))).exits(0);
        }
        for directory in directories.iter().rev() {
            let old = fs::metadata(directory).unwrap();
            lchown(at(directory), Some(old.uid()), Some(old.gid())).unwrap();
            fs::set_permissions(at(directory), old.permissions()).unwrap();
        }
        prop_assert_eq!(&digest(other.path()), &before);
        let path = &made[which.index(made.len())];
        run(Command::new("touch").args(["-h", "-d", "2001-02-03", "--"]).arg(path)).exits(0);
        if path.is_file() && !path.is_symlink() {
            run(Command::new("setfattr").args(["-n", "user.x", "-v", "y", "--"]).arg(path)).exits(0);
            // One name more for the same inode, elsewhere.
            fs::hard_link(path, other.path().with_extension("name")).unwrap();
            fs::remove_file(other.path().with_extension("name")).unwrap();
        }
        prop_assert_eq!(digest(tree.path()), before);
    }
}

/// No two of many trees that differ in one way have the same digest.
#[test]
fn different_trees_have_different_digests() {
    let file = |name: &[u8], what: What| File { directory: 0, name: name.to_vec(), what, mode: 0o644, owner: (0, 0) };
    let regular = |name: &[u8], content: &[u8]| file(name, What::Regular(content.to_vec()));
    let trees = [
        vec![],
        vec![regular(b"a", b"")],
        vec![regular(b"a", b"\n")],
        vec![regular(b"b", b"")],
        vec![regular(b"a ", b"")],
        vec![regular(b"a\n", b"")],
        vec![regular(b"\\141", b"")],
        vec![regular(b"a type=file", b"")],
        vec![regular(b"a", b""), regular(b"b", b"")],
        vec![file(b"a", What::Directory)],
        vec![file(b"a", What::Fifo)],
        vec![file(b"a", What::Link(b"a".to_vec()))],
        vec![file(b"a", What::Link(b"a ".to_vec()))],
        vec![file(b"a", What::Link(b"a uid=0".to_vec()))],
        vec![file(b"a", What::Directory), File { directory: 1, ..regular(b"b", b"") }],
        vec![file(b"a", What::Directory), regular(b"b", b"")],
    ];
    let digests: BTreeSet<String> = trees
        .iter()
        .map(|files| {
            let tree = tempfile::tempdir().unwrap();
            make(tree.path(), files);
            digest(tree.path())
        })
        .collect();
    assert_eq!(digests.len(), trees.len());
}
