//! What has changed since a container's first process started: `[verify.drift]`, harden's mark, `diff`.

mod executables;
mod mark;
mod processes;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::container::{Container, Spec};
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

/// Writes a file into a running container, as a process of it would.
fn drop_file(container: &Container, path: &str, content: &[u8], mode: u32) {
    let at = container.root().join(path.trim_start_matches('/'));
    fs::write(&at, content).unwrap();
    fs::set_permissions(at, fs::Permissions::from_mode(mode)).unwrap();
}
