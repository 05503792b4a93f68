//! `run` hardens the root of its own mount namespace. So it starts in one, as the first process of a container does, with
//! what is outside of the tree as a volume at the same path: the same links lead there.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::chroot;

use super::tree::Raced;
use crate::harness::program::{HOLD, SEVEN, program};
use crate::harness::{Ran, lithify, run};

/// What `run` starts. It exits with [`crate::harness::program::CODE`].
const APP: &str = "/bin/app";

/// Makes what a container has besides the tree.
pub fn furnish(tree: &Raced) {
    for directory in ["bin", "proc", "lithify"].map(|name| tree.root().join(name)) {
        fs::create_dir_all(directory).unwrap();
    }
    fs::create_dir_all(inside(tree, &tree.outside())).unwrap();
    tree.executable(&tree.root().join("bin/app"), &program(SEVEN, b""));
    tree.executable(&tree.programs().join("hold"), &program(HOLD, b""));
    fs::write(tree.programs().join("lithify"), "").unwrap();
}

/// `run APP` with these flags, started by `/lithify/start`. The namespaces end with this call.
pub fn run_app(flags: &str, tree: &Raced) -> Ran {
    std::thread::scope(|scope| scope.spawn(|| start(flags, tree)).join().unwrap())
}

fn start(flags: &str, tree: &Raced) -> Ran {
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID).unwrap();
    let none = None::<&str>;
    // What an attack mounts meanwhile comes in.
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none).unwrap();
    let bind = |from: &Path, to: &Path| mount(Some(from), to, none, MsFlags::MS_BIND, none).unwrap();
    let root = tree.root();
    bind(&root, &root);
    bind(&tree.outside(), &inside(tree, &tree.outside()));
    bind(&tree.programs(), &root.join("lithify"));
    bind(&lithify(), &root.join("lithify/lithify"));
    // HOLD reads a byte before it goes on.
    let input = File::open("/dev/zero").unwrap();
    chroot(&root).unwrap();
    std::env::set_current_dir("/").unwrap();
    let mut command = Command::new("/lithify/hold");
    command.env_clear().args(["/lithify/start", "/lithify/lithify", "run"]).args(flags.split(' ')).args(["--", APP]);
    run(command.stdin(input))
}

/// Where the container has this path.
fn inside(tree: &Raced, path: &Path) -> std::path::PathBuf {
    tree.root().join(path.strip_prefix("/").unwrap())
}
