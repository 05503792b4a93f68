//! Never the app: what process 1 and its descendants run is refused, and nothing at all is deleted then.

use std::os::unix::fs::PermissionsExt;

use crate::harness::app::{App, PYTHON};
use crate::harness::container::Spec;
use crate::harness::rootfs;
use crate::harness::tree::{Tree, manifest};

#[test]
fn the_first_processs_interpreter() {
    let container = Spec::new(&rootfs("nginx"), &["/bin/sh", "-c", "while :; do sleep 1; done"]).start();
    let before = manifest(container.root());
    container
        .lithify(&["harden", "-p", "shells"])
        .exits(3)
        .says("REFUSED /usr/bin/dash")
        .says("process 1 (sh), the container's first, runs it")
        .says("nothing was changed")
        // To keep the shell would be no way out.
        .says("add --wait-for-app")
        .says("start the app itself as the container's command")
        .does_not_say("[keep] paths = [");
    assert_eq!(manifest(container.root()), before);
    assert!(container.termination_message().contains("REFUSED /usr/bin/dash"));
    container.lithify(&["harden", "-p", "shells", "--dry-run"]).exits(3);
}

#[test]
fn a_descendants_program() {
    let container = Spec::new(&rootfs("nginx"), &["/bin/sh", "-c", "sleep 1000 & wait"]).start();
    container.wait("start", || container.exec(["sh", "-c", "grep -qsx sleep /proc/[0-9]*/comm"]).code == 0);
    container.lithify(&["harden", "--remove", "sleep"]).exits(3).says("a descendant of the container's first");
    assert!(container.root().join("usr/bin/sleep").exists());
}

#[test]
fn a_descendant_whose_program_cannot_be_read() {
    // nginx's workers change their user: a root probe without CAP_SYS_PTRACE may not read what they run.
    let container = Spec::new(&rootfs("nginx"), &["/usr/sbin/nginx", "-g", "daemon off;"]).start();
    container.http();
    container.lithify(&["harden", "--remove", "nginx"]).exits(3).says("REFUSED /usr/sbin/nginx");
    assert!(container.root().join("usr/sbin/nginx").exists());
    // The same without the master to give it away.
    let script = "setpriv --reuid 33 --clear-groups sleep 1000 & exec tail -f /dev/null";
    let container = Spec::new(&rootfs("nginx"), &["/bin/sh", "-c", script]).start();
    container.wait("start", || container.exec(["sh", "-c", "grep -qs sleep /proc/[0-9]*/comm"]).code == 0);
    container
        .lithify(&["harden", "--remove", "sleep"])
        .exits(3)
        .says("REFUSED /usr/bin/sleep")
        .says("(sleep), a descendant of the container's first, runs it");
    assert!(container.root().join("usr/bin/sleep").exists());
}

