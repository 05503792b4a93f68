//! `diff`: what has changed since a container's first process started, and what it needs for a read-only root.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use serde_json::Value;

use super::{drop_file, layer, older, sleeper};
use crate::command::output::assert_valid;
use crate::harness::app::{App, HTTPD, NGINX};
use crate::harness::container::{Container, Spec};
use crate::harness::tree::Tree;
use crate::harness::{Ran, rootfs, run_lithify};

fn diff(container: &Container) -> Ran {
    container.lithify(&["diff"])
}

fn json(container: &Container, arguments: &[&str]) -> Value {
    let json = container.lithify(&[&["diff", "--format", "json"], arguments].concat()).json();
    assert_valid("diff.schema.json", &json);
    json
}

fn paths<'j>(json: &'j Value, list: &str, key: &str) -> Vec<&'j str> {
    json[list].as_array().unwrap().iter().map(|entry| entry[key].as_str().unwrap()).collect()
}

fn shell(container: &Container, command: &str) {
    container.exec(["/bin/sh", "-c", command]).exits(0);
}

#[test]
fn an_app_that_writes_nothing_has_changed_nothing_whatever_the_runtime_makes() {
    let volume = tempfile::tempdir().unwrap();
    let container = sleeper()
        .tmpfs("/tmp", &[])
        .tmpfs("/run/secrets/kubernetes.io/serviceaccount", &[])
        .volume(volume.path(), "/no/such/place/data", &["rw"])
        .start();
    let ran = diff(&container).exits(0).says("lithify diff /: nothing has changed since the container's start\n");
    assert_eq!(ran.stdout.lines().count(), 1, "{}", ran.stdout);
    let json = json(&container, &[]);
    assert_eq!(
        (json["changes"].as_array().unwrap().len(), json["volumes"].as_array().unwrap().len()),
        (0, 0),
        "{json}"
    );
}

/// What `diff` prints between these lines, as YAML.
fn yaml(text: &str) -> serde_norway::Value {
    let yaml: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("# With readOnly")).collect();
    let yaml: Vec<&str> = yaml.into_iter().filter(|line| !line.starts_with("lithify diff")).collect();
    serde_norway::from_str(&yaml.join("\n")).unwrap()
}

