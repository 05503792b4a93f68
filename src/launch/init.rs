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
use crate::linux::sys::process::Ended;

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

/// Who takes the changes of children while [`Init`] attends.
pub trait Watch {
    /// Takes one child that has ended; `None` if none has ended yet, `ECHILD` if there are no children.
    fn reap(&mut self) -> Result<Option<Ended>, Errno>;

    /// A signal is about to be passed on.
    fn forwards(&mut self) {}

    /// The longest time between two calls of [`Watch::reap`]; `None` if signals alone decide.
    fn pause(&self) -> Option<Duration> {
        None
    }

    /// That time has passed.
    fn paused(&mut self) {}
}

/// Nobody watches: children are only reaped.
struct Unwatched;

impl Watch for Unwatched {
    fn reap(&mut self) -> Result<Option<Ended>, Errno> {
        sys::process::reap()
    }
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
        self.attend_with(timeout, &mut Unwatched)
    }

    /// As [`Init::attend`], and `watch` takes the changes of children.
    pub fn attend_with(&self, timeout: Option<Duration>, watch: &mut dyn Watch) -> Option<u8> {
        // Neither signals nor orphans extend the deadline, however many arrive.
        let deadline = timeout.map(Deadline::after);
        loop {
            let remaining = deadline.map(Deadline::remaining).into_iter();
            match sys::signal::wait(remaining.chain(watch.pause()).min()) {
                Ok(libc::SIGCHLD) => {}
                Ok(signal) => {
                    watch.forwards();
                    self.signal(signal);
                    continue;
                }
                // The time is over, or the pause.
                Err(Errno::EAGAIN) => watch.paused(),
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
            match watch.reap() {
                Ok(Some(Ended::Exited(pid, status))) if pid == self.app.as_raw() => code = Some(status),
                Ok(Some(Ended::Killed(pid, signal))) if pid == self.app.as_raw() => code = Some(128 | signal),
                Ok(Some(_)) | Err(Errno::EINTR) => {}
                Ok(None) | Err(_) => break,
            }
        }
        if code.is_some() && self.group {
            // Ends what the app left behind in its group.
            self.signal(libc::SIGTERM);
        }
        code
    }
}
