//! `run --init` with other signals and other exit codes than those that come.

use super::started::{Started, first, other};
use crate::harness::run;

#[test]
fn exit_codes_stand_for_others() {
    for start in [first, other] {
        for (flags, code, ends) in [
            (&["--exit-code", "143=0"][..], 143, 0),
            (&["--exit-code=143=0", "--exit-code=3=255"], 3, 255),
            (&["--exit-code=143=0"], 142, 142),
            (&["--exit-code=0=1"], 0, 1),
        ] {
            run(&mut start(&[&["--init"], flags].concat(), &["exit", &code.to_string()])).exits(ends);
        }
    }
    // An app that a signal killed; and by the variable.
    run(&mut other(&["--init", "--exit-code", "143=0"], &["die", "15"])).exits(0);
    run(other(&["--init"], &["die", "15"]).env("LITHIFY_EXIT_CODE", "1=2,143=0")).exits(0);
    // lithify's own failures stay what they are.
    run(&mut other(&["--init", "--exit-code", "125=0", "--parent-death", "NONE"], &["exit", "0"])).exits(125);
    for wrong in ["143", "=0", "256=0"] {
        let ran = run(&mut other(&["--init", "--exit-code", wrong], &["exit", "0"])).exits(125);
        ran.says(&format!("--exit-code {wrong}: write FROM=TO"));
    }
}

#[test]
fn signals_stand_for_others() {
    let flags = ["--signal=TERM=QUIT", "--signal", "SIGWINCH=ignore", "--signal=USR1=RTMIN+5", "--signal=40=TERM"];
    let with_flags = first(&[&["--init"], &flags[..]].concat(), &["signals"]);
    let mut by_variable = other(&["--init"], &["signals"]);
    by_variable.env("LITHIFY_SIGNAL", "TERM=QUIT, WINCH=ignore, USR1=RTMIN+5,40=TERM");
    for command in [with_flags, by_variable] {
        let mut started = Started::new(command);
        assert_eq!(started.line(), "ready");
        for (sent, seen) in [(15, "3"), (28, ""), (10, "39"), (1, "1"), (40, "15")] {
            started.send(sent);
            if !seen.is_empty() {
                assert_eq!(started.line(), seen, "for {sent}");
            }
        }
        assert_eq!(started.code(), 0);
    }
    for (wrong, says) in [("TERM", "write FROM=TO"), ("NONE=1", "not a signal"), ("STOP=TERM", "never passed on")] {
        let ran = run(&mut other(&["--init", "--signal", wrong], &["exit", "0"])).exits(125);
        ran.says("--signal ").says(says);
    }
}

#[test]
fn a_variable_asks_for_the_whole_group() {
    let mut command = first(&["--init"], &["group"]);
    let mut started = Started::new(std::mem::replace(
        command.env("LITHIFY_PROCESS_GROUP", "true"),
        std::process::Command::new("true"),
    ));
    let mut ready = [started.line(), started.line()];
    ready.sort();
    assert_eq!(ready, ["child ready", "ready"]);
    started.send(15);
    let mut seen = [started.line(), started.line()];
    seen.sort();
    assert_eq!(seen, ["15", "child 15"]);
    assert_eq!(started.code(), 0);
}
