//! A real nginx: its workers, what it writes, where it listens.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{entry, list, profile};
use crate::harness::Ran;
use crate::harness::container::Spec;
use crate::harness::rootfs;

const NGINX: [&str; 6] = ["/lithify/lithify", "learn", "--", "/usr/sbin/nginx", "-g", "daemon off;"];

/// Learns it while it answers one request, and stops it by SIGTERM.
fn learn(spec: Spec) -> Ran {
    let container = spec.start();
    assert!(container.http().contains("nginx answers"));
    kill(Pid::from_raw(container.pid().parse().unwrap()), Signal::SIGTERM).unwrap();
    container.wait_until_it_ends();
    Ran { code: 0, stdout: container.log(), stderr: String::new() }
}

#[test]
fn as_the_first_process_with_the_capabilities_of_a_runtime() {
    let ran = learn(Spec::new(&rootfs("nginx"), &NGINX).runtime_default());
    let text = profile(&ran);
    assert_eq!(entry(text, "only", "/usr/sbin/nginx"), "\"/usr/sbin/nginx\", # the app, started once; run 1");
    assert_eq!(list(text, "only").len(), 1, "{text}");
    assert!(text.contains("libraries = \"closure\""), "{text}");
    assert!(text.contains("listened on"), "{text}");
    entry(text, "writable", "/var/log/nginx");
}
