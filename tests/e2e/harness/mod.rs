//! What the scenarios share: the built static binary, temporary trees, and real containers.

pub mod app;
pub mod attempts;
pub mod builder;
pub mod cluster;
pub mod container;
pub mod docker;
pub mod init_app;
pub mod plugin;
pub mod program;
pub mod pty;
pub mod ran;
pub mod seccomp;
pub mod trace;
pub mod tree;

use std::path::{Path, PathBuf};
use std::process::Command;

pub use ran::{Ran, run, run_with};

/// The static binary under test: `LITHIFY_BIN`, else where `just build` puts it.
pub fn lithify() -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/x86_64-unknown-linux-musl/release/lithify");
    let path = std::env::var_os("LITHIFY_BIN").map_or(default, PathBuf::from);
    assert!(path.is_file(), "{} is not there: run `just build` first", path.display());
    path
}

/// A root filesystem made by tests/rootfs.sh.
pub fn rootfs(name: &str) -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/rootfs");
    let path = std::env::var_os("LITHIFY_ROOTFS").map_or(default, PathBuf::from).join(name);
    assert!(path.is_dir(), "{} is not there: run tests/rootfs.sh first", path.display());
    path
}

/// lithify on this machine, with arguments, and no `LITHIFY_*` from outside.
pub fn run_lithify<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ran {
    run(command().args(arguments))
}

pub fn command() -> Command {
    let mut command = Command::new(lithify());
    command.env_clear();
    command
}

/// `lithify harden --root ROOT` and further arguments.
pub fn harden<S: AsRef<std::ffi::OsStr>>(root: &Path, arguments: impl IntoIterator<Item = S>) -> Ran {
    run(command().arg("harden").arg("--root").arg(root).args(arguments))
}
