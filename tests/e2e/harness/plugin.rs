//! The kubectl plugin, where a test needs both it and a cluster; its own tests stand beside its crate.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::cluster::{Namespace, with_context};
use super::{Ran, run_with};

/// The plugin: `LITHIFY_PLUGIN`, else where `cargo build --workspace` puts it.
fn program() -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/debug/kubectl-lithify");
    let path = std::env::var_os("LITHIFY_PLUGIN").map_or(default, PathBuf::from);
    assert!(path.is_file(), "{} is not there: run `cargo build --workspace` first", path.display());
    path
}

/// `seal` of an image as somebody who is not root, and may read nothing but standard input and what is public: `image` goes
/// there. The program is copied to where anybody may start it.
pub fn seal_as_nobody(image: std::fs::File, arguments: &[&str]) -> Ran {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let copy = directory.path().join("kubectl-lithify");
    std::fs::copy(program(), &copy).unwrap();
    let spool = directory.path().join("spool");
    std::fs::create_dir(&spool).unwrap();
    std::os::unix::fs::chown(&spool, Some(65534), Some(65534)).unwrap();
    let mut command = Command::new(&copy);
    command.env_clear().env("TMPDIR", &spool).args(["seal", "--image", "-"]).args(arguments).stdin(image);
    let ran = super::run(command.uid(65534).gid(65534));
    let left: Vec<_> = std::fs::read_dir(&spool).unwrap().collect();
    assert!(left.is_empty(), "something is left of the spool: {left:?}");
    ran
}

/// `learn` on a cluster, with a manifest on its standard input.
pub fn learn(namespace: &Namespace, arguments: &str, manifest: &str) -> Ran {
    let mut command = Command::new(program());
    command.arg("learn").args(arguments.split_whitespace());
    namespace.with_flags(&mut command);
    run_with(&mut command, manifest)
}

/// `verify` of the pods of a namespace.
pub fn verify(namespace: &Namespace, arguments: &str) -> Ran {
    let mut command = Command::new(program());
    command.arg("verify").args(arguments.split_whitespace());
    namespace.with_flags(&mut command);
    super::run(&mut command)
}

/// `advise` of an object of a namespace.
pub fn advise(namespace: &Namespace, arguments: &str) -> Ran {
    let mut command = Command::new(program());
    command.arg("advise").args(arguments.split_whitespace());
    namespace.with_flags(&mut command);
    super::run(&mut command)
}

/// `inject` that asks the cluster what it can do.
pub fn inject_as_the_cluster_can(manifest: &str, arguments: &str) -> Ran {
    let mut command = Command::new(program());
    command.args(["inject", "-f", "-", "--deliver", "auto"]).args(arguments.split_whitespace());
    with_context(&mut command);
    run_with(&mut command, manifest)
}

/// `report` of records.
pub fn report(records: &str, arguments: &str) -> Ran {
    let mut command = Command::new(program());
    run_with(command.env_clear().args(["report", "-"]).args(arguments.split_whitespace()), records)
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
