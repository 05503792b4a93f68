//! Entries of a tar archive (`tar(5)`): what their headers say, and their contents as a stream.

use std::io::{self, Read};

use tar_core::parse::{ParseError, ParseEvent, ParsedEntry, Parser};
use tar_core::{EntryType, HEADER_SIZE, HeaderError, SparseEntry};

use super::error::Fault;
use super::limits::Limits;

/// The attribute that holds file capabilities (capabilities(7)).
const CAPABILITY: &[u8] = b"security.capability";

/// What a header says of one entry.
#[derive(Debug)]
pub(super) struct Header {
    /// The path, as it is written.
    pub(super) name: Vec<u8>,
    pub(super) kind: Kind,
    /// The lowest twelve bits of `st_mode`.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// The value of `security.capability`; empty if there is none.
    pub(super) capability: Vec<u8>,
}

/// The type of an entry.
#[derive(Debug)]
pub(super) enum Kind {
    Directory,
    File(Extent),
    /// Another name of the file with this path.
    HardLink(Vec<u8>),
    Symlink(Vec<u8>),
    Device {
        block: bool,
        numbers: (u32, u32),
    },
    Fifo,
}

/// Where the content of a file lies in what is stored of it.
#[derive(Debug)]
pub(super) struct Extent {
    /// The length of the file.
    pub(super) size: u64,
    /// Offset and length of the parts that are stored, one after the other; the rest is holes.
    pub(super) parts: Vec<(u64, u64)>,
}

/// An archive that is being read.
pub(super) struct Archive<R> {
    source: R,
    parser: Parser,
    /// What was read for the parser and not used up.
    held: Vec<u8>,
    /// What is left of the content of the last entry, and of the padding after it.
    content: u64,
    padding: u64,
    /// How many bytes were read.
    position: u64,
    entries: u64,
    most_entries: u64,
    /// Whether an archive may end without the two blocks of zeros.
    open_end: bool,
}

/// What the parser said.
enum Step {
    More(usize),
    Entry(usize, Header, u64),
    Ignored(usize),
    End,
}

impl<R: Read> Archive<R> {
    /// `open_end` says whether the archive may end without the blocks of zeros that mark its end.
    pub(super) fn new(source: R, limits: Limits, open_end: bool) -> Self {
        Self {
            source,
            parser: Parser::with_defaults(),
            held: Vec::new(),
            content: 0,
            padding: 0,
            position: 0,
            entries: 0,
            most_entries: limits.entries,
            open_end,
        }
    }

    /// The next entry; `None` at the end. What was not read of the last one's content is passed over.
    pub(super) fn next(&mut self) -> Result<Option<Header>, Fault> {
        let rest = self.content + self.padding;
        self.content = rest;
        if io::copy(self, &mut io::sink()).map_err(|error| unreadable(&error))? < rest {
            return Err(truncated());
        }
        self.padding = 0;
        loop {
            match self.step()? {
                Step::More(wanted) => {
                    if !self.fill(wanted)? {
                        return Ok(None);
                    }
                }
                Step::Ignored(used) => drop(self.held.drain(..used.min(self.held.len()))),
                Step::Entry(used, header, stored) => {
                    self.held.drain(..used.min(self.held.len()));
                    self.entries += 1;
                    if self.entries > self.most_entries {
                        return Err(Fault::Limit(
                            format!("it has more than {} entries", self.most_entries),
                            "make the image smaller: no image needs so many files",
                        ));
                    }
                    self.content = stored;
                    self.padding = stored.wrapping_neg() % HEADER_SIZE as u64;
                    return Ok(Some(header));
                }
                Step::End => return Ok(None),
            }
        }
    }

    /// Where the content of the last entry begins, if none of it was read.
    pub(super) fn offset(&self) -> u64 {
        self.position - self.held.len() as u64
    }

    fn step(&mut self) -> Result<Step, Fault> {
        let first = self.entries == 0;
        let mut parsed = self.parser.parse(&self.held);
        // A time before 1970 is none for the parser, and nothing here asks for it.
        if matches!(parsed, Err(ParseError::InvalidPaxValue { key: "mtime", .. })) {
            self.parser.set_ignore_pax_errors(true);
            parsed = self.parser.parse(&self.held);
            self.parser.set_ignore_pax_errors(false);
        }
        Ok(match parsed.map_err(|error| malformed(&error, first))? {
            ParseEvent::NeedData { min_bytes } if min_bytes <= self.held.len() => {
                return Err(Fault::Broken("the map of a sparse file in it is no list of numbers".to_owned()));
            }
            ParseEvent::NeedData { min_bytes } => Step::More(min_bytes),
            ParseEvent::Entry { consumed, entry } => {
                let stored = if has_content(entry.entry_type) { entry.size } else { 0 };
                let extent = Extent { size: stored, parts: vec![(0, stored)] };
                Step::Entry(consumed, header(&entry, extent)?, stored)
            }
            ParseEvent::SparseEntry { consumed, entry, sparse_map, real_size } => {
                let extent = extent(&entry, &sparse_map, real_size)?;
                Step::Entry(consumed, header(&entry, extent)?, entry.size)
            }
            // Runtimes pass over these, too: `git archive` puts a comment there.
            ParseEvent::GlobalExtensions { consumed, .. } => Step::Ignored(consumed),
            ParseEvent::End { .. } => Step::End,
        })
    }

