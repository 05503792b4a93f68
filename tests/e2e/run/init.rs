//! `run --init` as the first process, and `run` without it: what the app gets, and what becomes of signals and orphans.
//!
//! Each case runs in a process namespace of its own, where lithify is process 1, and some without one, where it is not.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::started::{Started, children, first, other, state};
use crate::harness::container::Spec;
use crate::harness::init_app::{app, eventually};
use crate::harness::{Ran, lithify, rootfs, run};

#[test]
fn all_256_exit_codes() {
    for code in 0..=255 {
        run(&mut first(&["--init"], &["exit", &code.to_string()])).exits(code);
    }
    for code in [0, 1, 77, 255] {
        run(&mut other(&["--init"], &["exit", &code.to_string()])).exits(code);
    }
}

#[test]
fn death_by_every_signal_is_128_and_its_number() {
    // Not those that stop or are ignored by default: CHLD, CONT, STOP, TSTP, TTIN, TTOU, URG, WINCH. 32 and 33 belong to
    // the C library of the app.
    for signal in (1..=64).filter(|signal| ![17, 18, 19, 20, 21, 22, 23, 28, 32, 33].contains(signal)) {
        run(&mut first(&["--init"], &["die", &signal.to_string()])).exits(128 + signal);
    }
}

#[test]
fn every_catchable_signal_is_passed_on() {
    for start in [first, other] {
        let mut started = Started::new(start(&["--init"], &["signals"]));
        assert_eq!(started.line(), "ready");
        // SIGCHLD is the first process's own business; SIGTERM ends it and comes last.
        for signal in (1..=64).filter(|signal| ![9, 15, 17, 19].contains(signal)).chain([15]) {
            started.send(signal);
            assert_eq!(started.line(), signal.to_string());
        }
        assert_eq!(started.code(), 0);
    }
}

#[test]
fn stop_signals_of_a_terminal_never_stop_it() {
    let mut started = Started::new(other(&["--init"], &["signals"]));
    started.line();
    for signal in [Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU] {
        kill(started.init, signal).unwrap();
        assert_eq!(started.line(), (signal as i32).to_string());
        started.waits();
    }
    started.send(15);
    assert_eq!(started.code(), 0);
}

#[test]
fn a_signal_from_before_the_app_is_there_reaches_it() {
    // Blocked before anything else is done: the app gets it, however early it came.
    let mut command = other(&["--init"], &["signals"]);
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    eventually("it holds signals", || {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        (status.contains("SigBlk:\tfffffffffffbfee7") || !children(pid).is_empty()).then_some(())
    });
    kill(pid, Signal::SIGTERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.code() == Some(143) || output.stdout.ends_with(b"15\n"), "{output:?}");
}

#[test]
fn ten_thousand_orphans_are_reaped() {
    for start in [first, other] {
        run(&mut start(&["--init"], &["orphans", "10000"])).exits(0).says("adopted 10000 zombies 0 others 0\n");
    }
}

#[test]
fn an_app_that_forks_and_ignores_sigterm_goes_on_until_it_wants_to_end() {
    let mut started = Started::new(first(&["--init"], &["stubborn"]));
    assert_eq!(started.line(), "ready");
    started.send(15);
    std::thread::sleep(std::time::Duration::from_millis(200));
    started.waits();
    started.send(10);
    assert_eq!(started.code(), 6);
}

#[test]
fn an_app_that_stops_itself_can_be_continued() {
    let mut started = Started::new(first(&["--init"], &["stop"]));
    let app = eventually("the app stops", || children(started.init).into_iter().find(|pid| state(*pid) == 'T'));
    started.waits();
    started.send(18);
    assert_eq!(started.line(), "continued");
    assert_eq!(started.code(), 5);
    assert!(state(app) == '-' || state(app) == 'Z');
}

#[test]
fn signals_go_to_the_app_or_to_its_whole_group() {
    for (flags, whole) in [(&["--init"][..], false), (&["--init", "--process-group"], true)] {
        let mut started = Started::new(first(flags, &["group"]));
        let mut ready = [started.line(), started.line()];
        ready.sort();
        assert_eq!(ready, ["child ready", "ready"]);
        started.send(10);
        let mut seen = vec![started.line()];
        if whole {
            seen.push(started.line());
            seen.sort();
            assert_eq!(seen, ["10", "child 10"]);
            started.send(15);
            assert_eq!(started.code(), 0);
        } else {
            assert_eq!(seen, ["10"]);
            started.send(15);
            assert_eq!(started.line(), "15");
            // The child got nothing, and its parent waits for it.
            std::thread::sleep(std::time::Duration::from_millis(100));
            started.waits();
        }
    }
}

