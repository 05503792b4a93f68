//! Scan: what an intruder would find. Reads only; one walk, every mount but the kernel's own.
//!
//! A program is recognised by its content, else by its name. Of an ELF program only what the kernel maps read-only is
//! looked at, of anything else nothing but the first line. Memory grows with what is found, and with the names of files
//! that have several: hard links, and symbolic links to programs.

mod accounts;
mod app;
mod baseline;
mod compare;
mod finding;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ffi::CStr;
use std::fs::File;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::unistd::{Whence, lseek};

use crate::catalogue::{Catalogue, Known};
use crate::elf::{self, Elf};
use crate::escape::escape;
use crate::filesystem::is_left_out;
use crate::order::sort_by_bytes;
use crate::root::{Directory, Identity, Kind, Root, RootError, Stat, Visitor, c_name, join, os, walk_tree};
use crate::signature::{Matcher, Seen};
use crate::tombstone;
use crate::verify::Subject;

pub use app::App;
pub use baseline::{Baseline, write as write_baseline};
pub use compare::{Before, Comparison, compare};
pub use finding::{Finding, Gap, WEAKNESSES, Weakness, What, classes};

/// How a program was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By what is in it.
    Content,
    /// By what it is called.
    Name,
}

/// A program of the catalogue.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// Canonical path.
    pub path: Vec<u8>,
    /// What is known of it.
    pub stat: Stat,
    /// Which directory it lies in.
    pub parent: Stat,
    /// How it was recognised.
    pub by: By,
    /// The program that it is, as in the catalogue.
    pub program: String,
    /// What that is.
    pub known: Known,
    /// All other names: hard links and symbolic links.
    pub names: Vec<Vec<u8>>,
}

/// Everything that was found.
#[derive(Debug, Default)]
pub struct Scan {
    /// Programs, in order of their paths.
    pub programs: Vec<Sighting>,
    /// The rest, in order of their paths.
    pub weaknesses: Vec<Weakness>,
    /// Executable files looked at.
    pub executables: u64,
    /// Names that are tombstones of removed commands.
    pub tombstones: u64,
    /// What could not be looked at.
    pub unreadable: Vec<RootError>,
    /// What could not be told of one class.
    pub gaps: Vec<Gap>,
    /// Good to know.
    pub notes: Vec<String>,
}

/// What is looked for, and where.
#[derive(Clone, Copy)]
pub enum Extent<'a> {
    /// Everything, on every mount but the kernel's own and those of networks.
    Everything,
    /// Only programs, each by one of its names: a rule by class needs no more, and other walks find the other names.
    Programs {
        /// On these mounts.
        mounts: &'a [u64],
        /// Files that need not be looked at.
        but: &'a dyn Fn(Identity) -> bool,
    },
}

/// Everything under `root`, its accounts, and what its app may write.
pub fn scan_all(root: &Root) -> Result<Scan, RootError> {
    let app = App::of(&Subject::of(root));
    let mut found = scan_for(root, Extent::Everything, app.as_ref().ok(), accounts::look)?;
    found.gaps.extend(app.err());
    Ok(found)
}

/// The programs and files under `root`.
pub fn scan(root: &Root, extent: Extent<'_>) -> Result<Scan, RootError> {
    scan_for(root, extent, None, |_| ())
}

/// `finally` is done when everything was seen.
fn scan_for(
    root: &Root,
    extent: Extent<'_>,
    app: Option<&App>,
    finally: fn(&mut Scanner<'_>),
) -> Result<Scan, RootError> {
    let mut scanner = Scanner {
        root,
        extent,
        app,
        catalogue: Catalogue::default(),
        matcher: Matcher::default(),
        buffer: vec![0; HEAD + 256 * 1024],
        found: Scan::default(),
        reported: HashSet::new(),
        by_identity: HashMap::new(),
        names: Vec::new(),
        program: None,
        tombstones: HashSet::new(),
    };
    scanner.search_directories();
    walk_tree(root, (), &mut scanner)?;
    finally(&mut scanner);
    Ok(scanner.finish())
}

struct Scanner<'a> {
    root: &'a Root,
    extent: Extent<'a>,
    /// Whose rights to write are looked at.
    app: Option<&'a App>,
    catalogue: Catalogue,
    matcher: Matcher,
    buffer: Vec<u8>,
    found: Scan,
    /// Directories that the app may write and that are among what was found.
    reported: HashSet<Identity>,
    /// Index in `found.programs`.
    by_identity: HashMap<Identity, usize>,
    /// Further names of executables: what they lead to is only known at the end.
    names: Vec<(Vec<u8>, Identity)>,
    /// This very program, opened when a file may be a tombstone of it; and the files that are.
    program: Option<File>,
    tombstones: HashSet<Identity>,
}

