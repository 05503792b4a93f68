//! `run --init --grace`: what the app leaves behind when it ends.

use std::io::Read;
use std::process::Stdio;
use std::time::Instant;

use super::started::{Started, first, other};

/// Everything that the app and what it left behind have written, once all of them have ended, and the exit code.
fn ended(command: &mut std::process::Command) -> (Vec<String>, Option<i32>) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    // The end of the pipe comes when nobody has it any more.
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    let mut lines: Vec<String> = said.lines().map(str::to_owned).collect();
    lines.sort();
    (lines, child.wait().unwrap().code())
}

const READY: [&str; 2] = ["member ready", "other ready"];

#[test]
fn what_is_left_gets_sigterm_and_is_waited_for() {
    for start in [first, other] {
        let start_time = Instant::now();
        let (lines, code) = ended(&mut start(&["--init", "--grace", "300"], &["leave", "7"]));
        assert_eq!(
            (lines, code),
            (vec!["member 15".into(), "member ready".into(), "other 15".into(), "other ready".into()], Some(7))
        );
        assert!(start_time.elapsed().as_secs() < 200, "it goes on as soon as nothing is left");
    }
}

#[test]
fn what_ignores_that_is_killed() {
    for start in [first, other] {
        let command = &mut start(&["--init", "--exit-code", "7=8"], &["leave stubborn", "7"]);
        let (lines, code) = ended(command.env("LITHIFY_GRACE", "0.3"));
        assert_eq!(code, Some(8), "{lines:?}");
        assert!(READY.iter().all(|ready| lines.iter().any(|line| line == ready)), "{lines:?}");
    }
}

#[test]
fn an_app_that_leaves_nothing_is_not_waited_for() {
    for start in [first, other] {
        let start_time = Instant::now();
        assert_eq!(ended(&mut start(&["--init", "--grace=300"], &["exit", "3"])), (Vec::new(), Some(3)));
        assert!(start_time.elapsed().as_secs() < 200);
    }
}

#[test]
fn signals_that_come_meanwhile_are_passed_on_as_to_the_app() {
    let flags = ["--init", "--grace=300", "--signal=USR1=USR2", "--signal=HUP=ignore", "--signal=QUIT=KILL"];
    for start in [first, other] {
        let mut started = Started::new(start(&flags, &["leave stubborn", "7"]));
        let lines = |started: &mut Started, count: usize| {
            let mut lines: Vec<String> = (0..count).map(|_| started.line()).collect();
            lines.sort();
            lines
        };
        // A stubborn one is ready once more after SIGTERM, and is continued in case it was stopped.
        let each = ["15", "18", "ready", "ready"];
        let expected: Vec<String> =
            ["member", "other"].iter().flat_map(|who| each.map(|what| format!("{who} {what}"))).collect();
        assert_eq!(lines(&mut started, 8), expected);
        started.send(1);
        started.send(10);
        assert_eq!(lines(&mut started, 4), ["member 12", "member 18", "other 12", "other 18"]);
        started.send(3);
        assert_eq!(started.code(), 7);
    }
}
