//! The kubectl plugin, where a test needs both it and a cluster; its own tests stand beside its crate.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Ran, run_with};

/// The plugin: `LITHIFY_PLUGIN`, else where `cargo build --workspace` puts it.
fn program() -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/debug/kubectl-lithify");
    let path = std::env::var_os("LITHIFY_PLUGIN").map_or(default, PathBuf::from);
    assert!(path.is_file(), "{} is not there: run `cargo build --workspace` first", path.display());
    path
}

/// With a manifest on its standard input.
pub fn plugin(manifest: &str, arguments: &str) -> Ran {
    let mut command = Command::new(program());
    command.env_clear().args(arguments.split_whitespace()).args(["-f", "-"]);
    run_with(&mut command, manifest)
}

/// What `inject` makes of a manifest.
#[track_caller]
pub fn inject(manifest: &str, arguments: &str) -> String {
    plugin(manifest, &format!("inject {arguments}")).exits(0).stdout
}
