//! `install`: the program in a volume, whole or not at all.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::harness::container::Spec;
use crate::harness::{Ran, command, lithify, run, run_lithify};

fn install(directory: &std::path::Path) -> Ran {
    run_lithify(["install".as_ref(), directory.as_os_str()])
}

fn names(directory: &std::path::Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_copy_is_this_program_and_a_second_run_changes_nothing() {
    let volume = tempfile::tempdir().unwrap();
    install(volume.path()).exits(0).says("installed");
    let copy = volume.path().join("lithify");
    assert_eq!(fs::read(&copy).unwrap(), fs::read(lithify()).unwrap());
    assert_eq!(copy.metadata().unwrap().mode() & 0o7777, 0o555);
    assert_eq!(names(volume.path()), ["lithify"]);
    let inode = copy.metadata().unwrap().ino();
    install(volume.path()).exits(0).says("the same is there already");
    let json = run_lithify(["install", "--format", "json", volume.path().to_str().unwrap()]).exits(0).json();
    assert_eq!((&json["exit_code"], &json["changed"]), (&0.into(), &false.into()));
    let log = volume.path().join("log");
    let ran = run_lithify(["install", "-q", "--log", log.to_str().unwrap(), volume.path().to_str().unwrap()]).exits(0);
    assert_eq!(ran.all(), "");
    fs::remove_file(log).unwrap();
    assert_eq!(copy.metadata().unwrap().ino(), inode);
    run(Command::new(&copy).arg("--version")).exits(0);
}

#[test]
fn what_is_in_its_place_is_replaced_also_while_it_runs() {
    let volume = tempfile::tempdir().unwrap();
    let copy = volume.path().join("lithify");
    fs::copy("/bin/sleep", &copy).unwrap();
    let mut running = Command::new(&copy).arg("100").spawn().unwrap();
    install(volume.path()).exits(0).says("installed");
    running.kill().unwrap();
    running.wait().unwrap();
    assert_eq!(fs::read(&copy).unwrap(), fs::read(lithify()).unwrap());
    // Cut short, of another mode, or a link to something else.
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    fs::OpenOptions::new().write(true).open(&copy).unwrap().set_len(1000).unwrap();
    install(volume.path()).exits(0).says("installed");
    let other = volume.path().join("other");
    fs::write(&other, "precious").unwrap();
    fs::remove_file(&copy).unwrap();
    symlink(&other, &copy).unwrap();
    install(volume.path()).exits(0).says("installed");
    assert_eq!(fs::read_to_string(&other).unwrap(), "precious");
    assert!(copy.symlink_metadata().unwrap().is_file());
}

#[test]
fn as_any_user_in_any_working_directory() {
    let volume = tempfile::tempdir().unwrap();
    fs::set_permissions(volume.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let user = ["--reuid", "65532", "--regid", "65532", "--clear-groups", "--no-new-privs", "--bounding-set=-all"];
    // Brought to where any user may start it.
    let program = volume.path().join("original");
    fs::copy(lithify(), &program).unwrap();
    let ran = run(Command::new("setpriv").args(user).arg(&program).args(["install", "."]).current_dir(volume.path()));
    ran.exits(0);
    assert_eq!(volume.path().join("lithify").metadata().unwrap().uid(), 65532);
    let closed = tempfile::tempdir().unwrap();
    let ran = run(Command::new("setpriv").args(user).arg(&program).arg("install").arg(closed.path()).current_dir("/"));
    ran.exits(1).says("Permission denied").says("fix: ");
}

#[test]
fn a_missing_a_full_and_a_read_only_directory() {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
    let volume = tempfile::tempdir().unwrap();
    install(&volume.path().join("none")).exits(1).says("No such file").says("emptyDir");
    mount(Some("tmpfs"), volume.path(), Some("tmpfs"), MsFlags::empty(), Some("size=128k")).unwrap();
    install(volume.path()).exits(1).says("No space left").says("sizeLimit");
    assert!(names(volume.path()).is_empty());
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(None::<&str>, volume.path(), None::<&str>, flags, None::<&str>).unwrap();
    install(volume.path()).exits(1).says("Read-only file system").says("mount the volume writable");
}

#[test]
fn from_a_scratch_image_that_is_read_only() {
    let (image, volume) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::copy(lithify(), image.path().join("program")).unwrap();
    fs::set_permissions(image.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(volume.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let container = Spec::new(image.path(), &["/program", "install", "/volume"])
        .read_only()
        .user(65532, 65532)
        .capabilities(&[])
        .no_new_privileges()
        .volume(volume.path(), "/volume", &["rw"])
        .start();
    container.wait_until_it_ends();
    assert!(container.log().contains("/volume/lithify: installed"), "{}", container.log());
    assert_eq!(fs::read(volume.path().join("lithify")).unwrap(), fs::read(lithify()).unwrap());
    let copy = volume.path().join("lithify").metadata().unwrap();
    assert_eq!((copy.uid(), copy.mode() & 0o7777), (65532, 0o555));
}

#[test]
fn what_a_killed_run_left_is_removed_and_nothing_else() {
    let volume = tempfile::tempdir().unwrap();
    for name in [".lithify-12-345", ".lithify-staged", ".lithify-", ".lithify-7", "other"] {
        fs::write(volume.path().join(name), "x").unwrap();
    }
    install(volume.path()).exits(0);
    assert_eq!(names(volume.path()), [".lithify-", ".lithify-7", ".lithify-staged", "lithify", "other"]);
}

#[test]
fn a_volume_that_somebody_else_has_prepared() {
    let volume = tempfile::tempdir().unwrap();
    let copy = volume.path().join("lithify");
    // What looks like an unfinished copy and cannot be removed is in nobody's way.
    fs::create_dir(volume.path().join(".lithify-1-2")).unwrap();
    install(volume.path()).exits(0).says("installed");
    // Its owner could change it at any time.
    std::os::unix::fs::chown(&copy, Some(65532), None).unwrap();
    install(volume.path()).exits(0).says("installed");
    assert_eq!(copy.metadata().unwrap().uid(), 0);
    fs::remove_file(&copy).unwrap();
    nix::unistd::mkfifo(&copy, nix::sys::stat::Mode::S_IRWXU).unwrap();
    install(volume.path()).exits(0).says("installed");
    assert!(copy.metadata().unwrap().is_file());
}

#[test]
fn several_at_once_end_well() {
    let volume = tempfile::tempdir().unwrap();
    fs::write(volume.path().join("lithify"), "an older version").unwrap();
    let children: Vec<_> = (0..6)
        .map(|_| command().arg("install").arg(volume.path()).stdout(std::process::Stdio::null()).spawn().unwrap())
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(names(volume.path()), ["lithify"]);
    assert_eq!(fs::read(volume.path().join("lithify")).unwrap(), fs::read(lithify()).unwrap());
}
