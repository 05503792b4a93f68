//! Processes and threads that start, stop and end in every way.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::{entry, learn, learned, list, profile, tree};
use crate::harness::init_app::eventually;

#[test]
fn a_thread_that_executes() {
    let tree = tree();
    for mode in ["thread", "first-thread-ends"] {
        let ran = learned(&tree, &[], &["/bin/tasks", mode, "/bin/app", "exit", "5"]).exits(5);
        let text = profile(&ran.stdout);
        assert!(entry(text, "only", "/bin/app").starts_with("a program, started once by tasks"), "{mode}: {text}");
        assert!(entry(text, "only", "/bin/tasks").starts_with("the app, started once"), "{mode}: {text}");
        assert_eq!(list(text, "only").len(), 2, "{mode}: {text}");
    }
}

#[test]
fn vfork_and_a_daemon() {
    let tree = tree();
    let ran = learned(&tree, &[], &["/bin/tasks", "vfork", "/bin/app", "exit", "6"]).exits(6);
    assert!(entry(profile(&ran.stdout), "only", "/bin/app").contains("started once by tasks"));
    let ran = learned(&tree, &[], &["/bin/tasks", "daemon", "/bin/app", "exit", "0"]).exits(0);
    assert!(entry(profile(&ran.stdout), "only", "/bin/app").contains("started once by tasks"));
}

#[test]
fn job_control_is_as_without_it() {
    let tree = tree();
    let ran = learned(&tree, &[], &["/bin/tasks", "stops"]).exits(7);
    let job = "stopped 19\ncontinued\nstopped 20\ncontinued\nstopped 19\ncontinued\n";
    assert!(ran.stdout.starts_with(job), "{}", ran.all());
}

#[test]
fn exit_codes_and_deaths() {
    let tree = tree();
    for code in [0, 1, 77, 255] {
        learned(&tree, &["-q"], &["/bin/app", "exit", &code.to_string()]).exits(code);
    }
    // By default action, by a fault's signal, and a real-time one.
    for signal in [1, 9, 11, 15, 34, 64] {
        learned(&tree, &["-q"], &["/bin/app", "die", &signal.to_string()]).exits(128 + signal);
    }
}

