//! Mounts whose server does not answer. Every call on such a mount would wait without limit.

use std::ffi::CStr;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::pipe2;

use super::{Failure, Resolver, Root, RootError, Silent};
use crate::linux::deadline::Deadline;
use crate::linux::filesystem;
use crate::linux::sys;

/// How long those that are asked at a time have to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// How many are asked at a time, a process each.
const AT_A_TIME: usize = 32;

/// The name that is looked up on each.
const NAME: &CStr = c".lithify-asks";

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
    /// one, because who asks a server that has gone waits without limit.
    #[must_use]
    pub fn without_silent(mut self, mounts: &[Silent]) -> Self {
        let mut silent = Vec::new();
        let mut rest = mounts;
        while !rest.is_empty() {
            let (asked, answered) = self.ask(rest);
            if let Err(errno) = asked {
                silent.extend(rest.iter().map(|mount| Silent { not_asked: Some(errno), ..mount.clone() }));
                break;
            }
            let (part, later) = rest.split_at(asked.unwrap_or_default().min(rest.len()));
            silent.extend(part.iter().zip(answered).filter(|(_, answered)| !answered).map(|(mount, _)| mount.clone()));
            rest = later;
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

    /// How many of the first of `mounts` could be asked, at least one; and which of them answer in time.
    fn ask(&self, mounts: &[Silent]) -> (Result<usize, Errno>, [bool; AT_A_TIME]) {
        let deadline = Deadline::after(PATIENCE.min(self.deadline.remaining()));
        let mut answered = [false; AT_A_TIME];
        let (answers, tell) = match pipe2(OFlag::O_CLOEXEC) {
            Ok(pipe) => pipe,
            Err(errno) => return (Err(errno), answered),
        };
        let mut children = Vec::new();
        for (place, mount) in (0u8..).zip(mounts).take(AT_A_TIME) {
            match sys::process::fork() {
                Ok(None) => {
                    let _ = set_pdeathsig(Signal::SIGKILL);
                    // A server that has taken the request holds even a killed process, and whoever waits for the end of
                    // the streams.
                    sys::descriptor::close_all_but(&self.fd, &tell);
                    self.look_at(mount);
                    let _ = nix::unistd::write(&tell, &[place]);
                    sys::process::end(0)
                }
                Ok(Some(child)) => children.push(child.as_raw()),
                Err(errno) if children.is_empty() => return (Err(errno), answered),
                // The others are asked when these have ended.
                Err(_) => break,
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
        sys::process::kill(&children);
        (Ok(children.len()), answered)
    }

    /// Asks the server of a mount whatever a search would: every answer will do, even an error.
    fn look_at(&self, mount: &Silent) {
        let Ok((top, _)) = self.handle((&mount.point).into()) else { return };
        let _ = filesystem::of(top.as_fd());
        let ask = |name, flags| openat(&top, name, flags | OFlag::O_CLOEXEC, Mode::empty());
        if let Ok(directory) = ask(c".", OFlag::O_RDONLY | OFlag::O_DIRECTORY) {
            let mut first = |_: &CStr, _| ControlFlow::Break(());
            let _ = sys::directory::list(directory.as_fd(), &mut first);
            // A name that nobody has looked up, so that the kernel must ask. autofs would mount what has this name.
            if mount.filesystem != b"autofs" {
                let _ = ask(NAME, OFlag::O_PATH | OFlag::O_NOFOLLOW);
            }
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
