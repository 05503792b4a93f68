//! The ELF content of files inside the root.

use std::borrow::Cow;
use std::ffi::CStr;
use std::fs::File;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;

use super::{Dynamic, Elf};
use crate::recognise::elf;
use crate::root::{Directory, Root, RootError, Stat, read_part};

/// How many bytes of a file are read at first: its headers, and what these most often lead to.
const HEAD: usize = 4096;

impl Root {
    /// What the regular file at `path` (canonical) is; `None` if it is not an ELF program or library.
    pub fn classify(&self, path: &[u8]) -> Result<Option<Elf>, RootError> {
        self.file(path).map(|file| classify(&file))
    }

    /// How many pages the code of the ELF program at `path` (canonical) takes: what this kernel says, and what earlier
    /// releases said. `None` if the file is not an ELF file.
    pub fn code(&self, path: &[u8]) -> Result<Option<[u64; 2]>, RootError> {
        let file = self.file(path)?;
        let mut buffer = [0; HEAD];
        let head = head(&file, &mut buffer);
        Ok(elf::code(|offset, length| read_part(&file, head, offset, length)))
    }

    /// What the dynamic loader reads in the regular file at `path` (canonical); `None` if the file is not an ELF file.
    pub fn dynamic(&self, path: &[u8]) -> Result<Option<Dynamic>, RootError> {
        let file = self.file(path)?;
        let mut buffer = [0; HEAD];
        let head = head(&file, &mut buffer);
        Ok(Dynamic::read(|offset, length| read_part(&file, head, offset, length).map(Cow::into_owned)))
    }
}

/// The least length in bytes of a file without an x bit that is examined as a program. Of the shells and tools that
/// somebody distributes none is smaller, and most files are.
pub const LEAST_PROGRAM: u64 = 16 * 1024;

impl Directory {
    /// Opens the file `name`. If it has no x bit, only an ELF program counts, which the dynamic loader may start all
    /// the same (`ld.so FILE`), and the result holds its ELF content. `None` for any other file without an x bit, for
    /// one shorter than `least` bytes, and for one that this user may not read: a loader that runs as this user may not
    /// read it either.
    pub fn program(&self, name: &CStr, stat: &Stat, least: u64) -> Result<Option<(File, Option<Elf>)>, RootError> {
        if stat.mode & 0o111 != 0 {
            return self.file(name).map(|file| Some((file, None)));
        }
        if stat.size < least {
            return Ok(None);
        }
        let file = match self.file(name) {
            Err(error) if matches!(error.errno(), Errno::EACCES | Errno::EPERM) => return Ok(None),
            file => file?,
        };
        Ok(match classify(&file) {
            program @ Some(Elf::Program { .. }) => Some((file, program)),
            _ => None,
        })
    }

    /// What the regular file `name` is; `None` if it is not an ELF program or library.
    pub fn classify(&self, name: &CStr) -> Result<Option<Elf>, RootError> {
        self.file(name).map(|file| classify(&file))
    }
}

fn classify(file: &File) -> Option<Elf> {
    let mut buffer = [0; HEAD];
    let head = head(file, &mut buffer);
    elf::classify(|offset, length| read_part(file, head, offset, length))
}

/// The beginning of a file; empty if the kernel refuses.
fn head<'h>(file: &File, buffer: &'h mut [u8]) -> &'h [u8] {
    let length = file.read_at(buffer, 0).unwrap_or(0);
    buffer.get(..length).unwrap_or_default()
}
