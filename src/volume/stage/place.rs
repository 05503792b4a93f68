//! The place of a staged tree in the volume. A tree is made under a temporary name. One rename gives it its final name
//! when it is whole. A mount point cannot be renamed, so the tree is a directory in the volume.

use std::ffi::{CStr, CString};
use std::path::Path;

use nix::errno::Errno;
use nix::libc::{RENAME_EXCHANGE, RENAME_NOREPLACE};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{fsync, syncfs};

use super::StageError;
use crate::linux::sys;
use crate::root::{Canonical, Directory, Kind, Root};
use crate::volume::lock::VolumeLock;

/// The final name of the tree.
pub const NAME: &str = "root";

/// How the names of unfinished and replaced trees begin.
const UNFINISHED: &str = ".tmp.lithify-";

/// Directories deeper than this are neither copied nor removed, because each level holds descriptors.
pub(super) const MAX_DEPTH: usize = 200;

/// The same limit for removal, which holds one descriptor per level; copying holds two.
const MAX_REMOVED_DEPTH: usize = 4 * MAX_DEPTH;

/// A volume that no other run works in.
pub(super) struct Place {
    root: Root,
    directory: Directory,
    /// Name of the unfinished tree.
    name: CString,
    lock: VolumeLock,
    /// Notes for people on what could not be removed.
    pub(super) notes: Vec<String>,
}

impl Place {
    /// Opens `volume` (a path of the caller), waits for other runs, and removes what killed runs left.
    pub(super) fn prepare(volume: &Path) -> Result<Self, StageError> {
        let root = Root::open(volume).map_err(|error| StageError::of_volume(&root_path(volume), error))?;
        let directory =
            root.directory(&Canonical::default()).map_err(|error| StageError::of_volume(&root_path(volume), error))?;
        let unique =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        let name = format!("{UNFINISHED}{}-{unique}", std::process::id());
        let name = CString::new(name).unwrap_or_default();
        let lock = VolumeLock::take(directory.as_fd()).map_err(|errno| match errno {
            Errno::EWOULDBLOCK => StageError::Busy { path: root_path(volume) },
            errno => StageError::Volume { operation: "open", path: root_path(volume), errno },
        })?;
        let mut place = Self { root, directory, name, lock, notes: Vec::new() };
        if place.lock.is_held() {
            place.remove_leftovers()?;
        }
        Ok(place)
    }

    /// Makes the directory for the unfinished tree.
    pub(super) fn begin(&self) -> Result<(), StageError> {
        // No other user may enter the tree until it is whole.
        mkdirat(self.directory.as_fd(), self.name.as_c_str(), Mode::S_IRWXU).map_err(self.fail("mkdir"))
    }

    /// The volume.
    pub(super) fn root(&self) -> &Root {
        &self.root
    }

    /// Path of the unfinished tree in the volume.
    pub(super) fn top(&self) -> Canonical {
        self.directory.join(&self.name)
    }

    /// Opens the unfinished tree.
    pub(super) fn open(&self) -> Result<Directory, StageError> {
        self.directory.child(&self.name).map_err(|error| self.volume(error))
    }

    /// Writes content and names out. Reports late write errors as well (since Linux 5.8).
    pub(super) fn sync(&self) -> Result<(), StageError> {
        syncfs(self.directory.as_fd()).map_err(self.fail("syncfs"))
    }

