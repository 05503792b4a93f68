//! Scenario: a daemon that starts as root and changes its user by itself, so that nobody but `CAP_SYS_PTRACE` may read what
//! it runs. Its program is never deleted, and a file is not taken for it only because it is called the same.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::harden::wait_for_app::{HELD, assert_no_shell, go};
use crate::harness::Ran;
use crate::harness::app::App;
use crate::harness::container::{Container, DEFAULT_CAPABILITIES, Spec};
use crate::harness::init_app::daemon;
use crate::harness::rootfs;
use crate::harness::tree::Tree;

const SCRIPT: &str = "#!/bin/sh\nexit 0\n";

/// A layer with the daemon at these paths, each a file of its own.
fn layer(paths: &[&str]) -> Tree {
    let tree = Tree::new();
    for path in paths {
        tree.file(path);
        fs::copy(daemon(), tree.at(path)).unwrap();
    }
    tree
}

fn spec(layer: &Tree, command: &[&str]) -> Spec {
    Spec::new(&rootfs("nginx"), command).layer(layer.path())
}

/// Waits until it has changed its user, and nobody can read what it runs.
#[track_caller]
fn ready(container: Container) -> Container {
    container.wait("become another user", || container.log().contains("ready"));
    let unreadable = "for status in /proc/[0-9]*/status; do grep -q Uid:.33 $status || continue; \
        readlink ${status%status}exe && echo readable; done";
    let ran = container.exec(["/bin/sh", "-c", unreadable]);
    assert_eq!(ran.stdout, "", "{ran:?}");
    container
}

fn start(layer: &Tree, command: &[&str]) -> Container {
    ready(spec(layer, command).start())
}

fn there(container: &Container, path: &str) -> bool {
    container.root().join(path.trim_start_matches('/')).symlink_metadata().is_ok()
}

/// Does what the message says, to the letter, until nothing is said any more: what is refused or waited for is kept where
/// that is the advice. Each try with these flags and this profile, and at last without a shell and with the app.
#[track_caller]
pub fn follow_the_fixes(container: &Container, include: &str, flags: &[&str]) -> Vec<String> {
    let mut keep: Vec<String> = Vec::new();
    for _ in 0..8 {
        let list = keep.iter().map(|path| format!("{path:?}")).collect::<Vec<_>>().join(", ");
        let profile = format!("schema = 1\ninclude = [{include}]\n[keep]\npaths = [{list}]\n");
        fs::write(container.root().join("var/tmp/site.toml"), profile).unwrap();
        let mut last = None;
        container.wait("be judged", || {
            let ran = container.lithify(&[&["harden", "-p", "/var/tmp/site.toml"], flags].concat());
            let over = ran.code != 75;
            last = Some(ran);
            over
        });
        let ran = last.unwrap();
        if ran.code == 0 {
            assert!(container.is_running());
            assert_no_shell(container);
            return keep;
        }
        let advised = advised(&ran);
        assert!(!advised.is_empty(), "no way out in {ran:?}");
        keep.extend(advised);
    }
    panic!("no end of fixes: {keep:?}");
}

/// The paths that the message advises to keep.
fn advised(ran: &Ran) -> Vec<String> {
    let all = ran.all();
    let mut lines = all.lines().peekable();
    let mut paths = Vec::new();
    while let Some(line) = lines.next() {
        let path = line
            .split_once("REFUSED ")
            .map(|(_, rest)| rest.split([' ', ':']).next().unwrap())
            .or_else(|| line.split_once("seems to run ").map(|(_, rest)| rest.split(',').next().unwrap()))
            .or_else(|| line.split_once("still runs ").map(|(_, rest)| rest.split(',').next().unwrap()));
        let Some(path) = path else { continue };
        if lines.by_ref().take(1).chain([line]).any(|text| text.contains("[keep] paths")) {
            paths.push(path.to_owned());
        }
    }
    paths
}