#[test]
fn a_borrowed_name_hides_nothing() {
    // A script called as a program of the app, by another user's shell that kept a capability, so that nobody
    // of that user may look at it.
    let script = "until [ -e /var/tmp/go ]; do sleep 0.1; done; sleep 1000 & \
        setpriv --reuid 33 --clear-groups --inh-caps +chown --ambient-caps +chown /opt/sleep & exec tail -f /dev/null";
    let container = Spec::new(&rootfs("nginx"), &["/bin/bash", "-c", script]).start();
    let write = |path: &str, text: &str| {
        let at = container.root().join(path);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::write(&at, text).unwrap();
        std::fs::set_permissions(&at, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    write("opt/sleep", "#!/usr/bin/dash\nkill -STOP $$\n");
    write("var/tmp/go", "");
    let runs = "grep -qs ^/usr/bin/dash /proc/[0-9]*/cmdline && grep -qsx tail /proc/1/comm";
    container.wait("start", || container.exec(["bash", "-c", runs]).code == 0);
    container.lithify(&["harden", "--remove", "dash"]).exits(3).says("REFUSED /usr/bin/dash").says("seems to run it");
    assert!(container.root().join("usr/bin/dash").exists());
}

#[test]
fn lithify_itself() {
    let container = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"]).start();
    std::fs::copy(crate::harness::lithify(), container.root().join("usr/bin/lithify")).unwrap();
    std::fs::hard_link(container.root().join("usr/bin/lithify"), container.root().join("usr/bin/bash2")).unwrap();
    container.exec(["/usr/bin/lithify", "harden", "--remove", "bash2"]).exits(3).says("it is lithify itself");
    assert!(container.root().join("usr/bin/bash2").exists());
}

#[test]
fn a_process_that_is_not_the_apps_loses_its_program_and_is_noted() {
    let container = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"]).start();
    // As somebody's `kubectl exec` that lasts.
    container.exec_in_background(&["/usr/bin/tail", "-f", "/dev/null"]);
    container.lithify(&["harden", "--remove", "tail"]).exits(0).says("note: /usr/bin/tail is being run by process");
    assert!(!container.root().join("usr/bin/tail").exists());
}

#[test]
fn force_overrides_per_path_but_never_for_lithify_or_a_library() {
    let profile = crate::harness::tree::Tree::new();
    let text = "schema = 1\nname = \"site\"\ninclude = [\"shells\"]\n[remove]\nforce = [\"/bin/sh\", \"/opt/**\"]\n";
    std::fs::write(profile.at("site.toml"), text).unwrap();
    let container = Spec::new(&rootfs("nginx"), &["/bin/sh", "-c", "while :; do sleep 1; done"])
        .volume(profile.path(), "/site", &["ro"])
        .start();
    let at = |path: &str| container.root().join(path.trim_start_matches('/'));
    let harden = |arguments: &[&str]| container.lithify(&[&["harden", "-p", "/site/site.toml"], arguments].concat());
    std::fs::create_dir_all(at("/opt")).unwrap();
    std::fs::copy(crate::harness::lithify(), at("/opt/own")).unwrap();
    std::fs::copy(at("/usr/lib/x86_64-linux-gnu/libc.so.6"), at("/opt/libc")).unwrap();
    harden(&["--remove", "/opt/libc"]).exits(3).says("it is a shared library");
    container
        .exec(["/opt/own", "harden", "-p", "/site/site.toml", "--remove", "/opt/own"])
        .exits(3)
        .says("lithify itself");
    // What force does not name stays protected.
    harden(&["--remove", "sleep"]).exits(3).says("REFUSED /usr/bin/sleep").does_not_say("REFUSED /usr/bin/dash");
    harden(&[]).exits(0).says("note: /usr/bin/dash goes by [remove] force, although process 1 (sh)");
    assert!(!at("/usr/bin/dash").exists() && !at("/usr/bin/sh").is_symlink());
    assert!(container.is_running());
}

/// Like podman's and other inits, which nobody knows all: what their command line names is the app's, too.
#[test]
fn what_an_unknown_init_was_told_to_start() {
    for name in ["podman-init", "tini-amd64"] {
        let layer = Tree::new();
        layer.file("/opt/init");
        std::fs::copy(rootfs("python").join("usr/bin/timeout"), layer.at("/opt/init")).unwrap();
        std::fs::rename(layer.at("/opt/init"), layer.at("/opt").join(name)).unwrap();
        let path = format!("/opt/{name}");
        let container =
            Spec::new(&rootfs("python"), &[path.as_str(), "0", "python3", "/srv/app.py"]).layer(layer.path()).start();
        PYTHON.answers(&container);
        let before = manifest(container.root());
        let wait = ["harden", "-p", "interpreters", "--wait-for-app", "--wait-timeout", "0"];
        let refused = container.lithify(&wait).exits(3);
        refused.says("REFUSED /usr/bin/python3").says("[keep] paths = [\"/usr/bin/python3\"]");
        assert_eq!(manifest(container.root()), before, "{name}");
    }
}

/// A program that the app starts by a link is started by it again, when the container is.
#[test]
fn the_link_that_a_descendant_was_called_by() {
    let command = ["/usr/bin/perl", "-e", "system('python3', '/srv/app.py')"];
    let container = Spec::new(&rootfs("python"), &command).start();
    PYTHON.answers(&container);
    let keep = |path: &str| {
        let keep = format!("include = [\"distroless\"]\n[keep]\npaths = [\"/usr/bin/perl\", \"{path}\"]");
        App::harden(&container, &keep, "site")
    };
    keep("/usr/bin/python3.11")
        .exits(3)
        .says("REFUSED /usr/bin/python3: ")
        .says("[keep] paths = [\"/usr/bin/python3\"]");
    keep("/usr/bin/python3").exits(0);
    assert!(container.restart());
    PYTHON.answers(&container);
}

/// One that has put a title in place of its command line may have been started by any link to its program.
#[test]
fn the_links_to_a_program_that_calls_itself_something_else() {
    let command = ["/usr/bin/env", "-S", "python3 /srv/title.py"];
    let layer = Tree::new();
    let title = "import ctypes, os\nfd = os.open('/proc/self/mem', os.O_RDWR)\nline = open('/proc/self/stat').read().split()\n\
                 os.pwrite(fd, b'app: ready'.ljust(int(line[48]) - int(line[47]), b'\\0'), int(line[47]))\n\
                 exec(open('/srv/app.py').read())\n";
    layer.file_with("/srv/title.py", title);
    let container = Spec::new(&rootfs("python"), &command).layer(layer.path()).start();
    PYTHON.answers(&container);
    let pid = container.pid();
    assert!(std::fs::read(format!("/proc/{pid}/cmdline")).unwrap().starts_with(b"app: ready\0"), "its title");
    let keep = |path: &str| {
        App::harden(&container, &format!("include = [\"distroless\"]\n[keep]\npaths = [\"{path}\"]"), "site")
    };
    let refused = keep("/usr/bin/python3.11").exits(3);
    refused.says("REFUSED /usr/bin/python3: ").says("[keep] paths = [\"/usr/bin/python3\"]");
    keep("/usr/bin/python3").exits(0);
    assert!(container.root().join("usr/bin/python3.11").exists());
    assert!(container.root().join("usr/bin/python3").symlink_metadata().is_ok());
}
