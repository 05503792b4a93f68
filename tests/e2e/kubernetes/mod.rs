//! On a real cluster: every pod of `examples/` as it is written, what a person sees when hardening fails, and what is left
//! after restarts. The cluster is that of tests/cluster.sh, or the context that `LITHIFY_CONTEXT` names.

mod attack;
mod examples;
mod failures;
mod fleet;
mod inject;
mod learn;
mod protection;
mod prove;
mod restarts;
mod shown;
mod state;
mod verify;

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::run;

/// The manifest of an example.
fn example(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{name}.yaml"))).unwrap()
}

/// The manifest with this in place of that.
#[track_caller]
fn with(manifest: &str, that: &str, this: &str) -> String {
    assert!(manifest.contains(that), "{that} is not in {manifest}");
    manifest.replace(that, this)
}

/// The manifest with a program that accepts this command line, too.
fn accepting(manifest: &str, line: &str) -> String {
    let lines = manifest.lines().map(|there| match there.strip_suffix("- /lithify") {
        Some(indent) => format!("{there}\n{indent}- --only={line}\n"),
        None => format!("{there}\n"),
    });
    let accepting: String = lines.collect();
    assert_ne!(accepting.trim_end(), manifest.trim_end());
    accepting
}

/// A cluster that is there already is only given the images, as archives, by the command that its owner names.
#[test]
fn another_cluster_gets_the_images() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut up = Command::new(project.join("tests/cluster.sh"));
    up.arg("up").env("LITHIFY_CONTEXT", "somebodys").env("LITHIFY_LOAD", "sha256sum");
    let loaded = run(&mut up).exits(0).stdout;
    for image in ["nginx", "httpd", "redis", "python", "lithify"] {
        assert!(loaded.contains(&format!("/{image}.oci\n")), "{image}: {loaded}");
    }
}