#[test]
fn a_kept_file_of_the_same_name_is_not_its_program() {
    let layer = layer(&["/usr/bin/memcached"]);
    layer.file_with("/etc/default/memcached", "USER=memcache\n").file_with("/etc/init.d/memcached", SCRIPT);
    let container = start(&layer, &["memcached"]);
    let keep = "[keep]\npaths = [\"/etc/default/memcached\", \"/etc/init.d/memcached\"]\n";
    let remove = format!("[remove]\npaths = [\"/usr/bin/memcached\"]\n{keep}");
    App::harden(&container, &remove, "site")
        .exits(3)
        .says("REFUSED /usr/bin/memcached")
        .says("process 1 (memcached), the container's first, seems to run it")
        .says("[keep] paths");
    let wait = ["harden", "--wait-for-app", "-p", "/var/tmp/site.toml"];
    container
        .lithify(&wait)
        .exits(75)
        .says("first process, whose program cannot be read (CAP_SYS_PTRACE), seems to run /usr/bin/memcached");
    container.lithify(&[&wait[..], &["--wait-timeout=0"]].concat()).exits(1).says("[keep] paths");
    assert!(there(&container, "/usr/bin/memcached"));
    // The entry that it is asked for saves it.
    App::harden(&container, &remove.replace("/etc/default", "/usr/bin"), "site").exits(0);
    assert!(there(&container, "/usr/bin/memcached"));
}

#[test]
fn a_kept_program_of_the_same_name_elsewhere_is_not_it() {
    // A copy in every byte.
    let layer = layer(&["/usr/bin/memcached", "/opt/old/memcached"]);
    let container = start(&layer, &["memcached"]);
    let with = |remove: &str, keep: &str| {
        let profile = format!("[remove]\npaths = [\"{remove}\"]\n[keep]\npaths = [\"{keep}\"]\n");
        App::harden(&container, &profile, "site").exits(3).says(&format!("REFUSED {remove}"))
    };
    with("/usr/bin/memcached", "/opt/old/memcached");
    // Whoever wants the other one gone has to say so.
    with("/opt/old/memcached", "/usr/bin/memcached").says("[remove] force");
    assert!(there(&container, "/usr/bin/memcached") && there(&container, "/opt/old/memcached"));
}

#[test]
fn scripts_and_other_files_of_its_name_are_not_its_program() {
    for (path, name) in [("/usr/bin/memcached", "memcached"), ("/usr/lib/squid/log_file_daemon_of_it", "squid")] {
        let layer = layer(&[path]);
        let own = Path::new(path).file_name().unwrap().to_str().unwrap();
        for name in [name, own] {
            for directory in ["/etc/init.d", "/etc/cron.daily", "/etc/logrotate.d", "/usr/share/bug"] {
                layer.file_with(&format!("{directory}/{name}"), SCRIPT);
            }
        }
        let container = start(&layer, &[path]);
        for flags in [&["--wait-for-app"][..], &[]] {
            let kept = follow_the_fixes(&container, "\"distroless\", \"leftovers\"", flags);
            assert!(kept.is_empty(), "{kept:?}");
        }
        assert!(there(&container, path) && !there(&container, "/etc/init.d"));
    }
}

#[test]
fn what_the_profile_takes_for_a_tool_is_saved_by_the_advice() {
    // To the profile a network tool, by its name.
    let layer = layer(&["/usr/sbin/socat"]);
    for flags in [&["--wait-for-app", "--wait-timeout=1"][..], &[]] {
        let container = start(&layer, &["socat"]);
        assert_eq!(follow_the_fixes(&container, "\"distroless\"", flags), ["/usr/sbin/socat"]);
        assert!(there(&container, "/usr/sbin/socat"));
    }
}

