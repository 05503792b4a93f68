//! The ELF content of files inside the root.

use std::borrow::Cow;
use std::ffi::CStr;
use std::fs::File;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;

use super::{Dynamic, Elf};
use crate::recognise::elf;
use crate::root::{Directory, Root, RootError, Stat, read_part};

/// How much of a file is read at first: its headers, and what these most often lead to.
const HEAD: usize = 4096;

impl Root {
    /// Whether the regular file at `path` (canonical) is an ELF program or library.
    pub fn classify(&self, path: &[u8]) -> Result<Option<Elf>, RootError> {
        self.file(path).map(|file| classify(&file))
    }

    /// How many pages the kernel says that the code of the ELF program at `path` (canonical) takes, or would have said in
    /// earlier releases; `None` for what is no ELF file.
    pub fn code(&self, path: &[u8]) -> Result<Option<[u64; 2]>, RootError> {
        let file = self.file(path)?;
        let mut buffer = [0; HEAD];
        let head = head(&file, &mut buffer);
        Ok(elf::code(|offset, length| read_part(&file, head, offset, length)))
    }

    /// What the dynamic loader reads in the regular file at `path` (canonical); `None` for what is no ELF file.
    pub fn dynamic(&self, path: &[u8]) -> Result<Option<Dynamic>, RootError> {
        let file = self.file(path)?;
        let mut buffer = [0; HEAD];
        let head = head(&file, &mut buffer);
        Ok(Dynamic::read(|offset, length| read_part(&file, head, offset, length).map(Cow::into_owned)))
    }
}

/// The least that is looked at for a program that is recognised: of the shells and tools that somebody distributes none is
/// smaller, and most files are.
pub const LEAST_PROGRAM: u64 = 16 * 1024;

impl Directory {
    /// The file `name` opened, and its ELF content if it has no x bit: of such files only programs, which the dynamic loader
    /// may start all the same (`ld.so FILE`). `None` for others, for those shorter than `least`, and for those that this
    /// user may not read, which that user's loader may not either.
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

    /// Whether the regular file `name` is an ELF program or library.
    pub fn classify(&self, name: &CStr) -> Result<Option<Elf>, RootError> {
        self.file(name).map(|file| classify(&file))
    }
}

fn classify(file: &File) -> Option<Elf> {
    let mut buffer = [0; HEAD];
    let head = head(file, &mut buffer);
    elf::classify(|offset, length| read_part(file, head, offset, length))
}

/// The beginning of a file; nothing where the kernel refuses.
fn head<'h>(file: &File, buffer: &'h mut [u8]) -> &'h [u8] {
    let length = file.read_at(buffer, 0).unwrap_or(0);
    buffer.get(..length).unwrap_or_default()
}
