//! What the first process does for the app.

use std::time::Duration;

use super::event::Event;
use super::exit_codes::ExitCodes;
use super::signal_map::SignalMap;

/// How the first process attends to the app.
#[derive(Clone, Copy, Debug)]
pub struct Duties {
    /// Which signals are passed on, and as what.
    pub signals: SignalMap,
    /// Signals go to the app's whole process group.
    pub group: bool,
    /// What the app leads.
    pub leads: Leads,
    /// Orphans come to this process although it is not process 1 (`PR_SET_CHILD_SUBREAPER`).
    pub adopts: bool,
    /// This process stops itself, too, when it has passed on SIGTSTP, SIGTTIN or SIGTTOU.
    pub suspends: bool,
    /// What to end with.
    pub exit_codes: ExitCodes,
    /// Once the app has ended: from SIGTERM to SIGKILL, for what it left behind. `None`: that is not waited for.
    pub grace: Option<Duration>,
    /// Who is told what happens.
    pub hears: Hears,
}

/// Somebody who is told what the first process does.
#[derive(Clone, Copy, Debug)]
pub struct Hears {
    /// Called with `level`, which says how much is wanted.
    pub hear: fn(u8, Event),
    /// What `hear` is called with.
    pub level: u8,
}

impl Hears {
    pub(super) fn told(&self, event: Event) {
        (self.hear)(self.level, event);
    }
}

/// What the app leads when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leads {
    /// Nothing: it stays in the group of the first process.
    Nothing,
    /// A process group, which gets the terminal if the first process has it.
    Group,
    /// A session, which gets the terminal.
    Session,
}

impl Default for Duties {
    /// Those of `run --init`.
    fn default() -> Self {
        Self {
            signals: SignalMap::default(),
            group: false,
            leads: Leads::Group,
            adopts: true,
            suspends: false,
            exit_codes: ExitCodes::default(),
            grace: None,
            hears: Hears { hear: |_, _| {}, level: 0 },
        }
    }
}
