//! Which files a process may run whose program cannot be read. Reads only.
//!
//! A daemon that starts as root and changes its user by itself can be looked into with `CAP_SYS_PTRACE` only, which no
//! runtime grants. What everybody sees: its command name, its arguments, and how many pages its program's code takes
//! (`proc_pid_statm(5)`), which the program headers of the file say, too. So a file with another size is not what it runs,
//! and nor is a script: its interpreter is. Of the files that are left all count, until a program of the right size is
//! found that the process is called by; then only that one and those of the same name do.

use std::cell::{OnceCell, RefCell};
use std::fs::File;

use crate::elf;
use crate::inventory;
use crate::needs::in_directories;
use crate::pattern::PathPattern;
use crate::processes::{self, Process, Program, Traits, Whose, may_be_called};
use crate::profile::Profile;
use crate::root::{Identity, Kind, Root, read_part};

/// How sure it is that a process runs a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// The kernel says so.
    Known,
    /// The process is called so, and nothing speaks against it.
    Named,
    /// Nothing speaks against it, and there is no program that the process is called by.
    Possible,
}

/// Files, and what is needed to tell which of them a process may run.
#[derive(Debug)]
pub struct Candidates<'a> {
    root: &'a Root,
    /// Where programs are looked for by name.
    search: Vec<&'a str>,
    /// Programs that stay, which may lie elsewhere.
    kept: Vec<Vec<u8>>,
    /// Whether the processes have their programs from `root`: in an unpacked tree only what is called as they are counts.
    inside: bool,
    /// Each with its canonical path.
    files: Vec<(Identity, Vec<u8>)>,
    /// What each of `files` is, read when first needed.
    codes: OnceCell<Vec<Code>>,
    /// Whether this kernel counts pages as [`elf::code`] does.
    counts: OnceCell<bool>,
    /// What was found in the whole tree, by name and size.
    found: RefCell<Vec<(Vec<u8>, Option<u64>, Option<Identity>)>>,
}

/// The code of a file.
#[derive(Clone, Copy, Debug)]
enum Code {
    /// It is no program, or not there.
    None,
    /// It cannot be read.
    Unknown,
    Pages([u64; 2]),
}

impl Code {
    fn of(root: &Root, path: &[u8]) -> Self {
        match root.code(path) {
            Ok(code) => code.map_or(Self::None, Self::Pages),
            Err(error) if error.leads_nowhere() => Self::None,
            Err(_) => Self::Unknown,
        }
    }

    /// Whether a process whose code takes `pages` may run it.
    fn fits(self, pages: Option<u64>) -> bool {
        match self {
            Self::None => false,
            Self::Unknown => true,
            Self::Pages(counts) => pages.is_none_or(|pages| counts.contains(&pages)),
        }
    }
}

impl<'a> Candidates<'a> {
    /// Of these files (canonical paths), for processes of `root`; `kept` are the paths of programs that stay.
    pub fn new(root: &'a Root, profile: &'a Profile, kept: &[Vec<u8>], files: Vec<(Identity, Vec<u8>)>) -> Self {
        Self {
            root,
            search: profile.search(),
            kept: kept.to_vec(),
            inside: Whose::of(root) != Whose::Directory,
            files,
            codes: OnceCell::new(),
            counts: OnceCell::new(),
            found: RefCell::default(),
        }
    }

    /// Which of the files `process` may run; none where its program can be read.
    pub fn of(&self, process: &Process) -> Vec<(Identity, Certainty)> {
        let Program::Unreadable(traits) = &process.program else { return Vec::new() };
        let pages = self.pages(traits);
        let codes = self.codes.get_or_init(|| self.files.iter().map(|(_, path)| Code::of(self.root, path)).collect());
        let fitting = self.files.iter().zip(codes).filter(|(_, code)| code.fits(pages));
        let fitting: Vec<_> =
            fitting.map(|((id, path), _)| (*id, names(process, traits).any(|name| is_called(name, path)))).collect();
        if fitting.is_empty() {
            return Vec::new();
        }
        let program = self.program(process).or_else(|| self.program_anywhere(process, traits));
        let certainty = |(id, by_name)| match program {
            _ if by_name || program == Some(id) => Some((id, Certainty::Named)),
            None if self.inside => Some((id, Certainty::Possible)),
            _ => None,
        };
        fitting.into_iter().filter_map(certainty).collect()
    }

    /// The program that `process` is called by: the path that its first argument says, a kept program of its name, or one
    /// in the directories for programs.
    pub fn program(&self, process: &Process) -> Option<Identity> {
        let Program::Unreadable(traits) = &process.program else { return None };
        let pages = self.pages(traits);
        let said = Some(traits.argument.clone()).filter(|path| path.starts_with(b"/"));
        let kept = self.kept.iter().filter(|path| names(process, traits).any(|name| is_called(name, path))).cloned();
        let named = names(process, traits).flat_map(|name| in_directories(name, &self.search));
        said.into_iter().chain(kept).chain(named).find_map(|path| self.fitting(&path, pages))
    }

    /// The same, wherever it lies: daemons have helpers in directories of their own.
    fn program_anywhere(&self, process: &Process, traits: &Traits) -> Option<Identity> {
        if !self.inside {
            return None;
        }
        let pages = self.pages(traits);
        let mut found = self.found.borrow_mut();
        for name in names(process, traits).filter(|name| !name.is_empty()) {
            let known = found.iter().find(|(known, size, _)| known == name && *size == pages).map(|(_, _, id)| *id);
            let program = known.unwrap_or_else(|| {
                let pattern = PathPattern::anywhere(name, name.len() == processes::COMM_LENGTH);
                let paths = inventory::matches(self.root, &pattern).map(|(paths, _)| paths).unwrap_or_default();
                let program = paths.iter().find_map(|path| self.fitting(path, pages));
                found.push((name.to_vec(), pages, program));
                program
            });
            if program.is_some() {
                return program;
            }
        }
        None
    }

    /// The file that `path` leads to, if it is a program of this size.
    fn fitting(&self, path: &[u8], pages: Option<u64>) -> Option<Identity> {
        let place = self.root.walk(b"", path, true).ok().filter(|place| place.stat.kind == Kind::File)?;
        let code = Code::of(self.root, &place.path());
        (matches!(code, Code::Pages(_)) && code.fits(pages)).then_some(place.stat.id)
    }

    /// The size of a process's code, where this kernel counts as is expected: that of this very program shows.
    fn pages(&self, traits: &Traits) -> Option<u64> {
        let counts = || {
            let file = File::open(processes::OWN_PROGRAM).ok()?;
            let own = elf::code(|offset, length| read_part(&file, &[], offset, length))?;
            Some(own.contains(&processes::own_code()?))
        };
        traits.code.filter(|_| *self.counts.get_or_init(|| counts() == Some(true)))
    }
}

/// What a process is called: its command name, and the file name of its first argument.
fn names<'p>(process: &'p Process, traits: &'p Traits) -> impl Iterator<Item = &'p [u8]> {
    [process.comm.as_slice(), base(&traits.argument)].into_iter()
}

fn is_called(name: &[u8], path: &[u8]) -> bool {
    may_be_called(name, base(path))
}

fn base(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
}
