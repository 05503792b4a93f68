//! `run` gives up privileges: what the app gets is what was asked for, or it is not started.

use std::fs;

use crate::harness::container::Spec;
use crate::harness::init_app::app;
use crate::harness::rootfs;

/// What the app saw, or why it was not started, when `run` with these flags and profile was the container's command.
fn state(change: impl FnOnce(Spec) -> Spec, flags: &[&str], profile: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("site.toml"), format!("schema = 1\nname = \"site\"\n{profile}")).unwrap();
    let own: &[&str] = if profile.is_empty() { &["--init"] } else { &["-p", "/profile/site.toml"] };
    let arguments = [&["/lithify/lithify", "run"], own, flags, &["--", "/app/app", "state"]].concat();
    let spec = Spec::new(&rootfs("nginx"), &arguments).volume(app().parent().unwrap(), "/app", &["ro"]).volume(
        directory.path(),
        "/profile",
        &["ro"],
    );
    let container = change(spec).start();
    container.wait_until_it_ends();
    container.log()
}

fn as_it_is(spec: Spec) -> Spec {
    spec
}

fn restricted(spec: Spec) -> Spec {
    spec.user(65532, 65532).capabilities(&[]).no_new_privileges()
}

#[track_caller]
fn assert_says(log: &str, expected: &[&str]) {
    for text in expected {
        assert!(log.contains(text), "{text:?} is missing in:\n{log}");
    }
}

const NO_CAPABILITIES: [&str; 5] = [
    "CapInh:\t0000000000000000",
    "CapPrm:\t0000000000000000",
    "CapEff:\t0000000000000000",
    "CapBnd:\t0000000000000000",
    "CapAmb:\t0000000000000000",
];

#[test]
fn the_user_with_his_groups_or_with_one_group() {
    let log = state(as_it_is, &["--user", "www-data"], "");
    assert_says(
        &log,
        &["Uid:\t33\t33\t33\t33", "Gid:\t33\t33\t33\t33", "Groups:\t \n", "home: /var/www", "setid: refused"],
    );
    let log = state(as_it_is, &["--user", "65532:www-data"], "");
    assert_says(&log, &["Uid:\t65532\t65532\t65532\t65532", "Gid:\t33\t33\t33\t33", "Groups:\t \n", "home: /\n"]);
    // A number that passwd does not have keeps the group.
    for user in ["65532", "65532:"] {
        let log = state(as_it_is, &["--user", user], "");
        assert_says(&log, &["Uid:\t65532\t65532\t65532\t65532", "Gid:\t0\t0\t0\t0", "Groups:\t \n", "home: /\n"]);
    }
    for (user, says) in [("nosuch", "the user nosuch"), ("root:nosuch", "the group nosuch")] {
        let log = state(as_it_is, &["--user", user], "");
        assert_says(&log, &["lithify run: ", says]);
        assert!(!log.contains("Uid:"), "the app was started: {log}");
    }
}

#[test]
fn everything_that_the_profile_asks_for_as_root_with_default_capabilities() {
    let profile =
        "[verify.process]\nuser = \"www-data\"\ngroup = 65532\ngroups = []\ncapabilities = []\nno_new_privs = true\n";
    for flags in [&[][..], &["--init"]] {
        let log = state(as_it_is, flags, profile);
        assert_says(
            &log,
            &["Uid:\t33\t33\t33\t33", "Gid:\t65532\t65532\t65532\t65532", "NoNewPrivs:\t1", "setid: refused"],
        );
        assert_says(&log, &NO_CAPABILITIES);
        assert_says(&log, &["Groups:\t \n"]);
    }
}

#[test]
fn a_kept_capability_survives_the_change_of_user_and_no_other_does() {
    let profile = "[verify.process]\nuser = \"www-data\"\ncapabilities = [\"NET_BIND_SERVICE\", \"SYS_ADMIN\"]\n";
    let log = state(as_it_is, &[], profile);
    // SYS_ADMIN is allowed and was never held.
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_says(&log, &[&format!("{set}:\t0000000000000400")]);
    }
    // Root keeps just those, too: being root brings none back.
    let log = state(as_it_is, &[], "[verify.process]\ncapabilities = [\"NET_BIND_SERVICE\"]\n");
    assert_says(&log, &["Uid:\t0\t0\t0\t0", "CapEff:\t0000000000000400", "CapBnd:\t0000000000000400"]);
}

