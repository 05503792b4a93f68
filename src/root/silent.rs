//! Mounts whose server does not answer. Every call on such a mount would wait without limit.

use std::ffi::CStr;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use nix::fcntl::{OFlag, openat};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::pipe2;

use super::{Canonical, Failure, Resolver, Root, RootError, Silent};
use crate::linux::deadline::Deadline;
use crate::linux::filesystem;
use crate::linux::sys;

/// How long all servers have to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// How many are asked at a time, a process each.
const AT_A_TIME: usize = 32;

/// The mounts of one root that do not answer.
pub(super) type Silents = Rc<Vec<Silent>>;

/// Fails if a mount that does not answer lies at the entry `name` of `directory`.
pub(super) fn answers(silent: &Silents, directory: &[u8], name: &[u8]) -> Result<(), RootError> {
    if silent.is_empty() {
        return Ok(());
    }
    let directory = if directory == b"/" { b"" } else { directory };
    let is_it = |mount: &&Silent| {
        let rest = mount.point.strip_prefix(directory).and_then(|rest| rest.strip_prefix(b"/"));
        rest == Some(name)
    };
    silent.iter().find(is_it).map_or(Ok(()), |mount| Err(Failure::Silent(mount.clone()).into()))
}

impl Root {
    /// The same root, in which nothing is looked at on those of `mounts` that do not answer now. Each child process asks
    /// one, because who asks a server that has gone waits without limit. A mount that cannot be asked does not answer.
    #[must_use]
    pub fn without_silent(mut self, mounts: &[Silent]) -> Self {
        let deadline = Deadline::after(PATIENCE);
        let mut silent = Vec::new();
        for part in mounts.chunks(AT_A_TIME) {
            let answered = self.ask(part, deadline);
            silent.extend(part.iter().zip(answered).filter(|(_, answered)| !answered).map(|(mount, _)| mount.clone()));
        }
        if !silent.is_empty() {
            // The kernel would follow a path into them.
            self.resolver = Resolver::Walk;
            self.silent = Rc::new(silent);
        }
        self
    }

    /// The mounts that do not answer.
    pub fn silent(&self) -> &[Silent] {
        &self.silent
    }

    /// Which of `mounts` answer before `deadline`.
    fn ask(&self, mounts: &[Silent], deadline: Deadline) -> [bool; AT_A_TIME] {
        let mut answered = [false; AT_A_TIME];
        let Ok((answers, tell)) = pipe2(OFlag::O_CLOEXEC) else { return answered };
        let mut children = Vec::new();
        for (place, mount) in (0u8..).zip(mounts) {
            match sys::process::fork() {
                Ok(None) => {
                    let _ = set_pdeathsig(Signal::SIGKILL);
                    self.look_at(&mount.point);
                    let _ = nix::unistd::write(&tell, &[place]);
                    sys::process::end(0)
                }
                Ok(Some(child)) => children.push(child.as_raw()),
                Err(_) => {}
            }
        }
        drop(tell);
        let mut places = [0; AT_A_TIME];
        while wait(&answers, deadline) {
            match nix::unistd::read(&answers, &mut places) {
                // Every child has ended.
                Ok(0) | Err(_) => break,
                Ok(length) => {
                    for place in places.iter().take(length) {
                        if let Some(answered) = answered.get_mut(usize::from(*place)) {
                            *answered = true;
                        }
                    }
                }
            }
        }
        for child in children {
            sys::process::kill(child);
        }
        answered
    }

    /// Asks the server of a mount whatever a search would: every answer will do, even an error.
    fn look_at(&self, point: &Canonical) {
        let Ok((mount, _)) = self.handle(point.into()) else { return };
        let _ = filesystem::of(mount.as_fd());
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        if let Ok(directory) = openat(&mount, c".", flags, Mode::empty()) {
            let mut first = |_: &CStr, _| ControlFlow::Break(());
            let _ = sys::directory::list(directory.as_fd(), &mut first);
        }
    }
}

/// Waits for something to read, or for the end of all who write; `false` if the deadline came first.
fn wait(pipe: &OwnedFd, deadline: Deadline) -> bool {
    let mut ready = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
    while !deadline.is_over() {
        let left = PollTimeout::try_from(deadline.remaining()).unwrap_or(PollTimeout::ZERO);
        if poll(&mut ready, left).is_ok_and(|ready| ready > 0) {
            return true;
        }
    }
    false
}
