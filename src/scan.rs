//! Scan: what an intruder would find. Only reads. One walk covers every mount except the kernel's own.
//!
//! A program is recognised by its content, else by its name. Of an ELF program, only what the kernel maps read-only is
//! read; of anything else, only the first line. Memory grows with the number of findings and with the names of files
//! that have several: hard links, and symbolic links to programs.

mod accounts;
mod app_writable;
mod baseline;
mod compare;
mod finding;
pub mod json;

use std::collections::{HashMap, HashSet};
use std::ffi::CStr;
use std::fs::File;

use nix::errno::Errno;

use crate::linux::filesystem::is_left_out;
use crate::recognise::catalogue::{Known, holds_programs};
use crate::recognise::recogniser::{Recognised, RecognisedBy, Recogniser};
use crate::root::{Canonical, Directory, Identity, Kind, Look, Root, RootError, Stat, Visitor, walk_tree};
use crate::target::Target;
use crate::text::escape::escape;
use crate::text::order::sort_by_bytes;

use app_writable::AppUser;
pub use baseline::{Baseline, write as write_baseline};
pub use compare::{Before, Comparison, compare};
pub use finding::{Finding, Gap, Weakness, What, classes};

/// A program of the catalogue.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// Where it is.
    pub path: Canonical,
    /// How it was recognised.
    pub by: RecognisedBy,
    /// The name of the program in the catalogue.
    pub program: String,
    /// What the catalogue knows about it.
    pub known: Known,
    /// All other names: hard links and symbolic links.
    pub names: Vec<Canonical>,
}

/// Everything that was found.
#[derive(Debug, Default)]
pub struct Scan {
    /// Programs, in order of their paths.
    pub programs: Vec<Sighting>,
    /// The weaknesses, in order of their paths.
    pub weaknesses: Vec<Weakness>,
    /// Executable files looked at.
    pub executables: u64,
    /// Names that are tombstones of removed commands.
    pub tombstones: u64,
    /// What could not be looked at.
    pub unreadable: Vec<RootError>,
    /// What could not be found out about one class.
    pub gaps: Vec<Gap>,
    /// Remarks, which are not findings.
    pub notes: Vec<String>,
}

/// Scans everything under the target's root, its accounts, and what its app may write. Fails if the walk cannot be done
/// at all.
pub fn scan_all(target: &Target) -> Result<Scan, RootError> {
    let root = &target.root;
    let app = AppUser::of(target);
    let mut scanner = Scanner {
        root,
        app: app.as_ref().ok(),
        recogniser: Recogniser::new(root.deadline()),
        found: Scan::default(),
        reported: HashSet::new(),
        by_identity: HashMap::new(),
        names: Vec::new(),
    };
    scanner.search_directories();
    walk_tree(root, &mut scanner)?;
    accounts::look(&mut scanner);
    let mut found = scanner.finish();
    found.gaps.extend(app.err());
    Ok(found)
}

struct Scanner<'a> {
    root: &'a Root,
    /// The user whose rights to write are looked at.
    app: Option<&'a AppUser>,
    recogniser: Recogniser,
    found: Scan,
    /// Directories that the app may write and that were reported already.
    reported: HashSet<Identity>,
    /// Index into `found.programs`.
    by_identity: HashMap<Identity, usize>,
    /// Further names of executables. Only the end of the walk shows what they lead to.
    names: Vec<(Canonical, Identity)>,
}

impl Visitor for Scanner<'_> {
    fn entry(&mut self, directory: &Directory, _: Look, name: &CStr, kind: Kind) -> Result<(), RootError> {
        match kind {
            Kind::File => self.file(directory, name),
            Kind::Symlink => self.link(directory, name),
            _ => Ok(()),
        }
    }

    fn enter(
        &mut self,
        parent: &Directory,
        _: Look,
        name: &CStr,
        child: &Directory,
    ) -> Result<Option<Look>, RootError> {
        let stat = child.own_stat();
        if stat.mount != parent.own_stat().mount && is_left_out(self.root.filesystem_of(child)?) {
            return Ok(None);
        }
        if stat.mode & 0o1002 == 0o002 {
            self.weakness("world-writable", parent.join(name), "directory, not sticky");
        }
        Ok(Some(Look::All))
    }

    fn failed(&mut self, error: RootError) -> Result<(), RootError> {
        match error.errno() {
            // It was removed meanwhile.
            Errno::ENOENT | Errno::ENOTDIR => {}
            _ => self.found.unreadable.push(error),
        }
        Ok(())
    }
}