#[test]
fn a_script_that_a_readable_interpreter_of_its_name_runs_is_waited_for() {
    // By the size of its code it is the shell, whatever it is called.
    let layer = layer(&["/usr/bin/memcached"]);
    layer.file_with("/etc/init.d/memcached", &format!("#!/bin/dash\n{HELD}\nexec /usr/bin/memcached\n"));
    // With a capability of its own, nobody of that user may look.
    let change = ["/usr/bin/setpriv", "--reuid=33", "--clear-groups", "--inh-caps=+setuid,+setgid,+chown"];
    let command = [&change[..], &["--ambient-caps=+setuid,+setgid,+chown", "/etc/init.d/memcached"]].concat();
    let container = spec(&layer, &command).start();
    container.wait("start", || fs::read_to_string(format!("/proc/{}/comm", container.pid())).unwrap() == "memcached\n");
    assert_ne!(container.exec(["/bin/readlink", "/proc/1/exe"]).code, 0);
    let probe = ["harden", "--wait-for-app", "-p", "shells", "--remove=touch"];
    container.lithify(&probe).exits(75).says("seems to run /usr/bin/dash, which profile shells removes");
    container.lithify(&["harden", "-p", "shells"]).exits(3).says("REFUSED /usr/bin/dash").does_not_say("REFUSED /etc");
    go(&container);
    container.wait("become the daemon", || container.log().contains("ready"));
    container.lithify(&probe).exits(0);
    assert_no_shell(&container);
    assert!(container.is_running());
}

#[test]
fn one_that_calls_itself_otherwise_may_be_any_program_of_its_size() {
    let layer = layer(&["/usr/bin/memcached", "/usr/bin/nc"]);
    let container = start(&layer, &["/usr/bin/memcached", "title"]);
    let remove = "[remove]\nnames = [\"dash\", \"nc\"]\n[keep]\npaths = [\"/usr/bin/memcached\"]\n";
    // No `[keep]` says what it is, and to keep what is refused might keep a shell.
    App::harden(&container, remove, "site")
        .exits(3)
        .says("REFUSED /usr/bin/nc")
        .says("process 1 (quiet), the container's first, may run it")
        .says("SYS_PTRACE, so that the program can be read")
        .does_not_say("REFUSED /usr/bin/dash")
        .does_not_say("[keep] paths");
    let wait = ["harden", "--wait-for-app", "--wait-timeout=0", "-p", "/var/tmp/site.toml"];
    container.lithify(&wait).exits(1).says("may run /usr/bin/nc").says("SYS_PTRACE").does_not_say("[keep] paths");
    App::harden(&container, "[remove]\nnames = [\"memcached\"]", "site").exits(3).says("REFUSED /usr/bin/memcached");
    assert!(there(&container, "/usr/bin/nc") && there(&container, "/usr/bin/memcached"));
    // What is of another size is not it.
    App::harden(&container, "[remove]\nnames = [\"touch\"]", "site").exits(0);

    // As advised.
    let capabilities = [&DEFAULT_CAPABILITIES[..], &["CAP_SYS_PTRACE"]].concat();
    let container = spec(&layer, &["/usr/bin/memcached", "title"]).capabilities(&capabilities).start();
    container.wait("become another user", || container.log().contains("ready"));
    App::harden(&container, remove, "site").exits(0);
    assert!(!there(&container, "/usr/bin/nc") && there(&container, "/usr/bin/memcached"));
    let run = ["/lithify/lithify", "run", "--remove=nc", "--", "/usr/bin/memcached", "title"];
    let container = spec(&layer, &run).start();
    container.wait("become another user", || container.log().contains("ready"));
    assert!(!there(&container, "/usr/bin/nc") && there(&container, "/usr/bin/memcached"));
}

#[test]
fn one_that_says_its_name_blocks_nothing_else_of_its_size() {
    // Found by the path that it says, in the directories for programs, or anywhere.
    for (program, command) in [
        ("/usr/bin/memcached", &["memcached"][..]),
        ("/opt/app/bin/memcached", &["/opt/app/bin/memcached"]),
        ("/usr/lib/app/a_helper_with_a_long_name", &["/bin/bash", "-c", "cd /usr/lib/app; exec ./a_helper*"]),
        ("/opt/[x]/he*er", &["/bin/bash", "-c", "exec -a daemon /opt/*/he*er"]),
    ] {
        let layer = layer(&[program, "/usr/bin/nc"]);
        let container = start(&layer, command);
        container.lithify(&["harden", "--wait-for-app", "--remove=nc"]).exits(0).says("the size of its code decided");
        assert!(!there(&container, "/usr/bin/nc") && there(&container, program), "{program}");
    }
}

