//! The first process: starts the app as its child, forwards signals, reaps orphans, and exits as the app did.
//!
//! All signals stay blocked and are taken one by one (`rt_sigtimedwait(2)`). So there is no handler, no signal is lost
//! before the app exists, and no signal can stop or kill this process. Nothing here allocates once the app runs.

use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getpid, getppid, getsid, setpgid, setsid};

use super::duties::{Duties, Leads};
use super::event::{self, Event};
use super::leftover;
use super::terminal::Terminal;
use crate::linux::deadline::Deadline;
use crate::linux::sys;
use crate::linux::sys::process::Ended;

/// Blocks every signal from now on, to keep it for the app, except those of a fault of lithify's own. Call this first: a
/// SIGTERM that arrives while lithify still hardens then reaches the app as soon as it runs.
pub fn hold_signals() -> Result<(), Errno> {
    sys::signal::block_all_but_faults().map(drop)
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

    /// A signal that asks the app to end is about to be passed on.
    fn forwards(&mut self) {}

    /// The longest time between two calls of [`Watch::reap`]; `None` if signals alone decide.
    fn pause(&self) -> Option<Duration> {
        None
    }

    /// That time has passed.
    fn paused(&mut self) {}

    /// The signal that has stopped the process `app` since this was last asked; `None` if none has.
    fn stopped(&mut self, app: i32) -> Option<i32> {
        sys::process::stopped(app)
    }
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
    duties: Duties,
    /// The terminal that the app gets when this process has it. `None` if there is none, or if the app has it alone.
    terminal: Option<Terminal>,
}

impl Init {
    /// Starts `app` in a child. `app` must replace that process or return the code to exit with. The child leads what
    /// `duties` say, and gets the terminal if this process has it.
    pub fn start(duties: &Duties, app: impl FnOnce() -> u8) -> Result<Self, Errno> {
        // Block before the fork, else a signal could arrive when the child exists but nobody forwards it.
        sys::signal::block_all()?;
        sys::signal::reset_sigchld();
        if duties.adopts && getpid() != Pid::from_raw(1) {
            // Orphans then come to us as they come to process 1. If the kernel or a seccomp profile refuses it, they go
            // to process 1.
            let _ = prctl::set_child_subreaper(true);
        }
        let terminal = if duties.leads == Leads::Group { Terminal::for_app() } else { None };
        if duties.leads == Leads::Session {
            leave_terminal(duties);
        }
        let Some(child) = sys::process::fork()? else {
            match duties.leads {
                Leads::Nothing => {}
                Leads::Group => {
                    let _ = setpgid(OWN, OWN);
                    terminal.iter().for_each(Terminal::take);
                }
                Leads::Session => lead_session(duties),
            }
            std::process::exit(i32::from(app()));
        };
        if duties.leads == Leads::Group {
            // Also done here, so that it is done no matter which process runs first. EACCES is ignored: the app runs
            // already then.
            let _ = setpgid(child, child);
        }
        duties.hears.told(Event::Started(child.as_raw()));
        Ok(Self { app: child, duties: *duties, terminal })
    }

    /// The app's process id.
    pub fn pid(&self) -> u32 {
        self.app.as_raw().unsigned_abs()
    }

    /// Forwards signals and reaps children until the app has ended. Returns the exit code that stands for its own, or
    /// for 128+N if signal N killed it. First gives up everything else, because nothing else is left to do: this process
    /// keeps nothing open or busy, such as a pipe whose end the app waits for, or a mount. At the end, what the app left
    /// behind is ended if the duties say so.
    pub fn attend_to_the_end(&self) -> u8 {
        self.attend_to_the_end_with(&mut Unwatched)
    }

    /// As [`Init::attend_to_the_end`], and `watch` takes the changes of children.
    pub fn attend_to_the_end_with(&self, watch: &mut dyn Watch) -> u8 {
        let _ = sys::signal::block_all();
        sys::signal::discard_sigpipe();
        sys::descriptor::close_from_3();
        let _ = nix::unistd::chdir("/");
        sys::program::release_code();
        loop {
            if let Some(code) = self.attend_with(None, watch) {
                return code;
            }
        }
    }

    /// Stops the app: sends SIGTERM, and SIGKILL if it has not ended after `grace`.
    pub fn stop(&self, grace: Duration) {
        self.forward(libc::SIGTERM);
        // A stopped process gets the SIGTERM only when it continues.
        self.send(libc::SIGCONT);
        if self.attend(Some(grace)).is_none() {
            self.send(libc::SIGKILL);
            let _ = self.attend(None);
        }
    }

