//! The tree that is attacked, and what lies beside it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// What stands in every file outside, and in its name, and nowhere else.
pub const CANARY: &str = "the-canary";

/// What the profile removes, in each directory.
const REMOVED: [&str; 3] = ["sh", "bash", "curl"];

const PROFILE: &str = r#"schema = 1
[remove]
names = ["sh", "bash", "curl"]
paths = ["/opt/tool"]
classes = ["shell"]
[strip]
world_writable = true
[keep]
app = ["/usr/bin/app"]
[verify.files]
absent = ["/usr/bin/sh"]
"#;

/// What never holds there: with it, `run` would not start the app.
const READ_ONLY: &str = "[verify.mounts]\nread_only = [\"/usr\"]\n";

pub struct Raced {
    directory: tempfile::TempDir,
    /// The directories that are swapped and moved, by descriptors that stay.
    held: [File; 3],
    /// Held by whoever swaps names in the volume, or reads it.
    pub volume_is_still: Mutex<()>,
}

impl Raced {
    /// In a mount namespace of this thread's own, from which a further one gets what is mounted later.
    pub fn new() -> Self {
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SHARED, none).unwrap();
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        let at = |path: &str| directory.path().join(path);
        for path in ["root/usr/bin", "root/usr/sbin", "root/opt/tool", "root/data", "root/etc", "volume"] {
            fs::create_dir_all(at(path)).unwrap();
        }
        for path in ["outside/bin", "outside/etc", "mounted", "programs"] {
            fs::create_dir_all(at(path)).unwrap();
        }
        for name in REMOVED {
            fs::write(at("outside/bin").join(name), format!("\x7fELF {CANARY}")).unwrap();
            fs::write(at("mounted").join(name), "\x7fELF of a volume").unwrap();
        }
        for path in ["outside/bin/app", "outside/lithify", "outside/file", "outside/etc/passwd"] {
            fs::write(at(path), CANARY).unwrap();
            fs::set_permissions(at(path), fs::Permissions::from_mode(0o4755)).unwrap();
        }
        fs::write(at("outside").join(CANARY), CANARY).unwrap();
        fs::write(at("outside/bin").join(CANARY), CANARY).unwrap();
        fs::write(at("root/data/file"), "inside").unwrap();
        // What earlier runs have put into the volume.
        fs::create_dir_all(at("volume/root/usr/bin")).unwrap();
        symlink(at("outside"), at("volume/away")).unwrap();
        symlink(at("outside/bin"), at("root/usr/link")).unwrap();
        symlink(at("outside/file"), at("root/data/link")).unwrap();
        // Where `..` leads from it while it is outside.
        symlink("/opt/tool/../etc/passwd", at("root/etc/up")).unwrap();
        fs::write(at("profile.toml"), format!("{PROFILE}{READ_ONLY}")).unwrap();
        fs::write(at("root/profile.toml"), PROFILE).unwrap();
        let held = ["root/usr/bin", "root/usr/sbin", "root/opt/tool"].map(|path| File::open(at(path)).unwrap());
        Self { directory, held, volume_is_still: Mutex::default() }
    }

    pub fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    pub fn volume(&self) -> PathBuf {
        self.directory.path().join("volume")
    }

    pub fn outside(&self) -> PathBuf {
        self.directory.path().join("outside")
    }

    pub fn mounted(&self) -> PathBuf {
        self.directory.path().join("mounted")
    }

    pub fn profile(&self) -> PathBuf {
        self.directory.path().join("profile.toml")
    }

    /// Where programs lie beside the tree.
    pub fn programs(&self) -> PathBuf {
        self.directory.path().join("programs")
    }

    pub fn executable(&self, path: &Path, content: &[u8]) {
        fs::write(path, content).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Makes again what a run has removed, wherever the directories are just now: never by a name that may lead out.
    pub fn restore(&self) {
        for held in &self.held {
            let directory = PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()));
            for name in REMOVED.iter().chain(&["app"]) {
                // A directory that was removed while it was held is not made again.
                let path = directory.join(name);
                if fs::write(&path, format!("\x7fELF of {name}")).is_ok() {
                    let _ = fs::set_permissions(&path, fs::Permissions::from_mode(0o777));
                }
            }
        }
        let tool = self.root().join("opt/tool");
        if !self.outside().join("tool").exists() {
            // Where harden has removed it.
            let _ = fs::create_dir(tool);
        }
    }

    /// Everything outside with its modes and content, but for what is moved there and back.
    pub fn canary(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut found = BTreeMap::new();
        for root in [self.outside(), self.mounted()] {
            collect(&root, &root.join("tool"), &mut found);
        }
        found
    }

    /// Everything that a command has written into the volume, names and contents.
    pub fn written(&self) -> String {
        let _still = self.volume_is_still.lock().unwrap();
        let mut found = BTreeMap::new();
        collect(&self.volume(), Path::new("/"), &mut found);
        found
            .iter()
            .map(|(path, (_, text))| format!("{}\n{}\n", path.display(), String::from_utf8_lossy(text)))
            .collect()
    }
}

fn collect(directory: &Path, without: &Path, found: &mut BTreeMap<PathBuf, (u32, Vec<u8>)>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(metadata) = path.symlink_metadata() else { continue };
        if path == without {
            continue;
        }
        let content = match metadata.file_type() {
            kind if kind.is_symlink() => fs::read_link(&path).unwrap_or_default().into_os_string().into_encoded_bytes(),
            kind if kind.is_file() => fs::read(&path).unwrap_or_default(),
            _ => {
                collect(&path, without, found);
                Vec::new()
            }
        };
        found.insert(path, (metadata.permissions().mode(), content));
    }
}
