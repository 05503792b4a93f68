//! What the kernel refuses is explained: the reason, whose it is, and what to do.

use crate::harness::container::Spec;
use crate::harness::rootfs;
use crate::harness::tree::manifest;

const HARDEN: [&str; 3] = ["harden", "-p", "shells"];

#[test]
fn a_read_only_root() {
    let container = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"]).read_only().start();
    let ran = container
        .lithify(&HARDEN)
        .exits(1)
        .says("deleting and readOnlyRootFilesystem exclude each other")
        .says("bake the removal into the image")
        .says("stage");
    // One finding for all names, not one for each.
    assert_eq!(ran.stdout.matches("FAIL").count(), 1, "{}", ran.stdout);
    assert!(container.termination_message().contains("EROFS"));
    container.exec(["/bin/sh", "-c", "true"]).exits(0);
}

#[test]
fn another_user() {
    let container = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"]).user(65532, 65532).start();
    let before = manifest(container.root());
    container
        .lithify(&HARDEN)
        .exits(1)
        .says("uid 65532 (gid 65532) may not change this directory, which belongs to uid 0 (mode 0755) (EACCES)")
        .says("runAsUser: 0");
    assert_eq!(manifest(container.root()), before);
}

#[test]
fn some_fail_and_the_rest_goes_on() {
    let tree = crate::harness::tree::Tree::new();
    tree.file("/bin/sh").file("/sbin/bash").file("/usr/bin/dash");
    let chattr =
        |flag: &str| crate::harness::run(std::process::Command::new("chattr").arg(flag).arg(tree.at("/sbin/bash")));
    chattr("+i").exits(0);
    let ran = crate::harness::harden(tree.path(), ["-p", "shells"]);
    chattr("-i").exits(0);
    ran.exits(1)
        .says("FAIL remove /sbin/bash: could not remove: the kernel forbids it")
        .says("chattr -i")
        .says("2 names of 2 files removed");
    tree.assert_gone(&["/bin/sh", "/usr/bin/dash"]);
    tree.assert_there(&["/sbin/bash"]);
    crate::harness::harden(tree.path(), ["-p", "shells"]).exits(0);
}
