//! Children, and the clock by which the kernel tells when a process started.

use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

use crate::linux::time::Time;

/// `fork(2)`: the child's pid, or `None` in the child.
pub fn fork() -> Result<Option<Pid>, Errno> {
    // SAFETY: no thread but this one runs (sys::thread waits for those that it starts), so the child may do whatever its
    // parent may.
    match unsafe { nix::unistd::fork() }? {
        nix::unistd::ForkResult::Parent { child } => Ok(Some(child)),
        nix::unistd::ForkResult::Child => Ok(None),
    }
}

/// Time since the machine started (`CLOCK_BOOTTIME`). This process's time namespace shifts it just as it shifts
/// `/proc/PID/stat`.
pub fn time_since_boot() -> Result<Duration, Errno> {
    let time = time_of(libc::CLOCK_BOOTTIME)?;
    Ok(Duration::new(time.seconds.try_into().unwrap_or(0), time.nanoseconds))
}

/// The time of the system's clock (`CLOCK_REALTIME`).
pub fn time_now() -> Result<Time, Errno> {
    time_of(libc::CLOCK_REALTIME)
}

/// The time with which the kernel stamps files now: that of the clock's last tick (`CLOCK_REALTIME_COARSE`).
pub fn time_of_files() -> Result<Time, Errno> {
    time_of(libc::CLOCK_REALTIME_COARSE)
}

fn time_of(clock: libc::clockid_t) -> Result<Time, Errno> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is writable.
    Errno::result(unsafe { libc::clock_gettime(clock, &raw mut time) })?;
    Ok(Time { seconds: time.tv_sec, nanoseconds: time.tv_nsec.try_into().unwrap_or(0) })
}
