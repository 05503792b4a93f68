//! Reads a manifest line by line. What is not exactly as lithify would write it is refused, with the number of the line.

use std::cmp::Ordering;
use std::io::{self, BufRead, Read};

use sha2::Digest as _;

use super::digest::{Digest, DigestError, Scope};
use super::encode;
use super::entry::{Facts, FileType};
use super::manifest::FIRST;
use super::order::compare_paths;

/// A longer line is refused. The longest that lithify writes has a path of 17 KiB and a link of 4 KiB, with four
/// characters for each byte.
const LONGEST: u64 = 128 * 1024;

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It cannot be read.
    #[error("line {line} cannot be read: {error}")]
    Read {
        /// The line.
        line: u64,
        /// The system's reason.
        error: io::Error,
    },
    /// It is a directory, a FIFO, or the like.
    #[error("it is no regular file")]
    NotAFile,
    /// It is empty.
    #[error("it is empty")]
    Empty,
    /// The first line is another one.
    #[error("line 1 is not `#mtree`: it is no manifest of lithify")]
    NoManifest,
    /// It has what other tools write.
    #[error("line {line} is mtree(5) text as another tool writes it, not lithify")]
    OtherTool {
        /// The line.
        line: u64,
    },
    /// Its lines end as those of Windows do.
    #[error("line 1 ends with CRLF: something has changed the line ends of the manifest")]
    LineEnds,
    /// A line is too long.
    #[error("line {line} is longer than any that lithify writes")]
    TooLong {
        /// The line.
        line: u64,
    },
    /// A line is not as lithify would write it.
    #[error("line {line} is not as lithify writes it: the manifest was changed")]
    Entry {
        /// The line.
        line: u64,
    },
    /// A path holds `..`, `.`, an empty name or a NUL byte.
    #[error("line {line} has a path that no file has, or that leads out of the root")]
    Path {
        /// The line.
        line: u64,
    },
    /// An entry repeats or precedes the one before it, or lies below one that is no directory.
    #[error("line {line} is not in order, or is there twice")]
    Order {
        /// The line.
        line: u64,
    },
    /// The last line is not a digest.
    #[error("it ends at line {line} without the digest: it was cut off")]
    CutOff {
        /// How many lines it has.
        line: u64,
    },
    /// The digest is none, or of another version.
    #[error("line {line}: {error}")]
    Digest {
        /// The line.
        line: u64,
        /// What is wrong with it.
        error: DigestError,
    },
    /// The digest is not that of the entries.
    #[error("line {line} says {said}, but the entries above it give {found}: the manifest was changed")]
    Changed {
        /// The line.
        line: u64,
        /// The digest that the manifest states.
        said: Digest,
        /// The digest of its entries.
        found: Digest,
    },
    /// More lines follow the digest.
    #[error("line {line} comes after the digest, which is the last line")]
    After {
        /// The line.
        line: u64,
    },
}

/// What a manifest states of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// The absolute path inside the root.
    pub path: Vec<u8>,
    /// What it states.
    pub facts: Facts,
}

/// A manifest that is being read. It holds one line at a time.
pub struct Reader<'r> {
    from: &'r mut dyn BufRead,
    line: Vec<u8>,
    number: u64,
    hash: sha2::Sha256,
    /// The path of the last entry, and whether it is a directory.
    last: (Vec<u8>, bool),
    digest: Option<Digest>,
}

impl<'r> Reader<'r> {
    /// Begins to read. Fails if the first line is not that of a manifest.
    pub fn new(from: &'r mut dyn BufRead) -> Result<Self, ManifestError> {
        let hash = sha2::Sha256::new();
        let mut reader = Self { from, line: Vec::new(), number: 0, hash, last: (Vec::new(), true), digest: None };
        match reader.read_line() {
            Ok(false) => Err(ManifestError::Empty),
            Ok(true) if reader.line == FIRST => Ok(reader),
            Ok(true) if reader.line == b"#mtree\r\n" => Err(ManifestError::LineEnds),
            Ok(true) | Err(ManifestError::TooLong { .. } | ManifestError::CutOff { .. }) => {
                Err(ManifestError::NoManifest)
            }
            Err(error) => Err(error),
        }
    }

    /// The next entry; `None` once the digest has proved that the manifest is whole.
    pub fn entry(&mut self) -> Result<Option<Stated>, ManifestError> {
        while self.digest.is_none() {
            if !self.read_line()? {
                return Err(ManifestError::CutOff { line: self.number });
            }
            match self.line.strip_prefix(b"#") {
                None => return self.parsed().map(Some),
                Some(comment) => {
                    if let Some(said) = as_digest(comment) {
                        let said =
                            Digest::parse(&said).map_err(|error| ManifestError::Digest { line: self.number, error })?;
                        self.end(said)?;
                    }
                }
            }
        }
        Ok(None)
    }

    /// The digest, once [`Reader::entry`] has returned `None`.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Reads one line with its newline; false at the end.
    fn read_line(&mut self) -> Result<bool, ManifestError> {
        self.line.clear();
        self.number += 1;
        let line = self.number;
        let mut from = (&mut *self.from).take(LONGEST);
        from.read_until(b'\n', &mut self.line).map_err(|error| ManifestError::Read { line, error })?;
        if self.line.ends_with(b"\n") {
            return Ok(true);
        }
        if self.line.is_empty() {
            self.number -= 1;
            return Ok(false);
        }
        Err(if from.limit() == 0 { ManifestError::TooLong { line } } else { ManifestError::CutOff { line } })
    }