    /// Gives the tree its final name, and removes the tree that had the name before.
    pub(super) fn finish(&mut self) -> Result<(), StageError> {
        let final_name = CString::new(NAME).unwrap_or_default();
        sys::file::chmod(self.directory.as_fd(), &self.name, 0o755).map_err(self.fail("chmod"))?;
        let rename =
            |from: &CStr, to: &CStr, flags| sys::file::rename_with_flags(self.directory.as_fd(), from, to, flags);
        let replaced = match rename(&self.name, &final_name, RENAME_NOREPLACE) {
            Ok(()) => None,
            Err(Errno::EEXIST) => match rename(&self.name, &final_name, RENAME_EXCHANGE) {
                Ok(()) => Some(self.name.clone()),
                Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP | Errno::EPERM) => {
                    Some(self.replace(&final_name)?)
                }
                Err(errno) => return Err(self.fail("renameat2")(errno)),
            },
            Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP | Errno::EPERM) => {
                if self.directory.stat(&final_name).is_ok() {
                    Some(self.replace(&final_name)?)
                } else {
                    self.rename(&self.name, &final_name)?;
                    None
                }
            }
            Err(errno) => return Err(self.fail("renameat2")(errno)),
        };
        fsync(self.directory.as_fd()).map_err(self.fail("fsync"))?;
        if let Some(old) = replaced {
            self.remove_or_note(&old);
        }
        Ok(())
    }

    /// For filesystems that cannot exchange two names: moves the old tree aside, then the new one into its place. A
    /// kill between the two leaves no tree at all, but never half a tree.
    fn replace(&self, final_name: &CStr) -> Result<CString, StageError> {
        let aside = CString::new([self.name.to_bytes(), b"-old"].concat()).unwrap_or_default();
        self.rename(final_name, &aside)?;
        match self.rename(&self.name, final_name) {
            Ok(()) => Ok(aside),
            Err(error) => {
                let _ = self.rename(&aside, final_name);
                Err(error)
            }
        }
    }

    fn rename(&self, from: &CStr, to: &CStr) -> Result<(), StageError> {
        let directory = self.directory.as_fd();
        nix::fcntl::renameat(directory, from, directory, to).map_err(self.fail("rename"))
    }

    /// Removes the unfinished tree as far as possible.
    pub(super) fn abandon(&self) {
        let _ = self.remove(&self.directory, &self.name, 0);
    }

    fn remove_leftovers(&mut self) -> Result<(), StageError> {
        for name in self.directory.names().map_err(|error| self.volume(error))? {
            if name.to_bytes().starts_with(UNFINISHED.as_bytes()) {
                self.remove_or_note(&name);
            }
        }
        Ok(())
    }

    /// A tree that cannot be removed, such as another user's, blocks nothing but takes room.
    fn remove_or_note(&mut self, name: &CStr) {
        if let Err(error) = self.remove(&self.directory, name, 0) {
            self.notes.push(format!("an old tree is left in the volume, and takes room: {error}"));
        }
    }

    /// Removes `name` and everything in it. Works by descriptors, follows no link, and enters no other mount.
    fn remove(&self, parent: &Directory, name: &CStr, depth: usize) -> Result<(), StageError> {
        let fail = |error| self.volume(error);
        let gone = |error: &crate::root::RootError| error.errno() == Errno::ENOENT;
        let stat = match parent.stat(name) {
            Ok(stat) => stat,
            Err(error) if gone(&error) => return Ok(()),
            Err(error) => return Err(fail(error)),
        };
        let mount = self.root.stat().mount;
        if stat.kind == Kind::Directory && stat.mount == mount {
            if depth > MAX_REMOVED_DEPTH {
                let path = self.shown(&parent.join(name));
                return Err(StageError::TooDeep { path, most: MAX_REMOVED_DEPTH });
            }
            if stat.mode & 0o700 != 0o700 {
                // An owner who is not root needs these bits to empty the directory.
                sys::file::chmod(parent.as_fd(), name, 0o700).map_err(self.fail("chmod"))?;
            }
            let child = parent.child(name).map_err(fail)?;
            for entry in child.names().map_err(fail)? {
                self.remove(&child, &entry, depth + 1)?;
            }
        }
        match parent.remove(name.to_bytes(), stat.id, mount) {
            Err(error) if !gone(&error) => Err(fail(error)),
            _ => Ok(()),
        }
    }

    pub(super) fn volume(&self, error: crate::root::RootError) -> StageError {
        StageError::of_volume(&root_path(self.root.path()), error)
    }

    /// An error of a call on the volume's own directory.
    fn fail(&self, operation: &'static str) -> impl Fn(Errno) -> StageError + use<> {
        let path = self.shown(b"/");
        move |errno| StageError::Volume { operation, path: path.clone(), errno }
    }

    /// A path inside the volume as the caller knows it.
    pub(super) fn shown(&self, path: &[u8]) -> Vec<u8> {
        super::shown(&root_path(self.root.path()), path)
    }
}

fn root_path(volume: &Path) -> Vec<u8> {
    volume.as_os_str().as_encoded_bytes().to_vec()
}
