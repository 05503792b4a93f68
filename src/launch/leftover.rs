//! What an app leaves behind when it ends: processes of its group, and those that came to the first process as orphans.

use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{Pid, getpid};

use super::signal_map::SignalMap;
use crate::linux::deadline::Deadline;
use crate::linux::proc::Task;
use crate::linux::sys;

/// How long the kernel may take to end processes that got SIGKILL.
const KILL: Duration = Duration::from_secs(1);

/// Ends what is left of the app, whose group was `group`: SIGTERM, after `grace` SIGKILL. Signals that come meanwhile are
/// passed on as `signals` says.
pub(super) fn end(group: Pid, grace: Duration, signals: &SignalMap) {
    for (signal, time) in [(libc::SIGTERM, grace), (libc::SIGKILL, KILL)] {
        let mut left = Leftover { group, told: Vec::new() };
        let deadline = Deadline::after(time);
        // An orphan comes here only when its parent has ended.
        while left.signal(signal) && !deadline.is_over() {
            match sys::signal::wait(Some(deadline.remaining())) {
                Ok(libc::SIGCHLD) | Err(Errno::EINTR | Errno::EAGAIN) => {}
                Ok(received) => {
                    if let Some(other) = signals.passed_on(received) {
                        left.pass_on(other);
                    }
                }
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
            while matches!(sys::process::reap(), Ok(Some(_)) | Err(Errno::EINTR)) {}
        }
    }
}

struct Leftover {
    group: Pid,
    /// Processes that have the signal already, in order: there may be thousands, which are looked up at each end of one.
    told: Vec<i32>,
}

impl Leftover {
    /// Sends `signal` to each that has not got it. Returns whether anything is left.
    fn signal(&mut self, signal: i32) -> bool {
        if getpid() == Pid::from_raw(1) {
            // Everything in the namespace.
            return self.send(-1, signal);
        }
        let group = self.send(-self.group.as_raw(), signal);
        let children = Task::Own.children().unwrap_or_default();
        for child in &children {
            let told = self.told.binary_search(child).is_ok();
            if !told && nix::unistd::getpgid(Some(Pid::from_raw(*child))) != Ok(self.group) {
                self.send(*child, signal);
            }
        }
        group || !children.is_empty()
    }

    /// Sends `signal` to each, whatever it has got.
    fn pass_on(&mut self, signal: i32) {
        let told = std::mem::take(&mut self.told);
        self.signal(signal);
        self.told = told;
    }

    /// Returns whether there is such a process. A stopped one gets the signal only when it continues.
    fn send(&mut self, to: i32, signal: i32) -> bool {
        match self.told.binary_search(&to) {
            Ok(_) => return sys::signal::send(to, 0) != Err(Errno::ESRCH),
            Err(at) => self.told.insert(at, to),
        }
        let is_there = sys::signal::send(to, signal) != Err(Errno::ESRCH);
        let _ = sys::signal::send(to, libc::SIGCONT);
        is_there
    }
}
