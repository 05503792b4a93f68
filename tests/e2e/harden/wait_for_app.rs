//! Scenario: a startupProbe that waits. An entrypoint script still needs the shell that is about to go.

use crate::harness::Ran;
use crate::harness::container::{Container, Spec};
use crate::harness::rootfs;

const PROBE: [&str; 5] = ["harden", "--wait-for-app", "--profile", "shells", "--remove=touch"];
const NGINX: &str = "exec nginx -g 'daemon off;'";
/// What a script does until it is let go on: whatever is to be seen of it has been seen then, on a slow machine, too.
pub const HELD: &str = "until [ -e /tmp/go ]; do sleep 0.1; done";

fn script(script: &str) -> Spec {
    Spec::new(&rootfs("nginx"), &["/docker-entrypoint.sh", "/bin/sh", "-c", script])
}

/// The program `perl`, as another user, with these preparations.
fn as_user(perl: &str) -> Container {
    let perl = format!("{perl}; syswrite STDOUT, 'prepared'; sleep 1000");
    let change = ["/usr/bin/setpriv", "--reuid=33", "--regid=33", "--clear-groups"];
    let container =
        Spec::new(&rootfs("nginx"), &[&change[..], &["/usr/bin/perl", "-e", perl.as_str()]].concat()).start();
    container.wait("prepare", || container.log().contains("prepared"));
    container
}

pub fn go(container: &Container) {
    std::fs::write(container.root().join("tmp/go"), "").unwrap();
}

/// One try, as the kubelet makes it: what it waits for, on one line without what differs from try to try.
#[track_caller]
fn waits(ran: &Ran) -> String {
    assert_eq!((ran.code, ran.stdout.lines().count()), (75, 1), "{ran:?}");
    assert!(ran.stdout.starts_with("lithify harden: not yet: ") && ran.stderr.is_empty(), "{ran:?}");
    assert!(!ran.stdout.bytes().any(|byte| byte.is_ascii_digit()), "pids or times in {:?}", ran.stdout);
    ran.stdout.clone()
}

/// It waits for this as long as that does not change, and every try says the same one line.
#[track_caller]
fn waits_for(container: &Container, arguments: &[&str], expected: &str) {
    let lines: Vec<_> = (0..4).map(|_| waits(&container.lithify(arguments))).collect();
    assert!(lines.iter().all(|line| line == &lines[0]), "{lines:#?}");
    assert!(lines[0].contains(expected), "{}", lines[0]);
}

/// Tries as the kubelet does until it no longer says 75.
#[track_caller]
fn until_over(container: &Container, arguments: &[&str]) -> Ran {
    let mut last = None;
    container.wait("settle", || {
        let ran = container.lithify(arguments);
        if ran.code == 75 {
            waits(&ran);
            return false;
        }
        last = Some(ran);
        true
    });
    last.unwrap()
}

#[track_caller]
pub fn assert_no_shell(container: &Container) {
    for shell in ["/bin/sh", "/bin/bash", "/usr/bin/dash", "sh"] {
        let ran = container.exec([shell, "-c", "echo in"]);
        assert!(ran.code != 0 && !ran.stdout.contains("in\n"), "{shell}: {ran:?}");
    }
    for name in ["bin/sh", "usr/bin/dash", "usr/bin/bash", "usr/bin/touch"] {
        assert!(container.root().join(name).symlink_metadata().is_err(), "{name} is still there");
    }
}

#[test]
fn an_entrypoint_script_that_becomes_the_app() {
    let container = script(&format!("{HELD}; {NGINX}")).start();
    let first = container.lithify(&PROBE).exits(75);
    assert_eq!(
        first.stdout,
        "lithify harden: not yet: the container's first process still runs /usr/bin/dash, which profile shells removes (names \"dash\")\n"
    );
    assert_eq!(container.termination_message(), first.stdout);
    for name in ["usr/bin/dash", "usr/bin/touch", "bin/sh", "usr/bin/bash"] {
        assert!(container.root().join(name).symlink_metadata().is_ok(), "{name}");
    }

    waits_for(&container, &PROBE, "still runs /usr/bin/dash");
    go(&container);
    until_over(&container, &PROBE).exits(0).says("removed").does_not_say("note: the program");
    assert_eq!(container.http(), "nginx answers\n");
    assert_no_shell(&container);
    assert_eq!(container.termination_message(), "");
    container.lithify(&PROBE).exits(0).says("nothing to remove");
}

