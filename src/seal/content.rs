//! The SHA-256 of one file's content, read by its descriptor.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use sha2::{Digest as _, Sha256 as Hasher};

use super::entry::Sha256;
use crate::linux::deadline::Deadline;
use crate::linux::error::errno;
use crate::root::{Details, details_of};

/// How much is read at once, in bytes.
const PART: usize = 128 * 1024;

/// How much of a file tells whether it is an ELF file or a script.
const MAGIC: usize = 4;

/// Why the content of a file is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// The kernel refused.
    Os(Errno),
    /// The file was changed while it was read, or another file took its name.
    Changed,
    /// The deadline came.
    Late,
}

/// A regular file whose content is to be read, and then its digest.
pub(super) enum Content {
    /// It is to be read. It must be what is known of it, before and after.
    Open {
        /// The file.
        file: File,
        /// What is known of it.
        known: Details,
        /// Whether it is of no interest unless it is an ELF file or a script.
        only_programs: bool,
    },
    /// It was read: its SHA-256, `None` if it is of no interest.
    Read(Result<Option<Sha256>, Unknown>),
}

impl Content {
    /// Reads it, if that was not done, and closes it.
    pub(super) fn read(&mut self, buffer: &mut Buffer, deadline: Deadline) {
        if let Self::Open { file, known, only_programs } = self {
            *self = Self::Read(digest(file, known, *only_programs, buffer, deadline));
        }
    }
}

/// What one thread reads into.
pub(super) struct Buffer(Box<[u8]>);

impl Buffer {
    pub(super) fn new() -> Self {
        Self(vec![0; PART].into())
    }
}

fn digest(
    file: &mut File,
    known: &Details,
    only_programs: bool,
    Buffer(buffer): &mut Buffer,
    deadline: Deadline,
) -> Result<Option<Sha256>, Unknown> {
    let mut hasher = Hasher::new();
    let mut length = 0;
    loop {
        // Most files are neither: so little of them is read first.
        let wanted = if length == 0 && only_programs { MAGIC } else { PART };
        let read = match file.read(buffer.get_mut(..wanted).unwrap_or_default()) {
            Ok(read) => read,
            Err(error) if errno(&error) == Errno::EINTR => continue,
            Err(error) => return Err(Unknown::Os(errno(&error))),
        };
        let part = buffer.get(..read).unwrap_or_default();
        if length == 0 && only_programs && !is_program(part) {
            return Ok(None);
        }
        hasher.update(part);
        length += read as u64;
        // A regular file is read short only at its end.
        if read < wanted || length > known.stat.size {
            break;
        }
        if deadline.is_over() {
            return Err(Unknown::Late);
        }
    }
    let now = details_of(file.as_fd(), c"", b"").map_err(|error| Unknown::Os(error.errno()))?;
    if length == known.stat.size && (now.stat.id, now.changed, now.stat.size) == (known.stat.id, known.changed, length)
    {
        Ok(Some(hasher.finalize().into()))
    } else {
        Err(Unknown::Changed)
    }
}

/// Whether an open file is an ELF file or a script.
pub(super) fn may_be_program(file: &File) -> Result<bool, Errno> {
    let mut start = [0; MAGIC];
    let read = file.read_at(&mut start, 0).map_err(|error| errno(&error))?;
    Ok(is_program(start.get(..read).unwrap_or_default()))
}

/// Whether a file that begins so is an ELF file or a script (execve(2)).
fn is_program(start: &[u8]) -> bool {
    start.starts_with(b"\x7fELF") || start.starts_with(b"#!")
}
