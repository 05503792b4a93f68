//! `run --after-start`: the app's entrypoint script still needs the shell; lithify starts it, waits, hardens, and gives up
//! its own privileges last.

use crate::harden::wait_for_app::{HELD, go};
use crate::harness::container::{Container, Spec};
use crate::harness::rootfs;
use crate::harness::tree::Tree;

/// The nginx container with this command line of `run`.
fn nginx(arguments: &[&str]) -> Spec {
    Spec::new(&rootfs("nginx"), &[&["/lithify/lithify", "run"], arguments].concat())
}

/// The same below a first process that prints how it ended.
fn code_of(arguments: &[&str]) -> Spec {
    let script = "$SIG{TERM} = sub {}; system(@ARGV); $| = 1; print 'ended with ', $? >> 8, qq(\\n); sleep 1000";
    let run = [&["/usr/bin/perl", "-e", script, "/lithify/lithify", "run"], arguments].concat();
    Spec::new(&rootfs("nginx"), &run)
}

#[track_caller]
fn ends_with(container: &Container, code: u8) {
    container.wait("end", || container.log().contains("ended with"));
    assert!(container.log().contains(&format!("ended with {code}\n")), "{}", container.log());
}

#[track_caller]
fn has_shell(container: &Container, expected: bool) {
    for shell in ["/bin/sh", "/usr/bin/dash", "/bin/bash"] {
        let ran = container.enter([shell, "-c", "echo in"]);
        assert_eq!(ran.stdout.contains("in\n"), expected, "{shell}: {ran:?}");
    }
}

#[track_caller]
fn is_hardened(container: &Container) {
    container.wait("harden", || container.log().contains("lithify run /: "));
    has_shell(container, false);
    assert!(container.http().contains("nginx"));
    // lithify stays as the first process.
    assert_eq!(std::fs::read_to_string(format!("/proc/{}/comm", container.pid())).unwrap(), "lithify\n");
}

#[test]
fn chosen_for_a_script_whose_shell_goes() {
    let container = nginx(&["-p", "nginx", "--", "/docker-entrypoint.sh", "nginx", "-g", "daemon off;"]).start();
    is_hardened(&container);
    // What the script did with its shell.
    assert!(container.root().join("var/cache/nginx/prepared").exists());
    container.lithify(&["verify", "-p", "nginx"]).exits(0);
}

#[test]
fn chosen_for_a_shell_as_the_command() {
    let container = nginx(&["-p", "nginx", "--", "sh", "-c", &format!("{HELD}; exec nginx -g 'daemon off;'")]).start();
    has_shell(&container, true);
    go(&container);
    is_hardened(&container);
}

#[test]
fn an_app_that_is_slow_to_be_started() {
    // The system call that starts each program takes longer than two looks at the app.
    let held = "select undef, undef, undef, 0.1 until -e '/tmp/go'; exec @ARGV";
    let run = ["/usr/bin/perl", "-e", held, "/lithify/lithify", "run", "-p", "nginx", "--", "/docker-entrypoint.sh"];
    let container =
        Spec::new(&rootfs("nginx"), &[&run[..], &["/usr/sbin/nginx", "-g", "daemon off;"]].concat()).start();
    let trace = Tree::new();
    let mut strace = std::process::Command::new("strace");
    strace.args(["-f", "-qq", "-e", "trace=execve", "-e", "inject=execve:delay_enter=1500000"]);
    let mut strace = strace.args(["-o", trace.at("trace").to_str().unwrap(), "-p", &container.pid()]).spawn().unwrap();
    let status = || std::fs::read_to_string(format!("/proc/{}/status", container.pid())).unwrap();
    container.wait("be traced", || !status().contains("TracerPid:\t0\n"));
    go(&container);
    is_hardened(&container);
    assert!(container.root().join("var/cache/nginx/prepared").exists());
    strace.kill().unwrap();
    strace.wait().unwrap();
}

#[test]
fn asked_for_and_signals_reach_the_app_before_and_after() {
    let container = nginx(&["-p", "nginx", "--after-start", "--", "nginx", "-g", "daemon off;"]).start();
    is_hardened(&container);
    let status = std::process::Command::new("kill").args(["-QUIT", &container.pid()]).status().unwrap();
    assert!(status.success());
    container.wait_until_it_ends();

    let script = "trap 'echo got it; exit 9' TERM; echo ready; while :; do sleep 0.1; done";
    let container = code_of(&["-p", "shells", "--", "sh", "-c", script]).start();
    container.wait("start the app", || container.log().contains("ready\n"));
    container.exec(["sh", "-c", "kill -TERM $(grep -lx lithify /proc/[0-9]*/comm | cut -d/ -f3)"]).exits(0);
    ends_with(&container, 9);
    assert!(container.log().contains("got it"));
    has_shell(&container, true);
}

#[test]
fn an_app_that_ends_before_ends_the_run_and_nothing_is_deleted() {
    let container = code_of(&["-p", "shells", "--", "sh", "-c", "exit 7"]).start();
    ends_with(&container, 7);
    has_shell(&container, true);
    let container = code_of(&["-p", "shells", "--after-start", "--", "/etc/hostname"]).start();
    container.wait("end", || container.log().contains("ended with"));
    assert!(
        container.log().contains("ended with 126") || container.log().contains("ended with 127"),
        "{}",
        container.log()
    );
    has_shell(&container, true);
}

