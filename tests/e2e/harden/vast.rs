//! Trees that are deep, and trees of many names: found and removed, in bounded memory.

use std::fs;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;

use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{Mode, mkdirat};

use crate::harness::{Ran, lithify, rootfs, run};

/// `ROOT/deep/name/name/...`: directories below each other, with a further one beside each, and a shell in the last.
fn deep(root: &Path, name: &str, depth: usize) {
    let directory = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
    fs::create_dir_all(root.join("deep")).unwrap();
    let mut at = open(&root.join("deep"), directory, Mode::empty()).unwrap();
    for _ in 0..depth {
        mkdirat(at.as_fd(), name, Mode::S_IRWXU).unwrap();
        mkdirat(at.as_fd(), "twig", Mode::S_IRWXU).unwrap();
        at = openat(at.as_fd(), name, directory, Mode::empty()).unwrap();
    }
    let flags = OFlag::O_CREAT | OFlag::O_WRONLY;
    for shell in ["healthd", "sh"] {
        let file = openat(at.as_fd(), shell, flags, Mode::S_IRWXU).unwrap();
        std::io::copy(&mut fs::File::open(rootfs("nginx").join("usr/bin/dash")).unwrap(), &mut fs::File::from(file))
            .unwrap();
    }
}

/// What `find` sees, which follows paths by descriptors, too.
fn find(root: &Path, arguments: &[&str]) -> usize {
    let found = run(Command::new("find").arg(root).args(arguments));
    found.exits(0).stdout.lines().count()
}

/// lithify with these limits (`ulimit`).
fn limited(limits: &str, root: &Path, arguments: &[&str]) -> Ran {
    let script = format!("{limits}; exec \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh"]).arg(lithify()).arg("harden").arg("--root").arg(root).args(arguments);
    run(command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()))
}

/// A temporary directory that goes however deep it is.
struct Vast(tempfile::TempDir);

impl Drop for Vast {
    fn drop(&mut self) {
        run(Command::new("rm").arg("-rf").arg(self.0.path().join("root"))).exits(0);
    }
}

fn vast() -> (Vast, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    fs::create_dir(&root).unwrap();
    (Vast(directory), root)
}

#[test]
fn a_shell_goes_however_deep_it_lies() {
    // With few descriptors: a path of this depth must not take one for each directory.
    const LIMITS: &str = "ulimit -n 256";
    for rule in
        [&["-p", "PROFILE"][..], &["--remove", "/deep/**/sh", "--remove", "/deep/**/heal*"], &["--remove", "/deep"]]
    {
        let (vast, root) = vast();
        deep(&root, "d", 4096);
        let profile = vast.0.path().join("classes.toml");
        fs::write(&profile, "schema = 1\n[remove]\nclasses = [\"shell\"]\n").unwrap();
        let rule: Vec<&str> =
            rule.iter().map(|word| if *word == "PROFILE" { profile.to_str().unwrap() } else { word }).collect();
        assert_eq!(find(&root, &["-type", "f"]), 2);
        let ran = limited(LIMITS, &root, &rule).exits(0);
        assert_eq!(find(&root, &["-type", "f"]), 0, "{rule:?}: {}", ran.all());
        limited(LIMITS, &root, &rule).exits(0).says("nothing to remove");
        let left = find(&root, &["-type", "d"]);
        assert_eq!(left, if rule.contains(&"/deep") { 1 } else { 2 + 2 * 4096 }, "{rule:?}");
    }
}

#[test]
fn a_kept_directory_is_kept_however_deep_it_is() {
    let (vast, root) = vast();
    deep(&root, "d", 4096);
    let profile = vast.0.path().join("kept.toml");
    fs::write(&profile, "schema = 1\n[remove]\nclasses = [\"shell\"]\n[keep]\npaths = [\"/deep\"]\n").unwrap();
    limited("ulimit -n 256", &root, &["-p", profile.to_str().unwrap()]).exits(0).says("nothing to remove");
    assert_eq!(find(&root, &["-type", "f"]), 2);
}

#[test]
fn long_names_below_each_other_take_no_more_memory() {
    // Together the paths of all of these directories have 60 MB.
    let (_vast, root) = vast();
    let name = "n".repeat(250);
    deep(&root, &name, 60);
    let directory = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
    let mut at = open(&root.join("deep"), directory, Mode::empty()).unwrap();
    for _ in 0..60 {
        at = openat(at.as_fd(), name.as_str(), directory, Mode::empty()).unwrap();
    }
    for leaf in 0..4000 {
        mkdirat(at.as_fd(), format!("leaf{leaf}").as_str(), Mode::S_IRWXU).unwrap();
    }
    limited("ulimit -n 256; ulimit -v 24576", &root, &["--remove", "/deep"])
        .exits(0)
        .says("4123 names of 2 files removed");
    assert_eq!(find(&root, &[]), 1);
}

#[test]
fn a_hundred_thousand_names_take_some_hundred_bytes_each() {
    let (_vast, root) = vast();
    for directory in 0..100 {
        let directory = root.join(format!("cache/directory-{directory:04}"));
        fs::create_dir_all(&directory).unwrap();
        for file in 0..1000 {
            fs::File::create(directory.join(format!("name-of-file-{file:07}"))).unwrap();
        }
    }
    // All that may be resident, the program itself included: 400 bytes a name, and 4 MiB.
    let ran = limited("ulimit -v 43155", &root, &["--remove", "/cache"]).exits(0);
    ran.says("100101 names of 100000 files removed");
    assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
}

/// Each directory's path has to be made: without an end to that, a chain of directories that any user can make would take
/// a time that grows with its square, and every probe fail for it.
#[test]
fn what_is_deeper_than_anybody_needs_is_named_and_the_rest_is_done() {
    let (_vast, root) = vast();
    deep(&root, "d", 9000);
    fs::create_dir(root.join("bin")).unwrap();
    fs::copy(rootfs("nginx").join("usr/bin/dash"), root.join("bin/sh")).unwrap();
    let harden = limited("ulimit -n 256", &root, &["-p", "shells"]).exits(1).says("UNVERIFIED").says("fix: remove it");
    assert!(!root.join("bin/sh").exists());
    let scan = ["scan", "--root", root.to_str().unwrap(), "--fail-on", "all"];
    for ran in [harden, crate::harness::run_lithify(scan).exits(1)] {
        let ran = ran.says("/deep/d/d/d/").says("File name too long");
        assert!(ran.all().len() < 2000, "{}", ran.all());
    }
}
