//! The terminal, which one process group at a time has: the foreground (`tcsetpgrp(3)`).

use std::cell::Cell;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::unistd::{Pid, getpgrp, tcgetpgrp, tcsetpgrp};

/// The controlling terminal of this process, on one of the standard streams.
#[derive(Debug)]
pub struct Terminal {
    stream: Standard,
    /// Whether the app has it from us.
    is_lent: Cell<bool>,
}

#[derive(Clone, Copy, Debug)]
enum Standard {
    Input,
    Error,
    Output,
}

impl Terminal {
    /// `None` if no standard stream is one. If this process's group has it, the app is about to [take](Self::take) it.
    pub fn for_app() -> Option<Self> {
        let streams = [Standard::Input, Standard::Error, Standard::Output];
        let (stream, group) = streams.into_iter().find_map(|stream| Some((stream, stream.foreground().ok()?)))?;
        Some(Self { stream, is_lent: Cell::new(group == getpgrp()) })
    }

    /// Called in the app's process, which leads its group already: takes the terminal if it is lent.
    pub fn take(&self) {
        if self.is_lent.get() {
            let _ = self.stream.set_foreground(getpgrp());
        }
    }

    /// Whether this process's group has it.
    pub fn is_ours(&self) -> bool {
        self.stream.foreground() == Ok(getpgrp())
    }

    /// Gives it to `group`, the app's.
    pub fn lend(&self, group: Pid) {
        if self.stream.set_foreground(group).is_ok() {
            self.is_lent.set(true);
        }
    }

    /// Takes it back for this process's group, if the app has it from us. Returns whether it had.
    pub fn take_back(&self) -> bool {
        self.is_lent.replace(false) && self.stream.set_foreground(getpgrp()).is_ok()
    }
}

impl Standard {
    fn foreground(self) -> Result<Pid, Errno> {
        match self {
            Self::Input => tcgetpgrp(std::io::stdin().as_fd()),
            Self::Error => tcgetpgrp(std::io::stderr().as_fd()),
            Self::Output => tcgetpgrp(std::io::stdout().as_fd()),
        }
    }

    /// A process outside the foreground group gets SIGTTOU for that, unless it blocks the signal.
    fn set_foreground(self, group: Pid) -> Result<(), Errno> {
        match self {
            Self::Input => tcsetpgrp(std::io::stdin().as_fd(), group),
            Self::Error => tcsetpgrp(std::io::stderr().as_fd(), group),
            Self::Output => tcsetpgrp(std::io::stdout().as_fd(), group),
        }
    }
}
