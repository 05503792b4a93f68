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

use std::collections::{HashMap, HashSet};
use std::ffi::CStr;
use std::fs::File;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;

use crate::catalogue::{Catalogue, Known};
use crate::elf::{self, Elf};
use crate::escape::escape;
use crate::filesystem::is_left_out;
use crate::order::sort_by_bytes;
use crate::root::{Directory, Identity, Kind, Root, RootError, Stat, Visitor, join, walk_tree};
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

/// Which mounts are walked.
#[derive(Clone, Copy, Debug)]
pub enum Mounts<'a> {
    /// Every one but the kernel's own and those of networks.
    All,
    /// Only these.
    Only(&'a [u64]),
}

/// Everything under `root`, its accounts, and what its app may write.
pub fn scan_all(root: &Root) -> Result<Scan, RootError> {
    let app = App::of(&Subject::of(root));
    let mut found = scan_for(root, Mounts::All, app.as_ref().ok(), accounts::look)?;
    found.gaps.extend(app.err());
    Ok(found)
}

/// The programs and files under `root`.
pub fn scan(root: &Root, mounts: Mounts<'_>) -> Result<Scan, RootError> {
    scan_for(root, mounts, None, |_| ())
}

/// `finally` is done when everything was seen.
fn scan_for(
    root: &Root,
    mounts: Mounts<'_>,
    app: Option<&App>,
    finally: fn(&mut Scanner<'_>),
) -> Result<Scan, RootError> {
    let mut scanner = Scanner {
        root,
        mounts,
        app,
        catalogue: Catalogue::default(),
        matcher: Matcher::default(),
        buffer: vec![0; 256 * 1024],
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
    mounts: Mounts<'a>,
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
            Kind::Symlink => self.link(directory, name),
            Kind::Directory | Kind::Other => Ok(()),
        }
    }

    fn enter(&mut self, parent: &Directory, (): (), name: &CStr, child: &Directory) -> Result<Option<()>, RootError> {
        let stat = child.own_stat();
        let wanted = match self.mounts {
            Mounts::Only(mounts) => mounts.contains(&stat.mount),
            Mounts::All => {
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
    fn weakness(&mut self, class: &'static str, path: Vec<u8>, detail: impl Into<String>) {
        self.found.weaknesses.push(Weakness { class, path, account: None, detail: detail.into() });
    }

    fn link(&mut self, directory: &Directory, name: &CStr) -> Result<(), RootError> {
        let path = join(directory.path(), name.to_bytes());
        match self.root.resolve(&path) {
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

    fn file(&mut self, directory: &Directory, name: &CStr) -> Result<(), RootError> {
        let stat = directory.stat(name)?;
        let path = || join(directory.path(), name.to_bytes());
        if stat.kind != Kind::File {
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
        if directory.has_capabilities(name)? {
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
        let file = directory.file(name)?;
        if stat.mode & 0o7777 == tombstone::MODE && self.is_tombstone(&file) {
            self.found.tombstones += 1;
            self.tombstones.insert(stat.id);
            return Ok(());
        }
        let content = self.content(&file, directory, name)?;
        let by_name = || self.catalogue.by_name(name.to_bytes()).map(|known| (By::Name, known));
        let recognised = match content {
            Content::Program(program) => self.catalogue.exactly(program).map(|known| (By::Content, known)),
            Content::Library => None,
            Content::Other => by_name(),
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

    /// What the file is by its content; a script whose interpreter is not there is noted on the way.
    fn content(&mut self, file: &File, directory: &Directory, name: &CStr) -> Result<Content, RootError> {
        let path = || join(directory.path(), name.to_bytes());
        let failed = |error: &std::io::Error| RootError::Os {
            operation: "read",
            path: path(),
            errno: Errno::from_raw(error.raw_os_error().unwrap_or(nix::libc::EIO)),
        };
        let length =
            file.read_at(self.buffer.get_mut(..4096).unwrap_or_default(), 0).map_err(|error| failed(&error))?;
        let head = self.buffer.get(..length).unwrap_or_default();
        if head.starts_with(b"#!") {
            if let Some(interpreter) = interpreter(head) {
                if self.root.resolve(&interpreter).is_err_and(|error| error.errno() == Errno::ENOENT) {
                    self.weakness("orphaned-script", path(), format!("{} is not there", escape(&interpreter)));
                }
            }
            return Ok(Content::Other);
        }
        if !head.starts_with(b"\x7fELF") {
            return Ok(Content::Other);
        }
        let head = head.to_vec();
        let mut read_at = |offset: u64, length: usize| read_part(file, &head, offset, length);
        if elf::classify(&mut read_at) == Some(Elf::Library) {
            return Ok(Content::Library);
        }
        let ranges = elf::read_only_segments(&mut read_at).unwrap_or_else(|| vec![(0, u64::MAX)]);
        let mut seen = Seen::default();
        for (start, size) in ranges {
            self.look(file, start, size, &mut seen).map_err(|error| failed(&error))?;
        }
        Ok(self.matcher.program(seen).map_or(Content::Other, Content::Program))
    }

    /// Reads `size` bytes from `start`, or up to the end, in parts that overlap, so that no string is cut.
    fn look(&mut self, file: &File, start: u64, size: u64, seen: &mut Seen) -> std::io::Result<()> {
        let (mut at, mut left, mut kept) = (start, size, 0);
        loop {
            let room = self.buffer.len() - kept;
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(room);
            let Some(part) = self.buffer.get_mut(kept..kept + wanted) else { return Ok(()) };
            let length = file.read_at(part, at)?;
            if length == 0 {
                return Ok(());
            }
            let filled = kept + length;
            self.matcher.look(self.buffer.get(..filled).unwrap_or_default(), seen);
            at += length as u64;
            left -= length as u64;
            kept = self.matcher.overlap().min(filled);
            self.buffer.copy_within(filled - kept..filled, 0);
        }
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
    /// Anything else.
    Other,
}

/// A part of the file; from `head`, its beginning, where that reaches.
fn read_part(file: &File, head: &[u8], offset: u64, length: usize) -> Option<Vec<u8>> {
    let start = usize::try_from(offset).ok()?;
    if let Some(part) = start.checked_add(length).and_then(|end| head.get(start..end)) {
        return Some(part.to_vec());
    }
    let mut bytes = vec![0; length.min(64 * 1024)];
    let read = file.read_at(&mut bytes, offset).ok()?;
    bytes.truncate(read);
    Some(bytes)
}

/// The interpreter that a script's first line names.
fn interpreter(head: &[u8]) -> Option<Vec<u8>> {
    let line = head.get(2..)?.split(|&byte| byte == b'\n').next()?;
    let word = line.split(u8::is_ascii_whitespace).find(|word| !word.is_empty())?;
    (word.first() == Some(&b'/')).then(|| word.to_vec())
}
