//! The ELF content of files inside the root.

use std::ffi::CStr;
use std::fs::File;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;

use super::{Dynamic, Elf};
use crate::linux::error::errno;
use crate::recognise::elf;
use crate::root::{Directory, Root, RootError, Stat, os, read_part};

/// How many bytes of a file are read at first: its headers, and what these most often lead to.
const HEAD: usize = 4096;

impl Root {
    /// What the regular file at `path` (canonical) is; `None` if it is not an ELF program or library.
    pub fn classify(&self, path: &[u8]) -> Result<Option<Elf>, RootError> {
        classify(&self.file(path)?).map_err(os("read", path))
    }

    /// How many pages the code of the ELF program at `path` (canonical) takes: what this kernel says, and what earlier
    /// releases said. `None` if the file is not an ELF file.
    pub fn code(&self, path: &[u8]) -> Result<Option<[u64; 2]>, RootError> {
        let file = self.file(path)?;
        let mut buffer = [0; HEAD];
        let head = head(&file, &mut buffer).map_err(os("read", path))?;
        Ok(elf::code(|offset, length| read_part(&file, head, offset, length)))
    }

    /// What the dynamic loader reads in the regular file at `path` (canonical); `None` if the file is not an ELF file.
    pub fn dynamic(&self, path: &[u8]) -> Result<Option<Dynamic>, RootError> {
        let file = self.file(path)?;
        let mut buffer = [0; HEAD];
        let head = head(&file, &mut buffer).map_err(os("read", path))?;
        Ok(Dynamic::read(|offset, length| read_part(&file, head, offset, length)))
    }
}

/// The least length in bytes of a file without an x bit that is examined as a program. Of the shells and tools that
/// somebody distributes none is smaller, and most files are.
const LEAST_PROGRAM: u64 = 16 * 1024;

impl Directory {
    /// Opens the file `name`. The result says whether somebody can start it: it has an x bit, or the dynamic loader may
    /// start it all the same ([`Elf::starts`]). `None` if it need not be opened to know that
    /// nobody can: it has no x bit, and is short, or this user may not read it: a loader that runs as this user may not
    /// read it either.
    pub fn program(&self, name: &CStr, stat: &Stat) -> Result<Option<(File, bool)>, RootError> {
        if stat.mode & 0o111 != 0 {
            return self.file(name).map(|file| Some((file, true)));
        }
        if stat.size < LEAST_PROGRAM {
            return Ok(None);
        }
        let file = match self.file(name) {
            Err(error) if matches!(error.errno(), Errno::EACCES | Errno::EPERM) => return Ok(None),
            file => file?,
        };
        let starts = self.classify(name, &file)?.is_some_and(|elf| elf.starts(false));
        Ok(Some((file, starts)))
    }

    /// What the open regular file `file` is, which is `name`; `None` if it is not an ELF program or library.
    pub fn classify(&self, name: &CStr, file: &File) -> Result<Option<Elf>, RootError> {
        classify(file).map_err(|errno| self.error("read", name, errno))
    }
}

fn classify(file: &File) -> Result<Option<Elf>, Errno> {
    let mut buffer = [0; HEAD];
    let head = head(file, &mut buffer)?;
    let mut failed = false;
    let elf = elf::classify(|offset, length| {
        let part = read_part(file, head, offset, length);
        // The kernel refuses an offset that no file has. Then it is the file that makes no sense.
        failed |= part.is_none() && offset >> 62 == 0;
        part
    });
    if failed { Err(Errno::EIO) } else { Ok(elf) }
}

/// The beginning of a file.
fn head<'h>(file: &File, buffer: &'h mut [u8]) -> Result<&'h [u8], Errno> {
    let length = file.read_at(buffer, 0).map_err(|error| errno(&error))?;
    Ok(buffer.get(..length).unwrap_or_default())
}
