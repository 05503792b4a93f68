//! Scenario 2: httpd with a read-only root, with and without lithify as the entrypoint.

use std::fs;

use crate::harness::container::{Container, Spec};
use crate::harness::rootfs;

const HTTPD: [&str; 3] = ["/usr/local/apache2/bin/httpd", "-DFOREGROUND", "-DLogsToFiles"];
const LOGS: &str = "/usr/local/apache2/logs";

fn httpd(with_lithify: &[&str]) -> Spec {
    let mut arguments = Vec::new();
    let mut command = HTTPD.to_vec();
    if !with_lithify.is_empty() {
        arguments.extend(["/lithify/lithify", "run"]);
        arguments.extend(with_lithify);
        arguments.push("--");
    } else {
        // As in the official image: what it fails on is its pid file.
        command.pop();
    }
    arguments.extend(command);
    Spec::new(&rootfs("httpd"), &arguments).read_only()
}

#[test]
fn without_lithify_it_dies_as_in_the_field() {
    let container = httpd(&[]).start();
    container.wait_until_it_ends();
    let log = container.log();
    assert!(log.contains("Read-only file system") && log.contains("AH00099"), "{log}");
    assert!(!log.contains("emptyDir"));
}

#[test]
fn lithify_names_the_volume_that_is_missing_before_the_app_is_started() {
    let container = httpd(&["-p", "httpd"]).start();
    container.wait_until_it_ends();
    let log = container.log();
    for text in [LOGS, "EROFS", "emptyDir: {}", "mountPath: /usr/local/apache2/logs"] {
        assert!(log.contains(text), "{text} is missing in: {log}");
        let message = container.termination_message();
        assert!(message.contains(text), "{text} is missing in the termination message: {message}");
    }
    assert!(!log.contains("AH00"), "httpd was started: {log}");
    assert!(container.termination_message().starts_with("lithify run /: "));
    assert!(container.termination_message().len() <= 4096);
}

fn with_volume(with_lithify: &[&str]) -> (Container, tempfile::TempDir) {
    let volume = tempfile::tempdir().unwrap();
    let container = httpd(with_lithify).volume(volume.path(), LOGS, &["rw"]).start();
    (container, volume)
}

#[test]
fn with_the_volume_it_runs_and_the_root_stays_read_only() {
    let (container, volume) = with_volume(&["-p", "httpd"]);
    assert_eq!(container.http(), "It works!\n");
    assert_eq!(container.termination_message(), "");
    let pid = fs::read_to_string(volume.path().join("httpd.pid")).unwrap();
    // lithify has become httpd: process 1, with nothing of lithify left.
    assert_eq!(pid.trim(), "1");
    let comm = fs::read_to_string(format!("/proc/{}/comm", container.pid())).unwrap();
    assert_eq!(comm.trim(), "httpd");
    // httpd writes it once the answer is on its way.
    let access = volume.path().join("access_log");
    container.wait("the log", || fs::read_to_string(&access).unwrap().contains("GET / HTTP/1.1 200"));
    container.exec(["/usr/bin/touch", "/usr/local/apache2/htdocs/x"]).says("Read-only file system");
    container
        .lithify(&["verify", "-v", "-p", "restricted"])
        .exits(1)
        .says("pass mounts.read_only /: read-only: writing fails with EROFS");
    // What the read-only root made impossible was said, and not as if it had been done.
    assert!(container.log().contains("names cannot be removed, and are denied to the app"), "{}", container.log());
}

#[test]
fn fallback_fail_insists_on_deletion() {
    let (container, volume) = with_volume(&["-p", "httpd", "--fallback", "fail"]);
    container.wait_until_it_ends();
    let log = container.log();
    assert!(log.contains("deleting and readOnlyRootFilesystem exclude each other"), "{log}");
    assert!(!log.contains("AH00") && !volume.path().join("httpd.pid").exists(), "httpd was started: {log}");
    assert!(container.termination_message().contains("EROFS"), "{}", container.termination_message());
}

#[test]
fn on_a_writable_root_it_deletes_and_then_runs() {
    let mut arguments = vec!["/lithify/lithify", "run", "-p", "httpd", "--"];
    arguments.extend(HTTPD);
    let container = Spec::new(&rootfs("httpd"), &arguments).start();
    assert_eq!(container.http(), "It works!\n");
    for gone in ["usr/bin/dash", "usr/bin/sh", "usr/bin/touch", "usr/bin/perl"] {
        assert!(container.root().join(gone).symlink_metadata().is_err(), "{gone}");
    }
    assert_ne!(container.exec(["/bin/sh", "-c", "true"]).code, 0);
}

#[test]
fn exit_codes_of_a_command_that_cannot_start() {
    for (command, code) in [("/nonexistent", 127), ("not-in-path", 127), ("/etc/passwd", 126), ("/etc", 126)] {
        let sleeper = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "100"]).start();
        let ran = sleeper.lithify(&["run", "--remove", "nothing-of-that-name", "--", command]).exits(code);
        assert!(ran.stderr.contains(command) && ran.stdout.is_empty(), "{ran:?}");
    }
}

#[test]
fn the_app_gets_its_arguments_environment_and_exit_code() {
    let sleeper = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "100"]).start();
    let run = |arguments: &[&str]| {
        sleeper.lithify(&[&["run", "-q", "--remove", "nothing-of-that-name", "--"], arguments].concat())
    };
    run(&["printf", "%s|", "a b", "", "$X"]).exits(0).says("a b||$X|");
    run(&["/bin/sh", "-c", "exit 42"]).exits(42);
    // Nothing of lithify is left: no descriptor, no ignored SIGPIPE, no variable.
    let show = ["/bin/sh", "-c", "grep Sig[BIC] /proc/self/status; ls /proc/self/fd; env"];
    // Nor is any signal ignored that the runtime ignores.
    let seen = run(&show).exits(0).stdout;
    assert!(seen.contains("SigIgn:\t0000000000000000\n"), "{seen}");
    let but_ignored =
        |text: &str| text.lines().filter(|line| !line.starts_with("SigIgn")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(but_ignored(&seen), but_ignored(&sleeper.exec(show).exits(0).stdout));
}
