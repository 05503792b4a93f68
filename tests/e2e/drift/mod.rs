//! What has changed since a container's first process started: `[verify.drift]`, harden's mark, `diff`.

mod diff;
mod executables;
mod mark;
mod processes;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::harness::container::{Container, Spec};
use crate::harness::tree::Tree;
use crate::harness::{Ran, rootfs};

fn sleeper() -> Spec {
    Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"])
}

/// `verify` with this profile, which is brought in beside lithify, as a ConfigMap would be.
fn verify(container: &Container, profile: &str) -> Ran {
    fs::write(container.root().join("var/tmp/p.toml"), format!("schema = 1\nname = \"p\"\n{profile}")).unwrap();
    container.lithify(&["verify", "-v", "-p", "/var/tmp/p.toml"])
}

const EXECUTABLES: &str = "[verify.drift]\nexecutables = false\n";
const PROCESSES: &str = "[verify.drift]\nprocesses = false\n";
const BOTH: &str = "[verify.drift]\nexecutables = false\nprocesses = false\n";

/// A layer with this file. The clock by which files are stamped is coarse: what is made some milliseconds before a
/// container starts counts as made since.
fn layer(path: &str, content: &str) -> Tree {
    let tree = Tree::new();
    tree.file_with(path, content);
    older();
    tree
}

/// Waits until what was made is older than any container that starts from now on.
fn older() {
    std::thread::sleep(Duration::from_millis(50));
}

/// Writes a file into a running container, as a process of it would.
fn drop_file(container: &Container, path: &str, content: &[u8], mode: u32) {
    let at = container.root().join(path.trim_start_matches('/'));
    fs::write(&at, content).unwrap();
    fs::set_permissions(at, fs::Permissions::from_mode(mode)).unwrap();
}
