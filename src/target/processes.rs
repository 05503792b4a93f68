//! The processes: all of them, or an error.

use nix::errno::Errno;

use crate::linux::proc::processes::{self, Process};

/// Why the processes could not be listed.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("/proc cannot be read ({}): which programs run, and what is protected, cannot be told; {}", .0.desc(), remedy(*.0))]
pub struct ProcessError(#[from] pub Errno);

fn remedy(errno: Errno) -> &'static str {
    match errno {
        Errno::ESRCH => "the process of --root /proc/PID/root has ended: name a lasting one of that container",
        Errno::EPERM => "processes are hidden: mount proc on /proc without hidepid, or add CAP_SYS_PTRACE",
        _ => "mount proc on /proc",
    }
}

/// Lists all processes. Fails if `/proc` cannot be read or hides processes from this user.
pub fn list() -> Result<Vec<Process>, ProcessError> {
    let processes = processes::list()?;
    // Every process namespace has a process 1. If this user cannot see it (hidepid, proc(5)), other processes may be
    // hidden, too.
    if processes.iter().any(|process| process.pid == 1) { Ok(processes) } else { Err(ProcessError(Errno::EPERM)) }
}
