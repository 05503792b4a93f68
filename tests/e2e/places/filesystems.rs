//! tmpfs, ext4, xfs, btrfs with a subvolume below the root, squashfs, erofs, and FUSE: bindfs, which gives inode numbers of
//! its own, and fuse-overlayfs, on which rootless runtimes keep containers. Each is looked at and hardened as a volume
//! (`--root`), then as a container's root: itself, and as what an overlay lies over.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use super::{PROFILE, change, command, look, original};
use crate::harness::container::Spec;
use crate::harness::init_app::app;
use crate::harness::program::{CODE, PAUSE, SEVEN, ZERO, program};
use crate::harness::tree::{Tree, manifest};
use crate::harness::{Ran, run};

/// A mounted filesystem. The mount ends with it, or with the test.
pub struct Mounted {
    pub work: Tree,
}

impl Mounted {
    fn at(&self) -> PathBuf {
        self.work.at("/mounted")
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = umount2(&self.at(), MntFlags::MNT_DETACH);
    }
}

/// Mounts one at a directory. Whatever happens, the mount does not outlive the test.
pub fn mounted(mount_at: impl FnOnce(&Tree, &Path)) -> Mounted {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
    let work = Tree::new();
    work.directory("/mounted").directory("/lower").directory("/upper").directory("/workdir");
    let mounted = Mounted { work };
    mount_at(&mounted.work, &mounted.at());
    mounted
}

fn loop_mount(kind: &str, image: &Path, at: &Path) {
    run(Command::new("mount").args(["-t", kind, "-o", "loop"]).arg(image).arg(at)).exits(0);
}

/// In a file.
fn made(kind: &str, size: &str, mkfs: &[&str]) -> Mounted {
    mounted(|work, at| {
        let image = work.at("/image");
        run(Command::new("truncate").args(["-s", size]).arg(&image)).exits(0);
        run(Command::new(mkfs[0]).args(&mkfs[1..]).arg(&image)).exits(0);
        loop_mount(kind, &image, at);
    })
}

/// Where a container has its mounts.
const MOUNT_POINTS: [&str; 4] = ["/lithify", "/profile", "/volume", "/app"];

