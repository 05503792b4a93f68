//! What `stage` refuses and what fails: one clear error with what to do, and what was there before is there still.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::copy::stage;
use crate::harness::tree::{Tree, manifest};
use crate::harness::{command, rootfs, run};

pub fn own_mounts() {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
}

fn tmpfs(at: &Path, options: &str) {
    mount(Some("tmpfs"), at, Some("tmpfs"), MsFlags::empty(), Some(options)).unwrap();
}

pub fn bind(from: &Path, to: &Path) {
    mount(Some(from), to, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
}

#[test]
fn sources_that_are_none() {
    let (tree, volume) = (Tree::new(), tempfile::tempdir().unwrap());
    tree.file("/usr/bin/app").link("/all", "/").link("/loop", "loop");
    let with = |source: &str, code| {
        stage(tree.path(), volume.path(), ["-p", "shells", "/usr/bin", source]).exits(code).says("fix: ")
    };
    with("usr/bin", 2).says("usr/bin is not an absolute path");
    with("/usr/bin/app", 2).says("/usr/bin/app is not a directory");
    with("/", 3).says("the whole root").says("/usr/bin /usr/sbin");
    with("/all", 3).says("the whole root");
    with("/usr/../..", 3).says("the whole root");
    with("/none", 1).says("/none: No such file").says("the app's own image");
    with("/loop", 1);
    let strange = std::os::unix::ffi::OsStrExt::from_bytes(b"/usr/b\xff");
    fs::create_dir(tree.path().join(Path::new::<std::ffi::OsStr>(strange).strip_prefix("/").unwrap())).unwrap();
    stage(tree.path(), volume.path(), ["-p".as_ref(), "shells".as_ref(), strange]).exits(2).says("into a pod spec");
    for name in ["a:b", "a\nb", "a\u{9b}31mb", "a\u{7f}b"] {
        tree.directory(&format!("/opt/{name}"));
        with(&format!("/opt/{name}"), 2).says("into a pod spec");
    }
    stage(tree.path(), volume.path(), ["/usr/bin"]).exits(2).says("name a profile");
    run(command().args(["stage", "-p", "shells", "/usr/bin"])).exits(2).says("--to");
    run(command().args(["stage", "-p", "shells", "--to", "/tmp"])).exits(2).says("SOURCE");
    assert!(manifest(volume.path()).is_empty());
}

#[test]
fn a_volume_that_is_no_mount_point() {
    own_mounts();
    let (tree, volume) = (Tree::new(), tempfile::tempdir().unwrap());
    tree.file("/usr/bin/app");
    let note = "is not a mount point: write its path";
    stage(tree.path(), volume.path(), ["-p", "shells", "/usr/bin"]).exits(0).says(note);
    tmpfs(volume.path(), "size=1m");
    stage(tree.path(), volume.path(), ["-p", "shells", "/usr/bin"]).exits(0).does_not_say(note);
}

#[test]
fn a_rule_that_asks_for_a_library_refuses_everything() {
    let volume = tempfile::tempdir().unwrap();
    let profile = volume.path().join("p.toml");
    fs::write(&profile, "schema = 1\n[remove]\npaths = [\"/usr/lib/*-linux-gnu/libc.so.6\", \"/usr/bin/dash\"]\n")
        .unwrap();
    let to = volume.path().join("to");
    fs::create_dir(&to).unwrap();
    stage(&rootfs("nginx"), &to, ["-p", profile.to_str().unwrap(), "/usr/bin"])
        .exits(3)
        .says("REFUSED /usr/lib/x86_64-linux-gnu/libc.so.6")
        .says("nothing was changed");
    assert!(manifest(&to).is_empty());
}

#[test]
fn onto_itself() {
    own_mounts();
    let tree = Tree::new();
    tree.file("/usr/bin/app").directory("/usr/bin/volume/deep").directory("/volume").directory("/alias");
    let before = tree.manifest();
    let to = |to: &str, source: &str| {
        stage(tree.path(), &tree.at(to), ["-p", "shells", source]).exits(3).says("lie in each other").says("--to")
    };
    to("/usr/bin", "/usr/bin");
    to("/usr/bin/volume", "/usr/bin");
    to("/usr/bin/volume/deep", "/usr/bin");
    to("/usr", "/usr/bin");
    to("/", "/usr/bin");
    stage(tree.path(), tree.path().parent().unwrap(), ["-p", "shells", "/usr/bin"]).exits(3).says("lie in each other");
    // By another path to the same directory.
    bind(&tree.at("/usr/bin/volume"), &tree.at("/volume"));
    to("/volume", "/usr/bin");
    bind(&tree.at("/usr/bin"), &tree.at("/alias"));
    to("/alias", "/usr/bin");
    nix::mount::umount(&tree.at("/volume")).unwrap();
    nix::mount::umount(&tree.at("/alias")).unwrap();
    assert_eq!(tree.manifest(), before);
}

#[test]
fn other_mounts_are_not_copied_unless_they_are_meant() {
    own_mounts();
    let (tree, volume, other) = (Tree::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    tree.file("/usr/bin/app").directory("/usr/bin/plugins").file("/usr/bin/bound").directory("/opt/tools");
    let before = || stage(tree.path(), volume.path(), ["-p", "shells", "/usr/bin"]);
    before().exits(0);
    let staged = manifest(volume.path());
    tmpfs(&tree.at("/usr/bin/plugins"), "size=1m");
    tree.file("/usr/bin/plugins/sh").file("/usr/bin/plugins/plugin");
    before().exits(3).says("/usr/bin/plugins is on another mount").says("[remove] mounts");
    assert_eq!(manifest(volume.path()), staged);
    let profile = other.path().join("p.toml");
    fs::write(&profile, "schema = 1\n[remove]\npaths = [\"/usr/bin/**/sh\"]\nmounts = [\"/usr/bin/plugins\"]\n")
        .unwrap();
    stage(tree.path(), volume.path(), ["-p", profile.to_str().unwrap(), "/usr/bin"]).exits(0);
    let copy = volume.path().join("root/usr/bin/plugins");
    assert!(copy.join("plugin").exists() && !copy.join("sh").exists());
    // A single file, as Docker's --init mounts one; and a source that is a mount itself.
    nix::mount::umount(&tree.at("/usr/bin/plugins")).unwrap();
    bind(&tree.at("/usr/bin/app"), &tree.at("/usr/bin/bound"));
    before().exits(3).says("/usr/bin/bound is on another mount");
    tmpfs(&tree.at("/opt/tools"), "size=1m");
    stage(tree.path(), volume.path(), ["-p", "shells", "/opt/tools"]).exits(3).says("/opt/tools is on another mount");
}

#[test]
fn a_missing_a_full_a_read_only_and_a_foreign_volume() {
    own_mounts();
    let (tree, volume) = (Tree::new(), tempfile::tempdir().unwrap());
    tree.file("/usr/bin/app").file_with("/usr/bin/large", &"x".repeat(300_000)).file("/usr/bin/last").file("/etc/file");
    let to = |to: &Path| stage(tree.path(), to, ["-p", "shells", "/usr/bin"]).exits(1).says("fix: ");
    to(&volume.path().join("none")).says("none: No such file").says("emptyDir");
    to(&tree.at("/etc/file")).says("Not a directory");
    tmpfs(volume.path(), "size=200k");
    to(volume.path()).says("No space left").says("sizeLimit");
    assert!(manifest(volume.path()).is_empty());
    // With a whole tree there, that one stays.
    mount(None::<&str>, volume.path(), None::<&str>, MsFlags::MS_REMOUNT, Some("size=500k")).unwrap();
    stage(tree.path(), volume.path(), ["-p", "shells", "/usr/bin"]).exits(0);
    let before = manifest(volume.path());
    // The same needs no room.
    stage(tree.path(), volume.path(), ["-p", "shells", "/usr/bin"]).exits(0);
    assert_eq!(manifest(volume.path()), before);
    tree.file_with("/usr/bin/app", "another");
    to(volume.path()).says("No space left").says("room for both");
    assert_eq!(manifest(volume.path()), before);
    mount(None::<&str>, volume.path(), None::<&str>, MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY, None::<&str>).unwrap();
    to(volume.path()).says("Read-only file system").says("mount the volume writable");
    assert_eq!(manifest(volume.path()), before);
    // Inodes run out before bytes do.
    let few = tempfile::tempdir().unwrap();
    tmpfs(few.path(), "nr_inodes=5");
    to(few.path()).says("No space left");
    assert!(manifest(few.path()).is_empty());
}

#[test]
fn a_volume_of_another_user() {
    use std::os::unix::process::CommandExt;
    let (tree, volume, program) = (Tree::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    tree.file("/usr/bin/app");
    for path in [tree.path(), volume.path(), program.path()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let copy = program.path().join("lithify");
    fs::copy(crate::harness::lithify(), &copy).unwrap();
    let mut stage = std::process::Command::new(&copy);
    stage.env_clear().uid(65532).gid(65532).arg("stage").arg("--root").arg(tree.path());
    run(stage.args(["-p", "shells", "/usr/bin", "--to"]).arg(volume.path()))
        .exits(1)
        .says("Permission denied")
        .says("fsGroup");
    assert!(manifest(volume.path()).is_empty());
}

#[test]
fn a_mount_in_what_a_killed_run_left_is_not_entered() {
    own_mounts();
    let (tree, volume, precious) = (Tree::new(), tempfile::tempdir().unwrap(), Tree::new());
    tree.file("/usr/bin/app");
    precious.file("/file");
    let mounted = volume.path().join(".tmp.lithify-1-2/usr/mounted");
    fs::create_dir_all(&mounted).unwrap();
    bind(precious.path(), &mounted);
    stage(tree.path(), volume.path(), ["-p", "shells", "/usr/bin"])
        .exits(0)
        .says("an old tree is left in the volume")
        .says(".tmp.lithify-1-2/usr/mounted");
    assert!(precious.has("/file") && volume.path().join("root/usr/bin/app").exists());
}

#[test]
fn another_run_that_does_not_end_is_waited_for() {
    let (tree, volume) = (Tree::new(), tempfile::tempdir().unwrap());
    tree.file("/usr/bin/app");
    let held =
        nix::fcntl::Flock::lock(fs::File::open(volume.path()).unwrap(), nix::fcntl::FlockArg::LockExclusive).unwrap();
    let mut child = command();
    child.arg("stage").arg("--root").arg(tree.path()).args(["-p", "shells", "/usr/bin", "--to"]).arg(volume.path());
    let mut child = child.stdout(std::process::Stdio::null()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none() && manifest(volume.path()).is_empty());
    drop(held);
    assert!(child.wait().unwrap().success());
    assert!(volume.path().join("root/usr/bin/app").exists());
}

#[test]
fn too_many_directories_in_each_other() {
    let (tree, volume) = (Tree::new(), tempfile::tempdir().unwrap());
    tree.directory(&format!("/usr/bin{}", "/d".repeat(150)));
    stage(tree.path(), volume.path(), ["-p", "shells", "/usr/bin"]).exits(0);
    tree.directory(&format!("/usr/bin{}", "/d".repeat(400)));
    stage(tree.path(), volume.path(), ["-p", "shells", "/usr/bin"])
        .exits(1)
        .says("more than 200 directories in each other");
    assert_eq!(fs::read_dir(volume.path()).unwrap().count(), 1);
    let deep = volume.path().join("root/usr/bin").join("d/".repeat(150));
    assert!(deep.is_dir());
}
