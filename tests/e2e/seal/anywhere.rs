//! The same files have the same digest wherever they lie: on each filesystem, in each arrangement of layers, in a container.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::oracle::odd;
use crate::harness::container::Spec;
use crate::harness::tree::Tree;
use crate::harness::{rootfs, run, run_lithify};

#[track_caller]
fn digest(root: &Path) -> String {
    run_lithify(["seal", "--root", root.to_str().unwrap()]).exits(0).stdout.trim_end().to_owned()
}

/// A mount namespace of this thread: whatever happens, no mount outlives the test.
fn own_mounts() {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
}

#[track_caller]
fn copy(from: &Path, to: &Path) {
    run(Command::new("cp").arg("-a").arg(from.join(".")).arg(to)).exits(0);
}

/// A tree with everything that a manifest can state.
fn original() -> (Tree, String) {
    let tree = Tree::new();
    odd(&tree);
    let digest = digest(tree.path());
    (tree, digest)
}

fn directory(tree: &Tree, name: &str) -> PathBuf {
    tree.directory(name);
    tree.at(name)
}

#[test]
fn a_copy_with_other_times_and_without_hard_links() {
    let (original, before) = original();
    let copied = Tree::new();
    run(Command::new("cp")
        .args(["-a", "--no-preserve=timestamps,links"])
        .arg(original.path().join("."))
        .arg(copied.path()))
    .exits(0);
    let files = |tree: &Tree| fs::metadata(tree.at("/hard")).unwrap().nlink();
    assert_eq!((files(&original), files(&copied)), (2, 1));
    assert_eq!(digest(copied.path()), before);
}