#[test]
fn a_link_to_what_goes_leads_to_it() {
    let layer = layer(&["/usr/bin/memcached-1.6"]);
    layer.link("/usr/bin/memcached", "memcached-1.6");
    let container = start(&layer, &["memcached"]);
    container.lithify(&["harden", "--remove=memcached"]).exits(3).says("REFUSED /usr/bin/memcached-1.6");
    container.lithify(&["harden", "--remove=memcached-1.6", "--wait-for-app"]).exits(75).says("memcached-1.6");
    assert!(there(&container, "/usr/bin/memcached-1.6"));
}

#[test]
fn workers_and_programs_whose_first_thread_has_ended() {
    let layer = layer(&["/usr/bin/memcached", "/opt/x"]);
    // No runtime enters a container whose first process is like that.
    for (command, role) in [
        (
            &["/bin/sh", "-c", "memcached headless & exec sleep 1000"][..],
            "a descendant of the container's first, seems",
        ),
        (&["/bin/sh", "-c", "memcached & exec sleep 1000"], "a descendant of the container's first, seems"),
    ] {
        let container = start(&layer, command);
        let shell = |container: &Container| container.exec(["/bin/cat", "/proc/1/comm"]).stdout == "sh\n";
        container.wait("exec", || !shell(&container));
        let remove = ["harden", "--remove=memcached"];
        container.lithify(&remove).exits(3).says("REFUSED /usr/bin/memcached").says(role);
        container.lithify(&[&remove[..], &["--wait-for-app"]].concat()).exits(75).says("/usr/bin/memcached");
        assert!(there(&container, "/usr/bin/memcached"));
    }
    // The first one can be read, and the worker says no other name.
    let container = start(&layer, &["memcached", "worker"]);
    container.lithify(&["harden", "--remove=memcached"]).exits(3).says("runs it");
    container.lithify(&["harden", "--remove=/opt/x", "--remove=dash"]).exits(0);
    assert!(there(&container, "/usr/bin/memcached") && !there(&container, "/opt/x"));
}

#[test]
fn the_libraries_of_one_that_a_kept_name_resembles_are_not_known() {
    let layer = layer(&["/usr/bin/memcached"]);
    layer.file_with("/etc/default/memcached", "USER=memcache\n");
    let container = start(&layer, &["memcached"]);
    let closure = |keep: &str| format!("[keep]\nonly = [\"tail\"]\nlibraries = \"closure\"\npaths = [\"{keep}\"]\n");
    App::harden(&container, &closure("/etc/default/memcached"), "site")
        .exits(3)
        .says("(memcached) belongs to the app, and which libraries it has loaded cannot be read");
    assert!(there(&container, "/usr/bin/memcached") && there(&container, "/usr/bin/dash"));
    App::harden(&container, &closure("/usr/bin/memcached"), "site").exits(0);
    assert!(there(&container, "/usr/bin/memcached") && !there(&container, "/usr/bin/dash"));
}

#[test]
fn seen_from_another_container_and_by_run() {
    let layer = layer(&["/usr/bin/memcached"]);
    layer.file_with("/etc/default/memcached", "").file_with("/etc/init.d/memcached", SCRIPT);
    let app = start(&layer, &["memcached"]);
    let capabilities = [&DEFAULT_CAPABILITIES[..], &["CAP_SYS_PTRACE"]].concat();
    let sidecar = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"]).share_pid_with(&app);
    let sidecar = sidecar.capabilities(&capabilities).start();
    let root = "--root=/proc/1/root";
    sidecar.lithify(&["harden", root, "--remove=memcached"]).exits(3).says("REFUSED /usr/bin/memcached");
    sidecar.lithify(&["harden", root, "--wait-for-app", "-p", "leftovers", "-p", "shells", "--remove=touch"]).exits(0);
    assert_no_shell(&app);
    assert!(app.is_running() && there(&app, "/usr/bin/memcached"));

    // A script that becomes the daemon: waited for, then hardened beside it.
    let script = format!("{HELD}; exec memcached");
    let run =
        ["/lithify/lithify", "run", "-p", "shells", "-p", "leftovers", "--remove=touch", "--", "sh", "-c", &script];
    let container = spec(&layer, &run).start();
    go(&container);
    container.wait("harden", || container.log().contains("lithify run /: "));
    assert_no_shell(&container);
    assert!(container.is_running() && there(&container, "/usr/bin/memcached"), "{}", container.log());
}

