//! User namespaces: a pod with `hostUsers: false`, whose files belong to the namespace's root, on disk or by an idmapped
//! mount; files of somebody else; and a root that has no other user, as with rootless runtimes.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::filesystems::{Expected, SHELLS, copy, mounted};
use super::{change, command, look};
use crate::harness::container::Spec;
use crate::harness::init_app::{app, idmap};
use crate::harness::tree::{Tree, manifest};
use crate::harness::{lithify, run};

/// Gives a tree to who is root of [`Spec::in_user_namespace`].
fn give_away(tree: &Path) {
    run(Command::new("chown").args(["-hR", "100000:100000"]).arg(tree)).exits(0);
    // chown(2) takes the bit away.
    fs::set_permissions(tree.join("usr/bin/mount"), fs::Permissions::from_mode(0o4755)).unwrap();
}

/// What a container mounts of it can be read by anybody.
fn expected() -> Expected {
    let expected = Expected::new();
    fs::set_permissions(expected.mounted.path(), fs::Permissions::from_mode(0o755)).unwrap();
    expected
}

#[test]
fn files_of_its_root() {
    let (expected, work, count) = (expected(), Tree::new(), Cell::new(0));
    fs::set_permissions(work.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let spec = || {
        count.set(count.get() + 1);
        let root = work.at(&count.get().to_string());
        copy(expected.image.path(), &root);
        give_away(&root);
        Spec::new(&root, &[]).bare().in_user_namespace()
    };
    let volume = work.at("/volume");
    fs::create_dir(&volume).unwrap();
    std::os::unix::fs::chown(&volume, Some(100_000), Some(100_000)).unwrap();
    expected.container(&spec, &volume);
}

#[test]
fn an_idmapped_mount() {
    let filesystem = mounted(|_, _| {});
    let (expected, count) = (expected(), Cell::new(0));
    let work = &filesystem.work;
    fs::set_permissions(work.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mapped = |name: &str| {
        let (on_disk, at) = (work.at(&format!("{name} on disk")), work.at(name));
        for directory in [&on_disk, &at] {
            fs::create_dir(directory).unwrap();
        }
        run(Command::new(idmap()).arg(&on_disk).arg(&at)).exits(0);
        (on_disk, at)
    };
    let spec = || {
        count.set(count.get() + 1);
        let (on_disk, at) = mapped(&count.get().to_string());
        copy(expected.image.path(), &on_disk);
        Spec::new(&at, &[]).bare().in_user_namespace()
    };
    expected.container(&spec, &mapped("volume").1);
}

/// Root of the namespace may not change them. It says so, and denies them to the app.
#[test]
fn files_of_somebody_else() {
    let (expected, work, app) = (expected(), Tree::new(), app());
    fs::set_permissions(work.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let root = work.at("/root");
    copy(expected.image.path(), &root);
    fs::write(expected.mounted.at("shells.toml"), SHELLS).unwrap();
    let spec = |words: &[&str]| {
        let spec = Spec::new(&root, words).bare().in_user_namespace().tmpfs("/volume", &[]);
        spec.volume(expected.mounted.path(), "/profile", &["ro"]).volume(app.parent().unwrap(), "/app", &["ro"])
    };
    let started = spec(&["/bin/pause"]).start();
    started.lithify(&["scan"]).exits(0).says("/bin/dash").says("/usr/bin/curl");
    let refused = started.lithify(&["harden", "-p", "/profile/site.toml"]).exits(1);
    refused.says("/bin/sh").says("EACCES");
    started.lithify(&["verify", "-p", "/profile/site.toml"]).exits(1).says("/bin/sh");
    drop(started);
    let run = ["/lithify/lithify", "run", "-p", "/profile/shells.toml", "--"];
    let attack = ["/app/app", "attack", "/bin/sh", "/bin/sh", "/volume"];
    let ran = spec(&[&run[..], &attack].concat()).create().run_to_end().exits(0);
    ran.says("denied").says("exec: Permission denied").does_not_say("worked");
    assert_eq!(manifest(&root), manifest(expected.image.path()));
}

#[test]
fn one_user() {
    let rootless = || {
        let mut command = Command::new("unshare");
        command.env_clear().env("PATH", "/usr/bin:/bin").arg("--map-root-user").arg(lithify());
        command
    };
    let (expected, work) = (Expected::new(), Tree::new());
    let root = work.at("/root");
    copy(expected.image.path(), &root);
    assert_eq!(look(&rootless, &root), look(&command, &root));
    change(&rootless, &root);
    assert_eq!(manifest(&root), manifest(expected.hardened.path()));
}
