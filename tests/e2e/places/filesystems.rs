//! tmpfs, xfs, btrfs, squashfs, erofs, FUSE, and an overlay over a filesystem that cannot be written. ext4 is what most
//! other tests run on.

use std::fs;
use std::path::Path;
use std::process::Command;

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::{change, command, lithify, look, original, own_mounts};
use crate::harness::run;
use crate::harness::tree::{Tree, manifest};

fn copy(from: &Path, to: &Path) {
    run(Command::new("cp").arg("-a").arg(from.join(".")).arg(to)).exits(0);
    let _ = fs::remove_dir(to.join("lost+found"));
}

/// Where it can be written.
fn writable(name: &str, at: &Path) {
    let original = original();
    copy(original.path(), at);
    assert_eq!(look(&command, at), look(&command, original.path()), "{name}");
    change(&command, at);
    umount2(at, MntFlags::MNT_DETACH).unwrap();
}

/// Where it cannot: harden says so, and nothing changes.
fn read_only(name: &str, original: &Tree, at: &Path) {
    assert_eq!(look(&command, at), look(&command, original.path()), "{name}");
    let before = manifest(at);
    let work = Tree::new();
    let ran = lithify(&command, "harden --root ROOT -p PROFILE", at, &work).exits(1);
    ran.says("the filesystem is read-only (EROFS)");
    assert_eq!(manifest(at), before, "{name}");
}

fn work() -> Tree {
    own_mounts();
    let work = Tree::new();
    work.directory("/mounted").directory("/upper").directory("/workdir").directory("/lower").directory("/over");
    work
}

fn loop_mount(kind: &str, image: &Path, at: &Path) {
    run(Command::new("mount").args(["-t", kind, "-o", "loop"]).arg(image).arg(at)).exits(0);
}

fn made(kind: &str, size: &str, mkfs: &[&str]) {
    let work = work();
    let (image, at) = (work.at("/image"), work.at("/mounted"));
    run(Command::new("truncate").args(["-s", size]).arg(&image)).exits(0);
    run(Command::new(mkfs[0]).args(&mkfs[1..]).arg(&image)).exits(0);
    loop_mount(kind, &image, &at);
    writable(kind, &at);
}

#[test]
fn tmpfs() {
    let work = work();
    mount(Some("tmpfs"), &work.at("/mounted"), Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
    writable("tmpfs", &work.at("/mounted"));
}

#[test]
fn xfs() {
    made("xfs", "400M", &["mkfs.xfs", "-q"]);
}

#[test]
fn btrfs() {
    made("btrfs", "300M", &["mkfs.btrfs", "-q"]);
}

/// A filesystem of a program: it gives inode numbers of its own, and looks at each name by a path.
#[test]
fn fuse() {
    let work = work();
    run(Command::new("bindfs").arg(work.at("/lower")).arg(work.at("/mounted"))).exits(0);
    writable("fuse", &work.at("/mounted"));
}

/// An image that cannot be written, as it is and as the lower layer of an overlay.
fn image(kind: &str, make: impl FnOnce(&Path, &Path)) {
    let work = work();
    let original = original();
    let (image, at, over) = (work.at("/image"), work.at("/mounted"), work.at("/over"));
    make(original.path(), &image);
    loop_mount(kind, &image, &at);
    read_only(kind, &original, &at);
    let layers = format!(
        "lowerdir={},upperdir={},workdir={}",
        at.display(),
        work.at("/upper").display(),
        work.at("/workdir").display()
    );
    mount(Some("overlay"), &over, Some("overlay"), MsFlags::empty(), Some(layers.as_str())).unwrap();
    assert_eq!(look(&command, &over), look(&command, original.path()), "an overlay over {kind}");
    change(&command, &over);
    for at in [&over, &at] {
        umount2(at, MntFlags::MNT_DETACH).unwrap();
    }
}

#[test]
fn squashfs() {
    image("squashfs", |tree, image| {
        run(Command::new("mksquashfs").arg(tree).arg(image).args(["-quiet", "-no-progress"])).exits(0);
    });
}

#[test]
fn erofs() {
    image("erofs", |tree, image| {
        run(Command::new("mkfs.erofs").arg("--quiet").arg(image).arg(tree)).exits(0);
    });
}
