//! The first process: starts the app as its child, passes on signals, reaps what is orphaned, and ends as the app did.
//!
//! All signals stay blocked and are taken one by one (`rt_sigtimedwait(2)`), so that there is no handler, none is lost
//! before the app exists, and none can stop or kill this process. Nothing here allocates once the app runs.

use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getpgrp, getpid, getppid, setpgid, tcgetpgrp, tcsetpgrp};

use crate::linux::deadline::Deadline;
use crate::linux::sys;
use crate::linux::sys::process::Ended;

/// Keeps every signal that comes from now on for the app. Call it first: a SIGTERM that comes while lithify still
/// hardens then reaches the app as soon as that runs.
pub fn hold_signals() -> Result<(), Errno> {
    sys::signal::block_all()
}

/// A signal that this process wants to get when its parent dies.
#[derive(Debug)]
pub struct ParentDeath {
    signal: Signal,
    parent: Pid,
}

impl ParentDeath {
    /// Of the process that is the parent now: make it at the start.
    pub fn new(signal: Signal) -> Self {
        Self { signal, parent: getppid() }
    }

    /// Asks the kernel for the signal; sends it if the parent is dead already. A change of user clears it (prctl(2)): call
    /// this after that.
    pub fn ask(&self) -> Result<(), Errno> {
        prctl::set_pdeathsig(self.signal)?;
        if getppid() == self.parent { Ok(()) } else { sys::signal::send(getpid().as_raw(), self.signal as i32) }
    }
}

/// The app, running as our child.
#[derive(Debug)]
pub struct Init {
    app: Pid,
    group: bool,
}

impl Init {
    /// Starts `app` in a child: it must replace that process or return the code to exit with. The child leads a process
    /// group of its own, which gets the terminal if this process has it. With `group`, signals go to that whole group.
    pub fn start(group: bool, app: impl FnOnce() -> u8) -> Result<Self, Errno> {
        // Blocked before the fork, or a signal could come when the child is there and nobody passes it on.
        hold_signals()?;
        sys::signal::reset_sigchld();
        if getpid() != Pid::from_raw(1) {
            // Orphans come to us as they come to process 1. A kernel or seccomp profile without it leaves them to it.
            let _ = prctl::set_child_subreaper(true);
        }
        let foreground = tcgetpgrp(std::io::stdin()).is_ok_and(|group| group == getpgrp());
        let Some(child) = sys::process::fork()? else {
            let own = Pid::from_raw(0);
            let _ = setpgid(own, own);
            if foreground {
                // SIGTTOU, which the terminal sends to a group that is not in the foreground, is still blocked.
                let _ = tcsetpgrp(std::io::stdin(), getpgrp());
            }
            std::process::exit(i32::from(app()));
        };
        // Here, too, so that it is done whoever runs first; EACCES when the app was there first.
        let _ = setpgid(child, child);
        Ok(Self { app: child, group })
    }

    /// The app's process id.
    pub fn pid(&self) -> u32 {
        self.app.as_raw().unsigned_abs()
    }

    /// Passes on signals and reaps until the app has ended, and says its exit code, 128+N for a signal. Nothing else is
    /// left to do for this process: it keeps nothing busy or open, no pipe whose end the app waits for, no mount.
    pub fn attend_to_the_end(&self) -> u8 {
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

    /// Stops the app: SIGTERM, then SIGKILL when it has not ended after `grace`.
    pub fn stop(&self, grace: Duration) {
        self.signal(libc::SIGTERM);
        // A stopped process gets it when it goes on.
        self.signal(libc::SIGCONT);
        if self.attend(Some(grace)).is_none() {
            self.signal(libc::SIGKILL);
            let _ = self.attend(None);
        }
    }

    /// Passes on signals and reaps until the app has ended, and says its exit code, 128+N for a signal; `None` when
    /// `timeout` passed first.
    pub fn attend(&self, timeout: Option<Duration>) -> Option<u8> {
        // Signals and orphans, however many, do not put it off.
        let deadline = timeout.map(Deadline::after);
        loop {
            match sys::signal::wait(deadline.map(Deadline::remaining)) {
                Ok(libc::SIGCHLD) => {}
                Ok(signal) => {
                    self.signal(signal);
                    continue;
                }
                Err(Errno::EAGAIN) if timeout.is_some() => return self.reap(),
                // Stopped and continued by a debugger.
                Err(Errno::EINTR) => continue,
                // A seccomp profile refuses it: children are reaped all the same.
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
            let code = self.reap();
            if code.is_some() || deadline.is_some_and(Deadline::is_over) {
                return code;
            }
        }
    }

    /// Sends `signal` to the app, or to its group where that is asked for.
    pub fn signal(&self, signal: i32) {
        let app = self.app.as_raw();
        // The group is there before the app is; what is gone needs no signal, and what may not be signalled cannot be.
        let _ = sys::signal::send(if self.group { -app } else { app }, signal);
    }

    /// Takes all children that have ended: one SIGCHLD may stand for many. The app's exit code if it is among them.
    fn reap(&self) -> Option<u8> {
        let mut code = None;
        loop {
            match sys::process::reap() {
                Ok(Some(Ended::Exited(pid, status))) if pid == self.app.as_raw() => code = Some(status),
                Ok(Some(Ended::Killed(pid, signal))) if pid == self.app.as_raw() => code = Some(128 | signal),
                Ok(Some(_)) | Err(Errno::EINTR) => {}
                Ok(None) | Err(_) => break,
            }
        }
        if code.is_some() && self.group {
            // What the app left behind in its group.
            self.signal(libc::SIGTERM);
        }
        code
    }
}
