//! A probe must say something before the kubelet gives it up: `--deadline`, on a tree that takes a while.

use std::fs;
use std::time::Duration;

use crate::harness::harden;
use crate::harness::tree::Tree;

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
