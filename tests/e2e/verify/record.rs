//! `verify --format json` as a record for an audit: what was verified, where and when.

use std::process::Command;

use crate::command::output::assert_valid;
use crate::harness::tree::Tree;
use crate::harness::{command, run, run_lithify};

/// What coreutils say of it.
fn said(command: &mut Command) -> String {
    run(command).exits(0).stdout.trim_end().to_owned()
}

#[test]
fn it_says_what_was_verified_where_and_when() {
    let tree = Tree::new();
    tree.file("/bin/app");
    let root = tree.path().to_str().unwrap();
    let before = said(Command::new("date").args(["-u", "+%FT%TZ"]));
    let ran = run(command()
        .args(["verify", "-p", "nginx", "-p", "restricted", "--format", "json", "--root", root])
        .env("POD_NAME", "web-1\n{\"forged\"")
        .env("POD_NAMESPACE", "shop")
        .env("NODE_NAME", ""));
    let object = ran.exits(1).json();
    let after = said(Command::new("date").args(["-u", "+%FT%TZ"]));
    assert_valid("report.schema.json", &object);
    let record = &object["record"];
    assert_eq!(record["host"], said(Command::new("uname").arg("-n")));
    assert_eq!(record["pod"], "web-1\\n{\"forged\"");
    assert_eq!(record["namespace"], "shop");
    assert!(record["node"].is_null(), "{record}");
    let time = record["time"].as_str().unwrap();
    assert!(*before <= *time && *time <= *after, "{before} {time} {after}");
    // As the docs say that anybody can compute it again.
    let script = r#""$0" profile show nginx restricted --format json | sha256sum | cut -d' ' -f1"#;
    let digest = said(Command::new("sh").args(["-c", script]).arg(crate::harness::lithify()));
    assert_eq!(record["profile_digest"], format!("sha256:{digest}"));
    assert!(record["seal_digest"].is_null() && record["manifest_digest"].is_null(), "{record}");
}

#[test]
fn it_names_the_digests_that_were_asked_for() {
    let tree = Tree::new();
    tree.file("/etc/app.conf");
    let (root, directory) = (tree.path().to_str().unwrap(), tempfile::tempdir().unwrap());
    let seal = directory.path().join("seal.mtree");
    let seal = seal.to_str().unwrap();
    let sealed = run_lithify(["seal", "--root", root, "--out", seal]).exits(0).stdout;
    let digest = sealed.lines().next().unwrap();
    let both = ["verify", "--root", root, "--format", "json", "--digest", digest, "--seal", seal];
    let object = run_lithify(both).exits(0).json();
    assert_valid("report.schema.json", &object);
    let record = &object["record"];
    assert_eq!((&record["seal_digest"], &record["manifest_digest"]), (&digest.into(), &digest.into()));
    // There is no profile.
    assert!(record["profile_digest"].is_null(), "{record}");
    // What was asked for, not what is there.
    tree.file("/etc/new");
    let object = run_lithify(both).exits(1).json();
    assert_eq!(object["record"]["seal_digest"], digest);
    let only = ["verify", "--root", root, "--format", "json", "--digest", digest];
    assert!(run_lithify(only).json()["record"]["manifest_digest"].is_null());
}

#[test]
fn what_hardens_is_no_record() {
    let tree = Tree::new();
    tree.file("/bin/sh").file("/bin/app");
    let root = tree.path().to_str().unwrap();
    let object = run_lithify(["harden", "-p", "shells", "--root", root, "--format", "json"]).json();
    assert!(object.get("record").is_none(), "{object}");
}