#[test]
fn the_death_of_its_parent_is_a_signal() {
    for way in WAYS {
        let flags = [way, &["--parent-death", "USR1"]].concat();
        let mut parent = Command::new("sh");
        parent.args(["-c", "\"$@\" & read -r line", "sh"]).arg(lithify()).arg("run").args(&flags).arg("--").arg(app());
        let mut parent = parent.arg("signals").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(parent.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        let own = Pid::from_raw(parent.id().try_into().unwrap());
        let lithify = eventually("it runs", || children(own).into_iter().next());
        parent.kill().unwrap();
        parent.wait().unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), "10", "{flags:?}");
        kill(lithify, Signal::SIGTERM).unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), "15");
    }
    let ran = run(&mut other(&["--init", "--parent-death", "NONE"], &["exit", "0"]));
    ran.exits(125).says("--parent-death NONE: not a signal");
}

/// `command` started by a shell that first does `before`.
fn after(before: &str, command: &Command) -> Ran {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{before}; exec \"$@\""), "sh"]).arg(command.get_program()).args(command.get_args());
    run(shell.stdin(Stdio::null())).exits(0)
}

/// Makes lithify do its work without a profile, in either way.
const WAYS: [&[&str]; 2] = [&["--init"], &["--user", "0:0"]];

#[test]
fn the_app_gets_no_descriptor_but_those_that_are_meant_for_it() {
    let leak = "exec 7</dev/null 8</dev/null";
    for way in WAYS {
        after(leak, &other(way, &["state"])).says("descriptors:\n").says("listen pid: none\n");
        after(leak, &other(&[way, &["--keep-fds"]].concat(), &["state"])).says("descriptors: 7 8");
        // Sockets that were handed to lithify (LISTEN_PID is its own pid) become the app's.
        let handed = format!("{leak}; export LISTEN_FDS=5 LISTEN_PID=$$");
        after(&handed, &other(way, &["state"])).says("descriptors: 7\n").says("listen pid: mine\n");
        // Those of another process do not.
        let foreign = format!("{leak}; export LISTEN_FDS=5 LISTEN_PID=1");
        after(&foreign, &other(way, &["state"])).says("descriptors:\n").says("listen pid: another's\n");
    }
}

#[test]
fn without_close_range_it_is_the_same() {
    let start = other(&["--init"], &["state"]);
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "inject=close_range:error=ENOSYS"]);
    after("exec 7</dev/null", command.arg(start.get_program()).args(start.get_args())).says("descriptors:\n");
}

#[test]
fn the_app_starts_with_every_signal_unblocked_and_at_its_default() {
    for way in WAYS {
        let ran = after("trap '' HUP INT USR1 PIPE", &other(way, &["state"]));
        for line in ["SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000", "SigCgt:\t0000000000000000"] {
            assert!(ran.stdout.contains(line), "{line}: {}", ran.stdout);
        }
    }
}

#[test]
fn directories() {
    let ran = run(&mut first(&["--init", "--chdir", "/usr"], &["state"]));
    ran.exits(0).says("cwd: /usr\n").says("own group: yes\n");
    run(&mut first(&["--init", "--chdir", "/usr"], &["parent"])).exits(0).says("parent's cwd: /\n");
    run(other(&["--user", "0:0"], &["state"]).current_dir("/usr")).exits(0).says("cwd: /usr\n");
    run(&mut other(&["--init", "--chdir", "/nonexistent"], &["state"])).exits(125).says("--chdir /nonexistent: ");
    // A command that is given relative to it.
    let mut relative = Command::new(lithify());
    relative.args(["run", "--init", "--chdir"]).arg(app().parent().unwrap()).args(["--", "./app", "exit", "3"]);
    run(&mut relative).exits(3);
}