#[test]
fn a_script_that_never_ends_is_stopped_and_nothing_is_deleted() {
    let script = "while :; do sleep 0.1; done";
    let container = code_of(&["-p", "shells", "--wait-timeout", "2", "--", "sh", "-c", script]).start();
    ends_with(&container, 1);
    let log = container.log();
    assert!(log.contains("still runs /usr/bin/dash") && log.contains("the app is stopped"), "{log}");
    assert!(container.termination_message().contains("still runs"), "{}", container.termination_message());
    has_shell(&container, true);
    let shells = r#"print grep { $_ eq "sh\n" } map { open F, $_; scalar <F> } glob "/proc/[0-9]*/comm""#;
    assert_eq!(container.enter(["/usr/bin/perl", "-e", shells]).exits(0).stdout, "");
}

#[test]
fn what_cannot_be_verified_stops_the_app_even_if_it_ignores_that() {
    let site = Tree::new();
    std::fs::write(
        site.at("p.toml"),
        "schema = 1\nname = \"p\"\ninclude = [\"shells\"]\n[verify.files]\npresent = [\"/not/there\"]\n",
    )
    .unwrap();
    let script = "$SIG{TERM} = 'IGNORE'; sleep 1000";
    let arguments = [
        "-p",
        "/site/p.toml",
        "--grace",
        "1",
        "--",
        "sh",
        "-c",
        &format!("exec perl -e \"{}\"", script.replace('$', "\\$")),
    ];
    let container = code_of(&arguments).volume(site.path(), "/site", &["ro"]).start();
    ends_with(&container, 1);
    let log = container.log();
    assert!(log.contains("FAIL files.present /not/there") && log.contains("the app is stopped"), "{log}");
    let running = container.enter([
        "/usr/bin/perl",
        "-e",
        "print grep { /IGNORE/ } map { open F, $_; <F> } glob '/proc/[0-9]*/cmdline'",
    ]);
    assert!(running.stdout.matches("IGNORE").count() <= 2, "only this very search and its parent: {running:?}");
}

#[test]
fn its_own_privileges_go_last() {
    let site = Tree::new();
    std::fs::write(
        site.at("p.toml"),
        "schema = 1\nname = \"p\"\ninclude = [\"shells\"]\n[keep]\nnames = [\"sleep\"]\n[verify.process]\nuser = \"www-data\"\nno_new_privs = true\ncapabilities = []\n",
    )
    .unwrap();
    let script = format!("{HELD}; exec sleep 1000");
    let container = nginx(&["-p", "/site/p.toml", "--user", "www-data", "--", "sh", "-c", &script])
        .volume(site.path(), "/site", &["ro"])
        .start();
    let status = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let children = || {
        let path = format!("/proc/{0}/task/{0}/children", container.pid());
        std::fs::read_to_string(path).unwrap_or_default().trim().to_owned()
    };
    container.wait("start the app", || status(&children()).contains("Uid:\t33\t33\t33\t33"));
    assert!(status(&container.pid()).contains("Uid:\t0\t0\t0\t0"), "it needs them to delete");
    go(&container);
    container.wait("harden", || container.log().contains("lithify run /: "));
    has_shell(&container, false);
    container.wait("give up privileges", || status(&container.pid()).contains("Uid:\t33\t33\t33\t33"));
    for pid in [container.pid(), children()] {
        let status = status(&pid);
        for line in
            ["NoNewPrivs:\t1", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "CapPrm:\t0000000000000000"]
        {
            assert!(status.contains(line), "{pid}: {line}: {status}");
        }
    }
    assert!(container.is_running());
}

/// As a compiler that the app runs for a moment when it starts.
#[test]
fn a_short_lived_program_of_another_user_is_waited_for() {
    let worker = "setpriv --reuid 33 --clear-groups perl -e 'select undef, undef, undef, 0.1 until -e q(/tmp/go)' &";
    let site = Tree::new();
    let profile = "schema = 1\nname = \"site\"\n[keep]\nonly = [\"nginx\"]\nlibraries = \"closure\"\n";
    site.file_with("/site.toml", profile);
    let command = format!("{worker} exec nginx -g 'daemon off;'");
    let container = nginx(&["-p", "/site/site.toml", "--after-start", "--", "sh", "-c", &command]);
    let container = container.volume(site.path(), "/site", &["ro"]).start();
    // Several tries have met it by then.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert!(container.is_running(), "{}", container.log());
    has_shell(&container, true);
    go(&container);
    is_hardened(&container);
    assert!(!container.root().join("usr/bin/perl").exists());
}

#[test]
fn on_a_read_only_root_the_app_is_not_started_unless_that_is_accepted() {
    let command = ["--", "/docker-entrypoint.sh", "nginx", "-g", "daemon off;"];
    let volumes = |spec: Spec| {
        spec.read_only()
            .tmpfs("/var/cache/nginx", &[])
            .tmpfs("/run", &[])
            .tmpfs("/var/lib/nginx", &[])
            .tmpfs("/var/log/nginx", &[])
    };
    let (ran, _) = volumes(nginx(&[&["-p", "nginx"], &command[..]].concat())).run();
    ran.exits(125).says("REFUSED /usr/bin/dash").says("Read-only file system").says("--fallback warn");
    let container = volumes(nginx(&[&["-p", "nginx", "--fallback", "warn"], &command[..]].concat())).start();
    assert!(container.http().contains("nginx"));
}
