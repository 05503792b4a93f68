//! `[verify.drift] executables`: what an intruder drops or changes is found, and what an app writes is not.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use super::{EXECUTABLES, drop_file, sleeper, verify};
use crate::harness::app::{HTTPD, NGINX};
use crate::harness::container::Spec;
use crate::harness::rootfs;

#[test]
fn what_an_image_and_its_runtime_bring_is_no_drift() {
    let volume = tempfile::tempdir().unwrap();
    let container = sleeper().tmpfs("/tmp", &[]).tmpfs("/no/such/place", &[]).volume(volume.path(), "/data", &["rw"]);
    let container = container.working_directory("/made/by/the/runtime").start();
    verify(&container, EXECUTABLES).exits(0).says("pass drift.executables /: nothing that can be executed");
    for app in [NGINX, HTTPD] {
        verify(&app.start(), EXECUTABLES).exits(0).says("pass drift.executables");
    }
}

#[test]
fn each_way_to_bring_in_or_change_something_that_can_be_executed() {
    let container = sleeper().tmpfs("/tmp", &[]).start();
    let found = |command: &str, line: &str| {
        container.exec(["/bin/sh", "-c", command]).exits(0);
        verify(&container, EXECUTABLES).exits(1).says(&format!("FAIL drift.executables {line}")).says("fix: ");
    };
    found("cp /usr/bin/perl /opt/x", "/opt/x: was made or changed");
    found("echo >>/usr/bin/base64", "/usr/bin/base64: was made or changed");
    found("cp -p /usr/bin/cat /tmp/cat; touch -d 2001-01-01 /tmp/cat", "/tmp/cat: was made or changed");
    found(
        "cp /lib/x86_64-linux-gnu/libz.so.1 /var/cache/z; chmod 600 /var/cache/z",
        "/var/cache/z: was made or changed",
    );
    found("echo '#!/bin/sh' >/srv/later", "/srv/later: was made or changed");
    found("chmod u+s /usr/bin/env", "/usr/bin/env: was made or changed");
    found("chmod +x /etc/hostname /etc/fstab 2>&-; chmod +x /etc/passwd", "/etc/passwd: was made or changed");
    found("mv /usr/bin/dd /usr/bin/dd.old", "/usr/bin/dd.old: was made or changed");
    found("ln /usr/bin/df /usr/bin/other", "/usr/bin/other: was made or changed");
    found("echo >>/lib/x86_64-linux-gnu/libpcre2-8.so.0", "/usr/lib/x86_64-linux-gnu/libpcre2-8.so.0.");
    found(
        "printf 'a' | dd of=/usr/bin/diff bs=1 seek=100 conv=notrunc; touch -r /usr/bin/cmp /usr/bin/diff",
        "/usr/bin/diff: ",
    );
}

#[test]
fn what_the_profile_calls_writable_is_left_out_unless_everywhere_is_asked() {
    let container = sleeper().tmpfs("/tmp", &[]).start();
    container
        .exec([
            "/bin/sh",
            "-c",
            "ln -s /tmp /var/link; cp /usr/bin/cat /tmp/a; mkdir -p /srv/d; cp /usr/bin/cat /srv/d/b",
        ])
        .exits(0);
    let writable = "[verify.mounts]\nwritable = [\"/var/link\"]\nwritable_if_present = [\"/srv\", \"/none\"]\n";
    verify(&container, EXECUTABLES).exits(1).says("/tmp/a: was").says("/srv/d/b: was");
    verify(&container, &format!("{writable}{EXECUTABLES}")).exits(0).says("pass drift.executables");
    verify(&container, &format!("{writable}{EXECUTABLES}everywhere = true\n"))
        .exits(1)
        .says("/tmp/a: was")
        .says("/srv/d/b: was");
}

#[test]
fn a_link_that_the_app_can_put_at_a_writable_place_hides_nothing_elsewhere() {
    let layer = crate::harness::tree::Tree::new();
    layer.directory("/app");
    chown(layer.at("/app"), Some(65532), Some(65532)).unwrap();
    let attack = "cp /usr/bin/cat /app/tool && ln -s /app /tmp/cache && ln -s / /tmp/way && test -x /tmp/cache/tool";
    let container = sleeper().layer(layer.path()).user(65532, 65532).tmpfs("/tmp", &[]).start();
    container.exec(["/bin/sh", "-c", attack]).exits(0);
    let writable = "[verify.mounts]\nwritable = [\"/tmp/cache\"]\nwritable_if_present = [\"/tmp/way/app\"]\n";
    verify(&container, &format!("{writable}{EXECUTABLES}")).exits(1).says("/app/tool: was");
}

