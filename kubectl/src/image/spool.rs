//! The spool: a temporary directory with the contents of an image, and at the end the tree as far as somebody without
//! root can make it. It is gone when the value is, also after an error.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::sys::stat::Mode;
use tempfile::TempDir;

use lithify::root::Identity;

use super::archive::Extent;
use super::error::{Fault, ImageError};
use super::limits::Limits;
use super::tree::{Inode, Node, Tree};

/// The tree that was made.
pub(crate) struct Built {
    pub(crate) root: PathBuf,
    /// The files that have capabilities, which only root could set.
    pub(crate) capable: HashSet<Identity>,
}

/// The contents of an image.
pub(crate) struct Spool {
    directory: TempDir,
    limits: Limits,
    /// How many contents there are.
    count: u32,
    /// How many bytes they have.
    total: u64,
}

impl Spool {
    pub(super) fn new(limits: Limits) -> Result<Self, ImageError> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("lithify-").permissions(Permissions::from_mode(0o700));
        let directory = builder.tempdir().map_err(ImageError::spool("mkdtemp", &std::env::temp_dir()))?;
        let spool = Self { directory, limits, count: 0, total: 0 };
        for name in ["contents", "root"] {
            let path = spool.directory.path().join(name);
            fs::create_dir(&path).map_err(ImageError::spool("mkdir", &path))?;
        }
        Ok(spool)
    }

    /// Where everything is.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn content(&self, number: u32) -> PathBuf {
        self.directory.path().join("contents").join(number.to_string())
    }

    /// Writes a content, which `source` has next. Returns its number.
    pub(super) fn take(&mut self, extent: &Extent, source: &mut impl Read) -> Result<u32, Fault> {
        if extent.size > self.limits.file {
            let reason =
                format!("it has {} bytes, more than --max-file-size allows ({})", extent.size, self.limits.file);
            return Err(Fault::Limit(reason, "name a larger --max-file-size if the image should have such a file"));
        }
        self.total = self.total.saturating_add(extent.size);
        if self.total > self.limits.total {
            let reason =
                format!("the files of the image have more bytes than --max-size allows ({})", self.limits.total);
            return Err(Fault::Limit(reason, "name a larger --max-size if the image should be so large"));
        }
        let number = self.count;
        self.count += 1;
        let path = self.content(number);
        let failed = |operation| ImageError::spool(operation, &path);
        let mut file = File::create_new(&path).map_err(failed("open"))?;
        for (offset, length) in &extent.parts {
            file.seek(SeekFrom::Start(*offset)).map_err(failed("lseek"))?;
            let written = copy(source, &mut file, *length, &path)?;
            if written < *length {
                return Err(Fault::Broken("its content is cut off".to_owned()));
            }
        }
        file.set_len(extent.size).map_err(failed("ftruncate"))?;
        Ok(number)
    }

    /// Makes the tree of the image. Files are readable and directories open for us, whatever the
    /// image says; the other bits are as in the image. Devices become fifos, and nothing has another owner: [`Tree`]
    /// knows the truth. Each directory is made before what is in it, and no link lies on the way to anything.
    pub(crate) fn build(&self, tree: &Tree) -> Result<Built, ImageError> {
        let root = self.directory.path().join("root");
        let mut capable = HashSet::new();
        let counts = tree.name_counts();
        // The first name of an inode that has several.
        let mut first: HashMap<u32, PathBuf> = HashMap::new();
        let mut pending = vec![(0, root.clone())];
        while let Some((number, directory)) = pending.pop() {
            for (name, entry) in tree.entries(number) {
                let path = directory.join(std::ffi::OsStr::from_bytes(name));
                if let Some(first) = first.get(&entry.inode) {
                    fs::hard_link(first, &path).map_err(ImageError::spool("link", &path))?;
                    continue;
                }
                let Some(inode) = tree.inode(entry.inode) else { continue };
                self.make(inode, &path)?;
                if !inode.capability.is_empty() {
                    let made = fs::symlink_metadata(&path).map_err(ImageError::spool("stat", &path))?;
                    capable.insert(Identity { dev: made.dev(), ino: made.ino() });
                }
                match inode.node {
                    Node::Directory(_) => pending.push((entry.inode, path)),
                    _ if counts.get(entry.inode as usize).is_some_and(|names| *names > 1) => {
                        drop(first.insert(entry.inode, path));
                    }
                    _ => {}
                }
            }
        }
        Ok(Built { root, capable })
    }

    fn make(&self, inode: &Inode, path: &Path) -> Result<(), ImageError> {
        let failed = |operation| ImageError::spool(operation, path);
        let extra = match &inode.node {
            Node::Directory(_) => {
                fs::create_dir(path).map_err(failed("mkdir"))?;
                0o700
            }
            Node::File(content) => {
                fs::rename(self.content(*content), path).map_err(failed("rename"))?;
                0o400
            }
            Node::Symlink(text) => {
                return symlink(std::ffi::OsStr::from_bytes(text), path).map_err(failed("symlink"));
            }
            Node::Device { .. } | Node::Fifo => {
                nix::unistd::mkfifo(path, Mode::S_IRUSR).map_err(|errno| failed("mkfifo")(errno.into()))?;
                0
            }
        };
        fs::set_permissions(path, Permissions::from_mode(inode.mode | extra)).map_err(failed("chmod"))
    }
}

/// Copies `length` bytes, or as many as there are. Tells errors of the archive from those of the spool.
fn copy(source: &mut impl Read, file: &mut File, length: u64, path: &Path) -> Result<u64, Fault> {
    let mut buffer = vec![0; 64 * 1024];
    let mut copied = 0;
    while copied < length {
        let most = usize::try_from(length - copied).unwrap_or(usize::MAX).min(buffer.len());
        let part = buffer.get_mut(..most).unwrap_or_default();
        let got = match source.read(part) {
            Ok(0) => break,
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(Fault::Broken(error.to_string())),
        };
        let part = part.get(..got).unwrap_or_default();
        io::Write::write_all(file, part).map_err(ImageError::spool("write", path))?;
        copied += got as u64;
    }
    Ok(copied)
}
