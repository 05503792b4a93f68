//! The processes, all of them or none.

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

/// Every process.
pub fn list() -> Result<Vec<Process>, ProcessError> {
    let processes = processes::list()?;
    // Every process namespace has a first one: whoever cannot see it (hidepid, proc(5)) may not see others either.
    if processes.iter().any(|process| process.pid == 1) { Ok(processes) } else { Err(ProcessError(Errno::EPERM)) }
}