/// The tree with what a container needs: programs that can be started, and the points of its mounts.
fn image() -> Tree {
    let tree = original();
    for directory in ["/proc", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys", "/etc"].iter().chain(&MOUNT_POINTS) {
        tree.directory(directory);
    }
    for path in ["etc/hosts", "dev/termination-log", "lithify/lithify"] {
        fs::write(tree.at(path), "").unwrap();
    }
    for (name, code) in [("app", SEVEN), ("pause", PAUSE), ("dash", ZERO)] {
        fs::write(tree.at("bin").join(name), program(code, name.as_bytes())).unwrap();
        fs::set_permissions(tree.at("bin").join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    tree
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    run(Command::new("cp").arg("-a").arg(from.join(".")).arg(to)).exits(0);
}

/// What is there, bar what harden and stage note for later.
fn left(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = manifest(root);
    found.retain(|path, _| ![".lithify", ".lithify-staged"].iter().any(|mark| path == Path::new(mark)));
    // Root of a user namespace.
    found.values_mut().for_each(|line| *line = line.replace(" 100000:100000", " 0:0"));
    found
}

/// What is the same everywhere: the image, and what it is when it is hardened.
pub struct Expected {
    pub image: Tree,
    pub hardened: Tree,
    /// Of what a container mounts.
    pub mounted: Tree,
}

impl Expected {
    pub fn new() -> Self {
        let expected = Self { image: image(), hardened: Tree::new(), mounted: Tree::new() };
        copy(expected.image.path(), expected.hardened.path());
        change(&command, expected.hardened.path());
        let profile = format!("{PROFILE}[seal]\nexclude = {MOUNT_POINTS:?}\n");
        fs::write(expected.mounted.at("site.toml"), profile).unwrap();
        expected
    }

    fn digest(&self, root: &Path) -> String {
        run(command().args(["seal", "-p"]).arg(self.mounted.at("site.toml")).arg("--root").arg(root)).exits(0).stdout
    }

    /// The commands on this tree, which is a volume.
    fn volume(&self, root: &Path) {
        assert_eq!(look(&command, root), look(&command, self.image.path()));
        change(&command, root);
        assert_eq!(manifest(root), manifest(self.hardened.path()));
    }

    /// The commands in a container of the image, whose volume is this directory.
    pub fn container(&self, spec: &dyn Fn() -> Spec, volume: &Path) {
        let container = |words: &[&str]| {
            let spec = spec().command(words).volume(self.mounted.path(), "/profile", &["ro"]);
            spec.volume(volume, "/volume", &["rw"])
        };
        let started = container(&["/bin/pause"]).start();
        let inside = |words: &str| started.lithify(&words.split(' ').collect::<Vec<_>>());
        let after = self.digest(self.hardened.path());
        assert_eq!(inside("seal -p /profile/site.toml").exits(0).stdout, self.digest(self.image.path()));
        assert_eq!(inside("seal --after -p /profile/site.toml").exits(0).stdout, after);
        inside("scan").exits(0).says("/bin/dash").says("/usr/bin/curl").says("/usr/bin/mount");
        inside("verify -p /profile/site.toml").exits(1).says("/bin/sh");
        inside("stage -p /profile/site.toml /bin /data --to /volume").exits(0);
        for (path, expected) in [("data", &self.image), ("bin", &self.hardened)] {
            assert_eq!(left(&volume.join("root").join(path)), manifest(&expected.at(path)));
        }
        inside("stage -p /profile/site.toml /bin /data --to /volume").exits(0);
        inside("install /volume").exits(0);
        run(Command::new("cmp").arg(crate::harness::lithify()).arg(volume.join("lithify"))).exits(0);
        assert_eq!(left(started.root()), manifest(self.image.path()));
        inside("harden -p /profile/site.toml").exits(0);
        assert_eq!(left(started.root()), manifest(self.hardened.path()));
        inside(&format!("verify -p /profile/site.toml --digest {}", after.trim())).exits(0);
        inside("harden -p /profile/site.toml").exits(0).says("nothing to remove");
        // What it has deleted itself is no change.
        inside("install /bin").exits(0);
        inside("diff").exits(0).says("lithify: EXECUTABLE file").does_not_say("curl");
        drop(started);
        let other = container(&["/lithify/lithify", "run", "-p", "/profile/site.toml", "--", "/bin/app"]).create();
        other.run_to_end().exits(CODE);
        assert_eq!(left(other.root()), manifest(self.hardened.path()));
    }
}

/// Where it can be written. `make` makes the directory of a root there.
fn writable(filesystem: &Mounted, is_upper: bool, make: fn(&Path)) {
    let (expected, at) = (Expected::new(), filesystem.at());
    let tree = |name: &str, make: fn(&Path)| {
        let tree = at.join(name);
        make(&tree);
        copy(expected.image.path(), &tree);
        tree
    };
    expected.volume(&tree("root", make));
    let count = Cell::new(0);
    let bare = || {
        count.set(count.get() + 1);
        Spec::new(&tree(&format!("container {}", count.get()), make), &[]).bare()
    };
    let volume = |name: &str| {
        directory(&at.join(name));
        at.join(name)
    };
    expected.container(&bare, &volume("volume"));
    let layer = tree("layer", directory);
    let storage = if is_upper { at.clone() } else { std::env::temp_dir() };
    expected.container(&|| Spec::new(&layer, &[]).stored_in(&storage), &volume("other volume"));
    assert_eq!(manifest(&layer), manifest(expected.image.path()), "layers below are not changed");
}

fn directory(at: &Path) {
    fs::create_dir(at).unwrap();
}

#[test]
fn tmpfs() {
    let filesystem = mounted(|_, at| mount(Some("tmpfs"), at, Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap());
    writable(&filesystem, true, directory);
}

#[test]
fn ext4() {
    writable(&made("ext4", "160M", &["mkfs.ext4", "-q"]), true, directory);
}

#[test]
fn xfs() {
    writable(&made("xfs", "400M", &["mkfs.xfs", "-q"]), true, directory);
}

/// A subvolume has a device number of its own, and is no mount. In an overlay over several subvolumes, inode numbers are not
/// unique: lithify is no better there than find(1), which takes a directory for its own parent.
#[test]
fn btrfs() {
    writable(&made("btrfs", "300M", &["mkfs.btrfs", "-q"]), true, |at| {
        for at in [at, &at.join("usr")] {
            run(Command::new("btrfs").args(["-q", "subvolume", "create"]).arg(at)).exits(0);
        }
    });
}

fn fuse(program: &str, options: &str, arguments: fn(&Tree) -> Vec<PathBuf>) -> Mounted {
    mounted(|work, at| {
        let options = options.replace("WORK", work.path().to_str().unwrap());
        run(Command::new(program).args(["-o", &options]).args(arguments(work)).arg(at)).exits(0);
    })
}

#[test]
fn bindfs() {
    writable(&fuse("bindfs", "suid,dev", |work| vec![work.at("/lower")]), false, directory);
}

#[test]
fn fuse_overlayfs() {
    let options = "lowerdir=WORK/lower,upperdir=WORK/upper,workdir=WORK/workdir";
    writable(&fuse("fuse-overlayfs", options, |_| Vec::new()), false, directory);
}

/// Where it cannot: everything that looks says the same, and what would change it says that it cannot.
fn read_only(filesystem: &Mounted) {
    let (expected, root) = (Expected::new(), filesystem.at().join("root"));
    let before = manifest(&root);
    assert_eq!(before, manifest(expected.image.path()));
    assert_eq!(look(&command, &root), look(&command, expected.image.path()));
    let profile = expected.mounted.at("site.toml");
    let refused = |ran: Ran| ran.exits(1).says("/bin/sh").says("the filesystem is read-only (EROFS)");
    refused(run(command().args(["harden", "-p"]).arg(&profile).arg("--root").arg(&root)));
    let volume = Tree::new();
    let container = |words: &[&str]| {
        let spec = Spec::new(&root, words).bare().volume(expected.mounted.path(), "/profile", &["ro"]);
        let app = app();
        spec.volume(volume.path(), "/volume", &["rw"]).volume(app.parent().unwrap(), "/app", &["ro"])
    };
    let started = container(&["/bin/pause"]).start();
    let inside = |words: &str| started.lithify(&words.split(' ').collect::<Vec<_>>());
    let digest = expected.digest(expected.image.path());
    assert_eq!(inside("seal -p /profile/site.toml").exits(0).stdout, digest);
    inside("scan").exits(0).says("/bin/dash").says("/usr/bin/curl").says("/usr/bin/mount");
    inside("diff").exits(0).says("nothing has changed");
    inside("stage -p /profile/site.toml /bin --to /volume").exits(0);
    assert_eq!(left(&volume.at("root/bin")), manifest(&expected.hardened.at("bin")));
    inside("verify -p /profile/site.toml").exits(1).says("/bin/sh");
    fs::write(expected.mounted.at("state.toml"), STATE).unwrap();
    inside(&format!("verify -p /profile/state.toml --digest {}", digest.trim())).exits(0);
    refused(inside("harden -p /profile/site.toml"));
    inside("harden -p /profile/site.toml --dry-run").exits(0).says("would be removed");
    drop(started);
    fs::write(expected.mounted.at("shells.toml"), SHELLS).unwrap();
    let attack = ["--", "/app/app", "attack", "/bin/sh", "/bin/sh", "/volume"];
    let started = |flags: &[&str]| {
        let words = [&["/lithify/lithify", "run", "-p", "/profile/shells.toml"], flags, &attack].concat();
        container(&words).create().run_to_end()
    };
    started(&["--fallback", "deny"]).exits(0).says("denied").says("exec: Permission denied").does_not_say("worked");
    started(&["--fallback", "warn"]).exits(0).says("the root is read-only").says("exec: worked");
    started(&["--fallback", "fail"]).exits(125).says("EROFS").does_not_say("exec:");
    assert_eq!(manifest(&root), before);
}

const STATE: &str = r#"schema = 1
[verify.mounts]
read_only = ["/"]
writable = ["/volume"]
[verify.files]
present = ["/bin/sh"]
[seal]
exclude = ["/lithify", "/profile", "/volume", "/app"]
"#;

pub const SHELLS: &str = r#"schema = 1
[remove]
names = ["sh"]
"#;

/// A filesystem that is made of a directory with the tree in it.
fn packed(kind: &str, make: fn(&Path, &Path)) -> Mounted {
    mounted(|work, at| {
        copy(image().path(), &work.at("/lower/root"));
        make(&work.at("/lower"), &work.at("/image"));
        loop_mount(kind, &work.at("/image"), at);
    })
}

fn squashed() -> Mounted {
    packed("squashfs", |tree, image| {
        run(Command::new("mksquashfs").arg(tree).arg(image).args(["-quiet", "-no-progress"])).exits(0);
    })
}

fn eroded() -> Mounted {
    packed("erofs", |tree, image| {
        run(Command::new("mkfs.erofs").arg("--quiet").arg(image).arg(tree)).exits(0);
    })
}

/// In an overlay over it, everything can be changed.
fn packed_and_overlaid(filesystem: &Mounted) {
    read_only(filesystem);
    let (layer, volume) = (filesystem.at().join("root"), Tree::new());
    Expected::new().container(&|| Spec::new(&layer, &[]), volume.path());
}

#[test]
fn squashfs() {
    packed_and_overlaid(&squashed());
}

#[test]
fn erofs() {
    packed_and_overlaid(&eroded());
}

/// Some runtimes give each container a disk of its own. Such a root looks like a machine's, and `--allow-host` says that it
/// is none.
#[test]
fn a_disk_as_the_root() {
    let filesystem = made("xfs", "400M", &["mkfs.xfs", "-q"]);
    let expected = Expected::new();
    copy(expected.image.path(), &filesystem.at());
    let spec =
        |words: &[&str]| Spec::new(&filesystem.at(), words).bare().volume(expected.mounted.path(), "/profile", &["ro"]);
    let container = spec(&["/bin/pause"]).start();
    container.lithify(&["scan"]).exits(0).says("/bin/dash");
    container.lithify(&["verify", "-p", "/profile/site.toml"]).exits(1).says("/bin/sh");
    let refused = container.lithify(&["harden", "-p", "/profile/site.toml"]).exits(3);
    refused.says("looks like the root of a machine: the whole xfs filesystem").says("--allow-host");
    assert_eq!(left(container.root()), manifest(expected.image.path()));
    container.lithify(&["harden", "-p", "/profile/site.toml", "--allow-host"]).exits(0);
    assert_eq!(left(container.root()), manifest(expected.hardened.path()));
    drop(container);
    let run = ["/lithify/lithify", "run", "-p", "/profile/site.toml", "--", "/bin/app"];
    spec(&run).create().run_to_end().exits(125).says("--allow-host");
    let run = [&run[..4], &["--allow-host", "--", "/bin/app"]].concat();
    spec(&run).create().run_to_end().exits(CODE);
}
