//! The attacks: each is a thread that does one thing to the tree until it is told to stop.

use std::fmt;
use std::fs;
use std::ops::Add;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::tree::Raced;

/// What was done.
#[derive(Default)]
pub struct Counts {
    pub swaps: u64,
    pub moves: u64,
    pub mounts: u64,
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { swaps: self.swaps + other.swaps, moves: self.moves + other.moves, mounts: self.mounts + other.mounts }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} swaps, {} moves, {} mounts", self.swaps, self.moves, self.mounts)
    }
}

type Attack = fn(&Raced, &AtomicBool) -> Counts;

pub const ATTACKS: [Attack; 5] = [directory_for_link, file_for_link, in_volume, moved_out, mounted_over];

/// Repeats `once` until it is told to stop; how often it could be done.
fn until(stop: &AtomicBool, mut once: impl FnMut() -> bool) -> u64 {
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        count += u64::from(once());
    }
    count
}

fn swap(one: &Path, other: &Path) -> bool {
    renameat2(AT_FDCWD, one, AT_FDCWD, other, RenameFlags::RENAME_EXCHANGE).is_ok()
}

/// A directory for a link that leads out.
fn directory_for_link(tree: &Raced, stop: &AtomicBool) -> Counts {
    let (directory, link) = (tree.root().join("usr/bin"), tree.root().join("usr/link"));
    Counts { swaps: until(stop, || swap(&directory, &link)), ..Counts::default() }
}

/// A file for a link that leads out, now and then: a swap of names in a directory that is locked less.
fn file_for_link(tree: &Raced, stop: &AtomicBool) -> Counts {
    let (file, link) = (tree.root().join("data/file"), tree.root().join("data/link"));
    let swaps = until(stop, || {
        std::thread::yield_now();
        swap(&file, &link)
    });
    Counts { swaps, ..Counts::default() }
}

/// What a command has put into a volume for a link that leads out.
fn in_volume(tree: &Raced, stop: &AtomicBool) -> Counts {
    let (volume, mut turn) = (tree.volume(), 0_usize);
    let swaps = until(stop, || {
        std::thread::yield_now();
        turn += 1;
        let _still = tree.volume_is_still.lock().unwrap();
        swap(&volume.join(["root", "lithify", "root/usr/bin"][turn % 3]), &volume.join("away"))
    });
    Counts { swaps, ..Counts::default() }
}

/// A directory out of the root, beside what is outside, and back.
fn moved_out(tree: &Raced, stop: &AtomicBool) -> Counts {
    let (inside, outside) = (tree.root().join("opt/tool"), tree.outside().join("tool"));
    let moves = until(stop, || {
        std::thread::yield_now();
        fs::rename(&inside, &outside).is_ok() && fs::rename(&outside, &inside).is_ok()
    });
    // Whatever it was doing, it is inside at the end.
    let _ = fs::rename(&outside, &inside);
    Counts { moves, ..Counts::default() }
}

/// A volume over a directory, and gone.
fn mounted_over(tree: &Raced, stop: &AtomicBool) -> Counts {
    let at = tree.root().join("usr/sbin");
    let mounts = until(stop, || {
        let mounted = mount(Some(&tree.mounted()), &at, None::<&str>, MsFlags::MS_BIND, None::<&str>);
        std::thread::yield_now();
        mounted.is_ok() && umount2(&at, MntFlags::MNT_DETACH).is_ok()
    });
    Counts { mounts, ..Counts::default() }
}