impl Visitor for Scanner<'_> {
    type Look = ();

    fn entry(&mut self, directory: &Directory, (): (), name: &CStr, kind: Kind) -> Result<(), RootError> {
        match kind {
            Kind::File => self.file(directory, name),
            Kind::Symlink if self.wants_everything() => self.link(directory, name),
            _ => Ok(()),
        }
    }

    fn enter(&mut self, parent: &Directory, (): (), name: &CStr, child: &Directory) -> Result<Option<()>, RootError> {
        let stat = child.own_stat();
        let wanted = match self.extent {
            Extent::Programs { mounts, .. } => mounts.contains(&stat.mount),
            Extent::Everything => {
                stat.mount == parent.own_stat().mount || !self.root.filesystem_of(child).is_none_or(is_left_out)
            }
        };
        if !wanted {
            return Ok(None);
        }
        if stat.mode & 0o1002 == 0o002 {
            self.weakness("world-writable", join(parent.path(), name.to_bytes()), "directory, not sticky");
        }
        Ok(Some(()))
    }

    fn failed(&mut self, error: RootError) -> Result<(), RootError> {
        match error.errno() {
            // Gone meanwhile.
            Errno::ENOENT | Errno::ENOTDIR => {}
            _ => self.found.unreadable.push(error),
        }
        Ok(())
    }
}

