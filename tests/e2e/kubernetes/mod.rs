//! On a real cluster: every pod of `examples/` as it is written, what a person sees when hardening fails, and what is left
//! after restarts. The cluster is that of tests/cluster.sh, or the context that `LITHIFY_CONTEXT` names.

mod attack;
mod examples;
mod protection;
mod restarts;

use std::fs;
use std::path::Path;

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
