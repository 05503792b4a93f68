//! `run` where nothing can be deleted, and `[confine]`: what the app, and who got in through it, can still do.

use std::fs;

use crate::harness::container::{Container, Spec};
use crate::harness::init_app::app;
use crate::harness::rootfs;

const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

/// A container of `tree` as "restricted" wants it: read-only, uid 65532, no capabilities, with an emptyDir on /tmp.
pub(super) fn restricted(tree: &str, command: &[&str]) -> Spec {
    Spec::new(&rootfs(tree), command).restricted().tmpfs("/tmp", &["mode=1777"]).volume(
        app().parent().unwrap(),
        "/app",
        &["ro"],
    )
}

pub(super) fn run<'a>(flags: &[&'a str], command: &[&'a str]) -> Vec<&'a str> {
    [&["/lithify/lithify", "run"], flags, &["--"], command].concat()
}

pub(super) fn ended(spec: Spec) -> Container {
    let container = spec.start();
    container.wait_until_it_ends();
    container
}

/// `/etc/lithify.toml` of a container.
pub(super) fn with_profile(spec: Spec, text: &str) -> (Spec, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("site.toml"), format!("schema = 1\nname = \"site\"\n{text}")).unwrap();
    (spec.volume(directory.path(), "/profile", &["ro"]), directory)
}

#[track_caller]
pub(super) fn assert_log(container: &Container, expected: &[&str]) {
    let log = container.log();
    for text in expected {
        assert!(log.contains(text), "{text:?} is missing in:\n{log}");
    }
}

const ATTACK: [&str; 5] = ["/app/app", "attack", "/bin/sh", LOADER, "/tmp"];
const WAYS: [&str; 6] = ["exec", "loader", "system", "copy", "loaded copy", "memory"];

#[test]
fn without_it_every_way_to_a_shell_is_open() {
    let container = ended(restricted("nginx", &ATTACK));
    assert_log(&container, &WAYS.map(|way| format!("{way}: worked\n")).each_ref().map(String::as_str));
}

#[test]
fn on_a_read_only_root_the_shell_is_denied_to_the_app_in_every_way() {
    let container = ended(restricted("nginx", &run(&["-p", "shells"], &ATTACK)));
    let log = container.log();
    assert_log(&container, &["are denied to the app and its children instead (Landlock ABI ", "fully enforced"]);
    for way in WAYS {
        assert!(log.contains(&format!("{way}: ")) && !log.contains(&format!("{way}: worked")), "{way}:\n{log}");
    }
    assert_log(&container, &["exec: Permission denied", "loader: "]);
    // They are still there: what does not come from the app is not bound.
    container.root().join("usr/bin/dash").metadata().unwrap();
}

#[test]
fn nginx_answers_under_it_and_an_exec_is_not_bound() {
    let nginx = ["/usr/sbin/nginx", "-g", "daemon off;"];
    for init in [&[][..], &["--init"]] {
        let flags = [&["-p", "/profile/site.toml", "--fallback", "deny"], init].concat();
        let volume = tempfile::tempdir().unwrap();
        let mut spec = restricted("nginx", &run(&flags, &nginx));
        for (name, at) in [("run", "/run"), ("cache", "/var/cache/nginx"), ("lib", "/var/lib/nginx")] {
            let source = volume.path().join(name);
            fs::create_dir(&source).unwrap();
            std::os::unix::fs::chown(&source, Some(65532), Some(65532)).unwrap();
            spec = spec.volume(&source, at, &["rw"]);
        }
        let profile = "include = [\"nginx\", \"restricted\"]\n[verify.mounts]\nwritable = [\"/tmp\"]\n";
        let (spec, _profile) = with_profile(spec, profile);
        let container = spec.start();
        assert_eq!(container.http(), "nginx answers\n");
        container.exec(["/bin/sh", "-c", "echo in"]).exits(0).says("in");
        assert_log(&container, &["names cannot be removed, and are denied to the app"]);
        assert_eq!(container.termination_message(), "");
    }
}

#[test]
fn every_step_says_what_became_of_it() {
    let run = run(&["--format", "json", "-p", "shells", "--remove", "/usr/bin/touch"], &["/app/app", "exit", "0"]);
    let container = ended(restricted("nginx", &run));
    let report: serde_json::Value =
        serde_json::from_str(&container.log()).unwrap_or_else(|_| panic!("{}", container.log()));
    let actions = report["actions"].as_array().unwrap();
    assert!(actions.len() > 5, "{actions:?}");
    for action in actions {
        assert_eq!(action["outcome"], "denied", "{action}");
        assert!(!action["rule"].as_str().unwrap().is_empty());
    }
    assert_eq!(report["summary"]["denied"], actions.len());
    assert_eq!((&report["exit_code"], report["findings"].as_array().unwrap().len()), (&0.into(), 0));
    assert!(
        report["checks"].as_array().unwrap().iter().any(|check| check["id"] == "fallback" && check["status"] == "pass")
    );
}

