//! redis and a Python app by each way of hardening, under RuntimeDefault: the app answers, and no shell can be executed,
//! neither by exec into the container nor from within the app, where a module of redis and a request to the Python app
//! try. Python keeps its interpreter and loses everything else.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harden::wait_for_app::{HELD, go};
use crate::harness::app::{App, PYTHON, REDIS};
use crate::harness::container::{Container, Spec};
use crate::harness::init_app::module;
use crate::harness::rootfs;

/// An image with the app.
struct Image {
    app: App,
    layer: tempfile::TempDir,
    data: tempfile::TempDir,
    command: Vec<&'static str>,
    profile: &'static str,
    user: &'static str,
    uid: u32,
}

/// As the official images have it: prepares as root, and starts itself once more as the app's user; takes its time, and
/// first of all until it is let go on.
fn entrypoint(user: &str) -> String {
    format!(
        "#!/bin/sh\nset -e\n{HELD}\nsleep 0.7\nif [ \"$(id -u)\" = 0 ]; then\n  find /srv ! -user {user} -exec chown {user} '{{}}' +\n  \
         exec setpriv --reuid={user} --regid={user} --clear-groups \"$0\" \"$@\"\nfi\nexec \"$@\"\n"
    )
}

impl Image {
    fn redis() -> Self {
        let command = [REDIS.command, &["--enable-module-command", "yes"]].concat();
        Self::new(REDIS, command, "redis", "redis", 100)
    }

    fn python() -> Self {
        Self::new(PYTHON, PYTHON.command.to_vec(), "/etc/site.toml", "www-data", 33)
    }

    fn new(app: App, command: Vec<&'static str>, profile: &'static str, user: &'static str, uid: u32) -> Self {
        let layer = tempfile::tempdir().unwrap();
        let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/init");
        let site = format!("schema = 1\n[keep]\nonly = [\"{}\"]\npaths = [{}]\n", app.only, app.paths);
        for (path, content, mode) in [
            ("docker-entrypoint.sh", entrypoint(user).into_bytes(), 0o755),
            ("srv/app.py", fs::read(sources.join("app.py")).unwrap(), 0o644),
            // redis loads only what can be executed.
            ("srv/module.so", fs::read(module()).unwrap(), 0o755),
            ("etc/site.toml", site.into_bytes(), 0o644),
        ] {
            let at = layer.path().join(path);
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            fs::write(&at, content).unwrap();
            fs::set_permissions(&at, fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::set_permissions(layer.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let data = tempfile::tempdir().unwrap();
        fs::set_permissions(data.path(), fs::Permissions::from_mode(0o777)).unwrap();
        Self { app, layer, data, command, profile, user, uid }
    }

    /// A container of it, with this before its command.
    fn spec(&self, before: &[&str]) -> Spec {
        let arguments = [before, &self.command].concat();
        Spec::new(&rootfs(self.app.tree), &arguments).layer(self.layer.path()).runtime_default()
    }

    /// The same on a read-only root as uid 65532 and without capabilities.
    fn restricted(&self, before: &[&str]) -> Spec {
        let spec = self.spec(before).restricted().tmpfs("/tmp", &["mode=1777"]);
        // The profile wants what redis writes to be a volume.
        if self.app.tree == "redis" { spec.volume(self.data.path(), "/var/lib/redis", &["rw"]) } else { spec }
    }

    /// Every way to a shell from within the app, and how it went.
    #[track_caller]
    fn attack(&self, container: &Container) -> Vec<(String, bool)> {
        let log = if self.app.tree == "python" {
            container.http_at("8080/attack")
        } else {
            let answer = container.tcp(6379, "MODULE LOAD /srv/module.so\r\n");
            assert!(answer.contains("Error loading the extension"), "{answer}");
            fs::read_to_string(format!("/proc/{}/root/tmp/attack", container.pid())).unwrap()
        };
        let ways: Vec<_> = log
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(way, how)| (way.to_owned(), how == "worked"))
            .collect();
        assert!(ways.len() >= 6, "{log}");
        ways
    }

    #[track_caller]
    fn assert_attacks(&self, container: &Container, work: bool) {
        let ways = self.attack(container);
        assert!(ways.iter().all(|(_, worked)| *worked == work), "{}: {ways:#?}", self.app.tree);
    }

    /// It answers, and there is no way to a shell.
    #[track_caller]
    fn assert_hardened(&self, container: &Container) {
        self.app.answers(container);
        self.assert_attacks(container, false);
        assert_exec_of_a_shell(container, false);
        assert_eq!(container.termination_message(), "");
    }
}

#[track_caller]
fn assert_exec_of_a_shell(container: &Container, works: bool) {
    for words in [&["/bin/sh"][..], &["/usr/bin/bash"], &["/usr/bin/dash"], &["/lib64/ld-linux-x86-64.so.2", "/bin/sh"]]
    {
        let ran = container.exec(words.iter().chain(&["-c", "echo in"]));
        assert_eq!(ran.code == 0 && ran.stdout == "in\n", works, "{words:?}: {ran:?}");
    }
}

fn by_probe_with_waiting(image: &Image) {
    let probe = ["harden", "--wait-for-app", "-p", image.profile];
    let container = image.spec(&["/docker-entrypoint.sh"]).start();
    let first = container.lithify(&probe).exits(75).says("not yet: the container's first process still runs /usr/bin/");
    assert_exec_of_a_shell(&container, true);
    go(&container);
    let mut last = first;
    container.wait("be past its script", || {
        last = container.lithify(&probe);
        last.code != 75
    });
    last.exits(0).says("removed").does_not_say("cannot be read");
    let status = fs::read_to_string(format!("/proc/{}/status", container.pid())).unwrap();
    assert!(status.contains(&format!("\nUid:\t{}\t", image.uid)), "{status}");
    image.assert_hardened(&container);
    container.lithify(&["verify", "-p", image.profile]).exits(0);
    container.lithify(&probe).exits(0).says("nothing to remove");
}

#[test]
fn redis_by_probe_with_waiting() {
    by_probe_with_waiting(&Image::redis());
}

#[test]
fn python_by_probe_with_waiting() {
    by_probe_with_waiting(&Image::python());
}

/// Chosen by itself for an entrypoint script whose shell goes.
fn by_run_after_the_script(image: &Image) {
    let run = ["/lithify/lithify", "run", "-p", image.profile, "--", "/docker-entrypoint.sh"];
    let container = image.spec(&run).start();
    go(&container);
    container.wait("harden", || container.log().contains("removed"));
    image.assert_hardened(&container);
    // The script has still had its shell, twice.
    let owner = container.root().join("srv/app.py").metadata().unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&owner), image.uid);
}