#[test]
fn an_entrypoint_script_that_never_ends() {
    let container = script("while :; do sleep 0.05; touch /tmp/x; done").start();
    let shell = container.root().join("usr/bin/dash");
    waits_for(&container, &PROBE, "the container's first process still runs /usr/bin/dash");
    let last = until_over(&container, &[&PROBE[..], &["--wait-timeout=2"]].concat()).exits(1);
    last.says("2 s after its start; nothing was deleted").says("end with exec").says("[keep] paths");
    assert!(shell.exists() && container.root().join("usr/bin/bash").exists());
    container.exec(["/bin/sh", "-c", "echo in"]).exits(0);
    // It stays so, and the way out that is named is one.
    container.lithify(&[&PROBE[..], &["--wait-timeout=2"]].concat()).exits(1);
    let keep = "schema = 1\n[remove]\nnames = [\"bash\", \"rbash\"]\n";
    std::fs::write(container.root().join("etc/site.toml"), keep).unwrap();
    container.lithify(&["harden", "--wait-for-app", "-p", "/etc/site.toml", "--wait-timeout=0"]).exits(0);
    assert!(shell.exists() && !container.root().join("usr/bin/bash").exists());
}

#[test]
fn a_script_that_stays_and_waits_for_the_app() {
    let container = script("nginx -g 'daemon off;' & wait").start();
    assert_eq!(container.http(), "nginx answers\n");
    until_over(&container, &[&PROBE[..], &["--wait-timeout=1"]].concat()).exits(1).says("nothing was deleted");
    assert!(container.root().join("usr/bin/dash").exists());
}

#[test]
fn a_background_script_of_the_app_and_one_that_never_ends() {
    // Its last command is the shell's own: for a program, the shell would become it, and for a moment the line be another.
    let container = script(&format!("({HELD}; : >/tmp/done) & {NGINX}")).start();
    assert_eq!(container.http(), "nginx answers\n");
    waits_for(&container, &PROBE, "a process of the app still runs /usr/bin/dash");
    go(&container);
    until_over(&container, &PROBE).exits(0);
    assert!(container.root().join("tmp/done").exists(), "the script came to its end");
    assert_no_shell(&container);

    let container = script(&format!("(while :; do sleep 0.1; done) & {NGINX}")).start();
    assert_eq!(container.http(), "nginx answers\n");
    waits_for(&container, &PROBE, "a process of the app still runs /usr/bin/dash");
    let last = until_over(&container, &[&PROBE[..], &["--wait-timeout=2"]].concat()).exits(0);
    last.says("note: a process (sh) of the app still runs /usr/bin/dash").says("because --wait-timeout has passed");
    assert_no_shell(&container);
    assert_eq!(container.http(), "nginx answers\n");
}

#[test]
fn an_orphan_of_an_exec_session_is_waited_for_but_not_for_ever() {
    let container = Spec::new(&rootfs("nginx"), &["/usr/sbin/nginx", "-g", "daemon off;"]).start();
    assert_eq!(container.http(), "nginx answers\n");
    // A session itself is nobody's: it never holds anything up.
    container.exec_in_background(&["/usr/bin/tail", "-f", "/dev/null"]);
    container
        .lithify(&["harden", "--wait-for-app", "--remove=tail"])
        .exits(0)
        .says("note: /usr/bin/tail is being run by process");
    container.exec(["/bin/sh", "-c", "sleep 1000 </dev/null >/dev/null 2>&1 &"]).exits(0);
    let sleeps = ["/bin/sh", "-c", "grep -qsx sleep /proc/[0-9]*/comm"];
    container.wait("leave an orphan", || container.exec(sleeps).code == 0);
    let probe = ["harden", "--wait-for-app", "--remove=sleep"];
    container.lithify(&probe).exits(75).says("a process of the app still runs /usr/bin/sleep");
    container.lithify(&[&probe[..], &["--wait-timeout=0"]].concat()).exits(0).says("a process (sleep) of the app");
    assert!(!container.root().join("usr/bin/sleep").exists());
}