#[test]
fn a_user_who_owns_nothing_is_denied_and_what_he_owns_is_disabled() {
    // A writable root that belongs to root, but for one file in a directory of root's.
    let spec = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "100"]).user(65532, 65532).capabilities(&[]);
    let container = spec.volume(app().parent().unwrap(), "/app", &["ro"]).start();
    let mine = container.root().join("opt/mine");
    fs::copy(container.root().join("usr/bin/dash"), &mine).unwrap();
    std::os::unix::fs::chown(&mine, Some(65532), Some(65532)).unwrap();
    let flags = ["run", "--format", "json", "--remove", "/opt/mine", "--remove", "/usr/bin/perl", "--"];
    let ran = container.lithify(&[&flags[..], &["/app/app", "attack", "/opt/mine", LOADER, "/tmp"]].concat()).exits(0);
    let report: serde_json::Value = serde_json::from_str(ran.stderr.lines().next().unwrap()).unwrap();
    let outcome = |path: &str| {
        let actions = report["actions"].as_array().unwrap();
        actions.iter().find(|action| action["path"] == path).map(|action| action["outcome"].clone())
    };
    assert_eq!((outcome("/opt/mine"), outcome("/usr/bin/perl")), (Some("disabled".into()), Some("denied".into())));
    assert!(!ran.stdout.contains("exec: worked") && !ran.stdout.contains("loader: worked"), "{ran:?}");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mine.metadata().unwrap().permissions()) & 0o7777, 0);
}

#[test]
fn a_link_to_a_program_that_stays_cannot_be_denied_and_is_a_finding() {
    let attack = ["/app/app", "run", "/bin/sh", "-c", "exit 0"];
    let container = ended(restricted("alpine", &attack));
    assert_log(&container, &["run: worked"]);
    let container = ended(restricted("alpine", &run(&["--remove", "sh"], &attack)));
    assert_log(&container, &["FAIL remove /bin/sh", "EROFS"]);
    assert!(!container.log().contains("run: "), "the app was started: {}", container.log());
    let container = ended(restricted("alpine", &run(&["--remove", "busybox"], &attack)));
    assert_log(&container, &["run: Permission denied", "denied to the app"]);
}

#[test]
fn without_landlock_nothing_is_claimed() {
    let without = |flags: &[&str]| {
        let spec = restricted("nginx", &run(flags, &["/app/app", "exit", "0"]));
        ended(spec.refuse("landlock_create_ruleset", nix::libc::ENOSYS))
    };
    let container = without(&["-p", "shells"]);
    assert_log(&container, &["could not remove", "Landlock is not available", "--fallback warn"]);
    assert!(!container.termination_message().is_empty());
    let container = without(&["-p", "shells", "--fallback", "warn"]);
    assert_log(&container, &["the root is read-only"]);
    assert_eq!(container.termination_message(), "");
}

pub(super) const CONFINE: &str = "[confine]\nwrite = [\"/tmp\"]\nexecute = [\"/usr/bin/true\"]\n";

#[test]
fn only_what_is_listed_is_written_and_executed() {
    // Writable root, as root: it is Landlock that says no.
    let try_it = |confine: Option<&str>, command: &[&str]| {
        let flags: &[&str] = if confine.is_some() { &["-p", "/profile/site.toml"] } else { &["--init"] };
        let spec = Spec::new(&rootfs("nginx"), &run(flags, command)).volume(app().parent().unwrap(), "/app", &["ro"]);
        let (spec, _profile) = with_profile(spec.tmpfs("/tmp", &["mode=1777"]), confine.unwrap_or_default());
        let container = ended(spec);
        container.log()
    };
    for (command, before, after) in [
        (
            &["/app/app", "write", "/tmp/x"][..],
            "write: worked\nrun what was written: worked",
            "write: worked\nrun what was written: Permission denied",
        ),
        (&["/app/app", "write", "/var/tmp/x"], "write: worked", "write: Permission denied"),
        (&["/app/app", "write", "/dev/null"], "write: worked", "write: worked"),
        (&["/app/app", "truncate", "/etc/passwd"], "truncate: worked", "truncate: Permission denied"),
        (&["/app/app", "run", "/usr/bin/true"], "run: worked", "run: worked"),
        (&["/app/app", "run", "/usr/bin/touch", "/tmp/y"], "run: worked", "run: Permission denied"),
        // A program that is itself the command, with its loader and libraries.
        (&["/usr/bin/printf", "said %s", "it"], "said it", "said it"),
    ] {
        let log = try_it(None, command);
        assert!(log.contains(before), "{command:?} before: {log}");
        let log = try_it(Some(CONFINE), command);
        assert!(log.contains(after), "{command:?} confined: {log}");
        assert!(log.contains("[confine]: Landlock ABI ") && log.contains("fully enforced"), "{log}");
    }
}

