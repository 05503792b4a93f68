//! What one file is: by its content, else by its name.

use std::collections::HashSet;
use std::collections::hash_map::{Entry as Slot, HashMap};
use std::ffi::CStr;
use std::fs::File;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::unistd::{Whence, lseek};

use crate::linux::deadline::Deadline;
use crate::linux::error::errno;
use crate::recognise::catalogue::{Catalogue, Class, Known};
use crate::recognise::elf::{self, Elf, Entry, is_library_name};
use crate::recognise::signature::{FAMILY, Matcher, Seen};
use crate::recognise::tombstone::{self, Detector};
use crate::root::{Directory, Failure, Identity, RootError, Stat, read_part};
use crate::text::escape::escape;

/// How a program was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecognisedBy {
    /// By what is in it.
    Content,
    /// By what it is called.
    Name,
}

/// Recognises executables, one after the other.
pub struct Recogniser {
    catalogue: Catalogue,
    matcher: Matcher,
    buffer: Vec<u8>,
    /// When looking at files must end.
    deadline: Deadline,
    tombstones: Detector,
    /// Files with several names, and what they are by their content: they are not searched again.
    searched: HashMap<Identity, Option<&'static str>>,
}

/// What an executable turned out to be.
#[derive(Debug)]
pub enum Recognised {
    /// A program of the catalogue.
    Program {
        /// How it was recognised.
        by: RecognisedBy,
        /// Its name in the catalogue.
        program: String,
        /// What the catalogue knows of it.
        known: Known,
    },
    /// A tombstone, in place of a removed command.
    Tombstone,
    /// Nothing known; for example a library.
    Nothing,
}

/// What is worth saying of a file besides its recognition.
#[derive(Debug, Default)]
pub struct Remarks {
    /// The interpreter that a script's first line names; `None` unless it is an absolute path.
    pub interpreter: Option<Vec<u8>>,
    /// Whether the file is packed, so that its content says nothing.
    pub packed: bool,
    /// Whether it is the same program by any other of its names.
    pub by_content_alone: bool,
}

impl Recogniser {
    /// A recogniser that fails with [`Failure::Late`] after `deadline`, even within a file.
    pub fn new(deadline: Deadline) -> Self {
        Self {
            catalogue: Catalogue::default(),
            matcher: Matcher::default(),
            buffer: vec![0; HEAD + PART],
            deadline,
            tombstones: Detector::default(),
            searched: HashMap::new(),
        }
    }

    /// What the executable `file` is. `file` is the open file `name` in `directory`, and `stat` is what is known of it.
    /// Fails if the file cannot be read, with `EFBIG` if it is too large to search, and with [`Failure::Late`] after
    /// the deadline.
    pub fn recognise(
        &mut self,
        file: &File,
        directory: &Directory,
        name: &CStr,
        stat: &Stat,
    ) -> Result<(Recognised, Remarks), RootError> {
        let mut remarks = Remarks::default();
        if stat.mode & 0o7777 == tombstone::MODE && self.tombstones.is_tombstone(file) {
            return Ok((Recognised::Tombstone, remarks));
        }
        let named = self.catalogue.by_name(name.to_bytes()).filter(|_| !is_library_name(name.to_bytes()));
        let content = self.content(file, stat, named.is_some(), &mut remarks).map_err(|error| match errno(&error) {
            LATE => Failure::Late.into(),
            errno => directory.error("read", name, errno),
        })?;
        let recognised = match content {
            Content::Program(FAMILY) if named.is_some() => {
                named.map(|known| (RecognisedBy::Content, escape(name.to_bytes()), known))
            }
            Content::Program(program) => {
                remarks.by_content_alone = true;
                self.catalogue.exactly(program).map(|known| (RecognisedBy::Content, program.to_owned(), known))
            }
            Content::Library | Content::Data => None,
            Content::Other => named.map(|known| (RecognisedBy::Name, escape(name.to_bytes()), known)),
        };
        let recognised =
            recognised.map_or(Recognised::Nothing, |(by, program, known)| Recognised::Program { by, program, known });
        Ok((recognised, remarks))
    }