#[test]
fn workers_of_another_user_are_read_without_ptrace() {
    let container = Spec::new(&rootfs("nginx"), &["/docker-entrypoint.sh", "nginx", "-g", "daemon off;"]).start();
    assert_eq!(container.http(), "nginx answers\n");
    // It must be the child that reads them: this probe itself may not.
    let worker = container.exec(["/bin/sh", "-c", "grep -l 'Uid:.33' /proc/[0-9]*/status"]).stdout;
    let worker = worker.lines().next().unwrap().trim_end_matches("/status").to_owned();
    assert_ne!(container.exec(["/bin/readlink", &format!("{worker}/exe")]).code, 0);
    container.lithify(&PROBE).exits(0).does_not_say("cannot be read");
    assert_no_shell(&container);
    assert_eq!(container.http(), "nginx answers\n");
    // Nothing of the child stays behind.
    assert!(container.lithify(&["probe", "file", "/usr/sbin/nginx"]).exits(0).stderr.is_empty());
}

/// As a compiler that the app runs for a moment. Whether its libraries may go cannot be known until it has ended.
#[test]
fn a_short_lived_program_of_another_user_whose_libraries_cannot_be_read() {
    let worker = format!(
        "setpriv --reuid 33 --clear-groups perl -e 'select undef, undef, undef, 0.1 until -e q(/tmp/go)' & {NGINX}"
    );
    let site = crate::harness::tree::Tree::new();
    let profile = "schema = 1\nname = \"site\"\n[keep]\nonly = [\"nginx\"]\nlibraries = \"closure\"\n";
    site.file_with("/site.toml", profile);
    let script = script(&worker).volume(site.path(), "/site", &["ro"]);
    let container = script.start();
    let both = "grep -qsx perl /proc/[0-9]*/comm && grep -qx nginx /proc/1/comm";
    container.wait("start both", || container.exec(["sh", "-c", both]).code == 0);
    let probe = ["harden", "--wait-for-app", "-p", "/site/site.toml"];
    waits_for(&container, &probe, "which libraries a process of the app (perl) has loaded cannot be read");
    // Without waiting, and after the time limit, it is refused as long as it is there.
    container.lithify(&["harden", "-p", "/site/site.toml"]).exits(3).says("(perl) belongs to the app");
    container.lithify(&[&probe[..], &["--wait-timeout=0"]].concat()).exits(3).says("(perl) belongs to the app");
    go(&container);
    until_over(&container, &probe).exits(0);
    assert!(!container.root().join("usr/bin/perl").exists());
    assert_eq!(container.http(), "nginx answers\n");
}

#[test]
fn a_first_process_that_changed_its_user() {
    // By its name it could be anything.
    let container = as_user("$0 = 'quiet'");
    let remove = ["harden", "--remove=perl"];
    container.lithify(&remove).exits(3).says("process 1 (quiet), the container's first, runs it");
    container.lithify(&["harden", "--wait-for-app", "--remove=perl"]).exits(75).says("runs /usr/bin/perl");
    container.lithify(&["harden", "--wait-for-app", "--remove=perl", "--wait-timeout=0"]).exits(1);
    assert!(container.root().join("usr/bin/perl").exists());
    container.lithify(&PROBE).exits(0).does_not_say("cannot be read");
    assert_no_shell(&container);
}