    /// Forwards signals and reaps children until the app has ended. Returns its exit code as
    /// [`Self::attend_to_the_end`] does; `None` if `timeout` passed first.
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
                Ok(libc::SIGCHLD) => self.told(Event::Received(libc::SIGCHLD)),
                Ok(signal) => {
                    self.told(Event::Received(signal));
                    if [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT, libc::SIGHUP].contains(&signal) {
                        watch.forwards();
                    }
                    self.forward(signal);
                    if self.duties.suspends && [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU].contains(&signal) {
                        self.told(Event::Suspended);
                        let _ = sys::signal::send(getpid().as_raw(), libc::SIGSTOP);
                    }
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
            self.stop_with_the_app(watch);
        }
    }

    /// Passes `signal` on to the app, or to its group if the duties say so, as the signal that stands for it.
    pub fn forward(&self, signal: i32) {
        if let Some(terminal) = self.terminal.as_ref().filter(|terminal| signal == libc::SIGCONT && terminal.is_ours())
        {
            terminal.lend(self.app);
        }
        match self.duties.signals.passed_on(signal) {
            Some(other) => {
                self.send(other);
                self.told(Event::PassedOn(signal, other));
            }
            None => self.told(Event::Ignored(signal)),
        }
    }

    /// Sends `signal` as it is.
    fn send(&self, signal: i32) {
        let app = self.app.as_raw();
        // The terminal stops a whole group.
        let group = self.duties.group || signal == libc::SIGCONT && self.terminal.is_some();
        // The group exists before the app runs. An error is ignored: a process that is gone needs no signal, and one
        // that may not be signalled cannot get it.
        let _ = sys::signal::send(if group { -app } else { app }, signal);
    }

    /// Stops with the app if the terminal has stopped it: the shell that waits for this process must learn of it, and
    /// whoever else belongs to that shell's job stops as well.
    fn stop_with_the_app(&self, watch: &mut dyn Watch) {
        let Some(terminal) = &self.terminal else { return };
        let Some(signal) = watch.stopped(self.app.as_raw()) else { return };
        let had_it = terminal.take_back();
        if sys::signal::stop_group() {
            // The SIGCONT is pending, and is passed on like any other signal.
            return;
        }
        // Nobody could continue this process. Without it the app would not have stopped either: the kernel drops what a
        // terminal sends to stop such a process.
        if had_it {
            terminal.lend(self.app);
        }
        if signal != libc::SIGSTOP {
            self.send(libc::SIGCONT);
        }
    }

    /// Reaps all children that have ended, because one SIGCHLD may stand for many. Returns the exit code if the app is
    /// among them, once what it left behind has been seen to.
    fn reap(&self, watch: &mut dyn Watch) -> Option<u8> {
        let mut code = None;
        loop {
            let ended = match watch.reap() {
                Ok(Some(ended)) => ended,
                Err(Errno::EINTR) => continue,
                Ok(None) | Err(_) => break,
            };
            let app = self.app.as_raw();
            match ended {
                Ended::Exited(pid, status) => {
                    self.told(Event::Exited(pid, status, pid == app));
                    code = if pid == app { Some(status) } else { code };
                }
                Ended::Killed(pid, signal) => {
                    self.told(Event::Killed(pid, signal, pid == app));
                    code = if pid == app { Some(128 | signal) } else { code };
                }
            }
        }
        let code = self.duties.exit_codes.of(code?);
        if let Some(terminal) = &self.terminal {
            terminal.take_back();
        }
        match self.duties.grace {
            Some(grace) => leftover::end(self.app, grace, &self.duties.signals),
            // Asks what the app left behind in its group to end.
            None if self.duties.group => self.forward(libc::SIGTERM),
            None => {}
        }
        self.told(Event::Ended(code));
        Some(code)
    }

    fn told(&self, event: Event) {
        self.duties.hears.told(event);
    }
}

/// Stands for the calling process (setpgid(2)).
const OWN: Pid = Pid::from_raw(0);

/// Leaves the terminal to the session that the app is about to lead.
fn leave_terminal(duties: &Duties) {
    if let Err(errno) = sys::process::leave_terminal() {
        return duties.hears.told(Event::NoTerminal(event::Terminal::Leave, errno));
    }
    let led = getsid(None) == Ok(getpid());
    duties.hears.told(Event::LeftTerminal(led));
    // The kernel sends these to the session that loses its terminal. They are blocked, and the app must not get them.
    for signal in [libc::SIGHUP, libc::SIGCONT].into_iter().filter(|_| led) {
        if sys::signal::take(signal) {
            duties.hears.told(Event::HandOff(signal));
        }
    }
}

/// Makes this process lead a session, with standard input as its terminal.
fn lead_session(duties: &Duties) {
    let _ = setsid();
    if let Err(errno) = sys::process::enter_terminal() {
        duties.hears.told(Event::NoTerminal(event::Terminal::Enter, errno));
    }
    duties.hears.told(Event::Session);
}

/// Starts nothing: reaps orphans until SIGTERM or SIGINT comes.
pub fn pause() {
    let _ = sys::signal::block_all();
    sys::signal::reset_sigchld();
    let _ = prctl::set_child_subreaper(true);
    let _ = nix::unistd::chdir("/");
    loop {
        match sys::signal::wait(None) {
            Ok(libc::SIGTERM | libc::SIGINT) => return,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
        while matches!(sys::process::reap(), Ok(Some(_)) | Err(Errno::EINTR)) {}
    }
}
