//! A file of the caller that gets its name when it is whole, so that nothing half written is left: a manifest, a profile.

use std::ffi::{CStr, CString};
use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::unistd::geteuid;

use super::draft;
use super::error::errno;

/// A file that is being written.
#[derive(Debug)]
pub struct WholeFile {
    to: BufWriter<File>,
    /// The directory and the name that the file gets at the end; `None` if it has its name already.
    place: Option<(File, CString)>,
    failed: Option<Errno>,
}

impl WholeFile {
    /// Begins a file at `path`, a path of the caller. What is there and is no regular file, such as a link or a device, is
    /// written to as it is, if it belongs to root or to this user. Somebody else's is replaced: in a directory where others
    /// may write, they could lead a root user's writing elsewhere. `ENXIO` for a FIFO that nobody reads.
    pub fn create(path: &Path) -> Result<Self, Errno> {
        let io = |error: io::Error| errno(&error);
        let own = |metadata: &Metadata| [0, geteuid().as_raw()].contains(&metadata.uid());
        if std::fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file() && own(&metadata)) {
            let mut options = OpenOptions::new();
            let file = options.write(true).truncate(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(io)?;
            fcntl(&file, FcntlArg::F_SETFL(OFlag::empty()))?;
            return Ok(Self { to: BufWriter::new(file), place: None, failed: None });
        }
        let name = path.file_name().ok_or(Errno::EISDIR)?;
        let name = CString::new(name.as_bytes()).map_err(|_| Errno::EINVAL)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let directory = File::open(parent).map_err(io)?;
        let file = draft::create(directory.as_fd(), &pending(&name)?)?;
        Ok(Self { to: BufWriter::new(file), place: Some((directory, name)), failed: None })
    }

    /// A file that has its name already, such as standard output.
    pub fn open(file: File) -> Self {
        Self { to: BufWriter::new(file), place: None, failed: None }
    }

    /// Appends `bytes`. After a failure it does nothing; [`WholeFile::finish`] then says what failed.
    pub fn write(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.failed = self.to.write_all(bytes).err().map(|error| errno(&error));
        }
    }

    /// Completes the file and gives it its name, in place of a file that has it.
    pub fn finish(mut self) -> Result<(), Errno> {
        if let Some(errno) = self.failed {
            return Err(errno);
        }
        self.to.flush().map_err(|error| errno(&error))?;
        let Some((directory, name)) = &self.place else { return Ok(()) };
        let file = self.to.get_ref();
        file.set_permissions(Permissions::from_mode(0o644)).map_err(|error| errno(&error))?;
        // The name is exchanged at once: there is always a whole file.
        let pending = pending(name)?;
        draft::link(file, directory.as_fd(), &pending)?;
        nix::fcntl::renameat(directory, pending.as_c_str(), directory, name.as_c_str())
    }
}

/// The name of a file that is still being written, on a filesystem without unnamed files.
fn pending(name: &CStr) -> Result<CString, Errno> {
    CString::new([b".", name.to_bytes(), b".lithify"].concat()).map_err(|_| Errno::EINVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_and_replaces_another() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let names = || std::fs::read_dir(directory.path()).unwrap().count();
        for text in ["one", "two"] {
            let mut file = WholeFile::create(&path).unwrap();
            file.write(text.as_bytes());
            file.finish().unwrap();
            assert_eq!((std::fs::read_to_string(&path).unwrap(), names()), (text.to_owned(), 1));
        }
        let mut dropped = WholeFile::create(&path).unwrap();
        dropped.write(b"half");
        drop(dropped);
        assert_eq!((std::fs::read_to_string(&path).unwrap(), names()), ("two".to_owned(), 1));
    }

    #[test]
    fn a_device_is_written_to_and_a_directory_is_refused() {
        let mut file = WholeFile::create(Path::new("/dev/full")).unwrap();
        file.write(b"x");
        assert_eq!(file.finish(), Err(Errno::ENOSPC));
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(WholeFile::create(directory.path()).err(), Some(Errno::EISDIR));
        assert_eq!(WholeFile::create(&directory.path().join("none/x")).err(), Some(Errno::ENOENT));
    }
}
