//! Which files a process may run if its program cannot be read. Reads only.
//!
//! Reading the program of a daemon that starts as root and then changes its user takes `CAP_SYS_PTRACE`, which no
//! runtime grants by default. Every user sees the command name, the arguments, and how many pages the code of its
//! program takes (`proc_pid_statm(5)`). The program headers of a file say this number, too. So a process does not run a
//! file whose code has another size. It does not run a script either: it runs the interpreter. All remaining files
//! count as candidates until a program of the right size is found under the name of the process. After that, only this
//! program and the files of the same name count.

use std::cell::{OnceCell, RefCell};
use std::os::unix::ffi::OsStrExt;

use crate::linux::proc::processes::{Process, Program};
use crate::linux::proc::{COMM_LENGTH, Task, open_own_program};
use crate::profile::Profile;
use crate::recognise::elf;
use crate::recognise::needs::in_directories;
use crate::root::glob;
use crate::root::pattern::PathPattern;
use crate::root::{Canonical, Identity, InRoot, Kind, Root, read_part};
use crate::target::Target;

/// How many searches through the whole tree are made for names: processes can have any number of names.
const SEARCHES: usize = 16;

/// How certain it is that a process runs a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// The kernel says so.
    Known,
    /// The process has the name of the file, and nothing contradicts it.
    Named,
    /// Nothing contradicts it, and no program was found under the name of the process.
    Possible,
}

/// Files, and the data that tells which of them a process may run.
#[derive(Debug)]
pub struct Candidates<'a> {
    root: &'a Root,
    /// The directories that are searched for programs by name.
    search: Vec<&'a str>,
    /// Paths of programs that stay. They may lie in other directories.
    kept: Vec<Vec<u8>>,
    /// Whether the programs of the processes lie in `root`. In an unpacked tree they do not, so only files with the
    /// name of a process count.
    inside: bool,
    /// Each file with one of its paths.
    files: Vec<(Identity, Canonical)>,
    /// The code of each of `files`, read when first needed.
    codes: OnceCell<Vec<Code>>,
    /// Whether this kernel counts pages in the same way as [`elf::code`].
    counts: OnceCell<bool>,
    /// The results of the searches through the whole tree, by name and size.
    found: RefCell<Vec<Search>>,
}

/// A search through the whole tree.
#[derive(Debug)]
struct Search {
    name: Vec<u8>,
    code: Option<u64>,
    program: Option<Identity>,
}

/// The size of the code of a file.
#[derive(Clone, Copy, Debug)]
enum Code {
    /// The file is not a program, or does not exist.
    None,
    /// The file cannot be read.
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

    /// Whether a process whose code takes `code` pages may run the file.
    fn fits(self, code: Option<u64>) -> bool {
        match self {
            Self::None => false,
            Self::Unknown => true,
            Self::Pages(counts) => code.is_none_or(|code| counts.contains(&code)),
        }
    }
}

impl<'a> Candidates<'a> {
    /// Candidates among `files`, for processes of the target. `kept` holds the paths of programs that stay.
    pub fn new(target: &'a Target, profile: &'a Profile, kept: &[Vec<u8>], files: Vec<(Identity, Canonical)>) -> Self {
        Self {
            root: &target.root,
            search: profile.search(),
            kept: kept.to_vec(),
            inside: target.owner.has_processes(),
            files,
            codes: OnceCell::new(),
            counts: OnceCell::new(),
            found: RefCell::default(),
        }
    }

    /// The files that `process` may run. Empty if the program of the process can be read.
    pub fn of(&self, process: &Process) -> Vec<(Identity, Certainty)> {
        if !matches!(process.program, Program::Unreadable { .. }) {
            return Vec::new();
        }
        let code = self.code(process);
        let argument = process.argument();
        let names = names(process, &argument);
        let codes = self.codes.get_or_init(|| self.files.iter().map(|(_, path)| Code::of(self.root, path)).collect());
        let fitting = self.files.iter().zip(codes).filter(|(_, file)| file.fits(code));
        let fitting: Vec<_> = fitting.map(|((id, path), _)| (*id, is_called(names, path))).collect();
        if fitting.is_empty() {
            return Vec::new();
        }
        let program = self.program(process).or_else(|| self.program_anywhere(names, code));
        let certainty = |(id, by_name)| match program {
            _ if by_name || program == Some(id) => Some((id, Certainty::Named)),
            None if self.inside => Some((id, Certainty::Possible)),
            _ => None,
        };
        fitting.into_iter().filter_map(certainty).collect()
    }

    /// The program that has the name of `process`, a process whose program cannot be read.
    pub fn program(&self, process: &Process) -> Option<Identity> {
        let code = self.code(process);
        let argument = process.argument();
        self.paths(names(process, &argument), &argument).into_iter().find_map(|path| self.fitting(&path, code))
    }