#[test]
fn flags_win_over_the_profile() {
    let log =
        state(as_it_is, &["--user", "65532:65532"], "[verify.process]\nuser = \"www-data\"\ngroup = \"www-data\"\n");
    assert_says(&log, &["Uid:\t65532", "Gid:\t65532"]);
}

#[test]
fn some_other_user_than_root_has_to_be_named() {
    let profile = "[verify.process]\nuser = \"non-root\"\n";
    let log = state(as_it_is, &[], profile);
    assert_says(&log, &["user = \"non-root\"", "fix: give it with --user"]);
    assert!(!log.contains("Uid:"), "the app was started: {log}");
    assert_says(&state(as_it_is, &["--user", "www-data"], profile), &["Uid:\t33"]);
    assert_says(&state(restricted, &[], profile), &["Uid:\t65532"]);
    // --user 0 does not make root somebody else.
    let log = state(as_it_is, &["--user", "0"], profile);
    assert_says(&log, &["FAIL process.user", "it runs as root"]);
    assert!(!log.contains("Uid:\t"), "the app was started: {log}");
}

#[test]
fn where_everything_is_restricted_already_nothing_has_to_be_possible() {
    let profile =
        "[verify.process]\nuser = 65532\ngroup = 65532\ncapabilities = []\nno_new_privs = true\nseccomp = \"filter\"\n";
    let log = state(restricted, &["-v"], profile);
    assert_says(&log, &["Uid:\t65532", "NoNewPrivs:\t1", "pass process.seccomp"]);
    assert_says(&log, &NO_CAPABILITIES);
}

#[test]
fn a_capability_that_only_the_bounding_set_holds_is_one_that_the_profile_allows() {
    // capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]} for a user that is not root, as "restricted" permits.
    let added = |spec: Spec| restricted(spec).capabilities(&["CAP_NET_BIND_SERVICE"]);
    let profile = "[verify.process]\ncapabilities = [\"NET_BIND_SERVICE\"]\nno_new_privs = true\n";
    let log = state(added, &[], profile);
    assert_says(&log, &["CapPrm:\t0000000000000000", "CapBnd:\t0000000000000400"]);
    let log = state(added, &[], "[verify.process]\ncapabilities = [\"CHOWN\"]\n");
    assert_says(&log, &["FAIL privileges", "bounding NET_BIND_SERVICE, not none"]);
    assert!(!log.contains("Uid:\t"), "the app was started: {log}");
}

#[test]
fn what_cannot_be_brought_about_is_fatal_and_names_what_to_set() {
    let unprivileged = |spec: Spec| spec.user(65532, 65532);
    for (change, profile, says) in [
        (
            &restricted as &dyn Fn(Spec) -> Spec,
            "user = 33",
            ["not 33: setresuid(2): Operation not permitted", "runAsUser"],
        ),
        (&restricted, "group = 33", ["not 33: setresgid(2): Operation not permitted", "runAsGroup"]),
        // The bounding set is full, and nobody may empty it.
        (&unprivileged, "capabilities = []", ["bounding ", "drop: [ALL]"]),
    ] {
        let log = state(change, &[], &format!("[verify.process]\n{profile}\n"));
        assert_says(&log, &["FAIL privileges", says[0], "fix: ", says[1]]);
        assert!(!log.contains("Uid:\t"), "the app was started: {log}");
    }
    // Success that is none: what counts is what is read back.
    let lies = |spec: Spec| spec.refuse("setresuid", 0);
    let log = state(lies, &["--user", "www-data"], "");
    assert_says(&log, &["FAIL privileges", "the user ids are [0, 0, 0, 0], not 33"]);
    assert!(!log.contains("Uid:\t"), "the app was started: {log}");
}