#[test]
fn a_program_that_nobody_can_read_is_judged_by_its_name_and_size() {
    // PR_SET_DUMPABLE 0: not even its own user may look.
    let container = as_user("syscall(157, 4, 0)");
    container
        .lithify(&["harden", "--remove=perl"])
        .exits(3)
        .says("process 1 (perl), the container's first, seems to run it");
    container.lithify(&["harden", "--wait-for-app", "--remove=perl"]).exits(75).says("seems to run /usr/bin/perl");
    container.lithify(&["harden", "--wait-for-app", "--remove=perl", "--wait-timeout=0"]).exits(1);
    assert!(container.root().join("usr/bin/perl").exists());
    container.lithify(&PROBE).exits(0).says("note: the program of a process (perl) of the app cannot be read");
    assert_no_shell(&container);

    // Called as a link to what goes, which is of another size.
    let container = as_user("$0 = 'sh'; syscall(157, 4, 0)");
    container.lithify(&["harden", "--remove=perl"]).exits(3).says("process 1 (sh), the container's first, may run it");
    container.lithify(&PROBE).exits(0);
    assert_no_shell(&container);
}

#[test]
fn without_the_right_to_change_user_the_size_decides() {
    let container = as_user("$0 = 'quiet'");
    let unprivileged =
        ["setpriv", "--bounding-set=-setuid", "/lithify/lithify", "harden", "--wait-for-app", "--remove=touch"];
    container.exec(unprivileged).exits(0).says("note: the program of a process (quiet) of the app cannot be read");
    assert!(!container.root().join("usr/bin/touch").exists() && container.root().join("usr/bin/perl").exists());
}

#[test]
fn several_probes_at_once() {
    let container = script(&format!("sleep 1; {NGINX}")).start();
    let results: Vec<Ran> = std::thread::scope(|scope| {
        let probes: Vec<_> = (0..4).map(|_| scope.spawn(|| until_over(&container, &PROBE))).collect();
        probes.into_iter().map(|probe| probe.join().unwrap()).collect()
    });
    assert!(results.iter().all(|ran| ran.code == 0), "{results:#?}");
    assert_no_shell(&container);
    assert_eq!(container.http(), "nginx answers\n");
}

#[test]
fn a_shared_process_namespace() {
    let pause = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"]).user(65535, 65535).start();
    // Another container that is a script for ever.
    let neighbour = Spec::new(&rootfs("nginx"), &["/bin/sh", "-c", "while :; do sleep 1; done"]).share_pid_with(&pause);
    let _neighbour = neighbour.start();
    let app = script(&format!("{HELD}; {NGINX}")).share_pid_with(&pause).start();
    // Somebody's session in it.
    app.exec_in_background(&["/bin/sh", "-c", "while :; do sleep 1; done"]);
    app.lithify(&["harden", "-p", "shells"]).exits(3).says("the container's first, runs it");
    waits_for(&app, &PROBE, "the container's first process still runs /usr/bin/dash");
    go(&app);
    until_over(&app, &PROBE).exits(0);
    assert_no_shell(&app);
    assert_eq!(app.http(), "nginx answers\n");
    // And the app's first process is the one that is verified.
    let profile = "schema = 1\n[verify.process]\nuser = 0\n";
    std::fs::write(app.root().join("etc/site.toml"), profile).unwrap();
    let checks = app.lithify(&["verify", "-p", "/etc/site.toml", "-v"]).exits(0).stdout;
    assert!(checks.contains("pass process.user process ") && !checks.contains("process 1:"), "{checks}");
}

#[test]
fn an_app_whose_processes_come_and_go() {
    // Some end while they are read, and no two looks are alike: there are always some that have just started.
    let storm = "sub child { my $pid = fork; return if !defined $pid || $pid; select(undef, undef, undef, $_[0]); exit } \
                 $SIG{CHLD} = 'IGNORE'; while (1) { child(0.5); child(0) for 1..5; select(undef, undef, undef, 0.03) }";
    let container = Spec::new(&rootfs("nginx"), &["/usr/bin/perl", "-e", storm]).start();
    waits_for(&container, &PROBE, "the app's processes are still changing");
    until_over(&container, &[&PROBE[..], &["--wait-timeout=10"]].concat()).exits(0);
    assert_no_shell(&container);
    assert!(container.is_running());
}