    fn parsed(&mut self) -> Result<Stated, ManifestError> {
        let line = self.number;
        let entry = self.line.strip_suffix(b"\n").unwrap_or_default();
        let stated = match parse(entry) {
            Some(stated) => stated,
            None if is_of_another_tool(entry) => return Err(ManifestError::OtherTool { line }),
            None => return Err(ManifestError::Entry { line }),
        };
        if !is_canonical(&stated.path) {
            return Err(ManifestError::Path { line });
        }
        // What was read leniently must be what lithify writes.
        let mut again = Vec::with_capacity(self.line.len());
        stated.facts.write(&stated.path, &mut again);
        if again != self.line {
            return Err(ManifestError::Entry { line });
        }
        let (last, is_directory) = &self.last;
        let below = stated.path.strip_prefix(last.as_slice()).is_some_and(|rest| rest.starts_with(b"/"));
        if compare_paths(last, &stated.path) != Ordering::Less || below && !is_directory {
            return Err(ManifestError::Order { line });
        }
        self.hash.update(&self.line);
        self.last = (stated.path.clone(), stated.facts.kind == FileType::Dir);
        Ok(stated)
    }

    /// Compares the digest that the manifest states, which must be its last line.
    fn end(&mut self, said: Digest) -> Result<(), ManifestError> {
        let line = self.number;
        if self.read_line()? {
            return Err(ManifestError::After { line: self.number });
        }
        let found = Digest { scope: said.scope, sha256: self.hash.clone().finalize().into() };
        if found != said {
            return Err(ManifestError::Changed { line, said, found });
        }
        self.digest = Some(said);
        Ok(())
    }
}

/// The text of a comment that is a digest, whichever version made it.
fn as_digest(comment: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(comment).ok()?.strip_prefix(' ')?.strip_suffix('\n')?;
    let known = [Scope::All, Scope::Executables].iter().any(|scope| text.starts_with(scope.prefix()));
    let other = text.strip_prefix("lithify").and_then(|rest| rest.split_once("-sha256:")).is_some();
    (known || other && !text.contains(' ')).then(|| text.to_owned())
}

/// Whether this is mtree(5) text of bsdtar, gomtree or mtree(8): a special line, or an entry that says less or more.
fn is_of_another_tool(line: &[u8]) -> bool {
    let begins = |start: &[u8]| line.starts_with(start);
    // They have special lines, indent, name the root itself, and write times.
    line.is_empty()
        || !begins(b"./")
        || line.split(|&byte| byte == b' ').any(|word| word.starts_with(b"time=") || word.starts_with(b"nlink="))
}

/// Reads an entry leniently; `None` for what certainly is none.
fn parse(line: &[u8]) -> Option<Stated> {
    let mut words = line.split(|&byte| byte == b' ');
    let written = words.next()?.strip_prefix(b".").filter(|path| path.starts_with(b"/"))?;
    let path = encode::decode_name(written)?;
    let mut kind = None;
    let mut facts = Facts {
        kind: FileType::File,
        mode: 0,
        uid: 0,
        gid: 0,
        size: 0,
        device: (0, 0),
        link: Vec::new(),
        sha256: None,
        capability: Vec::new(),
    };
    for word in words {
        let equals = word.iter().position(|&byte| byte == b'=')?;
        let (key, value) = (word.get(..equals)?, word.get(equals + 1..)?);
        match key {
            b"type" => kind = FileType::ALL.into_iter().find(|kind| kind.name().as_bytes() == value),
            b"mode" => facts.mode = small(value, 8)?,
            b"uid" => facts.uid = small(value, 10)?,
            b"gid" => facts.gid = small(value, 10)?,
            b"size" => facts.size = encode::number(value, 10)?,
            b"device" => {
                let mut numbers = value.strip_prefix(b"native,")?.splitn(2, |&byte| byte == b',');
                facts.device = (small(numbers.next()?, 10)?, small(numbers.next()?, 10)?);
            }
            b"link" => facts.link = encode::decode_name(value)?,
            b"sha256digest" => facts.sha256 = Some(encode::decode_hex(value)?),
            b"xattr.security.capability" => facts.capability = encode::decode_base64(value)?,
            _ => return None,
        }
    }
    facts.kind = kind?;
    let is_whole = (facts.kind == FileType::File) == facts.sha256.is_some() && facts.mode <= 0o7777;
    is_whole.then_some(Stated { path, facts })
}

fn small(text: &[u8], base: u32) -> Option<u32> {
    encode::number(text, base).and_then(|number| u32::try_from(number).ok())
}

fn is_canonical(path: &[u8]) -> bool {
    let mut names = path.split(|&byte| byte == b'/');
    let is_name = |name: &[u8]| !matches!(name, b"" | b"." | b"..") && !name.contains(&0);
    names.next() == Some(b"") && path.len() > 1 && names.all(is_name)
}

#[cfg(test)]
mod tests;
