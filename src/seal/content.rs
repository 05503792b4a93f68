//! The SHA-256 of one file's content, read by its descriptor.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;

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

/// Reads files, one after the other, with one buffer.
pub(super) struct Reader {
    buffer: Vec<u8>,
    deadline: Deadline,
}

impl Reader {
    pub(super) fn new(deadline: Deadline) -> Self {
        Self { buffer: vec![0; PART], deadline }
    }

    /// The SHA-256 of `file`, which must be what `known` says, before and after. With `only_programs`, `None` if it is
    /// neither an ELF file nor a script.
    pub(super) fn digest(
        &mut self,
        file: &mut File,
        known: &Details,
        only_programs: bool,
    ) -> Result<Option<Sha256>, Unknown> {
        let mut hasher = Hasher::new();
        let mut length = 0;
        loop {
            // Most files are neither: so little of them is read first.
            let wanted = if length == 0 && only_programs { MAGIC } else { PART };
            let read = match file.read(self.buffer.get_mut(..wanted).unwrap_or_default()) {
                Ok(read) => read,
                Err(error) if errno(&error) == Errno::EINTR => continue,
                Err(error) => return Err(Unknown::Os(errno(&error))),
            };
            let part = self.buffer.get(..read).unwrap_or_default();
            if length == 0 && only_programs && !is_program(part) {
                return Ok(None);
            }
            hasher.update(part);
            length += read as u64;
            // A regular file is read short only at its end.
            if read < wanted || length > known.stat.size {
                break;
            }
            if self.deadline.is_over() {
                return Err(Unknown::Late);
            }
        }
        let now = details_of(file.as_fd(), c"", b"").map_err(|error| Unknown::Os(error.errno()))?;
        if length == known.stat.size
            && (now.stat.id, now.changed, now.stat.size) == (known.stat.id, known.changed, length)
        {
            Ok(Some(hasher.finalize().into()))
        } else {
            Err(Unknown::Changed)
        }
    }
}

/// Whether a file that begins so is an ELF file or a script (execve(2)).
fn is_program(start: &[u8]) -> bool {
    start.starts_with(b"\x7fELF") || start.starts_with(b"#!")
}