    /// The path under which `process` was started, if it leads to the program `id`. A link as the last component is not
    /// followed.
    pub fn called(&self, process: &Process, id: Identity) -> Option<Canonical> {
        let argument = process.argument();
        let leads_there = |path: &Vec<u8>| self.root.resolve(path).is_ok_and(|stat| stat.id == id);
        let path = self.paths(names(process, &argument), &argument).into_iter().find(leads_there)?;
        self.root.walk(&path, false).ok().map(|place| place.path)
    }

    /// The paths that the program of a process may have: the path in its first argument, programs that stay and have
    /// its name, and that name in the directories for programs. The `PATH` of this process is used: the processes of a
    /// container usually have the same one.
    fn paths(&self, names: [&[u8]; 2], argument: &[u8]) -> Vec<Vec<u8>> {
        let said = Some(argument.to_vec()).filter(|path| path.starts_with(b"/"));
        let variable = std::env::var_os("PATH").unwrap_or_default();
        let directories = variable.as_bytes().split(|&byte| byte == b':').filter(|path| path.starts_with(b"/"));
        let started = directories.map(|directory| InRoot(directory).join(InRoot(argument).name()));
        let kept = self.kept.iter().filter(|path| is_called(names, path)).cloned();
        let installed = names.into_iter().flat_map(|name| in_directories(name, &self.search));
        said.into_iter().chain(started).chain(kept).chain(installed).collect()
    }

    /// A program of this name and size anywhere in the tree: daemons have helpers in directories of their own.
    fn program_anywhere(&self, names: [&[u8]; 2], code: Option<u64>) -> Option<Identity> {
        let mut found = self.found.borrow_mut();
        for name in names.into_iter().filter(|name| self.inside && !name.is_empty()) {
            let known =
                found.iter().find(|search| search.name == name && search.code == code).map(|search| search.program);
            let program = known.unwrap_or_else(|| {
                if found.len() == SEARCHES {
                    return None;
                }
                let pattern = PathPattern::anywhere(name, name.len() == COMM_LENGTH);
                let paths = glob::matches(self.root, &pattern).map(|(paths, _)| paths).unwrap_or_default();
                let program = paths.iter().find_map(|path| self.fitting(path, code));
                found.push(Search { name: name.to_vec(), code, program });
                program
            });
            if program.is_some() {
                return program;
            }
        }
        None
    }

    /// The file that `path` leads to, if it is a program of this size.
    fn fitting(&self, path: &[u8], code: Option<u64>) -> Option<Identity> {
        let place = self.root.walk(path, true).ok().filter(|place| place.stat.kind == Kind::File)?;
        let file = Code::of(self.root, &place.path);
        (matches!(file, Code::Pages(_)) && file.fits(code)).then_some(place.stat.id)
    }

    /// The number of pages of the code of a process whose program cannot be read. `None` if it is not known, or if the
    /// kernel does not count pages as expected, which the code of this program shows.
    fn code(&self, process: &Process) -> Option<u64> {
        let Program::Unreadable { code } = process.program else { return None };
        let counts = || {
            let file = open_own_program().ok()?;
            let own = elf::code(|offset, length| read_part(&file, &[], offset, length))?;
            Some(own.contains(&Task::Own.code()?))
        };
        code.filter(|_| *self.counts.get_or_init(|| counts() == Some(true)))
    }
}

/// The names of a process: its command name, and the file name of its first argument.
fn names<'p>(process: &'p Process, argument: &'p [u8]) -> [&'p [u8]; 2] {
    [&process.comm, InRoot(argument).name()]
}

fn is_called(names: [&[u8]; 2], path: &[u8]) -> bool {
    names.into_iter().any(|name| may_be_called(name, InRoot(path).name()))
}

/// Whether a process with the name `known` may run a program with the name `name`. The kernel cuts a command name off
/// at [`COMM_LENGTH`] bytes.
fn may_be_called(known: &[u8], name: &[u8]) -> bool {
    known == name || known.len() == COMM_LENGTH && name.starts_with(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    // qemu-user runs this program by its own code.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn the_code_of_this_program_is_as_long_as_its_file_says() {
        let file = open_own_program().unwrap();
        let of_file = elf::code(|offset, length| read_part(&file, &[], offset, length)).unwrap();
        let own = Task::Own.code().unwrap();
        assert!(of_file.contains(&own), "{of_file:?} {own}");
    }

    #[test]
    fn command_names_are_cut() {
        assert!(may_be_called(b"docker-entrypoi", b"docker-entrypoint.sh") && may_be_called(b"sh", b"sh"));
        assert!(!may_be_called(b"sh", b"shred"));
    }
}
