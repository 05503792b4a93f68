//! `stage` where there is a copy already: the same stays, for an app may have it mounted; anything else is replaced.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;

use nix::mount::{MsFlags, mount};

use super::copy::{everything, stage};
use super::refusals::{bind, own_mounts};
use crate::harness::tree::{Tree, manifest};
use crate::harness::{Ran, lithify, run};

const PROFILE: &str = "schema = 1\n[remove]\nnames = [\"sh\", \"bash\"]\n";

struct Staged {
    tree: Tree,
    volume: tempfile::TempDir,
    profile: tempfile::NamedTempFile,
}

impl Staged {
    fn new() -> Self {
        let profile = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        fs::write(profile.path(), PROFILE).unwrap();
        let staged = Self { tree: everything(), volume: tempfile::tempdir().unwrap(), profile };
        assert!(staged.changes());
        assert!(!staged.changes());
        staged
    }

    fn run(&self) -> Ran {
        let profile = self.profile.path().to_str().unwrap();
        let sources = ["--format", "json", "-p", profile, "/usr/bin", "/usr/sbin"];
        stage(self.tree.path(), self.volume.path(), sources).exits(0)
    }

    /// Whether a run says that it changed anything; the directory tells whether that is so.
    fn changes(&self) -> bool {
        let inode = || self.copy().metadata().map_or(0, |metadata| metadata.ino());
        let before = inode();
        let changed = self.run().json()["changed"].as_bool().unwrap();
        assert_eq!(changed, inode() != before);
        changed
    }

    fn copy(&self) -> std::path::PathBuf {
        self.volume.path().join("root")
    }
}

#[test]
fn the_same_stays_as_it_is() {
    let staged = Staged::new();
    let before = manifest(staged.volume.path());
    let inode = staged.copy().join("usr/bin/app").metadata().unwrap().ino();
    let arguments = ["-p", staged.profile.path().to_str().unwrap(), "/usr/bin", "/usr/sbin"];
    stage(staged.tree.path(), staged.volume.path(), arguments).exits(0).says("already, and stay as they are");
    assert_eq!(staged.copy().join("usr/bin/app").metadata().unwrap().ino(), inode);
    assert_eq!(manifest(staged.volume.path()), before);
    // It says as much of it as the run that made it.
    let fresh = tempfile::tempdir().unwrap();
    let of = |to: &Path| {
        let json = [&["--format", "json"][..], &arguments[..]].concat();
        let json = stage(staged.tree.path(), to, json).exits(0).json();
        ["names", "bytes", "links_outside", "left_out", "present"].map(|key| json[key].clone())
    };
    assert_eq!(of(staged.volume.path()), of(fresh.path()));
}

#[test]
fn what_differs_in_anything_is_replaced() {
    let staged = Staged::new();
    let (copy, good) = (staged.copy(), manifest(&staged.copy()));
    let capability = |what: &str, path: &Path| {
        run(Command::new("setcap").arg(what).arg(path)).exits(0);
    };
    let same_time = |path: &Path, change: &dyn Fn()| {
        let time = path.metadata().unwrap().modified().unwrap();
        change();
        fs::File::open(path).unwrap().set_modified(time).unwrap();
    };
    let app = copy.join("usr/bin/app");
    let elsewhere = Tree::new();
    let changes: [(&str, &dyn Fn()); 14] = [
        ("content of the same size and time", &|| {
            same_time(&app, &|| fs::write(&app, "CONTENT of /usr/bin/app\n").unwrap())
        }),
        ("time", &|| fs::File::open(&app).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap()),
        ("mode", &|| fs::set_permissions(&app, fs::Permissions::from_mode(0o777)).unwrap()),
        ("owner", &|| chown(&app, Some(65532), None).unwrap()),
        ("owner of a directory", &|| chown(copy.join("usr/bin"), Some(65532), None).unwrap()),
        ("owner of one above", &|| chown(copy.join("usr"), Some(65532), None).unwrap()),
        ("mode of one above", &|| fs::set_permissions(&copy, fs::Permissions::from_mode(0o777)).unwrap()),
        ("a shell", &|| same_time(&copy.join("usr/bin"), &|| fs::write(copy.join("usr/bin/sh"), "shell").unwrap())),
        ("another directory", &|| fs::create_dir(copy.join("usr/lib")).unwrap()),
        ("another file", &|| fs::write(copy.join("file"), "x").unwrap()),
        ("a capability more", &|| capability("cap_sys_admin+ep", &copy.join("usr/sbin/daemon"))),
        ("a capability less", &|| {
            run(Command::new("setcap").arg("-r").arg(copy.join("usr/bin/ping"))).exits(0);
        }),
        ("no marker", &|| {
            same_time(&copy.join("usr/bin"), &|| fs::remove_file(copy.join("usr/bin/.lithify-staged")).unwrap());
        }),
        ("a link instead", &|| {
            fs::rename(copy.join("usr"), elsewhere.at("usr")).unwrap();
            symlink(elsewhere.at("usr"), copy.join("usr")).unwrap();
        }),
    ];
    for (what, change) in changes {
        change();
        assert!(staged.changes(), "{what}");
        assert!(!staged.changes(), "{what}");
        let mut found = manifest(&copy);
        assert_eq!(found.len(), good.len(), "{what}");
        found.retain(|path, _| !good.contains_key(path));
        assert!(found.is_empty(), "{what}: {found:?}");
    }
    // The source and the profile can change, too.
    fs::write(staged.profile.path(), format!("{PROFILE}[strip]\nfile_capabilities = true\n")).unwrap();
    assert!(staged.changes());
    run(Command::new("getcap").arg(copy.join("usr/bin/ping"))).exits(0).does_not_say("cap_net_raw");
    fs::write(staged.profile.path(), PROFILE.replace("\"sh\"", "\"sh\", \"daemon\"")).unwrap();
    assert!(staged.changes());
    assert!(!copy.join("usr/sbin/daemon").exists());
    staged.tree.file_with("/usr/bin/app", "content of /usr/bin/new\n");
    assert!(staged.changes());
    assert_eq!(fs::read_to_string(&app).unwrap(), "content of /usr/bin/new\n");
}