    /// Reads until `wanted` bytes are held. Returns whether they are; if not, the archive ends here and may.
    fn fill(&mut self, wanted: usize) -> Result<bool, Fault> {
        let missing = wanted.saturating_sub(self.held.len()) as u64;
        let got =
            (&mut self.source).take(missing).read_to_end(&mut self.held).map_err(|error| unreadable(&error))? as u64;
        self.position += got;
        if got == missing {
            return Ok(true);
        }
        let nothing = self.held.iter().all(|&byte| byte == 0) && self.held.len().is_multiple_of(HEADER_SIZE);
        match self.position {
            0 => Err(Fault::Broken("it is empty".to_owned())),
            position if self.entries == 0 && position < HEADER_SIZE as u64 => Err(not_tar()),
            _ if nothing && self.open_end => Ok(false),
            _ => Err(truncated()),
        }
    }
}

/// The content of the last entry, as it is stored.
impl<R: Read> Read for Archive<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.content).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = buffer.get_mut(..most).unwrap_or_default();
        let got = if self.held.is_empty() {
            let got = self.source.read(buffer)?;
            self.position += got as u64;
            got
        } else {
            let got = self.held.as_slice().read(buffer)?;
            self.held.drain(..got);
            got
        };
        self.content -= got as u64;
        Ok(got)
    }
}

/// Whether content follows the header. Of other types a size says nothing.
fn has_content(kind: EntryType) -> bool {
    matches!(kind, EntryType::Regular | EntryType::Continuous | EntryType::Other(_))
}

fn header(entry: &ParsedEntry<'_>, extent: Extent) -> Result<Header, Fault> {
    let target = || entry.link_target.clone().map(Vec::from).unwrap_or_default();
    let numbers = (entry.dev_major.unwrap_or(0), entry.dev_minor.unwrap_or(0));
    let kind = match entry.entry_type {
        // As in archives from before directories had a type of their own.
        EntryType::Regular if entry.path.ends_with(b"/") => Kind::Directory,
        EntryType::Regular | EntryType::Continuous | EntryType::GnuSparse => Kind::File(extent),
        EntryType::Link => Kind::HardLink(target()),
        EntryType::Symlink => Kind::Symlink(target()),
        EntryType::Char => Kind::Device { block: false, numbers },
        EntryType::Block => Kind::Device { block: true, numbers },
        EntryType::Directory => Kind::Directory,
        EntryType::Fifo => Kind::Fifo,
        other => {
            let kind = char::from(other.to_byte()).escape_default();
            return Err(Fault::Hostile(format!("an entry in it has the type `{kind}`, which no runtime unpacks")));
        }
    };
    let id = |id: u64| {
        // The last number means "no change" (chown(2)).
        let id = u32::try_from(id).ok().filter(|id| *id != u32::MAX);
        id.ok_or_else(|| Fault::Hostile("an entry in it has an owner that Linux cannot have".to_owned()))
    };
    let capability = entry.xattrs.iter().rfind(|(name, _)| &**name == CAPABILITY);
    Ok(Header {
        name: entry.path.to_vec(),
        kind,
        mode: entry.mode & 0o7777,
        uid: id(entry.uid)?,
        gid: id(entry.gid)?,
        capability: capability.map(|(_, value)| value.to_vec()).unwrap_or_default(),
    })
}

/// Where the parts of a sparse file lie.
fn extent(entry: &ParsedEntry<'_>, map: &[SparseEntry], size: u64) -> Result<Extent, Fault> {
    let mut parts = Vec::with_capacity(map.len());
    let (mut end, mut stored) = (0_u64, 0_u64);
    for part in map {
        let after = part.offset.checked_add(part.length).filter(|after| part.offset >= end && *after <= size);
        end = after.ok_or_else(|| Fault::Broken("the parts of a sparse file in it overlap".to_owned()))?;
        // The parts lie in the file without overlap, so that their sum is no greater than its length.
        stored += part.length;
        parts.push((part.offset, part.length));
    }
    if stored != entry.size {
        return Err(Fault::Broken("the map of a sparse file in it is not that of its content".to_owned()));
    }
    Ok(Extent { size, parts })
}

fn truncated() -> Fault {
    Fault::Broken("it ends in the middle: it was cut off".to_owned())
}

fn not_tar() -> Fault {
    Fault::Broken("it is no tar archive".to_owned())
}

fn unreadable(error: &io::Error) -> Fault {
    if error.kind() == io::ErrorKind::UnexpectedEof { truncated() } else { Fault::Broken(error.to_string()) }
}

/// A header that is none. `first` says whether there was no good one before.
fn malformed(error: &ParseError, first: bool) -> Fault {
    match error {
        ParseError::Header(HeaderError::ChecksumMismatch { .. } | HeaderError::InvalidOctal(_)) if first => not_tar(),
        ParseError::MetadataTooLarge { .. }
        | ParseError::TooManyPendingEntries { .. }
        | ParseError::TooManySparseEntries { .. } => Fault::Hostile(error.to_string()),
        _ => Fault::Broken(error.to_string()),
    }
}