impl Scanner<'_> {
    fn weakness(&mut self, class: &'static str, path: Canonical, detail: impl Into<String>) {
        self.found.weaknesses.push(Weakness { class, path: path.into_bytes(), account: None, detail: detail.into() });
    }

    fn link(&mut self, directory: &Directory, name: &CStr) -> Result<(), RootError> {
        match self.root.follow(directory, name).map(|followed| followed.target) {
            Ok(target) if target.kind == Kind::File && target.mode & 0o111 != 0 => {
                self.names.push((directory.join(name), target.id));
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
        let path = || directory.join(name);
        if stat.kind != Kind::File {
            return Ok(());
        }
        if stat.mode & 0o002 != 0 {
            self.weakness("world-writable", path(), format!("file, mode {:04o}", stat.mode & 0o7777));
        }
        if stat.mode & 0o111 == 0 {
            // The dynamic loader can start it all the same. Nothing else about it matters.
            return match directory.program(name, &stat)? {
                Some((file, true)) => self.program(directory, name, &stat, &file),
                _ => Ok(()),
            };
        }
        self.found.executables += 1;
        self.executable(directory, name, &stat)?;
        for (bit, class) in [(0o4000, "setuid"), (0o2000, "setgid")] {
            if stat.mode & bit != 0 {
                self.weakness(class, path(), format!("mode {:04o}, owner {}", stat.mode & 0o7777, stat.uid));
            }
        }
        let opened = directory.file(name);
        if directory.has_capabilities(name, opened.as_ref().ok())? {
            self.weakness("file-capabilities", path(), "security.capability is set");
        }
        self.program(directory, name, &stat, &opened?)
    }

    /// Recognises which program the file is, if any.
    fn program(&mut self, directory: &Directory, name: &CStr, stat: &Stat, file: &File) -> Result<(), RootError> {
        let path = || directory.join(name);
        if stat.nlink > 1 {
            self.names.push((path(), stat.id));
            if self.by_identity.contains_key(&stat.id) {
                return Ok(());
            }
        }
        if self.recogniser.tombstones().contains(&stat.id) {
            self.found.tombstones += 1;
            return Ok(());
        }
        let (recognised, remarks) = self.recogniser.recognise(file, directory, name, stat)?;
        // A script is a program by its name only if it lies where programs lie.
        let other_script = remarks.interpreter.is_some() && !holds_programs(directory.path());
        if let Some(interpreter) = remarks.interpreter {
            if self.root.resolve(&interpreter).is_err_and(|error| error.errno() == Errno::ENOENT) {
                self.weakness("orphaned-script", path(), format!("{} is not there", escape(&interpreter)));
            }
        }
        if remarks.packed {
            self.weakness("packed", path(), "packed with UPX: its content cannot be recognised");
        }
        match recognised {
            Recognised::Program { by: RecognisedBy::Name, .. } if other_script => {}
            Recognised::Program { by, program, known } => {
                self.by_identity.insert(stat.id, self.found.programs.len());
                self.found.programs.push(Sighting { path: path(), by, program, known, names: Vec::new() });
            }
            Recognised::Tombstone => self.found.tombstones += 1,
            Recognised::Nothing => {}
        }
        Ok(())
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
            sort_by_bytes(&mut program.names, |name| name.to_vec());
        }
        sort_by_bytes(&mut found.programs, |program| program.path.to_vec());
        sort_by_bytes(&mut found.weaknesses, |weakness| weakness.path.clone());
        found
    }
}