#[test]
fn one_that_nobody_may_read_of_another_kind_of_file() {
    // Not executable, not a program: never what it runs, be it called so.
    let layer = layer(&["/usr/bin/memcached"]);
    layer.file_with("/usr/local/bin/memcached", "no program").file_with("/opt/memcached", "\x7fELF broken");
    fs::set_permissions(layer.at("/opt/memcached"), fs::Permissions::from_mode(0o644)).unwrap();
    let container = start(&layer, &["/usr/bin/memcached"]);
    container.lithify(&["harden", "--remove=/usr/local/bin/memcached", "--remove=/opt/memcached"]).exits(0);
    assert!(!there(&container, "/usr/local/bin/memcached") && !there(&container, "/opt/memcached"));
    assert!(there(&container, "/usr/bin/memcached") && container.is_running());
}

#[test]
fn a_zombie_runs_nothing_whoever_may_look_at_it() {
    let change = "exec setpriv --reuid=33 --clear-groups --inh-caps=+chown --ambient-caps=+chown true";
    let script = format!("(sleep 0.5; {change}) & exec sleep 1000");
    let container = Spec::new(&rootfs("nginx"), &["/bin/sh", "-c", &script]).start();
    let zombie = "grep -q State:.Z /proc/[0-9]*/status && grep -qx sleep /proc/1/comm";
    container.wait("end", || container.exec(["/bin/sh", "-c", zombie]).code == 0);
    container.lithify(&["harden", "--wait-for-app", "--remove=true"]).exits(0);
    assert!(!there(&container, "/usr/bin/true"));
}

#[test]
fn in_an_unpacked_tree_only_what_is_called_as_it_is_counts() {
    let layer = layer(&["/usr/bin/memcached", "/srv/tree/usr/bin/memcached", "/srv/tree/usr/bin/nc"]);
    for how in ["", "title"] {
        let container = start(&layer, &["memcached", how]);
        let harden = |name: &str| container.lithify(&["harden", "--root=/srv/tree", &format!("--remove={name}")]);
        harden("nc").exits(0);
        assert!(!there(&container, "/srv/tree/usr/bin/nc"));
        if how.is_empty() {
            harden("memcached").exits(3).says("REFUSED /usr/bin/memcached");
            assert!(there(&container, "/srv/tree/usr/bin/memcached"));
        }
    }
}

#[test]
fn where_the_kernel_says_no_size_the_name_decides_and_without_one_everything_counts() {
    let layer = layer(&["/usr/bin/memcached"]);
    layer.file_with("/etc/init.d/memcached", SCRIPT);
    let without_sizes = |how: &str| {
        let container = start(&layer, &["memcached", how]);
        container.enter(["/bin/mount", "--bind", "/dev/null", "/proc/1/task/1/statm"]).exits(0);
        container
    };
    let container = without_sizes("");
    container.lithify(&["harden", "--remove=memcached"]).exits(3).says("seems to run it");
    assert!(there(&container, "/usr/bin/memcached"));
    assert!(follow_the_fixes(&container, "\"distroless\", \"leftovers\"", &["--wait-for-app"]).is_empty());
    let container = without_sizes("title");
    container.lithify(&["harden", "--remove=touch"]).exits(3).says("may run it").says("SYS_PTRACE");
    container.lithify(&["harden", "--remove=touch", "--wait-for-app", "--wait-timeout=0"]).exits(1).says("may run");
    container.lithify(&["harden", "--remove=/etc/init.d/memcached"]).exits(0);
    assert!(there(&container, "/usr/bin/touch") && !there(&container, "/etc/init.d/memcached"));
}
