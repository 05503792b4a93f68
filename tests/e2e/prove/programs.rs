//! Shells and interpreters: started by each name, by a descriptor and by the dynamic loader.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::command::output::assert_valid;
use crate::harness::attempts::LOADER;
use crate::harness::container::Spec;
use crate::harness::rootfs;
use crate::harness::tree::manifest;

fn sleeper() -> Spec {
    Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"])
}

const PROVE: [&str; 5] = ["verify", "--prove", "-v", "-p", "shells"];

/// The ways to start dash.
fn ways() -> [String; 4] {
    let by = |how: &str| format!("prove.start /usr/bin/dash: to start it{how}");
    [by(""), by(" by a descriptor"), by(&format!(" by {LOADER}")), "prove.start /usr/bin/sh: to start it".to_owned()]
}

#[test]
fn a_shell_starts_in_every_way_until_it_is_removed() {
    // Also where ptrace is refused: nothing of it runs either way.
    for spec in [sleeper(), sleeper().refuse("ptrace", 1)] {
        let container = spec.start();
        let before = manifest(container.root());
        let ran = container.lithify(&PROVE).exits(1);
        for way in ways() {
            assert!(ran.stdout.contains(&format!("FAIL {way} SUCCEEDED")), "{way}: {}", ran.stdout);
        }
        assert_eq!(manifest(container.root()), before);
        container.lithify(&["harden", "-p", "shells"]).exits(0);
        let ran = container.lithify(&PROVE).exits(0);
        ran.does_not_say("dash").says("attempts failed").says("succeeded that the profile does not ask to fail");
    }
}

#[test]
fn what_is_kept_may_start_and_a_copy_under_another_name_may_not() {
    let container = sleeper().start();
    container.lithify(&["harden", "-p", "shells"]).exits(0);
    fs::copy("/bin/dash", container.root().join("opt/innocent")).unwrap();
    container.lithify(&PROVE).exits(1).says("FAIL prove.start /opt/innocent: to start it SUCCEEDED");
    let profile = "schema = 1\nname = \"p\"\ninclude = [\"shells\"]\n[keep]\npaths = [\"/opt/innocent\"]\n";
    fs::write(container.root().join("var/tmp/p.toml"), profile).unwrap();
    container
        .lithify(&["verify", "--prove", "-v", "-p", "/var/tmp/p.toml"])
        .exits(0)
        .says("succeeded prove.start /opt/innocent: to start it SUCCEEDED");
    // The loader needs no x bit, and execve(2) does.
    fs::set_permissions(container.root().join("opt/innocent"), fs::Permissions::from_mode(0o644)).unwrap();
    container
        .lithify(&PROVE)
        .exits(1)
        .says("refused prove.start /opt/innocent: to start it: Permission denied (EACCES)")
        .says(&format!("FAIL prove.start /opt/innocent: to start it by {LOADER} SUCCEEDED"));
}

#[test]
fn without_a_profile_every_attempt_counts() {
    let ran = sleeper().start().lithify(&["verify", "--prove", "--format", "json"]).exits(1);
    let json = ran.json();
    assert_valid("report.schema.json", &json);
    let attempts = json["attempts"].as_array().unwrap();
    assert!(attempts.iter().all(|attempt| attempt["counts"] == true), "{json}");
    assert!(attempts.iter().any(|attempt| attempt["subject"] == "/usr/bin/perl" && attempt["outcome"] == "succeeded"));
    let findings = json["findings"].as_array().unwrap();
    assert!(findings.iter().all(|finding| finding["id"].as_str().unwrap().starts_with("prove.")), "{json}");
    crate::harness::run_lithify(["verify", "--prove", "--root", "/tmp"]).exits(2).says("run it in the container");
}

#[test]
fn run_starts_the_app_only_where_nothing_succeeds() {
    let run = |flags: &[&'static str]| {
        let command =
            [&["/lithify/lithify", "run", "--prove", "-v", "-p", "shells"], flags, &["--", "/usr/bin/id"]].concat();
        Spec::new(&rootfs("nginx"), &command).restricted().run().0
    };
    // Nothing can be deleted there. Landlock denies it to the app, and to the attempts.
    let ran = run(&[]).exits(0).says("uid=65532");
    for way in ways() {
        assert!(ran.all().contains(&format!("refused {way}: Permission denied (EACCES)")), "{way}: {}", ran.all());
    }
    run(&["--fallback", "warn"])
        .exits(125)
        .says("FAIL prove.start /usr/bin/dash: to start it SUCCEEDED")
        .does_not_say("uid=");
}

#[test]
fn an_installed_copy_can_allow_it() {
    let volume = tempfile::tempdir().unwrap();
    fs::set_permissions(volume.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let accepts = [
        "install",
        volume.path().to_str().unwrap(),
        "--only",
        "verify --prove -p shells",
        "--only",
        "LITHIFY_PROVE=1 verify -p leftovers",
    ];
    crate::harness::run_lithify(accepts).exits(0);
    let container = sleeper().without_lithify().volume(volume.path(), "/lithify", &["ro"]).start();
    container.lithify(&["verify", "--prove", "-p", "shells"]).exits(1).says("FAIL prove.start");
    container.lithify(&["verify", "-p", "leftovers"]).says("attempts failed");
    container.lithify(&["verify", "--prove"]).exits(2);
}
