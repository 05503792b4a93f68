//! Scenario 3: an init container hardens a volume that it shares with the app.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::harness::container::Spec;
use crate::harness::tree::manifest;
use crate::harness::{rootfs, run};

#[test]
fn nothing_outside_the_volume_is_touched() {
    let volume = tempfile::tempdir().unwrap();
    let tree = volume.path();
    run(Command::new("cp").arg("-a").arg(rootfs("nginx").join("usr")).arg(tree)).exits(0);
    for (link, target) in [
        // As an image has them, which here would lead into the init container's own /bin:
        ("bin", "/usr/bin"),
        ("usr/bin/escape-absolute", "/bin/sh"),
        ("usr/bin/bash-up", "../../../../../../bin/bash"),
        ("usr/local/bin/sh", "/opt/inside-init/sh"),
        ("sbin", "/opt/inside-init"),
        ("up", "../../.."),
    ] {
        let at = tree.join(link);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        symlink(target, at).unwrap();
    }
    let init = tempfile::tempdir().unwrap();
    for name in ["sh", "bash", "touch"] {
        fs::write(init.path().join(name), "of the init container").unwrap();
    }
    let container = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "100"])
        .volume(tree, "/shared", &["rw"])
        .volume(init.path(), "/opt/inside-init", &["rw"])
        .start();
    let (own_root, own_init) = (manifest(container.root()), manifest(init.path()));

    container.lithify(&["harden", "--root", "/shared", "--profile", "shells"]).exits(0).says("removed");

    assert_eq!(manifest(container.root()), own_root);
    assert_eq!(manifest(init.path()), own_init);
    for gone in
        ["usr/bin/sh", "usr/bin/dash", "usr/bin/bash", "usr/bin/rbash", "usr/bin/escape-absolute", "usr/bin/bash-up"]
    {
        assert!(tree.join(gone).symlink_metadata().is_err(), "{gone} is still there");
    }
    // Names of rules that lead nowhere inside the volume: a dangling `sh` goes, other links stay as they are.
    assert!(tree.join("usr/local/bin/sh").symlink_metadata().is_err());
    for there in ["sbin", "up", "bin", "usr/bin/touch", "usr/sbin/nginx"] {
        assert!(tree.join(there).symlink_metadata().is_ok(), "{there} is gone");
    }
    container.exec(["/bin/sh", "-c", "echo the init container has its shell"]).exits(0).says("its shell");
    let after = manifest(tree);
    container.lithify(&["harden", "--root", "/shared", "--profile", "shells"]).exits(0).says("nothing to remove");
    assert_eq!(manifest(tree), after);
}