/// What README, docs/run.md, docs/scan.md and docs/threat-model.md say of `[confine]`, each by a real attempt.
#[test]
fn of_what_an_intruder_brings_along_only_execve_is_stopped() {
    let confine = "[confine]\nwrite = [\"/tmp\"]\nexecute = [\"/usr/bin/perl\"]\n";
    let command = ["/app/app", "brought", "/usr/bin/true", LOADER, "/tmp", "/usr/bin/perl"];
    for (profile, flags) in [("", &["--init"][..]), (confine, &["-p", "/profile/site.toml"])] {
        let spec = restricted("nginx", &run(flags, &command));
        let (spec, _profile) = with_profile(spec, profile);
        let container = ended(spec);
        let stopped = if profile.is_empty() { "worked" } else { "Permission denied" };
        assert_log(&container, &[&format!("execve of what was written: {stopped}\n")]);
        for way in [
            "ld.so with what was written",
            "a script for an interpreter",
            "fexecve of memory",
            "code mapped from what was written",
            "code of its own",
        ] {
            assert_log(&container, &[&format!("{way}: worked\n")]);
        }
    }
}

#[test]
fn a_shell_without_an_x_bit_is_denied_where_it_cannot_be_deleted() {
    // It lies in the image: a read-only root.
    let tree = tempfile::tempdir().unwrap();
    let shell = tree.path().join("opt/data");
    fs::create_dir(tree.path().join("opt")).unwrap();
    fs::copy(rootfs("nginx").join("usr/bin/dash"), &shell).unwrap();
    for (path, mode) in [(&shell, 0o644), (&tree.path().to_path_buf(), 0o755)] {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }
    let command = ["/app/app", "run", LOADER, "/opt/data", "-c", "exit 0"];
    for (flags, outcome) in [(&["--init"][..], "run: worked"), (&["-p", "/profile/site.toml"], "run: ")] {
        let spec = restricted("nginx", &run(flags, &command));
        let (spec, _profile) = with_profile(spec, "[remove]\nclasses = [\"shell\"]\n");
        let container = ended(spec.layer(tree.path()));
        assert_log(&container, &[outcome]);
        assert_eq!(container.log().contains("run: worked"), flags == ["--init"], "{}", container.log());
    }
}

#[test]
fn nothing_is_both_writable_and_executable() {
    for (confine, says) in [
        // What the text shows is an error of the profile, with its place.
        ("write = [\"/usr\"]\nexecute = [\"/usr/bin/true\"]", "site.toml:4:10: "),
        // What only links show, and the command itself.
        ("write = [\"/usr/bin\"]\nexecute = [\"/bin/true\"]", "/usr/bin/true would be both writable"),
        ("write = [\"/app\"]\nexecute = []", "/app/app would be both writable"),
    ] {
        let spec = restricted("nginx", &run(&["-p", "/profile/site.toml"], &["/app/app", "state"]));
        let (spec, _profile) = with_profile(spec, &format!("[confine]\n{confine}\n"));
        let container = ended(spec);
        assert_log(&container, &[says]);
        assert!(!container.log().contains("Uid:"));
    }
}

#[test]
fn a_volume_that_is_mounted_twice_is_not_written_in_one_place_and_executed_in_the_other() {
    let volume = tempfile::tempdir().unwrap();
    fs::set_permissions(volume.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    fs::create_dir(volume.path().join("bin")).unwrap();
    fs::copy(app(), volume.path().join("bin/app")).unwrap();
    let written = "[confine]\nwrite = [\"/data\"]\nexecute = [\"/programs\"]\n";
    let spec = restricted("nginx", &run(&["-p", "/profile/site.toml"], &["/app/app", "write", "/data/x"]));
    let spec = spec.volume(volume.path(), "/data", &["rw"]).volume(volume.path(), "/programs", &["ro"]);
    let (spec, _profile) = with_profile(spec, written);
    let container = ended(spec);
    assert_log(&container, &["/programs would be both writable ([confine] write \"/data\") and executable"]);
    assert!(!container.log().contains("write: "), "the app was started: {}", container.log());
    // A program in the same volume.
    let (spec, _profile) = with_profile(
        restricted("nginx", &run(&["-p", "/profile/site.toml"], &["/programs/bin/app", "write", "/data/x"]))
            .volume(volume.path(), "/data", &["rw"])
            .volume(volume.path(), "/programs", &["ro"]),
        "[confine]\nwrite = [\"/data\"]\nexecute = []\n",
    );
    assert_log(&ended(spec), &["/programs/bin/app would be both writable"]);
}