#[test]
fn redis_by_run_after_the_script() {
    by_run_after_the_script(&Image::redis());
}

#[test]
fn python_by_run_after_the_script() {
    by_run_after_the_script(&Image::python());
}

fn by_run_as_another_user(image: &Image) {
    for init in [&[][..], &["--init"]] {
        let run = [&["/lithify/lithify", "run", "-p", image.profile, "--user", image.user], init, &["--"]].concat();
        let container = image.spec(&run).start();
        image.assert_hardened(&container);
        // Its first process, be it the app or lithify.
        let status = fs::read_to_string(format!("/proc/{}/status", container.pid())).unwrap();
        for text in [format!("\nUid:\t{0}\t{0}\t{0}\t{0}\n", image.uid), "\nCapEff:\t0000000000000000\n".to_owned()] {
            assert!(status.contains(&text), "{text:?} is missing in {status}");
        }
        assert_eq!(status.starts_with("Name:\tlithify\n"), !init.is_empty(), "{status}");
        assert!(container.root().join("usr/bin/dash").symlink_metadata().is_err());
    }
}

#[test]
fn redis_by_run_as_another_user() {
    by_run_as_another_user(&Image::redis());
}

#[test]
fn python_by_run_as_another_user() {
    by_run_as_another_user(&Image::python());
}

fn by_run_on_a_read_only_root(image: &Image) {
    let plain = image.restricted(&[]).start();
    image.app.answers(&plain);
    image.assert_attacks(&plain, true);
    drop(plain);
    let run = ["/lithify/lithify", "run", "-p", image.profile, "--fallback", "deny", "--"];
    let container = image.restricted(&run).start();
    image.app.answers(&container);
    image.assert_attacks(&container, false);
    assert_eq!(container.termination_message(), "");
    let log = container.log();
    assert!(log.contains("are denied to the app and its children instead"), "{log}");
    assert_eq!(log.matches("/var/cache/ldconfig").count(), 1, "{log}");
    // What the documentation says: an exec is no child of the app.
    assert_exec_of_a_shell(&container, true);
}

#[test]
fn redis_by_run_on_a_read_only_root() {
    by_run_on_a_read_only_root(&Image::redis());
}

#[test]
fn python_by_run_on_a_read_only_root() {
    by_run_on_a_read_only_root(&Image::python());
}

fn by_stage_on_a_read_only_root(image: &Image) {
    let volume = tempfile::tempdir().unwrap();
    fs::set_permissions(volume.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let stage =
        ["/lithify/lithify", "stage", "-p", image.profile, "/usr/bin", "/usr/sbin", "/bin", "/sbin", "--to", "/staged"];
    let init = Spec::new(&rootfs(image.app.tree), &stage).layer(image.layer.path());
    let (ran, message) = init.restricted().volume(volume.path(), "/staged", &["rw"]).run();
    assert_eq!((ran.code, message.as_str()), (0, ""), "{}", ran.all());
    let mut spec = image.restricted(&[]);
    for directory in ["/usr/bin", "/usr/sbin"] {
        assert!(
            ran.all().contains(&format!("mountPath: {directory}, subPath: root{directory}, readOnly: true")),
            "{}",
            ran.all()
        );
        spec = spec.volume(&volume.path().join(format!("root{directory}")), directory, &["ro"]);
    }
    image.assert_hardened(&spec.start());
}

#[test]
fn redis_by_stage_on_a_read_only_root() {
    by_stage_on_a_read_only_root(&Image::redis());
}

#[test]
fn python_by_stage_on_a_read_only_root() {
    by_stage_on_a_read_only_root(&Image::python());
}

/// What the others run under refuses what a runtime's default does.
#[test]
fn runtime_default_is_in_force() {
    // CLONE_NEWUSER with SIGCHLD.
    let clone = "my $pid = syscall(56, 0x10000011, 0, 0, 0, 0); print $pid < 0 ? $! : q(made) if $pid";
    let keyctl = "print syscall(250, 0, -3, 0, 0, 0) < 0 ? $! : q(made)";
    for (refused, expected) in [(false, "made"), (true, "Operation not permitted")] {
        let spec = Spec::new(&rootfs("redis"), &["/usr/bin/sleep", "100"]);
        let container = if refused { spec.runtime_default() } else { spec.no_seccomp() }.user(65532, 65532).start();
        for program in [clone, keyctl] {
            assert_eq!(container.exec(["/usr/bin/perl", "-e", program]).stdout, expected, "{program}");
        }
        let unshare = container.exec(["/usr/bin/unshare", "--user", "/usr/bin/echo", "made"]);
        assert!(unshare.all().contains(expected), "{unshare:?}");
    }
}