impl Scanner<'_> {
    fn wants_everything(&self) -> bool {
        matches!(self.extent, Extent::Everything)
    }

    fn weakness(&mut self, class: &'static str, path: Vec<u8>, detail: impl Into<String>) {
        self.found.weaknesses.push(Weakness { class, path, account: None, detail: detail.into() });
    }

    fn link(&mut self, directory: &Directory, name: &CStr) -> Result<(), RootError> {
        let path = join(directory.path(), name.to_bytes());
        match self.target(directory, name, &path) {
            Ok(target) if target.kind == Kind::File && target.mode & 0o111 != 0 => {
                self.names.push((path, target.id));
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(error)
                if matches!(error.errno(), Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::ENAMETOOLONG) =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// What a link leads to. Most lead to a file beside them, which takes no resolving.
    fn target(&self, directory: &Directory, name: &CStr, path: &[u8]) -> Result<Stat, RootError> {
        let text = directory.read_link(name)?;
        if !text.contains(&b'/') && text != b".." {
            let beside = directory.stat(&c_name(&text).map_err(os("statx", path))?)?;
            if beside.kind != Kind::Symlink && beside.mount == directory.own_stat().mount {
                return Ok(beside);
            }
        }
        self.root.resolve(path)
    }

    fn file(&mut self, directory: &Directory, name: &CStr) -> Result<(), RootError> {
        let stat = directory.stat(name)?;
        let path = || join(directory.path(), name.to_bytes());
        if stat.kind != Kind::File {
            return Ok(());
        }
        if matches!(self.extent, Extent::Programs { but, .. } if but(stat.id)) {
            return Ok(());
        }
        if stat.mode & 0o002 != 0 {
            self.weakness("world-writable", path(), format!("file, mode {:04o}", stat.mode & 0o7777));
        }
        if stat.mode & 0o111 == 0 {
            return Ok(());
        }
        self.found.executables += 1;
        self.executable(directory, name, &stat)?;
        for (bit, class) in [(0o4000, "setuid"), (0o2000, "setgid")] {
            if stat.mode & bit != 0 {
                self.weakness(class, path(), format!("mode {:04o}, owner {}", stat.mode & 0o7777, stat.uid));
            }
        }
        let opened = directory.file(name);
        if self.wants_everything() && directory.has_capabilities(name, opened.as_ref().ok())? {
            self.weakness("file-capabilities", path(), "security.capability is set");
        }
        if stat.nlink > 1 {
            self.names.push((path(), stat.id));
            if self.by_identity.contains_key(&stat.id) {
                return Ok(());
            }
        }
        if self.tombstones.contains(&stat.id) {
            self.found.tombstones += 1;
            return Ok(());
        }
        let file = opened?;
        if stat.mode & 0o7777 == tombstone::MODE && self.is_tombstone(&file) {
            self.found.tombstones += 1;
            self.tombstones.insert(stat.id);
            return Ok(());
        }
        let named = self.catalogue.by_name(name.to_bytes());
        let content = self.content(&file, named.is_some(), directory, name)?;
        let recognised = match content {
            Content::Program(program) => self.catalogue.exactly(program).map(|known| (By::Content, known)),
            Content::Library | Content::Data => None,
            Content::Other => named.map(|known| (By::Name, known)),
        };
        let Some((by, known)) = recognised else { return Ok(()) };
        let program = match content {
            Content::Program(program) => program.to_owned(),
            _ => escape(name.to_bytes()),
        };
        self.by_identity.insert(stat.id, self.found.programs.len());
        self.found.programs.push(Sighting {
            path: path(),
            stat,
            parent: *directory.own_stat(),
            by,
            program,
            known,
            names: Vec::new(),
        });
        Ok(())
    }

    fn is_tombstone(&mut self, file: &File) -> bool {
        if self.program.is_none() {
            self.program = File::open(crate::processes::OWN_PROGRAM).ok();
        }
        self.program.as_ref().is_some_and(|program| tombstone::is_tombstone(file, program).unwrap_or(false))
    }

    /// What the file is by its content; `named` is whether its name says something, too. A script whose interpreter is
    /// not there, and a packed program, are noted on the way.
    fn content(&mut self, file: &File, named: bool, directory: &Directory, name: &CStr) -> Result<Content, RootError> {
        let path = || join(directory.path(), name.to_bytes());
        let failed = |error: std::io::Error| {
            RootError::os("read", &path(), Errno::from_raw(error.raw_os_error().unwrap_or(nix::libc::EIO)))
        };
        // Taken out, so that the rest of `self` can be used meanwhile.
        let mut buffer = std::mem::take(&mut self.buffer);
        let length = buffer.get_mut(..HEAD).map_or(Ok(0), |head| file.read_at(head, 0));
        let (head, rest) = buffer.split_at_mut(HEAD);
        let content =
            length.and_then(|length| self.content_of(file, head.get(..length).unwrap_or_default(), rest, named, &path));
        self.buffer = buffer;
        content.map_err(failed)
    }

    /// `head` is the beginning of the file, `buffer` is scratch space.
    fn content_of(
        &mut self,
        file: &File,
        head: &[u8],
        buffer: &mut [u8],
        named: bool,
        path: &dyn Fn() -> Vec<u8>,
    ) -> std::io::Result<Content> {
        if head.starts_with(b"#!") {
            if let Some(interpreter) = interpreter(head).filter(|_| self.wants_everything()) {
                if self.root.resolve(&interpreter).is_err_and(|error| error.errno() == Errno::ENOENT) {
                    self.weakness("orphaned-script", path(), format!("{} is not there", escape(&interpreter)));
                }
            }
            return Ok(Content::Other);
        }
        if !head.starts_with(b"\x7fELF") {
            // An x bit makes no program of what the kernel cannot start, such as an `/etc/hostname` of mode 755.
            return Ok(Content::Data);
        }
        let mut read_at = |offset: u64, length: usize| read_part(file, head, offset, length);
        let strings = elf::strings(head);
        let has_interpreter = strings.as_ref().is_some_and(|strings| strings.has_interpreter);
        if !has_interpreter && elf::classify(&mut read_at) == Some(Elf::Library) {
            return Ok(Content::Library);
        }
        let ranges = strings.and_then(|strings| strings.ranges).unwrap_or_else(|| {
            if head.get(..PACKED_WITHIN).unwrap_or(head).windows(4).any(|part| part == b"UPX!") {
                self.weakness("packed", path(), "packed with UPX: its content cannot be recognised");
            }
            vec![(0, u64::MAX)]
        });
        let mut source = Source { file, head, buffer, overlap: self.matcher.overlap() };
        let mut seen = Seen::default();
        source.parts(&ranges, &mut |part| self.matcher.look(part, &mut seen))?;
        if self.matcher.wants_short(seen) {
            source.parts(&ranges, &mut |part| self.matcher.look_for_short(part, &mut seen))?;
        }
        let program = self.matcher.program(seen);
        // Asked last, because it takes another read, and of a file that is nothing anyway the answer changes nothing.
        if (named || program.is_some()) && has_interpreter && elf::classify(&mut read_at) == Some(Elf::Library) {
            return Ok(Content::Library);
        }
        Ok(program.map_or(Content::Other, Content::Program))
    }

    fn finish(self) -> Scan {
        let Self { mut found, by_identity, names, .. } = self;
        for (path, id) in names {
            if let Some(program) = by_identity.get(&id).and_then(|&index| found.programs.get_mut(index)) {
                if program.path != path {
                    program.names.push(path);
                }
            }
        }
        for program in &mut found.programs {
            sort_by_bytes(&mut program.names, Clone::clone);
        }
        sort_by_bytes(&mut found.programs, |program| program.path.clone());
        sort_by_bytes(&mut found.weaknesses, |weakness| weakness.path.clone());
        found
    }
}

/// What a file is by its content.
#[derive(Clone, Copy)]
enum Content {
    /// A program that a signature knows, by its name in the catalogue.
    Program(&'static str),
    /// A shared library, which nobody starts.
    Library,
    /// Neither a program nor a script.
    Data,
    /// Any other program or script.
    Other,
}

/// How much is read of a file at first: most often its headers and the first of its read-only segments.
const HEAD: usize = 8 * 1024;

/// Where UPX puts its mark: right after the program headers.
const PACKED_WITHIN: usize = 1024;

/// A file to be searched.
struct Source<'a> {
    file: &'a File,
    /// Its beginning, read already.
    head: &'a [u8],
    buffer: &'a mut [u8],
    /// How many bytes of a part are looked at again with the next, so that no string is cut.
    overlap: usize,
}

impl Source<'_> {
    /// Calls `look` with the parts of each range (start and size), up to the end of the file.
    fn parts(&mut self, ranges: &[(u64, u64)], look: &mut dyn FnMut(&[u8])) -> std::io::Result<()> {
        for &(start, size) in ranges {
            let (mut at, mut left, mut kept) = (start, size, 0);
            while left > 0 {
                // Over a hole, which may be as large as a name: a sparse file must not hold up the scan.
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
                kept = self.overlap.min(filled);
                self.buffer.copy_within(filled - kept..filled, 0);
            }
        }
        Ok(())
    }
}

/// Copies as much as fits; how much that was.
fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let length = from.len().min(to.len());
    if let (Some(to), Some(from)) = (to.get_mut(..length), from.get(..length)) {
        to.copy_from_slice(from);
    }
    length
}

/// A part of the file; from `head`, its beginning, where that reaches.
fn read_part<'h>(file: &File, head: &'h [u8], offset: u64, length: usize) -> Option<Cow<'h, [u8]>> {
    let start = usize::try_from(offset).ok()?;
    if let Some(part) = start.checked_add(length).and_then(|end| head.get(start..end)) {
        return Some(Cow::Borrowed(part));
    }
    let mut bytes = vec![0; length.min(64 * 1024)];
    let read = file.read_at(&mut bytes, offset).ok()?;
    bytes.truncate(read);
    Some(Cow::Owned(bytes))
}

/// The interpreter that a script's first line names.
fn interpreter(head: &[u8]) -> Option<Vec<u8>> {
    let line = head.get(2..)?.split(|&byte| byte == b'\n').next()?;
    let word = line.split(u8::is_ascii_whitespace).find(|word| !word.is_empty())?;
    (word.first() == Some(&b'/')).then(|| word.to_vec())
}