#[test]
fn every_signal_is_passed_on() {
    let tree = tree();
    let mut child = learn(&tree, &["-q"], &["/bin/app", "signals"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().as_deref(), Some("ready"));
    let of_child = format!("/proc/{0}/task/{0}/children", child.id());
    let first = fs::read_to_string(of_child).unwrap().trim().to_owned();
    // SIGCHLD is the first process's own business; SIGTERM ends the app and comes last.
    for signal in (1..=64).filter(|signal| ![9, 15, 17, 19].contains(signal)).chain([15]) {
        let sent = Command::new("/bin/kill").arg(format!("-{signal}")).arg(&first).status().unwrap();
        assert!(sent.success());
        assert_eq!(lines.next(), Some(signal.to_string()));
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn children_that_are_killed_at_any_moment() {
    let tree = tree();
    learned(&tree, &["-q"], &["/bin/tasks", "killed", "300", "/bin/app", "exit", "0"]).exits(0);
}

#[test]
fn children_whose_parents_are_killed_while_they_fork_run_although_others_fork_without_end() {
    let tree = tree();
    learned(&tree, &["-q"], &["/bin/tasks", "orphaned", "300"]).exits(0);
}

#[test]
fn ten_thousand_processes_take_little_memory() {
    let tree = tree();
    let most = |count: &str| {
        let mut learn = learn(&tree, &["-q"], &["/bin/tasks", "many", count]);
        let mut child = learn.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert_eq!(lines.next().as_deref(), Some("ready"));
        let of_child = format!("/proc/{0}/task/{0}/children", child.id());
        let first = fs::read_to_string(of_child).unwrap().trim().to_owned();
        let status = fs::read_to_string(format!("/proc/{first}/status")).unwrap();
        let memory = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        let memory: u64 = memory.split_whitespace().next().unwrap().parse().unwrap();
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
        // The rest is read, so that the profile finds room.
        assert!(lines.any(|line| line.contains("/bin/tasks")));
        assert_eq!(child.wait().unwrap().code(), Some(0));
        memory
    };
    let (few, many) = (most("10"), most("10000"));
    assert!(many < few + 10_000 / 10, "{few} kB with 10 processes, {many} kB with 10,000: above 100 bytes for each");
}

#[test]
fn a_time_after_which_the_app_goes_on() {
    let tree = tree();
    let out = tree.at("/tmp/out.toml");
    let flags = ["--for", "0.3", "--out", "/tmp/out.toml"];
    let mut child = learn(&tree, &flags, &["/bin/app", "signals"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().as_deref(), Some("ready"));
    let text = eventually("the profile", || fs::read_to_string(&out).ok());
    assert!(entry(profile(&text), "only", "/bin/app").contains("the app"));
    let of_child = format!("/proc/{0}/task/{0}/children", child.id());
    let first = fs::read_to_string(of_child).unwrap().trim().to_owned();
    let app = fs::read_to_string(format!("/proc/{first}/task/{first}/children")).unwrap().trim().to_owned();
    let status = fs::read_to_string(format!("/proc/{app}/status")).unwrap();
    assert!(status.contains("TracerPid:\t0"), "{status}");
    for signal in ["-10", "-15"] {
        assert!(Command::new("/bin/kill").arg(signal).arg(&first).status().unwrap().success());
        assert_eq!(lines.next().as_deref(), Some(&signal[1..]));
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_program_whose_name_forges_a_line_and_one_that_is_gone() {
    let tree = tree();
    fs::copy(tree.at("/bin/app"), tree.at("/tmp/a\nb")).unwrap();
    let ran = learned(&tree, &[], &["/bin/tasks", "vfork", "/tmp/a\nb", "exit", "0"]).exits(0);
    let text = profile(&ran.stdout);
    assert!(list(text, "only").iter().any(|line| line.starts_with("\"/tmp/a\\nb\"")), "{text}");
    fs::copy(tree.at("/bin/tasks"), tree.at("/tmp/a\nb")).unwrap();
    let ran = learned(&tree, &[], &["/bin/tasks", "vfork", "/tmp/a\nb", "gone"]).exits(0);
    ran.says("has no path now").says("/tmp/a\\nb");
}

#[test]
fn a_task_that_does_not_stop_when_the_time_is_over_goes_on_and_its_exit_code_counts() {
    let tree = tree();
    let ran = learned(&tree, &["--for", "0.2", "--out", "/tmp/p.toml"], &["/bin/tasks", "slow-vfork", "5"]).exits(42);
    assert!(ran.stderr.contains("the profile is in /tmp/p.toml"), "{ran:?}");
}

#[test]
fn every_event_is_a_line_with_v() {
    let tree = tree();
    fs::copy(tree.at("/bin/app"), tree.at("/tmp/a\nb")).unwrap();
    let command = ["/bin/tasks", "vfork", "/tmp/a\nb", "exit", "6"];
    let ran = learned(&tree, &["-v"], &command).exits(6);
    let lines: Vec<&str> = ran.stderr.lines().filter_map(|line| line.strip_prefix("lithify learn: process ")).collect();
    let ends = ["executes /bin/tasks", "starts process ", "executes /tmp/a\\nb", "ends with 6"];
    let mut places = ends.map(|end| lines.iter().position(|line| line.contains(end)));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} {}", ran.all());
    // The rest of the report stands behind them; without -v there is nothing else.
    assert!(ran.stderr.lines().last().unwrap().starts_with("lithify learn /: "), "{}", ran.all());
    learned(&tree, &[], &command).exits(6).does_not_say("starts process");
    places = ends.map(|end| learned(&tree, &["-v", "--format", "json"], &command).stderr.find(end));
    assert_eq!(places, [None; 4], "JSON is all that a machine reads");
    let ran = learned(&tree, &["-v"], &["/bin/tasks", "thread", "/bin/app", "exit", "5"]).exits(5);
    ran.says("starts thread ");
}
