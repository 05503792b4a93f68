//! What a container or an old kernel does not give: system calls, memory, processes, standard streams.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use nix::errno::Errno;
use nix::libc;

use super::{change, command, look, original};
use crate::harness::lithify;
use crate::harness::program::denying;

/// The same output and the same tree as without the limit.
#[track_caller]
fn same(start: &dyn Fn() -> Command) {
    let tree = original();
    assert_eq!(look(start, tree.path()), look(&command, tree.path()));
    change(start, tree.path());
}

/// By a shell that does this before it becomes lithify.
fn after(script: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    shell.args(["-c", &format!("{script} exec \"$@\""), "sh"]).arg(lithify());
    shell
}

/// Linux 5.4 has neither, and no mount id in statx(2).
#[test]
fn calls_that_older_kernels_lack() {
    let lacking = [
        libc::SYS_openat2,
        libc::SYS_statx,
        libc::SYS_close_range,
        libc::SYS_faccessat2,
        libc::SYS_landlock_create_ruleset,
        libc::SYS_memfd_create,
        452, // fchmodat2
    ];
    let directory = tempfile::tempdir().unwrap();
    let denying = denying(&lacking.map(|call| (call, Errno::ENOSYS as i32)));
    let program = directory.path().join("start");
    fs::write(&program, denying).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    same(&|| {
        let mut command = Command::new(&program);
        command.env_clear().arg(lithify());
        command
    });
}

#[test]
fn sixteen_mebibytes_of_memory() {
    same(&|| after("ulimit -v 16384;"));
}

/// Root is not bound by the limit; another user is.
#[test]
fn no_thread_and_no_process_besides() {
    let tree = original();
    let expected = look(&command, tree.path());
    let alone = || {
        let mut command = Command::new("prlimit");
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").arg("--nproc=1:1");
        command.args(["setpriv", "--reuid=64321", "--regid=64321", "--clear-groups", "--bounding-set=-all"]);
        command.arg(lithify());
        command
    };
    let digest = crate::harness::run(alone().arg("seal").arg("--root").arg(tree.path())).exits(0).stdout;
    assert_eq!(digest, expected.digest);
    crate::harness::run(alone().arg("scan").arg("--root").arg(tree.path())).exits(0);
}

#[test]
fn sixty_four_descriptors() {
    same(&|| after("ulimit -n 64;"));
}

/// Reports are lost, which is exit 1 ([`crate::command::output_lost`]); what is done is done all the same.
#[test]
fn closed_streams() {
    for closed in ["<&-", "<&- 2>&-"] {
        same(&|| after(&format!("exec {closed};")));
    }
    let tree = original();
    crate::harness::run(
        after("exec <&- >&- 2>&-;").arg("harden").arg("--root").arg(tree.path()).args(["--remove", "sh"]),
    )
    .exits(1);
    tree.assert_gone(&["/bin/sh", "/bin/dash", "/opt/hidden"]);
    tree.assert_there(&["/bin/app", "/data/large"]);
}
