//! The kubectl plugin, by its built binary, on manifests as people write them.

#![allow(
    missing_docs,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod advise;
mod calls;
mod corpus;
mod digest;
mod docs;
mod golden;
mod inscribed;
mod kinds;
mod kubectl;
mod learn;
mod lint;
mod options;
mod properties;
#[path = "../../../tests/e2e/harness/ran.rs"]
mod ran;
mod refusals;
mod report;
mod resources;
mod verify;
mod volumes;

use std::path::Path;
use std::process::Command;

use ran::{Ran, run_with};

/// The plugin as kubectl starts it.
pub fn command<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-lithify"));
    command.env_clear().args(arguments);
    command
}

/// With a manifest on its standard input.
pub fn plugin(manifest: &str, arguments: &str) -> Ran {
    let mut command = command(arguments.split_whitespace());
    run_with(command.args(["-f", "-"]), manifest)
}

/// What `inject` makes of a manifest.
#[track_caller]
pub fn inject(manifest: &str, arguments: &str) -> String {
    let ran = plugin(manifest, &format!("inject {arguments}"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stdout
}

/// A file of `tests/e2e/manifests`.
pub fn manifest(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/manifests").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// As data, by another reader than the plugin's.
#[track_caller]
pub fn data(text: &str) -> Vec<serde_json::Value> {
    use serde::Deserialize;
    serde_norway::Deserializer::from_str(text)
        .map(|document| {
            let mut value =
                serde_norway::Value::deserialize(document).unwrap_or_else(|error| panic!("{error}:\n{text}"));
            value.apply_merge().unwrap();
            serde_json::to_value(value).unwrap()
        })
        .collect()
}

/// A Deployment with a container of these lines.
pub fn deployment(container: &str) -> String {
    let lines: String = container.lines().map(|line| format!("          {line}\n")).collect();
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      containers:\n        \
         - name: app\n          image: app:1\n{lines}"
    )
}
