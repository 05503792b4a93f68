//! The processes of this container, from `/proc`: which programs run, and which of them are the app.

use std::collections::HashSet;
use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;

use nix::errno::Errno;

use crate::root::Identity;
use crate::sys;

/// Why the processes could not be listed.
#[derive(Debug, thiserror::Error)]
#[error("/proc cannot be read ({}): which programs run, and what is protected, cannot be told; mount proc on /proc", .0.desc())]
pub struct ProcessError(pub Errno);

/// What a process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// `/proc/PID/exe`: for a script, its interpreter.
    Known(Identity),
    /// Not readable for us (another user's process, without `CAP_SYS_PTRACE`): names it may be known by.
    Names(Vec<Vec<u8>>),
    /// A kernel thread or a zombie: it runs no program.
    None,
}

/// One process.
#[derive(Clone, Debug)]
pub struct Process {
    /// Process id as seen here.
    pub pid: u32,
    /// Its parent; 0 for the first process and for those that a runtime puts into the container.
    pub parent: u32,
    /// The command name, at most 15 bytes (proc_pid_comm(5)).
    pub comm: Vec<u8>,
    /// What it runs.
    pub program: Program,
}

/// Every process that can be seen; those that end meanwhile are left out.
pub fn list() -> Result<Vec<Process>, ProcessError> {
    let proc = File::open("/proc").map_err(|error| ProcessError(errno(&error)))?;
    if std::fs::symlink_metadata("/proc/self").is_err() {
        return Err(ProcessError(Errno::ENOENT));
    }
    let entries = std::fs::read_dir("/proc").map_err(|error| ProcessError(errno(&error)))?;
    let mut processes = Vec::new();
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Some((comm, parent)) = read(pid, "stat").ok().and_then(|text| parse_stat(&text)) else { continue };
        let Ok(path) = CString::new(format!("{pid}/exe")) else { continue };
        let program = match sys::statx_follow(proc.as_fd(), &path) {
            Ok(stat) => Program::Known(Identity { dev: stat.dev, ino: stat.ino }),
            Err(Errno::ENOENT | Errno::ESRCH) => Program::None,
            Err(Errno::ENOSYS | Errno::EPERM) => by_stat(pid).unwrap_or_else(|| Program::Names(names(pid, &comm))),
            Err(_) => Program::Names(names(pid, &comm)),
        };
        processes.push(Process { pid, parent, comm, program });
    }
    Ok(processes)
}

/// The file that this very program was started from.
pub fn own_program() -> Result<Identity, ProcessError> {
    let proc = File::open("/proc").map_err(|error| ProcessError(errno(&error)))?;
    match sys::statx_follow(proc.as_fd(), c"self/exe") {
        Ok(stat) => Ok(Identity { dev: stat.dev, ino: stat.ino }),
        Err(Errno::ENOSYS | Errno::EPERM) => match by_stat(std::process::id()) {
            Some(Program::Known(id)) => Ok(id),
            _ => Err(ProcessError(Errno::EACCES)),
        },
        Err(errno) => Err(ProcessError(errno)),
    }
}

/// The pids of the container's first process and its descendants.
pub fn app(processes: &[Process]) -> HashSet<u32> {
    let mut members = HashSet::from([1]);
    // Parents usually have lower pids, but need not: repeat until nothing is added.
    loop {
        let before = members.len();
        let more: Vec<u32> =
            processes.iter().filter(|process| members.contains(&process.parent)).map(|process| process.pid).collect();
        members.extend(more);
        if members.len() == before {
            return members;
        }
    }
}

/// Where statx is missing: `stat(2)`.
fn by_stat(pid: u32) -> Option<Program> {
    match nix::sys::stat::stat(format!("/proc/{pid}/exe").as_str()) {
        Ok(stat) => Some(Program::Known(Identity { dev: stat.st_dev, ino: stat.st_ino })),
        Err(Errno::ENOENT | Errno::ESRCH) => Some(Program::None),
        Err(_) => None,
    }
}

/// The names that a process may run under: its command name, and the file names of its first two arguments (the second
/// for `sh SCRIPT`, where the kernel shows the interpreter first).
fn names(pid: u32, comm: &[u8]) -> Vec<Vec<u8>> {
    let arguments = read(pid, "cmdline").unwrap_or_default();
    let mut names = vec![comm.to_vec()];
    for argument in arguments.split(|&byte| byte == 0).take(2) {
        if let Some(name) = argument.rsplit(|&byte| byte == b'/').next() {
            if !name.is_empty() && !names.iter().any(|known| known == name) {
                names.push(name.to_vec());
            }
        }
    }
    names
}

fn read(pid: u32, file: &str) -> Result<Vec<u8>, std::io::Error> {
    let mut content = Vec::with_capacity(1024);
    File::open(format!("/proc/{pid}/{file}"))?.take(4096).read_to_end(&mut content)?;
    Ok(content)
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(nix::libc::EIO))
}

/// Command name and parent of `/proc/PID/stat`; the name stands in parentheses and may hold any byte, also `)`.
fn parse_stat(text: &[u8]) -> Option<(Vec<u8>, u32)> {
    let open = text.iter().position(|&byte| byte == b'(')?;
    let close = text.iter().rposition(|&byte| byte == b')')?;
    let comm = text.get(open + 1..close)?.to_vec();
    let rest = std::str::from_utf8(text.get(close + 1..)?).ok()?;
    Some((comm, rest.split_ascii_whitespace().nth(1)?.parse().ok()?))
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
    fn a_hostile_command_name() {
        assert_eq!(parse_stat(b"7 (a) S 1 (b)) S 42 7 7"), Some((b"a) S 1 (b)".to_vec(), 42)));
        assert_eq!(parse_stat(b"7 (sh"), None);
    }

    #[test]
    fn descendants() {
        let process = |pid, parent| Process { pid, parent, comm: vec![], program: Program::None };
        let all = [process(9, 8), process(8, 1), process(1, 0), process(5, 0), process(6, 5)];
        assert_eq!(app(&all), HashSet::from([1, 8, 9]));
    }

    proptest! {
        #[test]
        fn never_panics(text: Vec<u8>) {
            parse_stat(&text);
        }
    }
}
