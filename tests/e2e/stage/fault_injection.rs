//! `install` and `stage`, failed and killed at every system call that they make: what has the final name is whole, the
//! old or the new, and the next run finishes and leaves nothing else behind.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::harness::tree::{Tree, manifest};
use crate::harness::{lithify, run};

/// The system calls of one run, each with how often it is made. How a process begins and ends is the kernel's business.
fn calls(arguments: &[&str]) -> Vec<(String, usize)> {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let mut strace = Command::new("strace");
    run(strace.args(["-qq", "-f", "-o"]).arg(trace.path()).arg(lithify()).args(arguments).env_clear()).exits(0);
    let mut counts = BTreeMap::new();
    for line in fs::read_to_string(trace.path()).unwrap().lines() {
        // PID NAME(ARGUMENTS
        let name = line.split_whitespace().nth(1).and_then(|rest| rest.split('(').next()).unwrap_or_default();
        if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            *counts.entry(name.to_owned()).or_insert(0) += 1;
        }
    }
    for name in ["execve", "exit_group"] {
        assert!(counts.remove(name).is_some(), "{name} was not traced");
    }
    counts.into_iter().collect()
}

/// Runs `once` for each system call of `arguments`, failed with EIO and killed before it, on two threads.
fn at_every_call(arguments: &[&str], once: impl Fn(&str, &dyn Fn(&[&str])) + Sync) {
    let calls = calls(arguments);
    let every: Vec<(String, usize)> =
        calls.iter().flat_map(|(name, count)| (1..=*count).map(move |nth| (name.clone(), nth))).collect();
    assert!(every.len() > 60, "only {} system calls: {calls:?}", every.len());
    for name in ["fsync", "fchmod"] {
        assert!(calls.iter().any(|(known, _)| known == name), "{name} is not among {calls:?}");
    }
    let half = every.len().div_ceil(2);
    let failed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for part in every.chunks(half) {
            let (once, failed) = (&once, &failed);
            scope.spawn(move || {
                for (name, nth) in part {
                    for how in ["error=EIO", "signal=KILL"] {
                        let inject = format!("inject={name}:{how}:when={nth}");
                        let strace = |arguments: &[&str]| {
                            let mut strace = Command::new("strace");
                            strace.args([
                                "-qq",
                                "-f",
                                "-o",
                                "/dev/null",
                                "-e",
                                &format!("trace={name}"),
                                "-e",
                                &inject,
                            ]);
                            strace.arg(lithify()).args(arguments).env_clear();
                            let status = strace.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
                            failed.fetch_add(usize::from(!status.success()), Ordering::Relaxed);
                        };
                        once(&inject, &strace);
                    }
                }
            });
        }
    });
    // Each kill, and the errors that cannot be got round.
    let failed = failed.into_inner();
    assert!(failed > every.len(), "only {failed} runs failed of twice {}", every.len());
}

fn names(directory: &Path) -> Vec<String> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn install_is_whole_or_not_there() {
    let expected = fs::read(lithify()).unwrap();
    let old = b"an older version".to_vec();
    let counted = tempfile::tempdir().unwrap();
    fs::write(counted.path().join("lithify"), &old).unwrap();
    at_every_call(&["install", counted.path().to_str().unwrap()], |inject, strace| {
        let volume = tempfile::tempdir().unwrap();
        let path = volume.path().to_str().unwrap();
        let copy = volume.path().join("lithify");
        fs::write(&copy, &old).unwrap();
        strace(&["install", path]);
        let found = fs::read(&copy).unwrap();
        assert!(found == old || found == expected, "{inject}: {} bytes", found.len());
        assert!(found == old || copy.metadata().unwrap().permissions().mode() & 0o7777 == 0o555, "{inject}");
        run(Command::new(lithify()).args(["install", path]).env_clear()).exits(0);
        assert_eq!(fs::read(&copy).unwrap(), expected, "{inject}");
        assert_eq!(names(volume.path()), ["lithify"], "{inject}");
    });
}

/// Types, modes, targets and content.
fn contents(root: &Path) -> BTreeMap<PathBuf, (String, Vec<u8>)> {
    let entries = manifest(root).into_iter();
    entries
        .map(|(path, line)| {
            let file = line.starts_with("file").then(|| fs::read(root.join(&path)).unwrap());
            (path, (line, file.unwrap_or_default()))
        })
        .collect()
}

/// A copy of a small tree, as it is.
fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_dir() {
            copy_tree(&path, &to);
        } else if metadata.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&path).unwrap(), to).unwrap();
        } else {
            fs::copy(&path, to).unwrap();
        }
    }
}

#[test]
fn a_staged_tree_is_whole_or_not_there() {
    let (first, second) = (Tree::new(), Tree::new());
    first.file("/bin/old").link("/bin/link", "old").file("/bin/sh");
    second.file("/bin/new").hard_link("/bin/new2", "/bin/new").link("/bin/link", "new").file("/bin/sh");
    let profile = first.at("/p.toml");
    fs::write(&profile, "schema = 1\n[remove]\nnames = [\"sh\"]\nsearch = [\"/bin\"]\n").unwrap();
    let stage = |tree: &Tree, volume: &Path| -> Vec<String> {
        let (root, to) = (tree.path().to_str().unwrap(), volume.to_str().unwrap());
        ["stage", "--root", root, "-p", profile.to_str().unwrap(), "/bin", "--to", to].map(str::to_owned).to_vec()
    };
    let staged = |tree: &Tree, volume: &Path| {
        run(Command::new(lithify()).args(stage(tree, volume)).env_clear()).exits(0);
        contents(&volume.join("root"))
    };
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (old, new) = (staged(&first, one.path()), staged(&second, other.path()));
    assert!(new.contains_key(Path::new("bin/new2")) && !new.contains_key(Path::new("bin/sh")));
    // A run in the place of the old tree makes the calls that are counted.
    let counted = tempfile::tempdir().unwrap();
    copy_tree(&one.path().join("root"), &counted.path().join("root"));
    let arguments = stage(&second, counted.path());
    at_every_call(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), |inject, strace| {
        let volume = tempfile::tempdir().unwrap();
        copy_tree(&one.path().join("root"), &volume.path().join("root"));
        strace(&stage(&second, volume.path()).iter().map(String::as_str).collect::<Vec<_>>());
        let found = contents(&volume.path().join("root"));
        assert!(found == old || found == new, "{inject}: {found:?}");
        assert_eq!(staged(&second, volume.path()), new, "{inject}");
        assert_eq!(names(volume.path()), ["root"], "{inject}");
    });
}
