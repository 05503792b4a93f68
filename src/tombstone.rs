//! Tombstones: what stands in place of a removed command (`method = "tombstone"`). A tombstone is this very program with
//! an inscription at its end, so that whoever starts it is told what was removed, by which rule, and what to do instead.
//!
//! All names of one run share one file. Only a file that equals this program up to its inscription is taken for a
//! tombstone: a shell with an inscription appended is a shell.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::escape::escape;

/// Mode of a tombstone: whoever runs it, nobody changes it.
pub const MODE: u32 = 0o555;

/// The last bytes of a tombstone, after the length of its table.
const MAGIC: [u8; 16] = *b"\0lithify-grave\x01\0";

/// Length of what follows the table.
const TAIL: usize = 4 + MAGIC.len();

/// A table is as long as the removed names; a longer one is not ours.
const MAX_TABLE: u32 = 4 * 1024 * 1024;

/// One removed command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epitaph {
    /// Escaped path inside the root.
    pub path: String,
    /// The profile that asked for it.
    pub profile: String,
    /// The rule, such as `names "sh"`.
    pub rule: String,
}

/// What follows this program's own bytes in a tombstone for these commands: canonical path, profile, rule.
pub fn inscription<'a>(commands: impl Iterator<Item = (&'a [u8], &'a str, &'a str)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (path, profile, rule) in commands {
        // Escaped, none of them holds a tab or a line end.
        for (field, end) in [(path, b'\t'), (profile.as_bytes(), b'\t'), (rule.as_bytes(), b'\n')] {
            bytes.extend_from_slice(escape(field).as_bytes());
            bytes.push(end);
        }
    }
    bytes.truncate(MAX_TABLE as usize);
    let length = u32::try_from(bytes.len()).unwrap_or(0);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&MAGIC);
    bytes
}

/// Where the inscription of `file` begins, if its end looks like one, and how long its table is.
fn inscribed_from(file: &File) -> io::Result<Option<(u64, u32)>> {
    let size = file.metadata()?.len();
    let Some(end) = size.checked_sub(TAIL as u64) else { return Ok(None) };
    let mut tail = [0; TAIL];
    file.read_exact_at(&mut tail, end)?;
    let [a, b, c, d, magic @ ..] = tail;
    let length = u32::from_le_bytes([a, b, c, d]);
    let start = end.checked_sub(u64::from(length)).filter(|_| magic == MAGIC && length <= MAX_TABLE);
    Ok(start.map(|start| (start, length)))
}

/// What the inscription at the end of `file` says; `None` for a file without one.
pub fn read(file: &File) -> io::Result<Option<Vec<Epitaph>>> {
    let Some((start, length)) = inscribed_from(file)? else { return Ok(None) };
    let mut table = vec![0; length as usize];
    file.read_exact_at(&mut table, start)?;
    Ok(Some(parse(&table)))
}

fn parse(table: &[u8]) -> Vec<Epitaph> {
    let text = String::from_utf8_lossy(table);
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split('\t').map(str::to_owned);
            Some(Epitaph { path: fields.next()?, profile: fields.next()?, rule: fields.next()? })
        })
        .collect()
}

/// Whether `file` is `program` with an inscription, which makes it a tombstone.
pub fn is_tombstone(file: &File, program: &File) -> io::Result<bool> {
    let Some((start, _)) = inscribed_from(file)? else { return Ok(false) };
    if program.metadata()?.len() != start {
        return Ok(false);
    }
    let (mut ours, mut theirs) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut at = 0;
    while at < start {
        let length = usize::try_from(start - at).unwrap_or(usize::MAX).min(ours.len());
        let (Some(ours), Some(theirs)) = (ours.get_mut(..length), theirs.get_mut(..length)) else { return Ok(false) };
        program.read_exact_at(ours, at)?;
        file.read_exact_at(theirs, at)?;
        if ours != theirs {
            return Ok(false);
        }
        at += length as u64;
    }
    Ok(true)
}

/// The entry for a command that was started as one of `names` (paths as the caller gave them): by the whole path, else
/// by the file name.
pub fn find<'e>(epitaphs: &'e [Epitaph], names: &[Vec<u8>]) -> Option<&'e Epitaph> {
    fn file_name(path: &str) -> &str {
        path.rsplit('/').next().unwrap_or_default()
    }
    let names: Vec<String> = names.iter().map(|name| escape(name)).collect();
    let exactly = names.iter().find_map(|name| epitaphs.iter().find(|epitaph| epitaph.path == *name));
    exactly.or_else(|| {
        names.iter().find_map(|name| epitaphs.iter().find(|epitaph| file_name(&epitaph.path) == file_name(name)))
    })
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
    fn what_is_inscribed_is_read() {
        let commands = [(b"/usr/bin/sh".as_slice(), "shells", "names \"sh\""), (b"/bin/a\nb\t", "x", "y")];
        let stone = file(&[b"program", &inscription(commands.into_iter())]);
        let epitaphs = read(&stone).unwrap().unwrap();
        assert_eq!(epitaphs.len(), 2);
        assert_eq!((epitaphs[0].path.as_str(), epitaphs[0].profile.as_str()), ("/usr/bin/sh", "shells"));
        assert_eq!(find(&epitaphs, &[b"/bin/sh".to_vec()]).unwrap().rule, "names \"sh\"");
        assert_eq!(find(&epitaphs, &[b"/x".to_vec(), b"a\nb\t".to_vec()]).unwrap().profile, "x");
        assert_eq!(find(&epitaphs, &[b"/x".to_vec()]), None);
    }

    #[test]
    fn only_this_program_is_a_tombstone() {
        let inscription = inscription([(b"/bin/sh".as_slice(), "p", "r")].into_iter());
        let program = file(&[b"program"]);
        assert!(is_tombstone(&file(&[b"program", &inscription]), &program).unwrap());
        assert!(!is_tombstone(&file(&[b"a shell", &inscription]), &program).unwrap());
        assert!(!is_tombstone(&file(&[b"a longer shell", &inscription]), &program).unwrap());
        assert!(!is_tombstone(&file(&[b"program"]), &program).unwrap());
        assert!(!is_tombstone(&file(&[b""]), &program).unwrap());
    }

    proptest! {
        #[test]
        fn never_panics(mut bytes: Vec<u8>, length: u32, whole: bool) {
            if whole {
                bytes.extend_from_slice(&length.to_le_bytes());
                bytes.extend_from_slice(&MAGIC);
            }
            read(&file(&[&bytes])).unwrap();
        }
    }
}
