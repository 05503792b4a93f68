//! Reading files inside the root.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::{InRoot, Kind, Root, RootError, os};
use crate::linux::error::errno;

impl Root {
    /// The first `limit` bytes of the regular file that `path` leads to; `EINVAL` for other types.
    pub fn read<'p>(&self, path: impl Into<InRoot<'p>>, limit: u64) -> Result<Vec<u8>, RootError> {
        self.read_written(path.into(), limit)
    }

    fn read_written(&self, path: InRoot<'_>, limit: u64) -> Result<Vec<u8>, RootError> {
        if self.resolve(path)?.kind != Kind::File {
            return Err(os("read", &path)(Errno::EINVAL));
        }
        let mut content = Vec::new();
        self.file(path)?.take(limit).read_to_end(&mut content).map_err(|error| os("read", &path)(errno(&error)))?;
        Ok(content)
    }

    /// Opens the file that `path` leads to for reading. It does not block on a fifo.
    pub(crate) fn file<'p>(&self, path: impl Into<InRoot<'p>>) -> Result<File, RootError> {
        self.open_resolved(path.into(), OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY).map(File::from)
    }
}

/// Up to `length` bytes of the file at `offset`, at most 64 KiB unless `head` holds them. `head` is the beginning of
/// the file, read already. `None` if the kernel refuses.
pub(crate) fn read_part<'h>(file: &File, head: &'h [u8], offset: u64, length: usize) -> Option<Cow<'h, [u8]>> {
    let start = usize::try_from(offset).ok()?;
    if let Some(part) = start.checked_add(length).and_then(|end| head.get(start..end)) {
        return Some(Cow::Borrowed(part));
    }
    let mut bytes = vec![0; length.min(64 * 1024)];
    let read = file.read_at(&mut bytes, offset).ok()?;
    bytes.truncate(read);
    Some(Cow::Owned(bytes))
}
