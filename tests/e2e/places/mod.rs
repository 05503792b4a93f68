//! The same commands on every filesystem that mounts here, in user namespaces, and under the limits that containers and old
//! kernels have: what they print and leave is what they print and leave without, or they say what is missing.

mod filesystems;
mod limits;
mod user_namespaces;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::tree::{Tree, manifest};
use crate::harness::{Ran, command, run};

const PROFILE: &str = "schema = 1\n[remove]\nnames = [\"sh\", \"curl\"]\npaths = [\"/opt/tool\"]\n[strip]\nsetid = true\n[verify.files]\nabsent = [\"/bin/sh\"]\npresent = [\"/bin/app\"]\n";

/// A small root.
fn original() -> Tree {
    use std::os::unix::fs::PermissionsExt;
    let tree = Tree::new();
    tree.program("/bin/dash").link("/bin/sh", "dash").program("/bin/app").program("/usr/bin/curl");
    tree.hard_link("/opt/hidden", "/bin/dash").link("/usr/local/bin/x", "/bin/sh").file("/opt/tool/a");
    tree.file_with("/data/large", &"x".repeat(600_000)).program("/usr/bin/mount");
    fs::set_permissions(tree.at("/usr/bin/mount"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::set_permissions(tree.path(), fs::Permissions::from_mode(0o755)).unwrap();
    tree
}

/// What the commands print of a root that they do not change, and what they copy of it.
#[derive(Debug, PartialEq)]
struct Seen {
    scan: String,
    digest: String,
    after: String,
    planned: String,
    staged: BTreeMap<PathBuf, String>,
}

/// How a command is started: `lithify` and its arguments follow.
type Starting<'a> = &'a dyn Fn() -> Command;

fn lithify(start: Starting, words: &str, root: &Path, work: &Tree) -> Ran {
    let profile = work.at("/profile.toml");
    fs::write(&profile, PROFILE).unwrap();
    let mut command = start();
    for word in words.split(' ') {
        command.arg(match word {
            "ROOT" => root,
            "PROFILE" => &profile,
            word => Path::new(word),
        });
    }
    run(&mut command)
}

/// Looks with every command that changes nothing.
fn look(start: Starting, root: &Path) -> Seen {
    let work = Tree::new();
    let volume = work.at("/volume");
    fs::create_dir(&volume).unwrap();
    let said = |words: &str| {
        let ran = lithify(start, words, root, &work).exits(0);
        // The places have names of their own.
        let text = ran.stdout.replace(root.to_str().unwrap(), "ROOT").replace(work.path().to_str().unwrap(), "WORK");
        text.lines().filter(|line| !line.contains("note:")).map(|line| format!("{line}\n")).collect::<String>()
    };
    let (scan, digest) = (said("scan --root ROOT"), said("seal --root ROOT"));
    let after = said("seal --root ROOT --after -p PROFILE");
    let planned = said("harden --root ROOT -p PROFILE --dry-run -v");
    assert!(said("diff --root ROOT --since 1").contains("lithify diff"));
    let stage = format!("stage --root ROOT -p PROFILE /bin /data --to {}", volume.display());
    lithify(start, &stage, root, &work).exits(0);
    let mut staged = manifest(&volume.join("root"));
    // Sizes of directories are the filesystem's.
    staged.retain(|_, line| !line.starts_with("directory"));
    Seen { scan, digest, after, planned, staged }
}

/// What the profile removes.
const GONE: [&str; 6] = ["bin/sh", "bin/dash", "opt/hidden", "usr/local/bin/x", "usr/bin/curl", "opt/tool"];

/// Hardens, verifies and hardens once more.
fn change(start: Starting, root: &Path) {
    let work = Tree::new();
    let digest = lithify(start, "seal --root ROOT --after -p PROFILE", root, &work).exits(0).stdout;
    lithify(start, "verify --root ROOT -p PROFILE", root, &work).exits(1).says("/bin/sh");
    lithify(start, "harden --root ROOT -p PROFILE", root, &work).exits(0);
    for gone in GONE {
        assert!(root.join(gone).symlink_metadata().is_err(), "{gone}");
    }
    lithify(start, "verify --root ROOT -p PROFILE", root, &work).exits(0);
    assert_eq!(lithify(start, "seal --root ROOT", root, &work).exits(0).stdout, digest);
    lithify(start, "harden --root ROOT -p PROFILE", root, &work).exits(0).says("nothing to remove");
}