#[test]
fn many_are_bounded_in_text_and_whole_in_json() {
    let container = sleeper().start();
    container
        .exec(["/bin/sh", "-c", "i=0; while [ $i -lt 300 ]; do : >/opt/$i; chmod 755 /opt/$i; i=$((i+1)); done"])
        .exits(0);
    // -v names all of them.
    let all = verify(&container, EXECUTABLES).exits(1);
    assert_eq!(all.stdout.matches("FAIL drift").count(), 300);
    let text = container.lithify(&["verify", "-p", "/var/tmp/p.toml"]).exits(1);
    let text = text.says("and 280 more of drift.executables").says("300 findings");
    assert_eq!(
        (text.stdout.matches("FAIL drift").count(), text.stdout.matches("fix: ").count()),
        (20, 1),
        "{}",
        text.stdout
    );
    let json = container.lithify(&["verify", "-p", "/var/tmp/p.toml", "--format", "json"]).exits(1).json();
    assert_eq!(json["findings"].as_array().unwrap().len(), 300);
}

#[test]
fn what_a_user_may_not_look_at_is_unverified_unless_the_app_could_not_go_there_either() {
    let layer = crate::harness::tree::Tree::new();
    layer.directory("/srv/own").directory("/srv/passing");
    let mode = |path: &str, mode| fs::set_permissions(layer.at(path), fs::Permissions::from_mode(mode)).unwrap();
    chown(layer.at("/srv/own"), Some(65532), Some(65532)).unwrap();
    mode("/srv/passing", 0o711);
    let user = || sleeper().layer(layer.path()).user(65532, 65532).capabilities(&[]);
    let container = user().no_new_privileges().start();
    verify(&container, EXECUTABLES)
        .exits(1)
        .says("UNVERIFIED drift.executables /srv/passing: ")
        .does_not_say("UNVERIFIED drift.executables /root")
        .says(
            "note: neither this user nor the app may enter these directories, so they were not looked at for drift: ",
        );
    mode("/srv/passing", 0o755);
    let container = user().no_new_privileges().start();
    verify(&container, EXECUTABLES).exits(0).says("pass drift.executables");
    // It can hide something from its own probe, but not that it hides it.
    container.exec(["/bin/sh", "-c", "cp /bin/cat /srv/own/x; chmod 0 /srv/own"]).exits(0);
    verify(&container, EXECUTABLES).exits(1).says("UNVERIFIED drift.executables /srv/own: ");
    drop_file(&container, "/srv/secret", b"x", 0o600);
    verify(&container, EXECUTABLES)
        .says("UNVERIFIED drift.executables /srv/secret: openat /srv/secret: Permission denied");
    // A setuid program could have led the app there.
    verify(&user().start(), EXECUTABLES)
        .exits(1)
        .says("UNVERIFIED drift.executables /root: ")
        .says("fix: this user may not");
}

#[test]
fn a_directory_without_processes_is_unverified() {
    let tree = crate::harness::tree::Tree::new();
    tree.file_with("/p.toml", "schema = 1\n[verify.drift]\nexecutables = false\nprocesses = false\n");
    let (root, profile) = (tree.path().to_str().unwrap(), tree.at("/p.toml"));
    crate::harness::run_lithify(["verify", "--root", root, "-p", profile.to_str().unwrap()])
        .exits(1)
        .says("UNVERIFIED drift.executables /: no process belongs to a directory")
        .says("UNVERIFIED drift.processes /: no process belongs to a directory");
}

#[test]
fn from_beside_the_container_and_in_a_shared_process_namespace() {
    let other = sleeper().start();
    let container = sleeper().share_pid_with(&other).start();
    drop_file(&other, "/opt/others", b"\x7fELF", 0o755);
    verify(&container, super::BOTH).exits(0).says("pass drift.executables").says("pass drift.processes");
    drop_file(&container, "/opt/ours", b"\x7fELF", 0o755);
    verify(&container, super::BOTH).exits(1).says("/opt/ours: was").does_not_say("/opt/others");
    let root = format!("/proc/{}/root", container.pid());
    let profile = container.root().join("var/tmp/p.toml");
    crate::harness::run_lithify(["verify", "--root", &root, "-p", profile.to_str().unwrap()])
        .exits(1)
        .says("FAIL drift.executables /opt/ours");
}

#[test]
fn a_restart_in_the_same_layer_starts_anew() {
    let container = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"]).start();
    drop_file(&container, "/opt/x", b"\x7fELF", 0o755);
    verify(&container, EXECUTABLES).exits(1);
    assert!(container.restart());
    verify(&container, EXECUTABLES).exits(0);
}
