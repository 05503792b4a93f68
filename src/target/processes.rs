//! The processes that can be seen, from `/proc`: which programs run, and which of them are the app.

mod app;
mod command_line;
mod unreadable;

use std::fmt::Write;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use crate::linux::sys;
use crate::root::Identity;

pub use app::{App, Whose, first};
pub use command_line::command_line;

/// The most that a command name holds (`proc_pid_comm(5)`).
pub const COMM_LENGTH: usize = 15;

/// This very program's file.
pub const OWN_PROGRAM: &str = "/proc/self/exe";

/// Why the processes could not be listed.
#[derive(Debug, thiserror::Error)]
#[error("/proc cannot be read ({}): which programs run, and what is protected, cannot be told; {}", .0.desc(), remedy(*.0))]
pub struct ProcessError(pub Errno);

fn remedy(errno: Errno) -> &'static str {
    match errno {
        Errno::ESRCH => "the process of --root /proc/PID/root has ended: name a lasting one of that container",
        Errno::EPERM => "processes are hidden: mount proc on /proc without hidepid, or add CAP_SYS_PTRACE",
        _ => "mount proc on /proc",
    }
}

/// What a process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// `/proc/PID/exe`: for a script, its interpreter.
    Known(Identity),
    /// Not readable for us: another user's process, without `CAP_SYS_PTRACE`.
    Unreadable {
        /// Pages that its code takes, as everybody may see (`proc_pid_statm(5)`); `None` where the kernel does not say.
        code: Option<u64>,
    },
    /// A kernel thread or a zombie: it runs no program.
    None,
}

/// One process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Process id as seen here.
    pub pid: u32,
    /// The thread whose program and memory are looked at: where the first one has ended, another.
    pub thread: u32,
    /// Its parent; 0 for the first process and for those that a runtime puts into the container.
    pub parent: u32,
    /// When it started, in clock ticks since the machine did; with the pid it names one process for ever.
    pub start: u64,
    /// The command name, at most [`COMM_LENGTH`] bytes.
    pub comm: Vec<u8>,
    /// What it runs.
    pub program: Program,
}

/// Every process that can be seen; those that end meanwhile are left out. Four system calls for each.
pub fn list() -> Result<Vec<Process>, ProcessError> {
    let proc = Proc::open()?;
    let mut pids: Vec<u32> = Vec::new();
    sys::list_directory(proc.fd.as_fd(), &mut |name, _| {
        pids.extend(name.to_str().ok().and_then(|name| name.parse::<u32>().ok()));
        ControlFlow::Continue(())
    })
    .map_err(ProcessError)?;
    let mut buffer = vec![0; 32 * 1024];
    let mut processes = Vec::with_capacity(pids.len());
    let mut first = false;
    for pid in pids {
        let Some(stat) = proc.read(pid, "stat", &mut buffer).and_then(parse_stat) else { continue };
        first |= pid == 1;
        let (thread, program) = match stat.life {
            // Its files may not be read as those of a living one may not: that says nothing.
            Life::Over => (pid, Err(Errno::ENOENT)),
            life => proc.program(pid, life == Life::Headless),
        };
        let program = match program {
            Ok(id) => Program::Known(id),
            Err(Errno::ENOENT | Errno::ESRCH) => Program::None,
            Err(_) => Program::Unreadable { code: proc.code(pid, thread, &mut buffer) },
        };
        processes.push(Process { pid, thread, parent: stat.parent, start: stat.start, comm: stat.comm, program });
    }
    // Every process namespace has one: whoever cannot see it (hidepid, proc(5)) may not see others either.
    if first { Ok(processes) } else { Err(ProcessError(Errno::EPERM)) }
}

/// The file that this very program was started from.
pub fn own_program() -> Result<Identity, ProcessError> {
    Proc::open()?.identity(format_args!("self/exe")).map_err(ProcessError)
}

/// A file that a process has mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// Which file the kernel says it is.
    pub id: Identity,
    /// Its path, where the process's root is the one asked about; `None` for one that was deleted.
    pub path: Option<Vec<u8>>,
}

/// The files that `process` has mapped (`proc_pid_maps(5)`); paths only where `root` is its root directory.
pub fn mapped(process: &Process, root: Identity) -> Result<Vec<Mapped>, Errno> {
    let proc = Proc::open().map_err(|error| error.0)?;
    let task = process.task();
    let same_root = proc.identity(format_args!("{task}/root")) == Ok(root);
    let text = std::fs::read(format!("/proc/{task}/maps"))
        .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(nix::libc::EIO)))?;
    let mut files: Vec<Mapped> = Vec::new();
    for mut file in text.split(|&byte| byte == b'\n').filter_map(parse_mapping) {
        if !same_root {
            file.path = None;
        }
        if !files.contains(&file) {
            files.push(file);
        }
    }
    Ok(files)
}

