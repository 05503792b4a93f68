//! Copies a tree, by descriptors on both sides and one component at a time. So a name that somebody swaps meanwhile, in
//! the source or in the volume, leads out of neither.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Write;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat, mkdirat, mknodat};
use nix::unistd::{linkat, symlinkat};

use super::attributes::{At, Attributes};
use super::content::Content;
use super::omitted::{AS_IT_IS, Omitted, Treatment};
use super::place::{MAX_DEPTH, Place};
use super::{MARKER, StageError};
use crate::linux::error::errno;
use crate::linux::sys::file::chmod;
use crate::root::{Canonical, Directory, Identity, Kind, Root, RootError, Stat};

/// Copies directories into one unfinished tree.
pub(super) struct Copier<'a> {
    root: &'a Root,
    omitted: &'a Omitted,
    marker: &'a str,
    place: &'a Place,
    /// For files with several names: where in the volume the first name is.
    linked: HashMap<Identity, (Canonical, CString)>,
    content: Content,
    attributes: Attributes,
}

/// The mode of an empty file on which a runtime mounts its own.
pub(super) const PLACEHOLDER: u32 = 0o644;

/// A name of the source, and the directory in which to make its copy.
#[derive(Clone, Copy)]
struct Entry<'a> {
    source: &'a Directory,
    into: &'a Directory,
    name: &'a CStr,
}

impl<'a> Copier<'a> {
    pub(super) fn new(root: &'a Root, omitted: &'a Omitted, marker: &'a str, place: &'a Place) -> Self {
        Self {
            root,
            omitted,
            marker,
            place,
            linked: HashMap::new(),
            content: Content::new(),
            attributes: Attributes::default(),
        }
    }

    /// Copies the directory at `path` to the same path in the tree.
    pub(super) fn source(&mut self, path: &Canonical) -> Result<(), StageError> {
        let source = self.root.directory(path).map_err(StageError::of_source)?;
        let mut into = self.place.open()?;
        let mut names: Vec<CString> = path.names().map(c_name).collect();
        let last = names.pop().unwrap_or_default();
        for name in names {
            // These are never mounted. They only lead to the mounted directories.
            match mkdirat(into.as_fd(), name.as_c_str(), Mode::S_IRWXU) {
                Ok(()) => {
                    chmod(into.as_fd(), &name, 0o755).map_err(|errno| self.volume("chmod", &into, &name, errno))?;
                }
                Err(Errno::EEXIST) => {}
                Err(errno) => return Err(self.volume("mkdir", &into, &name, errno)),
            }
            into = into.child(&name).map_err(|error| self.place.volume(error))?;
        }
        self.directory(&source, &into, &last, AS_IT_IS, 0)
    }

    /// Notes for people on what could not be copied.
    pub(super) fn notes(&self) -> Vec<String> {
        self.attributes.notes()
    }

    fn directory(
        &mut self,
        source: &Directory,
        into: &Directory,
        name: &CStr,
        treatment: Treatment,
        depth: usize,
    ) -> Result<(), StageError> {
        if depth > MAX_DEPTH {
            return Err(StageError::TooDeep { path: source.path().to_vec(), most: MAX_DEPTH });
        }
        if source.own_stat().id == self.place.root().stat().id {
            return Err(StageError::Itself {
                source_path: source.path().to_vec(),
                volume: self.place.root().path().to_path_buf(),
            });
        }
        self.check_mount(source.path(), source.own_stat())?;
        mkdirat(into.as_fd(), name, Mode::S_IRWXU).map_err(|errno| self.volume("mkdir", into, name, errno))?;
        let copy = into.child(name).map_err(|error| self.place.volume(error))?;
        if depth == 0 {
            // By this file the directory is recognised once it is mounted.
            self.make(&copy, &c_name(MARKER.as_bytes()), self.marker, 0o444)?;
        }
        for entry in source.names().map_err(StageError::of_source)? {
            if depth > 0 || entry.to_bytes() != MARKER.as_bytes() {
                self.entry(Entry { source, into: &copy, name: &entry }, depth)?;
            }
        }
        let stat = fstat(source.as_fd()).map_err(|errno| failed_source("fstat", source.path(), errno))?;
        let from = At::new(source, c".");
        self.attributes
            .set(from, &stat, At::new(into, name), treatment)
            .map_err(|(operation, errno)| self.volume(operation, into, name, errno))
    }

    /// Makes a file that the source does not have.
    fn make(&self, into: &Directory, name: &CStr, text: &str, mode: u32) -> Result<(), StageError> {
        let mut file = self.create(into, name)?;
        file.write_all(text.as_bytes()).map_err(|error| self.volume("write", into, name, errno(&error)))?;
        nix::sys::stat::fchmod(&file, Mode::from_bits_truncate(mode))
            .map_err(|errno| self.volume("chmod", into, name, errno))
    }