#[test]
fn a_tmpfs_and_a_read_only_bind_mount() {
    let (original, before) = original();
    own_mounts();
    let work = Tree::new();
    let at = directory(&work, "/tmpfs");
    mount(Some("tmpfs"), &at, Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
    copy(original.path(), &at);
    assert_eq!(digest(&at), before);
    let at = directory(&work, "/bind");
    mount(Some(original.path()), &at, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    mount(None::<&str>, &at, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY, None::<&str>)
        .unwrap();
    assert!(fs::write(at.join("x"), "").is_err());
    assert_eq!(digest(&at), before);
}

/// Another filesystem in a file, mounted through a loop device.
fn filesystem(kind: &str, size: &str, mkfs: &[&str]) {
    let (original, before) = original();
    own_mounts();
    let work = Tree::new();
    let (image, at) = (work.at("/image"), directory(&work, "/mounted"));
    run(Command::new("truncate").args(["-s", size]).arg(&image)).exits(0);
    run(Command::new(mkfs[0]).args(&mkfs[1..]).arg(&image)).exits(0);
    run(Command::new("mount").args(["-t", kind, "-o", "loop"]).arg(&image).arg(&at)).exits(0);
    copy(original.path(), &at);
    // What mkfs makes is not the image's.
    let _ = fs::remove_dir(at.join("lost+found"));
    assert_eq!(digest(&at), before, "{kind}");
    run(Command::new("mount").args(["-o", "remount,ro"]).arg(&at)).exits(0);
    assert_eq!(digest(&at), before, "{kind}, read-only");
    run(Command::new("umount").arg(&at)).exits(0);
}

#[test]
fn ext4() {
    filesystem("ext4", "160M", &["mkfs.ext4", "-q"]);
}

#[test]
fn xfs() {
    filesystem("xfs", "400M", &["mkfs.xfs", "-q"]);
}

#[test]
fn btrfs() {
    filesystem("btrfs", "300M", &["mkfs.btrfs", "-q"]);
}

fn overlay(lower: &str, upper: &Path, work: &Path, at: &Path) {
    let layers = format!("lowerdir={lower},upperdir={},workdir={}", upper.display(), work.display());
    mount(Some("overlay"), at, Some("overlay"), MsFlags::empty(), Some(layers.as_str())).unwrap();
}

/// The same view from a lower layer alone, from two layers, and after changes that copy up, hide and take back.
#[test]
fn an_overlay_with_the_same_view() {
    let (original, before) = original();
    own_mounts();
    let layers = Tree::new();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let mounted = |name: &str, lower: &str| {
        let [upper, work, at] = ["upper", "work", "root"].map(|part| directory(&layers, &format!("/{name}/{part}")));
        overlay(lower, &upper, &work, &at);
        at
    };
    let at = mounted("lower", &text(original.path()));
    assert_eq!(digest(&at), before, "all of it in the lower layer");

    // Copied up, hidden and made again, moved to and fro, a directory made opaque.
    fs::set_permissions(at.join("a/b"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(at.join("a/b"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(at.join("a0"), at.join("moved")).unwrap();
    fs::rename(at.join("moved"), at.join("a0")).unwrap();
    for again in ["hard", "a/b.d", "up", "fifo"] {
        run(Command::new("cp").arg("-a").arg(at.join(again)).arg(at.join("again"))).exits(0);
        fs::remove_file(at.join(again)).unwrap();
        fs::rename(at.join("again"), at.join(again)).unwrap();
    }
    let kept = Tree::new();
    copy(&at.join("odd"), kept.path());
    let old = fs::metadata(at.join("odd")).unwrap();
    fs::remove_dir_all(at.join("odd")).unwrap();
    assert_ne!(digest(&at), before);
    fs::create_dir(at.join("odd")).unwrap();
    fs::set_permissions(at.join("odd"), old.permissions()).unwrap();
    chown(at.join("odd"), Some(old.uid()), Some(old.gid())).unwrap();
    copy(kept.path(), &at.join("odd"));
    assert_eq!(digest(&at), before, "after changes that were taken back");
    let upper = layers.at("/lower/upper");
    let opaque =
        run(Command::new("getfattr").args(["--only-values", "-n", "trusted.overlay.opaque"]).arg(upper.join("odd")));
    assert_eq!(opaque.exits(0).stdout, "y", "the test makes an opaque directory");

    // A file that only the upper layer has, and one that it hides.
    fs::write(at.join("new"), "").unwrap();
    let with_new = digest(&at);
    assert_ne!(with_new, before);
    fs::remove_file(at.join("new")).unwrap();
    assert_eq!(digest(&at), before);

    // Half of it in a lower layer and half in one over it, with a whiteout for what only the lowest has.
    let [lowest, middle] = ["/lowest", "/middle"].map(|name| directory(&layers, name));
    copy(original.path(), &lowest);
    fs::remove_dir_all(lowest.join("b")).unwrap();
    fs::write(lowest.join("hidden"), "").unwrap();
    fs::write(lowest.join("a/b"), "older").unwrap();
    run(Command::new("cp").arg("-a").arg(original.at("/b")).arg(&middle)).exits(0);
    run(Command::new("cp").args(["-a", "--parents", "a/b"]).arg(&middle).current_dir(original.path())).exits(0);
    run(Command::new("mknod").arg(middle.join("hidden")).args(["c", "0", "0"])).exits(0);
    let at = mounted("several", &format!("{}:{}", text(&middle), text(&lowest)));
    assert!(!at.join("hidden").exists());
    assert_eq!(digest(&at), before, "several layers");
}

/// An image's tree as it is, and seen from a container of it, with all that the kubelet and the runtime mount there.
#[test]
fn a_running_container() {
    let profile = tempfile::tempdir().unwrap();
    // Volumes at directories that the image has, filled and empty, and at ones that it does not have.
    let site = "schema = 1\n[seal]\nexclude = [\"/var/www\", \"/srv\", \"/opt/app/data\"]\n";
    fs::write(profile.path().join("site.toml"), site).unwrap();
    for (tree, secrets) in [
        ("nginx", "/run/secrets/kubernetes.io/serviceaccount"),
        ("alpine", "/var/run/secrets/kubernetes.io/serviceaccount"),
    ] {
        let root = rootfs(tree);
        let with_profile = |root: &Path| {
            let profile = profile.path().join("site.toml");
            run_lithify(["seal", "--root", root.to_str().unwrap(), "-p", profile.to_str().unwrap()]).exits(0).stdout
        };
        let (plain, excluding) = (digest(&root), with_profile(&root));
        let secret = tempfile::tempdir().unwrap();
        fs::write(secret.path().join("token"), "secret").unwrap();
        let command: &[&str] =
            if tree == "nginx" { &["/bin/sleep", "1000"] } else { &["/bin/busybox", "sleep", "1000"] };
        let spec = || {
            let spec = Spec::new(&root, command).volume(secret.path(), secrets, &["ro"]).volume(
                profile.path(),
                "/site",
                &["ro"],
            );
            spec.volume(secret.path(), "/mnt/of/the/image/not", &[]).tmpfs("/dev/shm2", &[])
        };
        let container = spec().start();
        let sealed = container.lithify(&["seal"]).exits(0).stdout;
        if tree == "nginx" {
            // Its /mnt is an empty directory, in which the runtime has made the way to a mount: see docs/state.md.
            assert_ne!(sealed.trim_end(), plain);
        } else {
            assert_eq!(sealed.trim_end(), plain, "{tree}");
        }
        drop(container);
        let spec =
            Spec::new(&root, command).volume(secret.path(), secrets, &["ro"]).volume(profile.path(), "/site", &["ro"]);
        let spec = spec.tmpfs("/var/www", &[]).tmpfs("/srv", &[]).tmpfs("/opt/app/data", &[]);
        let spec = spec.volume(secret.path(), "/data/of/nobody", &[]);
        let container = spec.start();
        let sealed = || container.lithify(&["seal", "-p", "/site/site.toml"]).exits(0).stdout;
        assert_eq!(sealed(), excluding, "{tree}");
        fs::write(container.root().join("usr/bin/x"), "").unwrap();
        assert_ne!(sealed(), excluding, "{tree}");
    }
}
