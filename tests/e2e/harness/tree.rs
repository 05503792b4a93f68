//! Temporary trees, and manifests to compare them by.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// A temporary directory that is built line by line.
pub struct Tree {
    directory: tempfile::TempDir,
}

impl Tree {
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    /// A tree on the filesystem of `directory`.
    pub fn new_in(directory: &str) -> Self {
        Self { directory: tempfile::tempdir_in(directory).unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.path().join(path.trim_start_matches('/'))
    }

    /// An executable file with this content; a different file for each path.
    pub fn file(&self, path: &str) -> &Self {
        self.file_with(path, &format!("content of {path}\n"))
    }

    /// The same as what the kernel would start: recognised by its name.
    pub fn program(&self, path: &str) -> &Self {
        self.file_with(path, &format!("\x7fELF of {path}\n"))
    }

    pub fn file_with(&self, path: &str, content: &str) -> &Self {
        let at = self.at(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(&at, content).unwrap();
        fs::set_permissions(&at, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    pub fn directory(&self, path: &str) -> &Self {
        fs::create_dir_all(self.at(path)).unwrap();
        self
    }

    pub fn link(&self, path: &str, target: &str) -> &Self {
        let at = self.at(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        symlink(target, at).unwrap();
        self
    }

    pub fn hard_link(&self, path: &str, of: &str) -> &Self {
        let at = self.at(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::hard_link(self.at(of), at).unwrap();
        self
    }

    /// Whether the name exists, be it a dangling link.
    pub fn has(&self, path: &str) -> bool {
        self.at(path).symlink_metadata().is_ok()
    }

    #[track_caller]
    pub fn assert_gone(&self, paths: &[&str]) {
        for path in paths {
            assert!(!self.has(path), "{path} is still there");
        }
    }

    #[track_caller]
    pub fn assert_there(&self, paths: &[&str]) {
        for path in paths {
            assert!(self.has(path), "{path} is gone");
        }
    }

    pub fn manifest(&self) -> BTreeMap<PathBuf, String> {
        manifest(self.path())
    }
}

/// Every name below `root` with type, mode, owner, size, target and content's length: equal for equal trees.
pub fn manifest(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut entries = BTreeMap::new();
    let mut pending = vec![root.to_path_buf()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let kind = if metadata.is_dir() {
                pending.push(path.clone());
                "directory".to_owned()
            } else if metadata.is_symlink() {
                format!("link to {}", fs::read_link(&path).unwrap().display())
            } else {
                format!("file of {} bytes", metadata.len())
            };
            let line = format!("{kind} {:o} {}:{}", metadata.mode(), metadata.uid(), metadata.gid());
            entries.insert(path.strip_prefix(root).unwrap().to_path_buf(), line);
        }
    }
    entries
}

/// Links below `root` whose target does not exist inside it.
pub fn dangling_links(root: &Path) -> Vec<PathBuf> {
    manifest(root)
        .into_iter()
        .filter(|(_, line)| line.starts_with("link"))
        .map(|(path, _)| path)
        .filter(|path| resolve(root, &Path::new("/").join(path), 0).is_none())
        .collect()
}

/// Where `path` leads inside `root`, all links followed as if `root` were `/`.
pub fn resolve(root: &Path, path: &Path, depth: usize) -> Option<PathBuf> {
    if depth > 40 {
        return None;
    }
    let mut done = PathBuf::from("/");
    let parts: Vec<_> = path.components().collect();
    for (index, part) in parts.iter().enumerate() {
        match part {
            std::path::Component::ParentDir => {
                done.pop();
            }
            std::path::Component::Normal(name) => {
                let at = root.join(done.strip_prefix("/").unwrap()).join(name);
                let metadata = at.symlink_metadata().ok()?;
                if metadata.is_symlink() {
                    let mut target = done.join(fs::read_link(&at).unwrap());
                    target.extend(&parts[index + 1..]);
                    return resolve(root, &target, depth + 1);
                }
                done.push(name);
            }
            _ => {}
        }
    }
    Some(done)
}
