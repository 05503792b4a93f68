//! Whether two files hold the same bytes.

use std::fs::File;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;

use crate::linux::error::errno;

/// How many bytes are read at a time.
const CHUNK: usize = 128 * 1024;

/// Which of the two files could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first.
    Left,
    /// The second.
    Right,
}

/// Compares files, and keeps the buffers for that.
pub struct Comparer {
    left: Vec<u8>,
    right: Vec<u8>,
}

impl Default for Comparer {
    fn default() -> Self {
        Self { left: vec![0; CHUNK], right: vec![0; CHUNK] }
    }
}

impl Comparer {
    /// Whether both files hold the same bytes from `start` to `end`. False if a file ends before `end`.
    pub fn same(&mut self, left: &File, right: &File, start: u64, end: u64) -> Result<bool, (Side, Errno)> {
        let mut at = start;
        while at < end {
            let length = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
            let (ours, theirs) = (self.left.get_mut(..length), self.right.get_mut(..length));
            let (Some(ours), Some(theirs)) = (ours, theirs) else { return Ok(false) };
            if !read(left, ours, at).map_err(|errno| (Side::Left, errno))?
                || !read(right, theirs, at).map_err(|errno| (Side::Right, errno))?
                || ours != theirs
            {
                return Ok(false);
            }
            at += length as u64;
        }
        Ok(true)
    }
}

/// Fills `buffer` from offset `at`. False if the file ends before `buffer` is full.
fn read(file: &File, buffer: &mut [u8], at: u64) -> Result<bool, Errno> {
    match file.read_exact_at(buffer, at) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(errno(&error)),
    }
}
