//! Attacks on `stage`: a volume that somebody has prepared, and names that are swapped while it runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::{Mode, mkdirat};

use super::copy::{everything, stage};
use crate::harness::tree::{Tree, manifest};
use crate::harness::{Ran, run};

const ARGUMENTS: [&str; 4] = ["-p", "shells", "/usr/bin", "/usr/sbin"];

type Prepare<'a> = &'a dyn Fn(&Path);

fn same_as_fresh(tree: &Tree, volume: &Path) {
    let fresh = tempfile::tempdir().unwrap();
    stage(tree.path(), fresh.path(), ARGUMENTS).exits(0);
    assert_eq!(manifest(&volume.join("root")), manifest(&fresh.path().join("root")));
}

#[test]
fn a_prepared_volume_leads_nowhere() {
    let (tree, precious) = (everything(), Tree::new());
    precious.file("/usr/bin/app").file("/usr/sbin/file").file("/file");
    let before = precious.manifest();
    let fifo = |path: &Path| nix::unistd::mkfifo(path, Mode::S_IRWXU).unwrap();
    let prepared: [(&str, Prepare); 9] = [
        ("root leads to /", &|volume| symlink("/", volume.join("root")).unwrap()),
        ("root leads elsewhere", &|volume| symlink(precious.path(), volume.join("root")).unwrap()),
        ("root leads to itself", &|volume| symlink("root", volume.join("root")).unwrap()),
        ("root is a fifo", &|volume| fifo(&volume.join("root"))),
        ("a part leads elsewhere", &|volume| {
            fs::create_dir(volume.join("root")).unwrap();
            symlink(precious.at("/usr"), volume.join("root/usr")).unwrap();
        }),
        ("a file is a fifo", &|volume| {
            stage(tree.path(), volume, ARGUMENTS).exits(0);
            fs::remove_file(volume.join("root/usr/bin/app")).unwrap();
            fifo(&volume.join("root/usr/bin/app"));
        }),
        ("a file has another name", &|volume| {
            stage(tree.path(), volume, ARGUMENTS).exits(0);
            fs::remove_file(volume.join("root/usr/sbin/daemon")).unwrap();
            fs::hard_link(volume.join("root/usr/bin/app"), volume.join("root/usr/sbin/daemon")).unwrap();
        }),
        ("what is left leads elsewhere", &|volume| {
            symlink(precious.path(), volume.join(".tmp.lithify-1-2")).unwrap();
            fs::create_dir(volume.join(".tmp.lithify-3-4")).unwrap();
            symlink(precious.path(), volume.join(".tmp.lithify-3-4/usr")).unwrap();
            fifo(&volume.join(".tmp.lithify-5-6"));
        }),
        ("all is of another user", &|volume| {
            stage(tree.path(), volume, ARGUMENTS).exits(0);
            run(Command::new("chown").args(["-R", "65532"]).arg(volume.join("root"))).exits(0);
        }),
    ];
    for (what, prepare) in prepared {
        let volume = tempfile::tempdir().unwrap();
        prepare(volume.path());
        // A fifo that was opened to be read would hold it up for ever, and the test runner ends the test.
        stage(tree.path(), volume.path(), ARGUMENTS).exits(0).does_not_say("stay as they are");
        same_as_fresh(&tree, volume.path());
        assert_eq!(fs::read_dir(volume.path()).unwrap().count(), 1, "{what}");
        assert_eq!(precious.manifest(), before, "{what}");
    }
}

#[test]
fn what_cannot_be_removed_is_in_nobodys_way() {
    let (tree, volume) = (everything(), tempfile::tempdir().unwrap());
    // Deeper than it descends, and a file that nobody may remove.
    let deep = volume.path().join(".tmp.lithify-1-2");
    fs::create_dir(&deep).unwrap();
    let open = |at, name: &Path| openat(at, name, OFlag::O_PATH | OFlag::O_DIRECTORY, Mode::empty()).unwrap();
    let mut at = open(AT_FDCWD, &deep);
    for _ in 0..1500 {
        mkdirat(&at, "d", Mode::S_IRWXU).unwrap();
        at = openat(&at, "d", OFlag::O_PATH | OFlag::O_DIRECTORY, Mode::empty()).unwrap();
    }
    let fixed = volume.path().join(".tmp.lithify-3-4");
    fs::write(&fixed, "x").unwrap();
    let chattr = |flag: &str| run(Command::new("chattr").arg(flag).arg(&fixed)).exits(0);
    chattr("+i");
    let first = stage(tree.path(), volume.path(), ARGUMENTS);
    let second = stage(tree.path(), volume.path(), ARGUMENTS);
    chattr("-i");
    for ran in [first, second] {
        ran.exits(0).says(".tmp.lithify-3-4: Operation not permitted").says("more than 800 directories in each other");
    }
    same_as_fresh(&tree, volume.path());
}

/// Swaps `path`, a directory, with a link to `target` as fast as it goes while `stage` runs some times, and more often
/// until `once` says that it has seen enough: which run meets what is chance.
fn while_swapped(path: &Path, target: &Path, mut once: impl FnMut() -> bool) {
    let done = AtomicBool::new(false);
    let (aside, link) = (path.with_extension("aside"), path.with_extension("link"));
    symlink(target, &link).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let end = Instant::now() + Duration::from_secs(30);
            while Instant::now() < end && !done.load(Ordering::Relaxed) {
                fs::rename(path, &aside).unwrap();
                fs::rename(&link, path).unwrap();
                std::thread::yield_now();
                fs::rename(path, &link).unwrap();
                fs::rename(&aside, path).unwrap();
            }
        });
        let start = Instant::now();
        for runs in 1.. {
            let enough = once();
            if runs >= 60 && (enough || start.elapsed() > Duration::from_secs(25)) {
                break;
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn names_that_are_swapped_meanwhile() {
    let (tree, volume) = (everything(), tempfile::tempdir().unwrap());
    // A link in the image leads inside the image: this one to what is not staged, by the path that the image has.
    tree.directory("/etc/private").file_with("/etc/private/key", "secret");
    let mut outcomes = [0, 0];
    let mut look = |ran: Ran| {
        outcomes[usize::from(ran.code != 0)] += 1;
        assert!(matches!(ran.code, 0 | 1 | 3), "{}", ran.all());
        outcomes.iter().all(|&count| count > 0)
    };
    while_swapped(&tree.at("/usr/bin"), Path::new("/etc/private"), || {
        let seen = look(stage(tree.path(), volume.path(), ARGUMENTS));
        assert!(!volume.path().join("root/usr/bin/key").exists());
        seen
    });
    let here = tree.manifest();
    let to = volume.path().join("to");
    fs::create_dir(&to).unwrap();
    // The volume by turns is the source.
    while_swapped(&to, &tree.at("/usr/bin"), || look(stage(tree.path(), &to, ARGUMENTS)));
    assert_eq!(tree.manifest(), here);
    assert!(outcomes.iter().all(|&count| count > 0), "{outcomes:?}");
}