    /// Whether `file` is a program of the catalogue by its content. What is too large to be searched is none. The
    /// arguments are those of [`Self::recognise`]; fails if the file cannot be read, or after the deadline.
    pub fn is_tool(&mut self, file: &File, directory: &Directory, name: &CStr, stat: &Stat) -> Result<bool, RootError> {
        match self.recognise(file, directory, name, stat) {
            Ok((recognised, _)) => Ok(matches!(recognised, Recognised::Program { by: RecognisedBy::Content, .. })),
            Err(error) if error.errno() == Errno::EFBIG => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The files that turned out to be tombstones.
    pub fn tombstones(&self) -> &HashSet<Identity> {
        self.tombstones.found()
    }

    /// What the file is by its content. `named` tells whether its name says something as well.
    fn content(&mut self, file: &File, stat: &Stat, named: bool, remarks: &mut Remarks) -> std::io::Result<Content> {
        let (head, buffer) = self.buffer.split_at_mut(HEAD);
        let length = file.read_at(head, 0)?;
        let head = head.get(..length).unwrap_or_default();
        if head.starts_with(b"#!") {
            remarks.interpreter = interpreter(head);
            return Ok(Content::Other);
        }
        if !head.starts_with(b"\x7fELF") {
            // An x bit does not make a program of a file that the kernel cannot start, such as an `/etc/hostname` of
            // mode 755.
            return Ok(Content::Data);
        }
        let strings = elf::strings(head);
        let has_interpreter = strings.as_ref().is_some_and(|strings| strings.has_interpreter);
        let classify = || elf::classify(|offset, length| read_part(file, head, offset, length));
        let nobody_starts = |elf: &Elf| !elf.starts(stat.mode & 0o111 != 0);
        let mut elf = if has_interpreter { None } else { classify() };
        if elf.as_ref().is_some_and(nobody_starts) {
            return Ok(Content::Library);
        }
        let ranges = strings.and_then(|strings| strings.ranges).unwrap_or_else(|| {
            remarks.packed = head.get(..PACKED_WITHIN).unwrap_or(head).windows(4).any(|part| part == b"UPX!");
            vec![(0, u64::MAX)]
        });
        // One more name costs an intruder nothing, so it must not cost another search, not even after one that failed.
        let mut unshared = None;
        let (program, is_known) = match (stat.nlink > 1).then(|| self.searched.entry(stat.id)) {
            None => (&mut unshared, false),
            Some(Slot::Occupied(known)) => (known.into_mut(), true),
            Some(Slot::Vacant(new)) => (new.insert(None), false),
        };
        if !is_known {
            let mut source = Source { file, head, buffer, overlap: self.matcher.overlap(), deadline: self.deadline };
            let mut seen = Seen::default();
            source.parts(&ranges, &mut |part| {
                self.matcher.look(part, &mut seen);
            })?;
            *program = Matcher::program(&seen);
        }
        let program = *program;
        // This check comes last, because it takes another read, and the answer changes nothing for a file that is
        // nothing anyway.
        if (named || program.is_some()) && has_interpreter {
            elf = classify();
        }
        let is_shell = |program| {
            let class = self.catalogue.exactly(program).map(|known| known.class);
            matches!(class, Some(Class::Shell | Class::MultiCall))
        };
        Ok(match (elf, program) {
            // Libraries hold the content of interpreters and tools (`libpython3.11.so`), but not of shells.
            (Some(Elf::Library { entry: Entry::Bare }), program) if !program.is_some_and(is_shell) => Content::Library,
            (Some(Elf::Library { entry: Entry::WithLoader }), None) => Content::Library,
            (Some(elf), _) if nobody_starts(&elf) => Content::Library,
            (_, Some(program)) => Content::Program(program),
            (_, None) => Content::Other,
        })
    }
}

/// What a file is by its content.
#[derive(Clone, Copy)]
enum Content {
    /// A program that a signature matches, by its name in the catalogue.
    Program(&'static str),
    /// A shared library.
    Library,
    /// Neither a program nor a script.
    Data,
    /// Any other program or script.
    Other,
}

/// How many bytes of a file are read at first: most often its headers and the first of its read-only segments.
const HEAD: usize = 8 * 1024;

/// How many bytes are searched at once.
const PART: usize = 256 * 1024;

/// How many bytes of one file are searched at most. Whoever may write a large file must not delay its inspection.
const MOST: u64 = 1 << 30;

/// The errno that stands for the deadline. The kernel never gives it for a file.
const LATE: Errno = Errno::ETIME;

/// Where UPX puts its mark: right after the program headers.
const PACKED_WITHIN: usize = 1024;

/// A file to be searched.
struct Source<'a> {
    file: &'a File,
    /// The beginning of the file, read already.
    head: &'a [u8],
    buffer: &'a mut [u8],
    /// How many bytes of a part are looked at again with the next part, so that no string is cut.
    overlap: usize,
    deadline: Deadline,
}

impl Source<'_> {
    /// Calls `look` with the parts of each range (start and size in bytes), up to the end of the file. `EFBIG` if it
    /// has read more than [`MOST`] bytes, [`LATE`] after the deadline.
    fn parts(&mut self, ranges: &[(u64, u64)], look: &mut dyn FnMut(&[u8])) -> std::io::Result<()> {
        let mut read = 0;
        for &(start, size) in ranges {
            let (mut at, mut left, mut kept) = (start, size, 0);
            while left > 0 {
                if self.deadline.is_over() {
                    return Err(LATE.into());
                }
                if read > MOST {
                    return Err(Errno::EFBIG.into());
                }
                // Skip a hole, which may be of any size: a sparse file must not delay the scan.
                if at > start {
                    let data = lseek(self.file, i64::try_from(at).unwrap_or(i64::MAX), Whence::SeekData);
                    let skipped = match data {
                        Ok(data) => u64::try_from(data).unwrap_or(at).saturating_sub(at),
                        Err(Errno::ENXIO) => break,
                        Err(_) => 0,
                    };
                    (at, left) = (at + skipped, left.saturating_sub(skipped));
                }
                let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len() - kept);
                let Some(part) = self.buffer.get_mut(kept..kept + wanted) else { break };
                let known = usize::try_from(at).ok().and_then(|at| self.head.get(at..)).unwrap_or_default();
                let length = if known.is_empty() { self.file.read_at(part, at)? } else { copy(known, part) };
                if length == 0 {
                    break;
                }
                let filled = kept + length;
                look(self.buffer.get(..filled).unwrap_or_default());
                at += length as u64;
                left -= length as u64;
                read += length as u64;
                kept = self.overlap.min(filled);
                self.buffer.copy_within(filled - kept..filled, 0);
            }
        }
        Ok(())
    }
}

/// Copies as many bytes as fit, and returns how many.
fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let length = from.len().min(to.len());
    if let (Some(to), Some(from)) = (to.get_mut(..length), from.get(..length)) {
        to.copy_from_slice(from);
    }
    length
}

/// The interpreter that a script's first line names; `None` unless it is an absolute path.
fn interpreter(head: &[u8]) -> Option<Vec<u8>> {
    let line = head.get(2..)?.split(|&byte| byte == b'\n').next()?;
    let word = line.split(u8::is_ascii_whitespace).find(|word| !word.is_empty())?;
    (word.first() == Some(&b'/')).then(|| word.to_vec())
}
