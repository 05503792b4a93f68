//! Where the kernel does not let processes be traced, or `/proc` is missing: what is said, and what is seen all the same.

use std::process::{Command, Stdio};

use super::{entry, learned, list, profile, tree};
use crate::harness::container::Spec;
use crate::harness::{rootfs, run};

#[test]
fn a_seccomp_profile_refuses_ptrace() {
    let script = "sleep 0.5; exit 9";
    let command = ["/lithify/lithify", "learn", "--", "/bin/sh", "-c", script];
    for errno in [1, 38] {
        let spec = Spec::new(&rootfs("alpine"), &command).refuse("ptrace", errno);
        let (ran, _) = spec.run();
        let ran = ran.exits(9).says("tracing was refused").says("every 20 ms");
        let text = profile(&ran.stdout);
        assert!(
            entry(text, "only", "/bin/busybox").starts_with("the app and a program, started 2 times by sh"),
            "{text}"
        );
    }
}

#[test]
fn a_process_that_has_a_tracer() {
    // strace -f follows the child from its fork on, so nobody else can.
    let tree = tree();
    let mut strace = Command::new("strace");
    strace.args(["-f", "-o", "/dev/null", "unshare", "--pid", "--fork", "--mount-proc=/proc", "--root"]);
    strace.arg(tree.path()).args(["/lithify", "learn", "--", "/bin/app", "exit", "4"]);
    let ran = run(strace.env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null()));
    ran.exits(4).says("tracing was refused (EPERM)");
}

#[test]
fn without_proc_it_cannot_even_tell_what_it_accepts() {
    let tree = tree();
    std::fs::copy(tree.at("/lithify"), tree.at("/tini")).unwrap();
    let app = ["/bin/app", "exit", "4"];
    // Whoever starts an app must not take the code for the app's.
    for (words, code) in [
        (&["/lithify", "learn", "--"][..], 125),
        (&["/lithify", "run", "--init", "--"], 125),
        (&["/lithify", "init", "--"], 125),
        (&["/tini", "--"], 125),
        (&["/lithify", "harden", "--app"], 3),
    ] {
        let mut chroot = Command::new("chroot");
        chroot.arg(tree.path()).args(words).args(app);
        let ran = run(chroot.env_clear().env("PATH", "/usr/sbin:/usr/bin:/bin").stdin(Stdio::null()));
        ran.exits(code).says("mount proc on /proc");
    }
}

#[test]
fn a_setuid_program_is_named() {
    let command = ["/lithify/lithify", "learn", "--", "/bin/sh", "-c", "/usr/bin/gain; exit 0"];
    let layer = crate::harness::tree::Tree::new();
    layer.file_with("/usr/bin/gain", "");
    std::fs::copy(crate::harness::init_app::app(), layer.at("/usr/bin/gain")).unwrap();
    std::os::unix::fs::chown(layer.at("/usr/bin/gain"), Some(0), Some(0)).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o4755);
    std::fs::set_permissions(layer.at("/usr/bin/gain"), mode).unwrap();
    let spec = Spec::new(&rootfs("shells"), &command).layer(layer.path()).user(65532, 65532);
    let (ran, _) = spec.run();
    let ran = ran.exits(0).says("/usr/bin/gain has setuid").says("--root /proc/PID/root");
    assert!(!list(profile(&ran.stdout), "only").is_empty());
}

#[test]
fn no_time() {
    let tree = tree();
    let ran = learned(&tree, &["--for", "0"], &["/bin/app", "exit", "7"]).exits(2);
    ran.says("--for 0").says("fix: ").does_not_say("schema = 1");
    crate::harness::run_lithify(["learn", "--for", "0"]).exits(2).says("--for 0");
}

#[test]
fn what_cannot_be_started() {
    let tree = tree();
    learned(&tree, &[], &["/bin/none"]).exits(127).says("not found").does_not_say("schema = 1");
    tree.file_with("/bin/data", "no program");
    learned(&tree, &[], &["/bin/data"]).exits(126).does_not_say("schema = 1");
    learned(&tree, &["--root", "/tmp"], &["/bin/app"]).exits(125).says("--root");
}