#[test]
fn a_terminal_is_handed_to_the_app() {
    // script(1) makes a terminal and runs the command on it as its foreground group.
    let command = format!("{} run --init -- {} state", lithify().display(), app().display());
    let ran = run(Command::new("script").args(["-qec", &command, "/dev/null"]).stdin(Stdio::null())).exits(0);
    let said = ran.stdout.replace('\r', "");
    assert!(said.contains("foreground: yes\n") && said.contains("own group: yes\n"), "{ran:?}");
}

#[test]
fn exit_codes_of_an_app_that_cannot_start() {
    for (name, code) in [("/nonexistent", 127), ("not-in-path", 127), ("/etc/passwd", 126), ("/etc", 126)] {
        let mut command = Command::new(lithify());
        run(command.args(["run", "--init", "--", name])).exits(code).says(&format!("cannot start {name}: "));
    }
}

#[test]
fn in_a_container_it_hardens_and_stays_as_process_1_in_less_than_1_mib() {
    let run = ["/lithify/lithify", "run", "--init", "-p", "nginx", "--", "/usr/sbin/nginx", "-g", "daemon off;"];
    let container = Spec::new(&rootfs("nginx"), &run).start();
    assert_eq!(container.http(), "nginx answers\n");
    assert!(container.root().join("usr/bin/dash").symlink_metadata().is_err());
    let pid = container.pid();
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
    assert_eq!(read("comm"), "lithify\n");
    let kilobytes = |name: &str| -> u64 {
        let status = read("status");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    };
    let resident = kilobytes("VmRSS:");
    assert!(resident < 1024, "{resident} kB resident");
    kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGTERM).unwrap();
    container.wait_until_it_ends();
}

#[test]
fn started_with_sigchld_ignored_it_learns_how_the_app_ended() {
    // A shell resets it; a server that wants no zombies hands it on.
    let start = other(&["--init"], &["exit", "3"]);
    let mut ignoring = Command::new("timeout");
    ignoring.args(["-s", "KILL", "60", "perl", "-e", "$SIG{CHLD} = 'IGNORE'; exec @ARGV"]);
    run(ignoring.arg(start.get_program()).args(start.get_args())).exits(3);
}

#[test]
fn a_log_that_nobody_reads_does_not_kill_the_app() {
    // The report goes into a pipe whose reader is gone: that SIGPIPE was nobody's signal to the app.
    let container = Spec::new(&rootfs("nginx"), &["/usr/bin/perl", "-e", "sleep 100"]).start();
    for (flags, removed) in [("", "touch"), ("--init", "tac"), ("--after-start", "factor")] {
        // It still runs when it has been hardened and that has been said.
        let app = format!("/usr/bin/perl -e 'sleep 1 while -e q(/usr/bin/{removed}); sleep 2'");
        let run = format!("/lithify/lithify run {flags} --remove={removed} -- {app} 2>&1");
        let script = format!("exec 3>&1; {{ sleep 0.3; {run}; echo code $? >&3; }} | true");
        let ran = container.exec(["/bin/bash", "-c", &script]);
        assert_eq!(ran.stdout, "code 0\n", "{flags}: {ran:?}");
        assert!(!container.root().join("usr/bin").join(removed).exists());
    }
}

#[test]
fn orphans_without_end_do_not_put_off_hardening_nor_the_end() {
    let orphans = "$SIG{TERM} = 'IGNORE'; while (1) { if (!fork) { if (!fork) { select(undef, undef, undef, 0.02) } exit } \
                   wait; select(undef, undef, undef, 0.02) }";
    let start = |remove: &str, command: &[&str]| {
        let run = ["/lithify/lithify", "run", "--after-start", "--wait-timeout=1", "--grace=1", "-q", remove, "--"];
        Spec::new(&rootfs("nginx"), &[&run[..], command, &["/usr/bin/perl", "-e", orphans]].concat()).start()
    };
    let container = start("--remove=touch", &[]);
    container.wait("lose touch", || !container.root().join("usr/bin/touch").exists());
    assert!(container.is_running());
    // Not hardened: its shell goes, which stays, and it does not end by itself.
    let container = start("--remove=sh", &["/bin/sh", "-c", "trap '' TERM; \"$@\"; true", "sh"]);
    container.wait_until_it_ends();
    assert!(container.log().contains("the app is stopped"), "{}", container.log());
    assert!(container.root().join("usr/bin/dash").exists());
}
