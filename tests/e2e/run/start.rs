//! How `run --init` starts the app: what it takes, and what it makes of a file, an environment and streams that others
//! would not expect.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use super::started::other;
use crate::harness::init_app::app;
use crate::harness::{lithify, run};

/// `command` started by a shell that first does `before`.
fn after(before: &str, command: &Command) -> crate::harness::Ran {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{before}\nexec \"$@\""), "sh"]).arg(command.get_program()).args(command.get_args());
    run(shell.stdin(Stdio::null()))
}

#[test]
fn signals_are_held_first_and_the_app_runs_after_at_most_90_system_calls() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-qq", "-o"])
        .arg(&log)
        .arg(lithify())
        .args(["run", "--init", "--"])
        .arg(app())
        .args(["exit", "0"]);
    run(strace.env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null())).exits(0);
    let text = fs::read_to_string(&log).unwrap();
    // A call that another process interrupts takes two lines.
    let calls: Vec<&str> = text.lines().filter(|line| !line.contains(" resumed>")).collect();
    let held = calls.iter().position(|line| line.contains("rt_sigprocmask(SIG_SETMASK, ~[ILL TRAP]")).unwrap();
    assert!(held <= 6, "{:#?}", &calls[..=held]);
    let executed = calls.iter().skip(1).position(|line| line.contains("execve(")).unwrap() + 2;
    assert!(executed <= 90, "{executed}: {text}");
}

#[test]
fn a_signal_that_comes_at_once_is_not_lost() {
    for _ in 0..100 {
        let mut child = other(&["--init"], &["signals"]).stdout(Stdio::piped()).spawn().unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id().try_into().unwrap()), nix::sys::signal::SIGTERM)
            .unwrap();
        // It ends in any case: lithify itself, the app before it takes signals, or the app by itself.
        child.wait().unwrap();
    }
}

#[test]
fn a_file_without_a_first_line_is_for_the_shell() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("script");
    let write = |content: &[u8]| {
        fs::write(&script, content).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let start =
        |way: &[&str]| run(Command::new(lithify()).arg("run").args(way).arg("--").arg(&script).args(["a b", "c"]));
    for way in [&["--init"][..], &["--user", "0:0"]] {
        write(b"echo \"$0 has $# words: $1\"\nexit 3\n");
        start(way).exits(3).says(&format!("{} has 2 words: a b\n", script.display()));
        // A program of another machine is not text.
        write(b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xff\xff");
        start(way).exits(126).says("neither a program of this machine nor a script with a #! line");
        write(b"");
        start(way).exits(0);
    }
}

#[test]
fn variables_that_name_another_process_stay_and_those_that_name_lithify_name_the_app() {
    for way in [&["--init"][..], &["--init", "--keep-fds"], &["--user", "0:0", "--keep-fds"]] {
        let shell = other(way, &["state"]);
        let ran = after("exec 3</dev/null; export LISTEN_FDS=1 LISTEN_PID=1 WATCHDOG_PID=1", &shell).exits(0);
        ran.says("listen pid: another's\n").says("watchdog pid: another's\n");
        let ran = after("exec 3</dev/null; export LISTEN_FDS=1 LISTEN_PID=$$ WATCHDOG_PID=$$", &shell).exits(0);
        ran.says("listen pid: mine\n").says("watchdog pid: mine\n");
    }
}

#[test]
fn entries_of_the_environment_without_a_name_are_kept() {
    let mut perl = Command::new("python3");
    let code = "import ctypes, sys; libc = ctypes.CDLL(None); words = [w.encode() for w in sys.argv[1:]]; \
                array = lambda list: (ctypes.c_char_p * (len(list) + 1))(*list, None); \
                libc.execve(words[0], array(words), array([b'no-equals-sign', b'A=1', b'=', b'B=2']))";
    perl.args(["-c", code]).arg(lithify()).args(["run", "--init", "--", "/bin/cat", "/proc/self/environ"]);
    let ran = run(perl.stdin(Stdio::null())).exits(0);
    assert_eq!(ran.stdout, "no-equals-sign\0A=1\0=\0B=2\0");
}

#[test]
fn closed_streams_without_dev_null_end_nothing() {
    // A root that holds only lithify and the app.
    let directory = tempfile::tempdir().unwrap();
    fs::copy(lithify(), directory.path().join("lithify")).unwrap();
    fs::copy(app(), directory.path().join("app")).unwrap();
    for closed in ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"] {
        for words in ["run --init -- /app exit 7", "run --user 0:0 -- /app exit 7"] {
            let script = format!("exec chroot \"$0\" /lithify {words} {closed}");
            let mut shell = Command::new("sh");
            // Without /proc an inscription could not be seen.
            shell.args([
                "-c",
                &format!("mount --bind \"$0\" \"$0\"; mkdir -p \"$0/proc\"; mount -t proc proc \"$0/proc\"; {script}"),
            ]);
            run(Command::new("unshare")
                .arg("-m")
                .args([shell.get_program()])
                .args(shell.get_args())
                .arg(directory.path()))
            .exits(7);
        }
    }
}

#[test]
fn it_says_with_v_what_it_does() {
    let ran = run(&mut other(&["--init", "-v"], &["exit", "3"])).exits(3);
    assert!(!ran.stderr.is_empty(), "{ran:?}");
    let ran = run(&mut other(&["--init"], &["exit", "3"])).exits(3);
    assert!(ran.stderr.is_empty(), "{ran:?}");
}
