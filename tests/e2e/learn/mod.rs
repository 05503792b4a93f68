//! `learn`: what is seen of an app in a real container, and what becomes of the app.

mod attends;
mod fresh;
mod nginx;
mod output;
mod refused;
mod tasks;

use std::fs;
use std::process::{Command, Stdio};

use crate::harness::container::Container;
use crate::harness::init_app::{app, tasks};
use crate::harness::tree::Tree;
use crate::harness::{Ran, lithify};

/// The lines of a list of the profile: each entry with its comment.
#[track_caller]
fn list<'r>(profile: &'r str, key: &str) -> Vec<&'r str> {
    let start = format!("{key} = [");
    assert!(profile.lines().any(|line| line == start), "no {key} in:\n{profile}");
    let lines = profile.lines().skip_while(|line| *line != start).skip(1);
    lines.take_while(|line| *line != "]").map(str::trim).collect()
}

/// The comment of this entry.
#[track_caller]
fn entry<'r>(profile: &'r str, key: &str, path: &str) -> &'r str {
    let start = format!("\"{path}\", # ");
    let found = list(profile, key).into_iter().find_map(|line| line.strip_prefix(&start));
    found.unwrap_or_else(|| panic!("no {path} in {key} of:\n{profile}"))
}

/// The profile that a command printed after what its app printed, which `profile check` accepts.
#[track_caller]
fn profile(printed: &str) -> &str {
    let start = printed.find("# Written by").unwrap_or_else(|| panic!("no profile in:\n{printed}"));
    // A container's log holds both streams.
    let ours = |line: &&str| !line.starts_with("note: ") && !line.starts_with("lithify learn");
    let length = printed[start..].split_inclusive('\n').take_while(ours).map(str::len).sum::<usize>();
    let profile = &printed[start..start + length];
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    fs::write(file.path(), profile).unwrap();
    crate::harness::run_lithify(["profile", "check", file.path().to_str().unwrap()]).exits(0);
    profile
}

/// What a container's first process has printed to its end.
#[track_caller]
fn log(container: &Container) -> String {
    container.wait_until_it_ends();
    container.log()
}

/// A root of its own, in which little lies: the static programs of the tests, and lithify.
fn tree() -> Tree {
    let tree = Tree::new();
    for path in ["/proc", "/tmp", "/dev"] {
        tree.directory(path);
    }
    for (from, to) in [(app(), "/bin/app"), (tasks(), "/bin/tasks"), (lithify(), "/lithify")] {
        tree.file_with(to, "");
        fs::copy(from, tree.at(to)).unwrap();
    }
    tree
}

/// `learn FLAGS -- COMMAND` as process 1 in that root.
fn learn(tree: &Tree, flags: &[&str], command: &[&str]) -> Command {
    let mut unshare = Command::new("unshare");
    unshare.args(["--pid", "--fork", "--kill-child", "--mount-proc=/proc", "--root"]).arg(tree.path());
    unshare.args(["/lithify", "learn"]).args(flags).arg("--").args(command);
    unshare.env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    unshare
}

/// The same to its end.
fn learned(tree: &Tree, flags: &[&str], command: &[&str]) -> Ran {
    crate::harness::run(&mut learn(tree, flags, command))
}
