//! Scenario 1: a startupProbe hardens a running nginx container that nobody may change.

use crate::harness::container::{Container, Spec};
use crate::harness::rootfs;
use crate::harness::tree::{dangling_links, manifest};

/// What the probe runs.
const PROBE: [&str; 5] = ["harden", "--profile", "shells", "--remove", "touch"];

fn nginx() -> Container {
    let container = Spec::new(&rootfs("nginx"), &["/docker-entrypoint.sh", "nginx", "-g", "daemon off;"]).start();
    assert_eq!(container.http(), "nginx answers\n");
    container
}

#[test]
fn shells_and_touch_go_and_nginx_goes_on() {
    let container = nginx();
    // What the test asserts must not be so from the start.
    container.exec(["/bin/sh", "-c", "echo in"]).exits(0).says("in");
    let dangling_before = dangling_links(container.root());

    let probe = container.lithify(&PROBE).exits(0).says("removed");

    for name in ["touch", "sh", "bash", "dash", "rbash"] {
        for directory in ["bin", "usr/bin", "usr/local/bin", "sbin", "usr/sbin"] {
            let path = container.root().join(directory).join(name);
            assert!(path.symlink_metadata().is_err(), "{} is still there: {probe:?}", path.display());
        }
    }
    for shell in ["/bin/sh", "/bin/bash", "/bin/dash", "/usr/bin/sh", "sh", "bash"] {
        let ran = container.exec([shell, "-c", "echo in"]);
        assert_ne!(ran.code, 0, "{shell}");
        assert!(
            ran.all().contains("no such file") || ran.all().contains("not found in $PATH"),
            "{shell}: {}",
            ran.all()
        );
    }
    assert_eq!(dangling_links(container.root()), dangling_before);
    assert_eq!(container.http(), "nginx answers\n");
    assert!(container.is_running());
    assert_eq!(container.termination_message(), "");

    let after = manifest(container.root());
    container.lithify(&PROBE).exits(0).says("nothing to remove");
    assert_eq!(manifest(container.root()), after);
}
