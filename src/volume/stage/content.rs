//! Copies the content of one regular file. Shares the content if the filesystem can (`FICLONE`), else copies in the
//! kernel (`copy_file_range(2)`), else reads and writes. Holes stay holes.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::fcntl::copy_file_range;
use nix::unistd::{Whence, ftruncate, lseek};

use crate::linux::error::errno;
use crate::linux::sys;
use crate::root::compare::{self, Comparer};

/// Bytes to read at a time.
const CHUNK: usize = 128 * 1024;

/// Which side a failure was on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Volume,
}

/// Copies content, and remembers which calls the filesystems do not support.
pub(super) struct Content {
    /// `FICLONE` has not failed yet.
    shares: bool,
    /// `copy_file_range` has not failed yet.
    in_kernel: bool,
    buffer: Vec<u8>,
    comparer: Comparer,
}

impl Content {
    pub(super) fn new() -> Self {
        Self { shares: true, in_kernel: true, buffer: vec![0; CHUNK], comparer: Comparer::default() }
    }

    /// Copies `size` bytes into the empty file `target`. `sparse` says that `source` has holes.
    pub(super) fn copy(&mut self, source: &File, target: &File, size: i64, sparse: bool) -> Result<(), (Side, Errno)> {
        if size == 0 {
            return Ok(());
        }
        if self.shares {
            if sys::file::clone_content(source.as_fd(), target.as_fd()).is_ok() {
                return Ok(());
            }
            self.shares = false;
        }
        if !sparse {
            return self.range(source, target, 0, size);
        }
        ftruncate(target, size).map_err(|errno| (Side::Volume, errno))?;
        let mut at = 0;
        while let Some(data) = next_data(source, at, size) {
            // If the kernel cannot tell, everything is data.
            let hole = lseek(source, data, Whence::SeekHole).unwrap_or(size).clamp(data, size);
            self.range(source, target, data, hole)?;
            at = hole.max(data + 1);
        }
        Ok(())
    }

    fn range(&mut self, source: &File, target: &File, from: i64, to: i64) -> Result<(), (Side, Errno)> {
        let mut at = from;
        while self.in_kernel && at < to {
            let (mut input, mut output) = (at, at);
            let length = usize::try_from(to - at).unwrap_or(usize::MAX);
            match copy_file_range(source, Some(&mut input), target, Some(&mut output), length) {
                Ok(0) => break,
                Ok(copied) => at += i64::try_from(copied).unwrap_or(0),
                Err(Errno::EINTR) => {}
                Err(errno @ (Errno::ENOSPC | Errno::EDQUOT | Errno::EFBIG)) => return Err((Side::Volume, errno)),
                // The call does not work between these filesystems, or the kernel does not have it. Reading and writing
                // below shows what is wrong with the files themselves.
                Err(_) => self.in_kernel = false,
            }
        }
        while at < to {
            let length = usize::try_from(to - at).unwrap_or(CHUNK).min(CHUNK);
            let Some(buffer) = self.buffer.get_mut(..length) else { break };
            let read = read_at(source, buffer, at).map_err(|errno| (Side::Source, errno))?;
            let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { break };
            target.write_all_at(part, offset(at)).map_err(|error| (Side::Volume, errno(&error)))?;
            at += i64::try_from(read).unwrap_or(0);
        }
        Ok(())
    }

    /// Whether both files of `size` bytes have the same content. Does not read what is a hole in both.
    pub(super) fn same(&mut self, source: &File, copy: &File, size: i64, sparse: bool) -> Result<bool, (Side, Errno)> {
        let mut at = 0;
        while at < size {
            if sparse {
                at = match (next_data(source, at, size), next_data(copy, at, size)) {
                    (Some(one), Some(other)) => one.min(other),
                    (Some(one), None) | (None, Some(one)) => one,
                    (None, None) => return Ok(true),
                };
            }
            let end = if sparse { size.min(at.saturating_add(i64::try_from(CHUNK).unwrap_or(i64::MAX))) } else { size };
            let same = self.comparer.same(source, copy, offset(at), offset(end)).map_err(|(side, errno)| match side {
                compare::Side::Left => (Side::Source, errno),
                compare::Side::Right => (Side::Volume, errno),
            });
            if !same? {
                return Ok(false);
            }
            at = end;
        }
        Ok(true)
    }
}

/// Where the next data at or after `at` begins; `None` if only a hole is left.
fn next_data(file: &File, at: i64, size: i64) -> Option<i64> {
    match lseek(file, at, Whence::SeekData) {
        Ok(data) => Some(data).filter(|&data| data < size),
        Err(Errno::ENXIO) => None,
        // If the kernel cannot tell, everything is data.
        Err(_) => Some(at).filter(|&at| at < size),
    }
}

fn read_at(file: &File, buffer: &mut [u8], at: i64) -> Result<usize, Errno> {
    loop {
        match file.read_at(buffer, offset(at)) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            result => return result.map_err(|error| errno(&error)),
        }
    }
}

fn offset(at: i64) -> u64 {
    u64::try_from(at).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn pair(content: &[(u64, &[u8])], size: u64) -> (File, File) {
        let (source, copy) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        source.set_len(size).unwrap();
        for (at, bytes) in content {
            source.write_all_at(bytes, *at).unwrap();
        }
        (source, copy)
    }

    #[test]
    fn every_way_of_copying_gives_the_same() {
        let bytes: Vec<u8> = (0..300_000u32).map(|n| (n * 7 + n / 251).to_le_bytes()[0]).collect();
        for (shares, in_kernel) in [(true, true), (false, true), (false, false)] {
            let (source, copy) = pair(&[(0, &bytes)], 300_000);
            let mut content = Content { shares, in_kernel, ..Content::new() };
            content.copy(&source, &copy, 300_000, false).unwrap();
            let mut copied = vec![0; 300_000];
            copy.read_exact_at(&mut copied, 0).unwrap();
            assert_eq!(copied, bytes);
            assert!(content.same(&source, &copy, 300_000, false).unwrap());
        }
    }

    #[test]
    fn holes_stay_holes_and_are_compared() {
        let size = 64 * 1024 * 1024;
        let (source, copy) = pair(&[(1024 * 1024, b"in the middle")], size);
        let mut content = Content { shares: false, ..Content::new() };
        content.copy(&source, &copy, 64 * 1024 * 1024, true).unwrap();
        let metadata = copy.metadata().unwrap();
        assert_eq!(metadata.size(), size);
        assert!(metadata.blocks() * 512 < 1024 * 1024, "{} blocks", metadata.blocks());
        assert!(content.same(&source, &copy, 64 * 1024 * 1024, true).unwrap());
        // One byte where the source has a hole, after its last data.
        copy.write_all_at(b"x", size - 5).unwrap();
        assert!(!content.same(&source, &copy, 64 * 1024 * 1024, true).unwrap());
    }

    #[test]
    fn a_difference_is_seen_wherever_it_is() {
        let bytes = vec![7; 300_000];
        for at in [0, 131_071, 131_072, 299_999] {
            let (source, copy) = pair(&[(0, &bytes)], 300_000);
            copy.write_all_at(&bytes, 0).unwrap();
            copy.write_all_at(b"x", at).unwrap();
            assert!(!Content::new().same(&source, &copy, 300_000, false).unwrap(), "{at}");
        }
        let (source, copy) = pair(&[(0, &bytes)], 300_000);
        copy.write_all_at(&bytes[..299_999], 0).unwrap();
        assert!(!Content::new().same(&source, &copy, 300_000, false).unwrap());
    }
}
