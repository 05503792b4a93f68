//! Which processes exist, and what each of them runs.

use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::maps::Mapping;
use super::stat::{Life, parse, parse_code};
use super::{Proc, Task};
use crate::linux::identity::Identity;
use crate::linux::sys;

/// What a process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// The file of `/proc/PID/exe`. For a script this is its interpreter.
    Known(Identity),
    /// This process may not read it: it belongs to another user, and this process lacks `CAP_SYS_PTRACE`.
    Unreadable {
        /// Pages that its code takes, which every user may see (`proc_pid_statm(5)`); `None` if the kernel does not
        /// say.
        code: Option<u64>,
    },
    /// A kernel thread or a zombie: it runs no program.
    None,
}

/// One process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Process id in this process's pid namespace.
    pub pid: u32,
    /// The thread whose program and memory are looked at: the first thread, or another one if the first has ended.
    pub thread: u32,
    /// Its parent; 0 for the first process, and for processes that a runtime puts into the container.
    pub parent: u32,
    /// When it started, in clock ticks since the machine started. Pid and start time together name one process for
    /// ever.
    pub start: u64,
    /// The command name, at most [`super::COMM_LENGTH`] bytes.
    pub comm: Vec<u8>,
    /// What it runs.
    pub program: Program,
}

impl Process {
    /// The thread whose program and memory are looked at.
    pub fn task(&self) -> Task {
        Task::Thread { process: self.pid, thread: self.thread }
    }

    /// Its first argument, as the process shows it now: mostly the path by which the program was called. Every user may
    /// read it.
    pub fn argument(&self) -> Vec<u8> {
        let arguments = self.task().arguments().unwrap_or_default();
        arguments.split(|&byte| byte == 0).next().unwrap_or_default().to_vec()
    }

    /// The files that it has mapped. They have paths only if `root` is the root directory of the process.
    pub fn mappings(&self, root: Identity) -> Result<Vec<Mapping>, Errno> {
        let same_root = Proc::open()?.root(self.task()) == Ok(root);
        let mut files = self.task().mappings()?;
        if !same_root {
            for file in &mut files {
                file.path = None;
            }
        }
        Ok(files)
    }
}

/// Every visible process. Processes that end meanwhile are left out; fails if one cannot be read (`EPERM` with hidepid).
/// The function makes four system calls for each process.
pub fn list() -> Result<Vec<Process>, Errno> {
    let proc = Proc::open()?;
    let pids = numbers(proc.fd.as_fd())?;
    let mut buffer = [0; 4096];
    let mut processes = Vec::with_capacity(pids.len());
    for pid in pids {
        // One that cannot be read is not one that has ended: it may be the app.
        let stat = match proc.read(Task::Process(pid), "stat", &mut buffer) {
            Ok(text) => parse(text).ok_or(Errno::EIO)?,
            Err(Errno::ENOENT | Errno::ESRCH) => continue,
            Err(errno) => return Err(errno),
        };
        let (thread, program) = match stat.life {
            // Its files may be unreadable just as those of a living process, so that an error says nothing.
            Life::Over => (pid, Err(Errno::ENOENT)),
            Life::Headless => proc.program_of_threads(pid),
            Life::Whole => (pid, proc.program(Task::Process(pid))),
        };
        let program = match program {
            Ok(id) => Program::Known(id),
            Err(Errno::ENOENT | Errno::ESRCH) => Program::None,
            Err(_) => {
                let statm = proc.read(Task::Thread { process: pid, thread }, "statm", &mut buffer);
                Program::Unreadable { code: statm.ok().and_then(parse_code) }
            }
        };
        processes.push(Process { pid, thread, parent: stat.parent, start: stat.start, comm: stat.comm, program });
    }
    Ok(processes)
}

/// The entries of a directory whose names are numbers.
fn numbers(directory: BorrowedFd<'_>) -> Result<Vec<u32>, Errno> {
    let mut numbers = Vec::new();
    sys::directory::list(directory, &mut |name, _| {
        numbers.extend(name.to_str().ok().and_then(|name| name.parse::<u32>().ok()));
        ControlFlow::Continue(())
    })?;
    Ok(numbers)
}

impl Proc {
    /// The program of a process whose first thread has ended, and a thread that runs it.
    fn program_of_threads(&self, pid: u32) -> (u32, Result<Identity, Errno>) {
        let threads = self
            .open_file(&format!("{pid}/task"), OFlag::O_RDONLY | OFlag::O_DIRECTORY)
            .and_then(|tasks| numbers(tasks.as_fd()));
        let threads = threads.unwrap_or_default().into_iter();
        let mut programs = threads.map(|thread| (thread, self.program(Task::Thread { process: pid, thread })));
        // Threads that have ended run nothing. A thread that may not be read runs something all the same.
        let running = programs.find(|(_, program)| !matches!(program, Err(Errno::ENOENT | Errno::ESRCH)));
        running.unwrap_or((pid, Err(Errno::ENOENT)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::proc::own_program;

    #[test]
    fn this_process_is_listed_with_its_program() {
        let me = list().unwrap().into_iter().find(|process| process.pid == std::process::id()).unwrap();
        assert_eq!(me.program, Program::Known(own_program().unwrap()));
    }
}