#[test]
fn something_else_to_wait_for() {
    let container = Spec::new(&rootfs("nginx"), &["/docker-entrypoint.sh", "nginx", "-g", "daemon off;"]).start();
    assert_eq!(container.http(), "nginx answers\n");
    let try_for = |target: &str, more: &[&str]| {
        container.lithify(&[&["harden", "-p", "shells", "--wait-for", target], more].concat())
    };
    let refused = try_for("tcp:127.0.0.1:9", &[]).exits(75).says("tcp:127.0.0.1:9 does not answer: Connection refused");
    assert_eq!(try_for("tcp:127.0.0.1:9", &[]).stdout, refused.stdout);
    try_for("http:http://127.0.0.1:8080/", &["--wait-for=file:/run/no"]).exits(75).says("file:/run/no does not answer");
    try_for("tcp:127.0.0.1:9", &["--wait-timeout=0"]).exits(1).says("nothing was deleted");
    try_for("udp:127.0.0.1:9", &[]).exits(2).says("--wait-for udp:127.0.0.1:9: give tcp:HOST:PORT");
    assert!(container.root().join("usr/bin/dash").exists());
    try_for("tcp:localhost:8080", &["--wait-for=http://127.0.0.1:8080/", "--wait-for=file:/run/nginx.pid"]).exits(0);
    assert!(!container.root().join("usr/bin/dash").exists());
}

#[test]
fn nobody_to_wait_for() {
    let container =
        Spec::new(&rootfs("nginx"), &["/lithify/lithify", "harden", "--wait-for-app", "-p", "shells"]).start();
    container.wait_until_it_ends();
    assert!(container.log().contains("there is no app to wait for"), "{}", container.log());
    assert!(container.root().join("usr/bin/dash").exists());
}

#[test]
fn a_program_whose_first_thread_has_ended() {
    let program = crate::harness::init_app::app();
    let start = ["/bin/sh", "-c", "cp /app/app /opt/app; /opt/app 'last thread' & exec sleep 1000"];
    let container = Spec::new(&rootfs("nginx"), &start).volume(program.parent().unwrap(), "/app", &["ro"]).start();
    // Not what else ends in the script, and is a zombie for a moment.
    let ended =
        "for app in $(grep -lsx app /proc/[0-9]*/comm); do grep -q 'State:.Z' ${app%comm}status && echo ended; done";
    container.wait("end its first thread", || container.exec(["/bin/sh", "-c", ended]).stdout == "ended\n");
    container
        .lithify(&["harden", "--remove=/opt/app"])
        .exits(3)
        .says("(app), a descendant of the container's first, runs");
    let wait = ["harden", "--wait-for-app", "--remove=/opt/app"];
    container.lithify(&wait).exits(75).says("a process of the app still runs /opt/app");
    assert!(container.root().join("opt/app").exists());
}

#[test]
fn where_processes_are_hidden_nothing_is_deleted() {
    // Not to group 0, for which hidepid is no matter.
    let container = as_user("");
    container.enter(["/bin/mount", "-o", "remount,hidepid=2", "/proc"]).exits(0);
    let own = container.root().join("opt/perl");
    std::fs::create_dir(&own).unwrap();
    std::os::unix::fs::chown(&own, Some(1000), Some(1000)).unwrap();
    std::fs::copy(container.root().join("usr/bin/perl"), own.join("perl")).unwrap();
    let user = ["/usr/bin/setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "/lithify/lithify", "harden"];
    for flags in [&["--remove=/opt/perl/perl"][..], &["--remove=/opt/perl/perl", "--wait-for-app"]] {
        let ran = container.exec([&user[..], flags].concat());
        ran.exits(3).says("processes are hidden").says("hidepid");
    }
    assert!(own.join("perl").exists());
}
