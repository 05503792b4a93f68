//! The first process: starts the app as its child, forwards signals, reaps orphans, and exits as the app did.
//!
//! All signals stay blocked and are taken one by one (`rt_sigtimedwait(2)`). So there is no handler, no signal is lost
//! before the app exists, and no signal can stop or kill this process. Nothing here allocates once the app runs.

use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getpgrp, getpid, getppid, setpgid, tcgetpgrp, tcsetpgrp};

use crate::linux::deadline::Deadline;
use crate::linux::sys;
use crate::linux::sys::trace::Change;

/// Blocks every signal from now on, to keep it for the app, except those of a fault of lithify's own. Call this first: a
/// SIGTERM that arrives while lithify still hardens then reaches the app as soon as it runs.
pub fn hold_signals() -> Result<(), Errno> {
    sys::signal::block_all_but_faults()
}

/// A signal that this process wants to get when its parent dies.
#[derive(Debug)]
pub struct ParentDeath {
    signal: Signal,
    parent: Pid,
}

impl ParentDeath {
    /// Uses the process that is the parent now. Call this at the start.
    pub fn new(signal: Signal) -> Self {
        Self { signal, parent: getppid() }
    }

    /// Asks the kernel for the signal. Sends it at once if the parent is dead already. A change of user clears the
    /// request (prctl(2)), so call this after that change.
    pub fn ask(&self) -> Result<(), Errno> {
        prctl::set_pdeathsig(self.signal)?;
        if getppid() == self.parent { Ok(()) } else { sys::signal::send(getpid().as_raw(), self.signal as i32) }
    }
}

/// Somebody who is told what happens while the app runs.
pub trait Watch {
    /// This signal is about to be passed on.
    fn signal(&mut self, signal: i32);
    /// A child has ended, or a traced task stands still until it is let go on.
    fn changed(&mut self, pid: i32, change: Change);
}

/// Nobody.
struct Unwatched;

impl Watch for Unwatched {
    fn signal(&mut self, _: i32) {}
    fn changed(&mut self, _: i32, _: Change) {}
}

/// The app, which runs as our child.
#[derive(Debug)]
pub struct Init {
    app: Pid,
    group: bool,
}

impl Init {
    /// Starts `app` in a child. `app` must replace that process or return the code to exit with. The child leads a
    /// process group of its own, which gets the terminal if this process has it. With `group`, signals go to that whole
    /// group.
    pub fn start(group: bool, app: impl FnOnce() -> u8) -> Result<Self, Errno> {
        // Block before the fork, else a signal could arrive when the child exists but nobody forwards it.
        sys::signal::block_all()?;
        sys::signal::reset_sigchld();
        if getpid() != Pid::from_raw(1) {
            // Orphans then come to us as they come to process 1. If the kernel or a seccomp profile refuses it, they go
            // to process 1.
            let _ = prctl::set_child_subreaper(true);
        }
        let foreground = tcgetpgrp(std::io::stdin()).is_ok_and(|group| group == getpgrp());
        let Some(child) = sys::process::fork()? else {
            let own = Pid::from_raw(0);
            let _ = setpgid(own, own);
            if foreground {
                // A process outside the foreground group gets SIGTTOU from the terminal. The signal is still blocked
                // here.
                let _ = tcsetpgrp(std::io::stdin(), getpgrp());
            }
            std::process::exit(i32::from(app()));
        };
        // Also done here, so that it is done no matter which process runs first. EACCES is ignored: the app runs
        // already then.
        let _ = setpgid(child, child);
        Ok(Self { app: child, group })
    }

    /// The app's process id.
    pub fn pid(&self) -> u32 {
        self.app.as_raw().unsigned_abs()
    }

    /// Forwards signals and reaps children until the app has ended. Returns its exit code, or 128+N if signal N killed
    /// it. First gives up everything else, because nothing else is left to do: this process keeps nothing open or busy,
    /// such as a pipe whose end the app waits for, or a mount.
    pub fn attend_to_the_end(&self) -> u8 {
        let _ = sys::signal::block_all();
        sys::signal::discard_sigpipe();
        sys::descriptor::close_from_3();
        let _ = nix::unistd::chdir("/");
        sys::program::release_code();
        loop {
            if let Some(code) = self.attend(None) {
                return code;
            }
        }
    }

    /// Stops the app: sends SIGTERM, and SIGKILL if it has not ended after `grace`.
    pub fn stop(&self, grace: Duration) {
        self.signal(libc::SIGTERM);
        // A stopped process gets the SIGTERM only when it continues.
        self.signal(libc::SIGCONT);
        if self.attend(Some(grace)).is_none() {
            self.signal(libc::SIGKILL);
            let _ = self.attend(None);
        }
    }

    /// Forwards signals and reaps children until the app has ended. Returns its exit code, or 128+N if signal N killed
    /// it; `None` if `timeout` passed first.
    pub fn attend(&self, timeout: Option<Duration>) -> Option<u8> {
        self.attend_watched(timeout, &mut Unwatched)
    }

    /// As [`Init::attend`], and tells `watch` what happens.
    pub fn attend_watched(&self, timeout: Option<Duration>, watch: &mut dyn Watch) -> Option<u8> {
        // Neither signals nor orphans extend the deadline, however many arrive.
        let deadline = timeout.map(Deadline::after);
        loop {
            match sys::signal::wait(deadline.map(Deadline::remaining)) {
                Ok(libc::SIGCHLD) => {}
                Ok(signal) => {
                    watch.signal(signal);
                    self.signal(signal);
                    continue;
                }
                Err(Errno::EAGAIN) if timeout.is_some() => return self.reap(watch),
                // A debugger stopped and continued this process.
                Err(Errno::EINTR) => continue,
                // A seccomp profile refuses the call. Children are reaped all the same.
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
            let code = self.reap(watch);
            if code.is_some() || deadline.is_some_and(Deadline::is_over) {
                return code;
            }
        }
    }

    /// Sends `signal` to the app, or to its group if [`Init::start`] was asked for that.
    pub fn signal(&self, signal: i32) {
        let app = self.app.as_raw();
        // The group exists before the app runs. An error is ignored: a process that is gone needs no signal, and one
        // that may not be signalled cannot get it.
        let _ = sys::signal::send(if self.group { -app } else { app }, signal);
    }

    /// Reaps all children that have ended, because one SIGCHLD may stand for many. Returns the app's exit code if the
    /// app is among them.
    fn reap(&self, watch: &mut dyn Watch) -> Option<u8> {
        let mut code = None;
        loop {
            let (pid, change) = match sys::trace::change() {
                Ok(Some(change)) => change,
                Err(Errno::EINTR) => continue,
                Ok(None) | Err(_) => break,
            };
            match change {
                Change::Exited(status) if pid == self.app.as_raw() => code = Some(status),
                Change::Killed(signal) if pid == self.app.as_raw() => code = Some(128 | signal),
                Change::Exited(_) | Change::Killed(_) | Change::Stopped(_) => {}
            }
            watch.changed(pid, change);
        }
        if code.is_some() && self.group {
            // Ends what the app left behind in its group.
            self.signal(libc::SIGTERM);
        }
        code
    }
}