/// One line of maps: addresses, rights, offset, device, inode, and after padding the path, in which only line feeds are
/// escaped.
fn parse_mapping(line: &[u8]) -> Option<Mapped> {
    let mut fields = line.splitn(6, |&byte| byte == b' ');
    let mut text = |skip| std::str::from_utf8(fields.nth(skip)?).ok();
    let (major, minor) = text(3)?.split_once(':')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    let dev = nix::sys::stat::makedev(number(major)?, number(minor)?);
    let ino = text(0)?.parse().ok().filter(|&ino| ino != 0)?;
    let path = fields.next()?.trim_ascii_start();
    let there = path.starts_with(b"/") && !path.ends_with(b" (deleted)");
    Some(Mapped { id: Identity { dev, ino }, path: there.then(|| path.to_vec()) })
}

/// Our own root directory.
pub fn own_root() -> Result<Identity, ProcessError> {
    Proc::open()?.identity(format_args!("self/root")).map_err(ProcessError)
}

/// `/proc`, open: musl's open(2) makes two system calls, its openat(2) one.
struct Proc {
    fd: OwnedFd,
}

impl Proc {
    fn open() -> Result<Self, ProcessError> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let fd = openat(nix::fcntl::AT_FDCWD, "/proc", flags, Mode::empty()).map_err(ProcessError)?;
        // An empty directory in place of procfs would make everything look unprotected.
        if sys::statx(fd.as_fd(), c"self") == Err(Errno::ENOENT) {
            return Err(ProcessError(Errno::ENOENT));
        }
        Ok(Self { fd })
    }

    /// Identity of what a magic link such as `PID/exe` or `PID/ns/mnt` leads to.
    fn identity(&self, link: std::fmt::Arguments<'_>) -> Result<Identity, Errno> {
        let path = crate::root::c_name(std::fmt::format(link).as_bytes())?;
        match sys::statx_follow(self.fd.as_fd(), &path) {
            Ok(stat) => Ok(Identity { dev: stat.dev, ino: stat.ino }),
            // No statx here, or refused by a seccomp profile.
            Err(Errno::ENOSYS | Errno::EPERM) => {
                let stat = nix::sys::stat::fstatat(&self.fd, path.as_c_str(), nix::fcntl::AtFlags::empty())?;
                Ok(Identity { dev: stat.st_dev, ino: stat.st_ino })
            }
            Err(errno) => Err(errno),
        }
    }

    /// The program of `PID/exe` and which thread's that is; of a headless process, that of its other threads.
    fn program(&self, pid: u32, headless: bool) -> (u32, Result<Identity, Errno>) {
        if !headless {
            return (pid, self.identity(format_args!("{pid}/exe")));
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut running = (pid, Err(Errno::ENOENT));
        let Ok(tasks) = openat(&self.fd, format!("{pid}/task").as_str(), flags, Mode::empty()) else { return running };
        let _ = sys::list_directory(tasks.as_fd(), &mut |name, _| {
            let thread = name.to_str().ok().and_then(|name| name.parse::<u32>().ok());
            let program = thread.map(|thread| (thread, self.identity(format_args!("{pid}/task/{thread}/exe"))));
            // Those that have ended run nothing; one that may not be read runs something all the same.
            match program {
                None | Some((_, Err(Errno::ENOENT | Errno::ESRCH))) => ControlFlow::Continue(()),
                Some(program) => {
                    running = program;
                    ControlFlow::Break(())
                }
            }
        });
        running
    }

    /// The first bytes of a file of `/proc/PID`, in `buffer`.
    fn read<'b>(&self, pid: u32, file: &str, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        let mut path = String::with_capacity(32);
        write!(path, "{pid}/{file}").ok()?;
        let file = openat(&self.fd, path.as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
        let length = nix::unistd::read(&file, buffer).ok()?;
        buffer.get(..length)
    }

    /// How many pages the code of a program takes that may not be read.
    fn code(&self, pid: u32, thread: u32, buffer: &mut [u8]) -> Option<u64> {
        self.read(pid, &format!("task/{thread}/statm"), buffer).and_then(parse_code)
    }
}

impl Process {
    /// Its first argument, as it says today: mostly the program as it was called. Everybody may read that.
    pub fn argument(&self) -> Vec<u8> {
        let arguments = std::fs::read(format!("/proc/{}/cmdline", self.task())).unwrap_or_default();
        arguments.split(|&byte| byte == 0).next().unwrap_or_default().to_vec()
    }

    /// The directory of its thread in `/proc`.
    fn task(&self) -> String {
        format!("{}/task/{}", self.pid, self.thread)
    }
}

/// How many pages the code of this very program takes; `None` where the kernel does not say.
pub fn own_code() -> Option<u64> {
    parse_code(&std::fs::read("/proc/self/statm").ok()?)
}

