//! The inscription at the end of a copy of this program, behind its own bytes: a table, the table's length, and its
//! purpose. It makes the copy a tombstone, or a copy that accepts only certain command lines.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;

use crate::root::compare::Comparer;

/// What an inscription is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The copy stands in place of removed commands.
    Grave,
    /// The copy accepts certain command lines.
    Only,
}

/// Length in bytes of the mark at the end of an inscription, after the length of its table.
const MAGIC_LENGTH: usize = 16;

/// Length in bytes of what follows the table.
const TAIL: usize = 4 + MAGIC_LENGTH;

/// The greatest length of a table, in bytes. A longer table is not lithify's.
pub const MAX_TABLE: usize = 4 * 1024 * 1024;

impl Kind {
    const fn magic(self) -> [u8; MAGIC_LENGTH] {
        match self {
            Self::Grave => *b"\0lithify-grave\x01\0",
            Self::Only => *b"\0lithify-only\x01\0\0",
        }
    }
}

/// The inscription for this table: what follows this program's own bytes in a copy. `table` is no longer than
/// [`MAX_TABLE`].
pub fn inscription(kind: Kind, mut table: Vec<u8>) -> Vec<u8> {
    table.truncate(MAX_TABLE);
    let length = u32::try_from(table.len()).unwrap_or(0);
    table.extend_from_slice(&length.to_le_bytes());
    table.extend_from_slice(&kind.magic());
    table
}

/// Where a file's own bytes end, and what follows them: the kind of the inscription and the length of its table.
fn find(file: &File) -> io::Result<(u64, Option<(Kind, u32)>)> {
    let size = file.metadata()?.len();
    let Some(end) = size.checked_sub(TAIL as u64) else { return Ok((size, None)) };
    let mut tail = [0; TAIL];
    file.read_exact_at(&mut tail, end)?;
    let [a, b, c, d, magic @ ..] = tail;
    let Some(kind) = [Kind::Grave, Kind::Only].into_iter().find(|kind| kind.magic() == magic) else {
        return Ok((size, None));
    };
    let length = u32::from_le_bytes([a, b, c, d]);
    match end.checked_sub(length.into()).filter(|_| length as usize <= MAX_TABLE) {
        Some(start) => Ok((start, Some((kind, length)))),
        // The file must not be taken for one without an inscription, which may do everything.
        None => Err(ErrorKind::InvalidData.into()),
    }
}

/// The kind and the table of the inscription of `file`; `None` for a file without one. `InvalidData` if the length of
/// the table is wrong.
pub fn read(file: &File) -> io::Result<Option<(Kind, Vec<u8>)>> {
    let (start, Some((kind, length))) = find(file)? else { return Ok(None) };
    let mut table = vec![0; length as usize];
    file.read_exact_at(&mut table, start)?;
    Ok(Some((kind, table)))
}

/// The length of a file without its inscription, in bytes.
pub fn length_without(file: &File) -> io::Result<u64> {
    Ok(find(file)?.0)
}

/// Whether `file` is `program` with an inscription of this kind. An inscription of `program` itself does not count.
pub fn is_inscribed(kind: Kind, file: &File, program: &File) -> io::Result<bool> {
    let (length, found) = find(file)?;
    if found.is_none_or(|(found, _)| found != kind) || length_without(program)? != length {
        return Ok(false);
    }
    Comparer::default().same(program, file, 0, length).map_err(|(_, errno)| errno.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn file(parts: &[&[u8]]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        for part in parts {
            file.write_all(part).unwrap();
        }
        file
    }

    #[test]
    fn only_this_program_is_a_tombstone() {
        let grave = inscription(Kind::Grave, b"a table".to_vec());
        let only = inscription(Kind::Only, b"another one".to_vec());
        for program in [file(&[b"program"]), file(&[b"program", &only])] {
            let is = |parts: &[&[u8]]| is_inscribed(Kind::Grave, &file(parts), &program).unwrap();
            assert!(is(&[b"program", &grave]));
            assert!(!is(&[b"program", &only]));
            assert!(!is(&[b"a shell", &grave]));
            assert!(!is(&[b"a longer shell", &grave]));
            assert!(!is(&[b"program"]));
            assert!(!is(&[b""]));
        }
        assert_eq!(length_without(&file(&[b"program", &only])).unwrap(), 7);
        assert_eq!(length_without(&file(&[b"program"])).unwrap(), 7);
    }

    #[test]
    fn a_broken_one_is_not_taken_for_none() {
        for length in [1_u32, u32::MAX] {
            let broken = file(&[&length.to_le_bytes(), &Kind::Only.magic()]);
            assert_eq!(read(&broken).unwrap_err().kind(), ErrorKind::InvalidData);
        }
    }

    proptest! {
        #[test]
        fn what_is_inscribed_is_read(program: Vec<u8>, table: Vec<u8>) {
            for kind in [Kind::Grave, Kind::Only] {
                let found = read(&file(&[&program, &inscription(kind, table.clone())])).unwrap();
                prop_assert_eq!(found, Some((kind, table.clone())));
            }
        }

        #[test]
        fn never_panics(mut bytes: Vec<u8>, length: u32, whole: bool) {
            if whole {
                bytes.extend_from_slice(&length.to_le_bytes());
                bytes.extend_from_slice(&Kind::Grave.magic());
            }
            let _ = read(&file(&[&bytes]));
        }
    }
}
