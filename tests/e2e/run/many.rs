//! `run --init` for an app of 10,000 processes.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use super::started::{Started, children};
use crate::harness::init_app::{eventually, tasks};
use crate::harness::lithify;

/// `run --init FLAGS -- tasks ARGUMENTS` as process 1 of a namespace of its own.
fn start(flags: &[&str], arguments: &[&str]) -> Started {
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]).arg(lithify()).args(["run", "--init"]);
    command.args(flags).arg("--").arg(tasks()).args(arguments).stdin(Stdio::piped());
    let mut started = Started::new(command);
    assert_eq!(started.line(), "ready");
    started
}

/// Its resident memory that is no file's, in kB.
fn memory(started: &Started) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", started.init)).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn ends(mut started: Started) -> i32 {
    started.child.stdin.take().unwrap().write_all(b"\n").unwrap();
    started.code()
}

#[test]
fn they_cost_it_nothing_and_all_are_reaped() {
    let few = start(&[], &["many", "10"]);
    let least = memory(&few);
    assert_eq!(ends(few), 0);
    let started = start(&[], &["many", "10000"]);
    assert_eq!(children(started.init).len(), 1, "the app alone");
    // A byte for each process would be 10 kB. The stack may begin anywhere in a page.
    assert!(memory(&started) <= least + 8, "{} kB, and {least} kB with 10 processes", memory(&started));
    started.waits();
    assert_eq!(ends(started), 0);
}

#[test]
fn those_that_are_left_get_sigterm_and_are_waited_for() {
    for group in [&[][..], &["--process-group"]] {
        let started = start(&[&["--grace=200"], group].concat(), &["many", "10000", "leaves"]);
        let init = started.init;
        assert_eq!(ends(started), 3);
        eventually("nothing is left", || (!fs::exists(format!("/proc/{init}")).unwrap()).then_some(()));
    }
}
