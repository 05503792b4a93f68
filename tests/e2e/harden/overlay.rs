//! Overlay filesystems, which containers have: changing one hard link of a lower layer copies it up and leaves the others
//! as they were. So every name is changed, and each is read back.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::harness::tree::Tree;
use crate::harness::{harden, run, run_lithify};

const NAMES: [&str; 3] = ["bin/tool", "opt/.x", "usr/lib/tool"];

/// An overlay mount over a lower layer in which one file has three names; its root.
fn overlay(tree: &Tree) -> PathBuf {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
    tree.file("/lower/bin/tool").hard_link("/lower/opt/.x", "/lower/bin/tool");
    tree.hard_link("/lower/usr/lib/tool", "/lower/bin/tool");
    run(Command::new("setcap").arg("cap_net_raw+ep").arg(tree.at("/lower/bin/tool"))).exits(0);
    fs::set_permissions(tree.at("/lower/bin/tool"), fs::Permissions::from_mode(0o6757)).unwrap();
    tree.directory("/upper").directory("/work").directory("/merged");
    let (lower, upper, work) = (tree.at("/lower"), tree.at("/upper"), tree.at("/work"));
    let layers = format!("lowerdir={},upperdir={},workdir={}", lower.display(), upper.display(), work.display());
    let merged = tree.at("/merged");
    mount(Some("overlay"), &merged, Some("overlay"), MsFlags::empty(), Some(layers.as_str())).unwrap();
    merged
}

fn modes(root: &std::path::Path) -> [u32; 3] {
    NAMES.map(|name| root.join(name).metadata().unwrap().mode() & 0o7777)
}

fn profile(tree: &Tree, text: &str) -> String {
    let path = tree.at("/p.toml");
    fs::write(&path, format!("schema = 1\nname = \"p\"\n{text}\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

/// What the rest is built on.
#[test]
fn a_change_of_one_name_leaves_the_others() {
    let tree = Tree::new();
    let root = overlay(&tree);
    fs::set_permissions(root.join(NAMES[1]), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(modes(&root), [0o6757, 0o755, 0o6757]);
}

#[test]
fn strip_acts_on_every_name() {
    let tree = Tree::new();
    let root = overlay(&tree);
    let profile = profile(&tree, "[strip]\nsetid = true\nworld_writable = true\nfile_capabilities = true");
    harden(&root, ["--allow-host", "-p", &profile]).exits(0);
    assert_eq!(modes(&root), [0o755; 3]);
    for name in NAMES {
        assert_eq!(run(Command::new("getcap").arg(root.join(name))).exits(0).stdout, "", "{name}");
    }
    run_lithify(["verify", "--root", root.to_str().unwrap(), "-p", &profile]).exits(0);
    // And what one name lost before is no reason to leave the others.
    let tree = Tree::new();
    let root = overlay(&tree);
    fs::set_permissions(root.join(NAMES[0]), fs::Permissions::from_mode(0o755)).unwrap();
    harden(&root, ["--allow-host", "-p", &profile]).exits(0);
    assert_eq!(modes(&root), [0o755; 3]);
}

#[test]
fn disable_acts_on_every_name() {
    let tree = Tree::new();
    let root = overlay(&tree);
    let profile = profile(&tree, "[remove]\nnames = [\"tool\"]\nmethod = \"disable\"");
    harden(&root, ["--allow-host", "-p", &profile]).exits(0);
    assert_eq!(modes(&root), [0; 3]);
    harden(&root, ["--allow-host", "-p", &profile]).exits(0).says("nothing to remove");
}

/// A removal leaves no name either, whatever the link count of the layer below says.
#[test]
fn deletion_finds_every_name() {
    let tree = Tree::new();
    let root = overlay(&tree);
    harden(&root, ["--allow-host", "--remove", "tool"]).exits(0);
    assert!(NAMES.iter().all(|name| root.join(name).symlink_metadata().is_err()));
    assert!(tree.has("/lower/bin/tool"), "layers below are not changed");
}