/// The fourth field of statm: pages from the first to the last byte of the program's code. 0 says nothing.
fn parse_code(statm: &[u8]) -> Option<u64> {
    let field = statm.split(|&byte| byte == b' ').nth(3)?;
    std::str::from_utf8(field).ok()?.parse().ok().filter(|&pages| pages != 0)
}

/// Whether a process that is known by the name `known` may run a program called `name`: a command name is cut.
pub fn may_be_called(known: &[u8], name: &[u8]) -> bool {
    known == name || known.len() == COMM_LENGTH && name.starts_with(known)
}

/// What `/proc/PID/stat` says (`proc_pid_stat(5)`).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    comm: Vec<u8>,
    parent: u32,
    start: u64,
    life: Life,
}

/// Whether a process goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Whole,
    /// Its first thread has ended, which makes it look like a zombie, and others go on.
    Headless,
    /// A zombie.
    Over,
}

/// Fields 2, 3, 4, 20 and 22; the command name stands in parentheses and may hold any byte, also `)`.
fn parse_stat(text: &[u8]) -> Option<Stat> {
    let open = text.iter().position(|&byte| byte == b'(')?;
    let close = text.iter().rposition(|&byte| byte == b')')?;
    let comm = text.get(open + 1..close)?.to_vec();
    let rest = std::str::from_utf8(text.get(close + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let (state, parent) = (fields.next()?, fields.next()?.parse().ok()?);
    let threads: u32 = fields.nth(15)?.parse().ok()?;
    let start = fields.nth(1)?.parse().ok()?;
    let life = match state {
        "Z" | "X" if threads <= 1 => Life::Over,
        "Z" | "X" => Life::Headless,
        _ => Life::Whole,
    };
    Some(Stat { comm, parent, start, life })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn this_process_is_listed_with_its_program() {
        let me = list().unwrap().into_iter().find(|process| process.pid == std::process::id()).unwrap();
        assert_eq!(me.program, Program::Known(own_program().unwrap()));
    }

    #[test]
    fn mappings() {
        let line = b"7f1-7f2 r-xp 00001000 fd:0a 42                         /usr/lib/a b.so.1";
        let id = Identity { dev: nix::sys::stat::makedev(0xfd, 10), ino: 42 };
        assert_eq!(parse_mapping(line), Some(Mapped { id, path: Some(b"/usr/lib/a b.so.1".to_vec()) }));
        assert_eq!(parse_mapping(b"7f1-7f2 r-xp 0 fd:0a 42  /x (deleted)"), Some(Mapped { id, path: None }));
        assert_eq!(parse_mapping(b"7f1-7f2 rw-p 00000000 00:00 0 [heap]"), None);
    }

    // qemu-user shows a process's mappings without their files.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn this_program_is_among_what_it_maps() {
        let own = own_program().unwrap();
        let me = list().unwrap().into_iter().find(|process| process.pid == std::process::id()).unwrap();
        assert!(mapped(&me, own).unwrap().iter().any(|file| file.id == own && file.path.is_none()));
    }

    // qemu-user runs this program by its own code.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn the_code_of_this_program_is_as_long_as_its_file_says() {
        let file = std::fs::File::open(OWN_PROGRAM).unwrap();
        let of_file =
            crate::recognise::elf::code(|offset, length| crate::root::read_part(&file, &[], offset, length)).unwrap();
        assert!(of_file.contains(&own_code().unwrap()), "{of_file:?} {:?}", own_code());
        assert_eq!((parse_code(b"9 8 7 0 0 5 0\n"), parse_code(b"9 8 7 6 0 5 0\n")), (None, Some(6)));
    }

    #[test]
    fn a_hostile_command_name() {
        let text = b"7 (a) S 1 (b)) S 42 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 4711 1 2 3";
        let comm = b"a) S 1 (b)".to_vec();
        assert_eq!(parse_stat(text), Some(Stat { comm, parent: 42, start: 4711, life: Life::Whole }));
        let text = b"7 (a) Z 42 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 2 0 4711 1 2 3";
        assert_eq!(parse_stat(text).unwrap().life, Life::Headless);
        let text = b"7 (a) Z 42 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 4711 1 2 3";
        assert_eq!(parse_stat(text).unwrap().life, Life::Over);
        assert_eq!(parse_stat(b"7 (a) S 42 7 7"), None);
        assert_eq!(parse_stat(b"7 (sh"), None);
    }

    #[test]
    fn command_names_are_cut() {
        assert!(may_be_called(b"docker-entrypoi", b"docker-entrypoint.sh") && may_be_called(b"sh", b"sh"));
        assert!(!may_be_called(b"sh", b"shred"));
    }

    proptest! {
        #[test]
        fn never_panics(text: Vec<u8>) {
            parse_stat(&text);
            parse_mapping(&text);
            parse_code(&text);
        }
    }
}