/// Starts the app on a writable root, asks what it needs, and starts it with that on a read-only one.
fn becomes_read_only(app: &App, needs: &[&str]) {
    let rootfs = rootfs(app.tree);
    Spec::new(&rootfs, app.command).read_only().start().wait_until_it_ends();
    let container = app.start();
    let text = diff(&container).exits(0).stdout;
    let yaml = yaml(&text);
    let entries = |key: &str, field: &str| -> Vec<String> {
        let list = yaml[key].as_sequence().unwrap().iter();
        list.map(|entry| entry[field].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(entries("volumeMounts", "mountPath"), needs, "{text}");
    assert_eq!(entries("volumeMounts", "name"), entries("volumes", "name"));
    let writable = text.lines().find_map(|line| line.strip_prefix("#   writable = ")).unwrap();
    let profile = format!("schema = 1\n[verify.mounts]\nread_only = [\"/\"]\nwritable = {writable}\n");
    let layer = layer("/srv/p.toml", &profile);
    let mut spec = Spec::new(&rootfs, app.command).layer(layer.path()).read_only();
    for path in entries("volumeMounts", "mountPath") {
        spec = spec.tmpfs(&path, &[]);
    }
    let container = spec.start();
    app.answers(&container);
    container.lithify(&["verify", "-p", "/srv/p.toml"]).exits(0);
    diff(&container).exits(0).says("nothing has changed");
}

#[test]
fn httpd_gets_a_read_only_root_by_what_diff_says() {
    let container = HTTPD.start();
    diff(&container).exits(0).says("/usr/local/apache2/logs\n  httpd.pid: file, ").says("writable by root");
    becomes_read_only(&HTTPD, &["/usr/local/apache2/logs"]);
}

#[test]
fn nginx_gets_a_read_only_root_by_what_diff_says() {
    let container = NGINX.start();
    diff(&container)
        .exits(0)
        .says("/var/cache/nginx\n  ")
        .says(": an empty directory, made or emptied, ")
        .says("# /run: an emptyDir there hides 1 name of the image");
    becomes_read_only(&NGINX, &["/run", "/var/cache/nginx"]);
}

#[test]
fn who_could_have_written_it_and_the_most_dangerous_first() {
    let container = sleeper().start();
    shell(
        &container,
        "mkdir /srv/new; echo x >/srv/new/plain; chown www-data:adm /srv/new/plain; chmod 664 /srv/new/plain",
    );
    shell(&container, "echo x >/opt/open; chown 4711 /opt/open; chmod 666 /opt/open");
    drop_file(&container, "/var/tmp/evil", b"\x7fELF", 0o644);
    shell(&container, "sleep 0.1; ln -s x /srv/new/link");
    let text = diff(&container).exits(0).stdout;
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
    assert!(
        place("/var/tmp\n  evil: EXECUTABLE content, a program or library, 4 bytes, ")
            < place("/srv/new\n  link: symlink, ")
    );
    assert!(place("  plain: file, 2 bytes, ") > place("  link: "), "{text}");
    assert!(text.contains("after the start, writable by www-data, group adm\n"), "{text}");
    assert!(
        text.contains("open: file, 2 bytes, ") && text.contains("writable by 4711, group root, everybody\n"),
        "{text}"
    );
    assert!(text.ends_with("lithify diff /: 4 names changed since the container's start, 1 executable\n"), "{text}");
    let json = json(&container, &[]);
    assert_eq!(json["changes"][0]["executable"], "elf");
    let plain = json["changes"].as_array().unwrap().iter().find(|change| change["path"] == "/srv/new/plain").unwrap();
    assert_eq!((&plain["user"], &plain["group"], &plain["mode"]), (&"www-data".into(), &"adm".into(), &"0664".into()));
}

#[test]
fn what_was_removed_shows_by_its_directory_alone() {
    let container = sleeper().start();
    shell(&container, "rm /usr/bin/perl; chmod 700 /opt; touch /srv/x; rm /srv/x");
    let json = json(&container, &[]);
    let event = |path: &str| {
        let change = json["changes"].as_array().unwrap().iter().find(|change| change["path"] == path);
        change.map_or_else(|| panic!("{path}: {json}"), |change| change["event"].as_str().unwrap().to_owned())
    };
    assert_eq!([event("/usr/bin"), event("/opt"), event("/srv")], ["emptied", "attributes", "made"].map(str::to_owned));
    assert_eq!(paths(&json, "changes", "path").len(), 3, "the directories above were only copied up: {json}");
    assert_eq!(paths(&json, "volumes", "mountPath"), ["/srv"], "{json}");
}

#[test]
fn volumes_reach_up_to_what_the_app_has_made_and_say_what_they_hide() {
    let container = sleeper().start();
    shell(
        &container,
        "mkdir -p /var/cache/app/a/b /srv/d /x; echo >/var/cache/app/a/b/c; echo >>/etc/hosts.allow; echo >>/etc/fstab; echo >/x/y",
    );
    let json = json(&container, &[]);
    assert_eq!(paths(&json, "volumes", "mountPath"), ["/etc", "/srv", "/var/cache/app", "/x"], "{json}");
    let hides: Vec<u64> =
        json["volumes"].as_array().unwrap().iter().map(|volume| volume["hides"].as_u64().unwrap()).collect();
    assert!(hides[0] > 50 && hides[1..] == [0, 0, 0], "{json}");
    assert!(json["warnings"][0].as_str().unwrap().starts_with("/etc: an emptyDir there hides "), "{json}");
    shell(&container, "echo >/right-here");
    diff(&container).says("# /: no volume can be mounted over the root itself");
    shell(
        &container,
        "mkdir '/x/a b' /x-y; echo >'/x/a b/c'; echo >/x-y/1; mkdir -p /opt/x/y /opt/x-y; echo >/opt/x/y/z; cp /bin/ls /opt/1",
    );
    let text = diff(&container).stdout;
    assert!(yaml(&text)["volumes"].as_sequence().unwrap().len() > 4, "{text}");
}

#[test]
fn what_a_profile_calls_writable_and_what_harden_did_are_left_out() {
    let container = sleeper().start();
    let profile = "schema = 1\n[verify.mounts]\nwritable = [\"/var/tmp\"]\n[strip]\nsetid = true\nlogin_shells = true\n[remove]\nnames = [\"perl\", \"bash\"]\nmethod = \"tombstone\"\n";
    drop_file(&container, "/var/tmp/p.toml", profile.as_bytes(), 0o644);
    container.lithify(&["harden", "-p", "/var/tmp/p.toml"]).exits(0);
    let json = json(&container, &["-p", "/var/tmp/p.toml"]);
    assert!(json["changes"].as_array().unwrap().is_empty(), "{json}");
    shell(&container, "rm /usr/bin/base64; echo root2::0:0::/:/bin/sh >>/etc/passwd");
    let json = self::json(&container, &["-p", "/var/tmp/p.toml"]);
    assert_eq!(paths(&json, "changes", "path"), ["/etc/passwd", "/usr/bin"], "{json}");
}

#[test]
fn a_directory_from_which_harden_removed_links_or_everything_needs_no_volume() {
    let layer = Tree::new();
    layer
        .link("/opt/links/perl", "/usr/bin/perl")
        .link("/opt/more/deep/perl", "../../links/perl")
        .file("/opt/only/perl")
        .file("/opt/more/policy");
    older();
    let container = sleeper().layer(layer.path()).start();
    let profile = b"schema = 1\n[verify.mounts]\nwritable = [\"/var/tmp\"]\n[remove]\nnames = [\"perl\"]\npaths = [\"/opt/only/perl\"]\n";
    drop_file(&container, "/var/tmp/p.toml", profile, 0o644);
    container.lithify(&["harden", "-p", "/var/tmp/p.toml"]).exits(0);
    for path in ["opt/links/perl", "opt/more/deep/perl", "opt/only/perl", "usr/bin/perl"] {
        assert!(container.root().join(path).symlink_metadata().is_err(), "{path}");
    }
    let json = json(&container, &["-p", "/var/tmp/p.toml"]);
    assert_eq!(
        (json["changes"].to_string(), json["volumes"].to_string()),
        ("[]".to_owned(), "[]".to_owned()),
        "{json}"
    );
    // What others do there afterwards shows, and above it, too.
    shell(&container, "touch /opt/only/y; touch /opt/links/x; rm /opt/links/x; rm /opt/more/policy");
    let json = self::json(&container, &["-p", "/var/tmp/p.toml"]);
    let mut changes = paths(&json, "changes", "path");
    changes.sort_unstable();
    assert_eq!(changes, ["/opt/links", "/opt/more", "/opt/only/y"], "{json}");
    let mut volumes = paths(&json, "volumes", "mountPath");
    volumes.sort_unstable();
    assert_eq!(volumes, ["/opt/links", "/opt/more", "/opt/only"], "{json}");
}

#[test]
fn since_some_seconds_and_what_it_says_of_a_directory() {
    let tree = Tree::new();
    tree.file("/bin/old");
    let at = |since: &str| run_lithify(["diff", "--root", tree.path().to_str().unwrap(), "--since", since]);
    at("start").exits(2).says("--since start: no process belongs to a directory").says("or give --since SECONDS");
    at("yesterday").exits(2).says("--since yesterday: ");
    at("3600").exits(0).says("/bin\n  old: EXECUTABLE file, ").says("1 name changed since that time, 1 executable");
    at("0").exits(0).says("nothing has changed since that time");
}

#[test]
fn what_cannot_be_looked_at_is_said_and_counts() {
    let layer = Tree::new();
    layer.directory("/srv/closed");
    chown(layer.at("/srv/closed"), Some(0), Some(0)).unwrap();
    fs::set_permissions(layer.at("/srv/closed"), fs::Permissions::from_mode(0o700)).unwrap();
    older();
    let container = sleeper().layer(layer.path()).user(65532, 65532).start();
    diff(&container).exits(1).says("UNVERIFIED diff /srv/closed: openat /srv/closed: Permission denied");
    assert_eq!(json(&container, &[])["exit_code"], 1);
}

#[test]
fn a_restart_in_the_same_layer_is_noted_where_it_shows() {
    let container = sleeper().start();
    drop_file(&container, "/var/tmp/p.toml", b"schema = 1\n[strip]\nsetid = true\n", 0o644);
    container.lithify(&["harden", "-p", "/var/tmp/p.toml"]).exits(0);
    diff(&container).does_not_say("started again");
    assert!(container.restart());
    diff(&container)
        .exits(0)
        .says("note: the container was started again in the same layer")
        .says("nothing has changed");
}

#[test]
fn many_changes_are_bounded_in_text() {
    let container = sleeper().start();
    shell(&container, "i=0; while [ $i -lt 60 ]; do mkdir -p /srv/$i; : >/srv/$i/x; : >/opt/$i; i=$((i+1)); done");
    let text = diff(&container)
        .exits(0)
        .says("  and 50 more; -v shows them")
        .says("more in other directories; -v shows them")
        .stdout;
    assert!(text.lines().count() < 120, "{text}");
    container.lithify(&["diff", "-v"]).does_not_say("more; -v");
    assert_eq!(json(&container, &[])["changes"].as_array().unwrap().len(), 120);
}

#[test]
fn since_a_seal_deletions_show_too_and_nothing_of_it_fails() {
    let container = sleeper().start();
    container.lithify(&["seal", "--out", "/dev/shm/sealed"]).exits(0);
    container.lithify(&["diff", "--since", "/dev/shm/sealed"]).exits(0).does_not_say("FAIL");
    shell(&container, "rm /usr/bin/base64; cp -p /usr/bin/cat /opt/x; chmod u+s /usr/bin/env");
    let ran = container.lithify(&["diff", "--since", "/dev/shm/sealed"]).exits(0);
    ran.says(" seal /usr/bin/base64: ").says(" seal /opt/x: ").says(" seal /usr/bin/env: ");
    container.lithify(&["diff", "--since", "/etc/passwd"]).exits(2);
    let json = container.lithify(&["diff", "--since", "/dev/shm/sealed", "--format", "json"]).exits(0).json();
    assert_valid("report.schema.json", &json);
    assert_eq!((&json["command"], &json["exit_code"]), (&"diff".into(), &0.into()));
}
