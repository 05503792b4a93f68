//! `[verify.drift] processes`: what runs, and should not. Each test of an attack runs it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{PROCESSES, sleeper, verify};
use crate::harness::app::{HTTPD, NGINX};
use crate::harness::container::{Container, Spec};
use crate::harness::rootfs;

/// Runs `sleep` from memory, by a file that never had a name.
const IN_MEMORY: &str = r#"$n = "evil"; $f = syscall(319, $n, 0); open(M, ">&=", $f); open(S, "<", "/usr/bin/sleep"); $/ = undef; syswrite(M, <S>); exec {"/proc/self/fd/$f"} "nginx", "1000""#;

fn running(container: &Container, pattern: &str) {
    container.wait("run it", || {
        let ps = "for exe in /proc/[0-9]*/exe; do readlink $exe; done";
        container.exec(["/bin/sh", "-c", ps]).stdout.contains(pattern)
    });
}

/// A container whose app starts this in the background.
fn with(command: &str) -> Container {
    let script = format!("{command}\nexec sleep 1000");
    Spec::new(&rootfs("nginx"), &["/bin/sh", "-c", &script]).tmpfs("/tmp", &[]).start()
}

#[test]
fn an_app_and_commands_from_outside_are_as_they_should_be() {
    let container = sleeper().start();
    container.exec_in_background(&["/usr/bin/tail", "-f", "/dev/null"]);
    verify(&container, PROCESSES).exits(0).says("pass drift.processes pid namespace: no process runs");
}

#[test]
fn dropped_and_run() {
    let container = with("cp /usr/bin/sleep /tmp/x; /tmp/x 999 &");
    running(&container, "/tmp/x");
    verify(&container, PROCESSES).exits(1).says("(x) runs /tmp/x, which was made or changed").says("fix: ");
}

#[test]
fn run_and_deleted() {
    let container = with("cp /usr/bin/sleep /tmp/x; /tmp/x 999 & sleep 1; rm /tmp/x");
    running(&container, "/tmp/x (deleted)");
    verify(&container, PROCESSES).exits(1).says("runs a program that was deleted: /tmp/x");
    // A file of that very name is another file.
    container.exec(["/bin/cp", "/usr/bin/sleep", "/tmp/x (deleted)"]).exits(0);
    verify(&container, PROCESSES).exits(1).says("runs a program that was deleted: /tmp/x");
}

#[test]
fn deleted_from_the_image_while_it_runs() {
    let container = with("/usr/bin/tail -f /dev/null & sleep 1; rm /usr/bin/tail");
    running(&container, "/usr/bin/tail (deleted)");
    verify(&container, PROCESSES).exits(1).says("(tail) runs a program that was deleted: /usr/bin/tail");
}

#[test]
fn from_memory_by_the_app_and_from_outside() {
    let container = with(&format!("/usr/bin/perl -e '{IN_MEMORY}' &"));
    running(&container, "/memfd:evil");
    verify(&container, PROCESSES).exits(1).says("runs a program in memory that never had a name: memfd evil");
    let container = sleeper().start();
    container.exec_in_background(&["/usr/bin/perl", "-e", IN_MEMORY]);
    running(&container, "/memfd:evil");
    verify(&container, PROCESSES).exits(1).says("runs a program in memory that never had a name: memfd evil");
}

#[test]
fn from_one_memory_to_the_next_from_outside() {
    let step = r#"select undef, undef, undef, 0.02; $n = "m" . rand; $f = syscall(319, $n, 1); open(M, ">&=", $f); open(P, "<", "/usr/bin/perl"); $/ = undef; syswrite(M, <P>); exec {"/proc/self/fd/$f"} "perl", "-e", q(eval $ENV{STEP})"#;
    let container = sleeper().start();
    container.exec_in_background(&["/usr/bin/env", &format!("STEP={step}"), "/usr/bin/perl", "-e", "eval $ENV{STEP}"]);
    running(&container, "/memfd:m0.");
    verify(&container, PROCESSES).exits(1).says("runs a program in memory that never had a name: memfd m0.");
}

#[test]
fn of_another_user_whose_program_only_that_user_may_look_at() {
    let become_other = "use POSIX; setgid(33); setuid(33);";
    let container =
        with(&format!("/usr/bin/setpriv --reuid 33 --regid 33 --clear-groups /usr/bin/perl -e '{IN_MEMORY}' &"));
    container.wait("run it", || {
        let ps = "grep -l memfd /proc/[0-9]*/comm; cat /proc/[0-9]*/cmdline | tr '\\0' ' '";
        container.exec(["/bin/sh", "-c", ps]).stdout.contains("nginx 1000")
    });
    verify(&container, PROCESSES).exits(1).says("runs a program in memory that never had a name: memfd evil");
    // One that has changed its user itself may not be looked at by anybody.
    let container = with(&format!("/usr/bin/perl -e '{become_other} print qq(ready\\n); sleep 1000' &"));
    container.wait("become another user", || {
        container.exec(["/bin/sh", "-c", "grep -l 'Uid:.33' /proc/[0-9]*/status"]).code == 0
    });
    verify(&container, PROCESSES)
        .exits(1)
        .says("UNVERIFIED drift.processes process ")
        .says("what it runs cannot be looked at: Permission denied")
        .says("fix: it runs as another user, or changed its user itself");
}

#[test]
fn servers_that_start_as_their_user_are_verified() {
    for app in [NGINX, HTTPD] {
        let volumes =
            ["/run", "/var/cache/nginx", "/usr/local/apache2/logs"].map(|at| (at, tempfile::tempdir().unwrap()));
        let mut spec = Spec::new(&rootfs(app.tree), app.command).user(33, 33);
        for (at, volume) in &volumes {
            fs::set_permissions(volume.path(), fs::Permissions::from_mode(0o777)).unwrap();
            spec = spec.volume(volume.path(), at, &["rw"]);
        }
        let container = spec.start();
        app.answers(&container);
        verify(&container, PROCESSES).exits(0).says("pass drift.processes");
    }
}

#[test]
fn a_probe_that_comes_in_at_the_same_time_is_no_finding() {
    let container = sleeper().start();
    verify(&container, PROCESSES).exits(0);
    std::thread::scope(|scope| {
        let container = &container;
        let others = scope.spawn(move || (0..12).for_each(|_| drop(container.exec(["/bin/true"]).exits(0))));
        while !others.is_finished() {
            container.enter(["/lithify/lithify", "verify", "-p", "/var/tmp/p.toml"]).exits(0);
        }
    });
}
