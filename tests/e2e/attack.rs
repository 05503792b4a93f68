//! What somebody who got in tries. Every attempt is shown to succeed before hardening, so that its failure afterwards
//! means something.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::container::{Container, Spec};
use crate::harness::rootfs;

const ATTEMPTS: [&[&str]; 19] = [
    &["/bin/sh", "-c", "echo pwned"],
    &["dash", "-c", "echo pwned"],
    &["bash", "-c", "echo pwned"],
    &["rbash", "-c", "echo pwned"],
    // Other names of a shell: a hard link, a copy, a copy with bytes appended, a link to one of them.
    &["/opt/.x", "-c", "echo pwned"],
    &["/var/tmp/healthd", "-c", "echo pwned"],
    &["/var/lib/app/worker", "-c", "echo pwned"],
    &["/opt/link", "-c", "echo pwned"],
    // Through the loader, which stays.
    &["/lib64/ld-linux-x86-64.so.2", "/usr/bin/dash", "-c", "echo pwned"],
    &["/lib64/ld-linux-x86-64.so.2", "/var/tmp/healthd", "-c", "echo pwned"],
    // A multi-call program under a name that says nothing.
    &["/opt/busybox.old", "sh", "-c", "echo pwned"],
    // Interpreters and launchers.
    &["perl", "-e", "print qq(pwned\\n)"],
    &["awk", "BEGIN { print \"pwned\" }"],
    &["find", "/etc/hostname", "-exec", "echo", "pwned", ";"],
    &["env", "echo", "pwned"],
    &["xargs", "-a", "/var/tmp/word", "echo"],
    &["timeout", "5", "echo", "pwned"],
    &["setpriv", "echo", "pwned"],
    // A script in a writable directory.
    &["/var/tmp/script"],
];

/// The nginx container, with what somebody has prepared.
fn prepared() -> Container {
    let container = Spec::new(&rootfs("nginx"), &["/usr/sbin/nginx", "-g", "daemon off;"]).start();
    container.http();
    let at = |path: &str| container.root().join(path.trim_start_matches('/'));
    fs::create_dir_all(at("/opt")).unwrap();
    fs::create_dir_all(at("/var/lib/app")).unwrap();
    fs::copy(at("/usr/bin/dash"), at("/var/tmp/healthd")).unwrap();
    let mut worker = fs::read(at("/usr/bin/bash")).unwrap();
    worker.extend_from_slice(b"appended");
    fs::write(at("/var/lib/app/worker"), worker).unwrap();
    fs::copy(rootfs("alpine").join("bin/busybox"), at("/opt/busybox.old")).unwrap();
    fs::write(at("/var/tmp/word"), "pwned\n").unwrap();
    fs::write(at("/var/tmp/script"), "#!/var/tmp/healthd\necho pwned\n").unwrap();
    for path in ["/var/tmp/script", "/var/lib/app/worker", "/opt/busybox.old", "/var/tmp/healthd"] {
        fs::set_permissions(at(path), fs::Permissions::from_mode(0o755)).unwrap();
    }
    // Made inside: a copied-up file and its hard link share one inode there.
    container.exec(["ln", "/usr/bin/dash", "/opt/.x"]).exits(0);
    container.exec(["ln", "-s", "/var/tmp/healthd", "/opt/link"]).exits(0);
    container
}

#[test]
fn what_works_before_hardening_fails_afterwards() {
    let container = prepared();
    for attempt in ATTEMPTS {
        assert!(container.exec(attempt).stdout.contains("pwned"), "no attack even before: {attempt:?}");
    }
    container.lithify(&["harden", "-p", "distroless"]).exits(0);
    for attempt in ATTEMPTS {
        let ran = container.exec(attempt);
        assert!(ran.code != 0 && !ran.stdout.contains("pwned"), "{attempt:?} still works: {ran:?}");
    }
    container.http();
    container.lithify(&["verify", "-p", "distroless"]).exits(0);
}