    fn entry(&mut self, entry: Entry<'_>, depth: usize) -> Result<(), StageError> {
        let path = entry.source.join(entry.name);
        let Some(treatment) = self.omitted.treatment(&path) else { return Ok(()) };
        let stat = entry.source.stat(entry.name).map_err(StageError::of_source)?;
        if self.omitted.is_mounted_everywhere(&path, &stat) {
            return self.make(entry.into, entry.name, "", PLACEHOLDER);
        }
        self.check_mount(&path, &stat)?;
        if stat.kind == Kind::Directory {
            let child = entry.source.child(entry.name).map_err(StageError::of_source)?;
            return self.directory(&child, entry.into, entry.name, treatment, depth + 1);
        }
        if stat.nlink > 1 {
            if let Some((directory, first)) = self.linked.get(&stat.id) {
                let directory = self.place.root().directory(directory).map_err(|error| self.place.volume(error))?;
                linkat(directory.as_fd(), first.as_c_str(), entry.into.as_fd(), entry.name, AtFlags::empty())
                    .map_err(|errno| self.volume("link", entry.into, entry.name, errno))?;
                return Ok(());
            }
        }
        let copied = match stat.kind {
            Kind::File => self.file(entry)?,
            Kind::Symlink => self.link(entry, &path)?,
            Kind::Other | Kind::Directory => self.special(entry, &path)?,
        };
        // `None` is a device that this user may not make.
        let Some(details) = copied else { return Ok(()) };
        let (from, to) = (At::new(entry.source, entry.name), At::new(entry.into, entry.name));
        self.attributes
            .set(from, &details, to, treatment)
            .map_err(|(operation, errno)| self.volume(operation, entry.into, entry.name, errno))?;
        if stat.nlink > 1 {
            self.linked.insert(stat.id, (entry.into.path().clone(), entry.name.to_owned()));
        }
        Ok(())
    }

    fn file(&mut self, entry: Entry<'_>) -> Result<Option<FileStat>, StageError> {
        let source = entry.source.file(entry.name).map_err(StageError::of_source)?;
        let path = || entry.source.join(entry.name);
        let stat = fstat(&source).map_err(|errno| failed_source("fstat", &path(), errno))?;
        let copy = self.create(entry.into, entry.name)?;
        self.content.copy(&source, &copy, stat.st_size, is_sparse(&stat)).map_err(|(side, errno)| {
            let copy = self.place.shown(&entry.into.join(entry.name));
            StageError::content(side, errno, &path(), copy)
        })?;
        Ok(Some(stat))
    }

    fn link(&self, entry: Entry<'_>, path: &[u8]) -> Result<Option<FileStat>, StageError> {
        let target = entry.source.read_link(entry.name).map_err(StageError::of_source)?;
        symlinkat(target.as_slice(), entry.into.as_fd(), entry.name)
            .map_err(|errno| self.volume("symlink", entry.into, entry.name, errno))?;
        details(entry, path).map(Some)
    }

    fn special(&self, entry: Entry<'_>, path: &[u8]) -> Result<Option<FileStat>, StageError> {
        let stat = details(entry, path)?;
        let kind = SFlag::from_bits_truncate(stat.st_mode & nix::libc::S_IFMT);
        match mknodat(entry.into.as_fd(), entry.name, kind, Mode::S_IRUSR, stat.st_rdev) {
            Ok(()) => Ok(Some(stat)),
            Err(Errno::EPERM) => Ok(None),
            Err(errno) => Err(self.volume("mknod", entry.into, entry.name, errno)),
        }
    }

    fn create(&self, into: &Directory, name: &CStr) -> Result<File, StageError> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        openat(into.as_fd(), name, flags, Mode::S_IRUSR | Mode::S_IWUSR)
            .map(File::from)
            .map_err(|errno| self.volume("open", into, name, errno))
    }

    fn check_mount(&self, path: &[u8], stat: &Stat) -> Result<(), StageError> {
        if self.omitted.is_copied(stat) { Ok(()) } else { Err(StageError::OtherMount { path: path.to_vec() }) }
    }

    fn volume(&self, operation: &'static str, directory: &Directory, name: &CStr, errno: Errno) -> StageError {
        let path = self.place.shown(&directory.join(name));
        StageError::Volume { operation, path, errno }
    }
}

/// Whether a file has holes: it has fewer blocks than its size needs.
pub(super) fn is_sparse(stat: &FileStat) -> bool {
    stat.st_blocks.saturating_mul(512) < stat.st_size
}

fn details(entry: Entry<'_>, path: &[u8]) -> Result<FileStat, StageError> {
    fstatat(entry.source.as_fd(), entry.name, AtFlags::AT_SYMLINK_NOFOLLOW)
        .map_err(|errno| failed_source("fstatat", path, errno))
}

fn failed_source(operation: &'static str, path: &[u8], errno: Errno) -> StageError {
    StageError::Source(RootError::os(operation, path, errno))
}

/// A name in a canonical path holds no NUL.
fn c_name(name: &[u8]) -> CString {
    CString::new(name).unwrap_or_default()
}