#[test]
fn what_is_only_mounted_there_is_not_the_copy() {
    own_mounts();
    let staged = Staged::new();
    let other = tempfile::tempdir().unwrap();
    run(Command::new("cp").arg("-a").arg(staged.copy()).arg(other.path())).exits(0);
    let sbin = staged.copy().join("usr/sbin");
    fs::write(sbin.join("sh"), "below the mount").unwrap();
    bind(&other.path().join("root/usr/sbin"), &sbin);
    let profile = staged.profile.path().to_str().unwrap();
    // The new copy takes its place; what is mounted in the old one keeps that from being removed.
    stage(staged.tree.path(), staged.volume.path(), ["-p", profile, "/usr/bin", "/usr/sbin"])
        .exits(0)
        .says("an old tree is left in the volume");
    assert!(!staged.copy().join("usr/sbin/sh").exists());
    assert!(other.path().join("root/usr/sbin/daemon").exists());
    // The root itself cannot be replaced while something is mounted on it.
    mount(Some("tmpfs"), &staged.copy(), Some("tmpfs"), MsFlags::empty(), Some("size=1m")).unwrap();
    stage(staged.tree.path(), staged.volume.path(), ["-p", profile, "/usr/bin", "/usr/sbin"])
        .exits(1)
        .says("mount nothing but the volume itself");
}

#[test]
fn a_tree_of_another_user_is_replaced_however_often() {
    let (tree, volume, program) = (everything(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for path in [tree.path(), program.path()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(volume.path(), fs::Permissions::from_mode(0o777)).unwrap();
    fs::set_permissions(tree.at("/usr/bin/elevate"), fs::Permissions::from_mode(0o6755)).unwrap();
    fs::set_permissions(tree.at("/usr/bin/d"), fs::Permissions::from_mode(0o555)).unwrap();
    fs::copy(lithify(), program.path().join("lithify")).unwrap();
    let arguments = ["-p", "shells", "/usr/bin", "/usr/sbin"];
    stage(tree.path(), volume.path(), arguments).exits(0);
    let as_user = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65532", "--regid", "65532", "--clear-groups", "--bounding-set=-all"]);
        command.arg(program.path().join("lithify")).env_clear().arg("stage").arg("--root").arg(tree.path());
        run(command.args(arguments).arg("--to").arg(volume.path())).exits(0)
    };
    let owner = || volume.path().join("root/usr/bin/app").metadata().unwrap().uid();
    // It cannot empty what belongs to root, and that is no reason to fail, now or the next time.
    as_user().says("an old tree is left in the volume");
    assert_eq!(owner(), 65532);
    as_user().says("an old tree is left in the volume").says("stay as they are").says("belong to uid 65532");
    stage(tree.path(), volume.path(), arguments).exits(0).does_not_say("old tree").does_not_say("stay as they are");
    assert_eq!((owner(), fs::read_dir(volume.path()).unwrap().count()), (0, 1));
}

#[test]
fn a_source_that_changes_meanwhile() {
    let (tree, volume) = (everything(), tempfile::tempdir().unwrap());
    let done = std::sync::atomic::AtomicBool::new(false);
    let (mut failed, at) = (0, tree.at("/usr/bin/flickers"));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut length = 0;
            // Whatever fails in the other thread, this one ends.
            let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
            while std::time::Instant::now() < end && !done.load(std::sync::atomic::Ordering::Relaxed) {
                length = (length + 4096) % 400_000;
                fs::write(&at, vec![b'x'; length]).unwrap();
                fs::remove_file(&at).unwrap();
            }
        });
        let start = std::time::Instant::now();
        let mut runs = 0;
        // Which of them meets a change is chance.
        while runs < 60 || failed == 0 && start.elapsed() < std::time::Duration::from_secs(40) {
            runs += 1;
            let ran = stage(tree.path(), volume.path(), ["-p", "shells", "/usr/bin"]);
            if ran.code != 0 {
                failed += 1;
                ran.exits(1).does_not_say("name directories that the image has").says("/usr/bin/flickers");
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(failed > 0, "the source never changed in time");
    stage(tree.path(), volume.path(), ["-p", "shells", "/usr/bin"]).exits(0);
    assert_eq!(fs::read_dir(volume.path()).unwrap().count(), 1);
    assert!(!volume.path().join("root/usr/bin/flickers").exists());
}
