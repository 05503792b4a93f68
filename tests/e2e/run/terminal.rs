//! `run --init` on a terminal: whose it is, and what becomes of Ctrl-Z.

use crate::harness::lithify;
use crate::harness::pty::Pty;

/// `lithify run --init -- COMMAND` as a shell reads it.
fn init(command: &str) -> String {
    format!("{} run --init -- {command}", lithify().display())
}

#[test]
fn the_foreground_is_given_back_when_the_app_ends() {
    // This shell has no job control: it leaves the terminal to whoever has it. A process in the background that reads
    // from it is stopped.
    let mut pty = Pty::start(&["sh", "-c", &format!("{}; echo ended; read line; echo got $line", init("true"))]);
    pty.shows("ended");
    pty.types("this\n", "got this");
}

#[test]
fn ctrl_z_stops_the_whole_job() {
    for pipe in ["", " | cat"] {
        let mut pty = Pty::start(&["bash", "--norc", "--noediting", "-i"]);
        pty.shows("ready> ");
        pty.types(&format!("{}{pipe}\n", init("cat")), "-- cat");
        pty.types("one\n", "one\r\none\r\n");
        for _ in 0..2 {
            // The shell has the terminal, and says which job has stopped.
            pty.types("\x1a", "Stopped");
            pty.shows("ready> ");
            pty.types("echo shell $((40 + 2))\n", "shell 42\r\nready> ");
            pty.types("fg\n", "run --init");
            pty.types("two\n", "two\r\ntwo\r\n");
        }
        // It ends while it runs in the background.
        pty.types("\x1a", "Stopped");
        pty.shows("ready> ");
        pty.types("kill -TERM %1; fg; echo end $((40 + 3))\n", "end 43");
    }
}

#[test]
fn ctrl_z_stops_a_job_that_is_watched_too() {
    let mut pty = Pty::start(&["bash", "--norc", "--noediting", "-i"]);
    pty.shows("ready> ");
    pty.types(&format!("{} learn --out /dev/null -- cat\n", lithify().display()), "-- cat");
    pty.types("one\n", "one\r\none\r\n");
    for _ in 0..2 {
        pty.types("\x1a", "Stopped");
        pty.shows("ready> ");
        pty.types("echo shell $((40 + 2))\n", "shell 42\r\nready> ");
        pty.types("fg\n", "learn --out");
        // Until the job answers, the shell may still have the terminal, and it ignores Ctrl-Z.
        pty.types("two\n", "two\r\ntwo\r\n");
    }
    // Not to its end: it would look at all of this machine's root.
    pty.types("\x1a", "Stopped");
    pty.shows("ready> ");
    pty.types("kill -KILL %1; wait; echo end $((40 + 3))\n", "end 43");
}

#[test]
fn a_job_in_the_background_that_reads_is_stopped_and_can_come_to_the_foreground() {
    let mut pty = Pty::start(&["bash", "--norc", "--noediting", "-i"]);
    pty.shows("ready> ");
    pty.types(&format!("{} &\n", init("cat")), "ready> ");
    // The shell tells of a stopped job before its next prompt; `wait` returns when the job has stopped.
    pty.types("wait %1; jobs; echo listed $((40 + 2))\n", "listed 42\r\nready> ");
    pty.types("fg\n", "-- cat");
    pty.types("three\n", "three\r\nthree\r\n");
    pty.types("\x04", "ready> ");
}

#[test]
fn nobody_could_continue_process_1_and_ctrl_z_stops_nothing() {
    let mut pty = Pty::start(
        &[
            &["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"][..],
            &init("cat").split(' ').collect::<Vec<_>>(),
        ]
        .concat(),
    );
    pty.types("one\n", "one\r\none\r\n");
    pty.types("\x1a", "^Z");
    pty.types("two\n", "two\r\ntwo\r\n");
    // The app is alone on the terminal: Ctrl-C ends it.
    pty.types("\x03", "^C");
}
