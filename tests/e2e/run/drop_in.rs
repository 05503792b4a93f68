//! lithify in the place of tini, dumb-init and catatonit, each case against the package where it is installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::started::Started;
use crate::harness::init_app::app;
use crate::harness::{Ran, lithify, run};

/// A directory with lithify by that name, as a copy.
fn place(name: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    std::fs::copy(lithify(), &path).unwrap();
    (directory, path)
}

/// `words` with lithify in the place of the first of them, and with what is installed by that name.
fn both(words: &[&str], environment: &[(&str, &str)]) -> (Ran, Option<Ran>) {
    let (_directory, path) = place(words[0]);
    let start = |program: &Path| {
        let mut command = Command::new(program);
        command.args(&words[1..]).envs(environment.iter().copied()).stdin(Stdio::null());
        run(&mut command)
    };
    let installed = Path::new("/usr/bin").join(words[0]);
    (start(&path), installed.exists().then(|| start(&installed)))
}

#[test]
fn exit_codes_are_those_of_the_package() {
    let app = app().into_os_string().into_string().unwrap();
    let app = app.as_str();
    for (words, code) in [
        (&["tini", "--", app, "exit", "3"][..], 3),
        (&["tini", "-e", "143", "--", app, "die", "15"], 0),
        (&["tini", "-e", "3", "-e143", "-s", "--", app, "exit", "3"], 0),
        (&["tini", "-e", "256", app], 1),
        (&["tini", "-z", app], 1),
        (&["tini", "-p", "SIGNOT", app], 1),
        (&["tini", "-h"], 0),
        (&["tini", "--version"], 0),
        (&["tini", "-l"], 0),
        (&["tini"], 1),
        (&["tini", "/nonexistent"], 127),
        (&["tini", "/etc/passwd"], 126),
        (&["dumb-init", app, "exit", "3"], 3),
        (&["dumb-init", "-c", "--", app, "die", "9"], 137),
        (&["dumb-init", "/nonexistent"], 2),
        (&["dumb-init", "--yolo", app], 1),
        (&["dumb-init", "-r", "15:32", app], 1),
        (&["dumb-init", "--rewrite=15:2", "-r", "1:0", app, "exit", "4"], 4),
        (&["dumb-init", "-V"], 0),
        (&["dumb-init"], 1),
        (&["catatonit", "--", app, "exit", "3"], 3),
        (&["catatonit", "-g", app, "die", "15"], 143),
        (&["catatonit", "/nonexistent"], 1),
        (&["catatonit", "-V"], 0),
        (&["catatonit"], 1),
    ] {
        let (ours, theirs) = both(words, &[]);
        let ours = ours.exits(code);
        let Some(theirs) = theirs else { continue };
        let theirs = theirs.exits(code);
        // Both say something, on the same stream.
        assert_eq!(ours.stdout.is_empty(), theirs.stdout.is_empty(), "{words:?}: {ours:?} {theirs:?}");
        assert_eq!(ours.stderr.is_empty(), theirs.stderr.is_empty(), "{words:?}: {ours:?} {theirs:?}");
    }
}

#[test]
fn messages_that_scripts_read_are_those_of_the_package() {
    for words in [&["dumb-init", "-r", "x", "true"][..], &["dumb-init", "/nonexistent"], &["dumb-init"]] {
        let (ours, theirs) = both(words, &[("DUMB_INIT_DEBUG", "")]);
        let Some(theirs) = theirs else { continue };
        // It names itself by the path by which it was called.
        assert_eq!(ours.stderr.lines().last(), theirs.stderr.replace("/usr/bin/dumb-init", "dumb-init").lines().last());
    }
    let (ours, _) = both(&["tini", "--version"], &[]);
    ours.says("tini version 0.");
    let (ours, _) = both(&["tini", "true"], &[]);
    ours.says("zombie reaping won't work");
    let (ours, _) = both(&["tini", "true"], &[("TINI_VERBOSITY", "0")]);
    assert_eq!(ours.stderr, "");
    let (ours, _) = both(&["dumb-init", "true"], &[("DUMB_INIT_DEBUG", "1")]);
    ours.says("[dumb-init] setsid complete.\n").says("[dumb-init] Child exited with status 0. Goodbye.\n");
}

fn start(name: &str, words: &[&str], environment: &[(&str, &str)]) -> (tempfile::TempDir, Started) {
    let (directory, path) = place(name);
    let mut command = Command::new(path);
    command.args(words).arg(app()).arg("signals").envs(environment.iter().copied()).stdin(Stdio::null());
    let mut started = Started::named(command, name);
    assert_eq!(started.line(), "ready");
    (directory, started)
}

#[test]
fn signals_are_rewritten_and_stop_it_as_dumb_init_does() {
    let (_directory, mut started) =
        start("dumb-init", &["-r", "15:3", "--rewrite", "10:0", "-r", "20:1", "-r", "16:15"], &[]);
    started.send(15);
    assert_eq!(started.line(), "3");
    started.send(10);
    started.send(12);
    assert_eq!(started.line(), "12");
    // The app gets SIGHUP for it, and dumb-init stops itself.
    started.send(20);
    assert_eq!(started.line(), "1");
    started.stops();
    started.send(18);
    assert_eq!(started.line(), "18");
    started.waits();
    started.send(16);
    assert_eq!(started.line(), "15");
    assert_eq!(started.code(), 0);
    // An app that has nothing of its own to do for SIGTERM.
    let (_directory, mut started) =
        start("dumb-init", &[], &[("LITHIFY_SIGNAL", "HUP=TERM"), ("LITHIFY_EXIT_CODE", "0=9")]);
    started.send(1);
    assert_eq!(started.line(), "15");
    assert_eq!(started.code(), 9);
}

#[test]
fn the_variables_of_tini_are_taken() {
    let (_directory, mut started) = start("tini", &["--"], &[("TINI_SUBREAPER", ""), ("TINI_KILL_PROCESS_GROUP", "1")]);
    started.send(34);
    assert_eq!(started.line(), "34");
    started.send(15);
    assert_eq!(started.line(), "15");
    assert_eq!(started.code(), 0);
}

#[test]
fn a_pause_ends_with_sigterm() {
    let (_directory, path) = place("catatonit");
    let mut command = Command::new(path);
    command.arg("-P").stdin(Stdio::null());
    let started = Started::named(command, "catatonit");
    started.waits();
    started.send(1);
    started.waits();
    started.send(15);
    assert_eq!(started.code(), 0);
}

#[test]
fn lithify_init_takes_the_flags_of_all() {
    let start = |words: &[&str]| run(Command::new(lithify()).arg("init").args(words).stdin(Stdio::null()));
    let app = app().into_os_string().into_string().unwrap();
    start(&["-s", "-g", "-e", "143", "-r", "1:15", "--", &app, "die", "15"]).exits(0);
    start(&[&app, "exit", "5"]).exits(5);
    start(&["/nonexistent"]).exits(127).says("exec /nonexistent failed");
    start(&["-h"]).exits(0).says("Usage: lithify init");
}
