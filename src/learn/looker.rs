//! Looks at the processes of an app again and again, where it cannot be traced. What starts and ends between two looks is
//! missed.

use std::collections::HashMap;
use std::time::Duration;

use super::observed::Role;
use super::recorder::{Recorder, Start};
use crate::launch::init::Watch;
use crate::linux::identity::Identity;
use crate::linux::proc::Proc;
use crate::linux::proc::processes::{Process, Program, list};
use crate::linux::sys::trace::Change;

/// The time between two looks.
pub const PERIOD: Duration = Duration::from_millis(20);

/// After this many looks the files that a process has mapped are looked at again: one second.
const AGAIN: u32 = 50;

/// What runs in a root.
pub struct Looker<'a> {
    recorder: Recorder<'a>,
    /// The root directory of the app's processes.
    root: Identity,
    /// The app's first process.
    app: Option<u32>,
    /// Each process, by pid: when it started, and what it runs.
    known: HashMap<u32, (u64, Identity)>,
    looks: u32,
}

impl<'a> Looker<'a> {
    /// Looks at the processes whose root directory is `root`. `app` is the first of them, if it is known.
    pub fn new(recorder: Recorder<'a>, root: Identity, app: Option<u32>) -> Self {
        Self { recorder, root, app, known: HashMap::new(), looks: 0 }
    }

    /// Looks once.
    pub fn look(&mut self) {
        let again = self.looks % AGAIN == 0;
        self.take_stock(again);
        self.looks = self.looks.wrapping_add(1);
    }

    /// Looks once more, at everything. What was written down.
    pub fn into_recorder(mut self) -> Recorder<'a> {
        self.take_stock(true);
        self.recorder
    }

    fn take_stock(&mut self, everything: bool) {
        let (Ok(proc), Ok(processes)) = (Proc::open(), list()) else { return };
        let own = std::process::id();
        let mut known = HashMap::with_capacity(self.known.len());
        for process in processes.iter().filter(|process| process.pid != own) {
            let is_inside = || proc.root(process.task()).is_ok_and(|root| root == self.root);
            let id = match process.program {
                Program::Known(id) if is_inside() => id,
                Program::Unreadable { .. } => {
                    self.recorder.unreadable();
                    continue;
                }
                Program::Known(_) | Program::None => continue,
            };
            let before = self.known.get(&process.pid).filter(|(start, _)| *start == process.start);
            let is_new = before.is_none_or(|(_, program)| *program != id);
            if is_new {
                self.started(&processes, process, before.is_some());
            }
            if is_new || everything {
                self.recorder.look(process.pid);
            }
            known.insert(process.pid, (process.start, id));
        }
        self.known = known;
    }

    fn started(&mut self, processes: &[Process], process: &Process, changed: bool) {
        let parent = processes.iter().find(|other| other.pid == process.parent);
        let by = parent.map(|parent| parent.comm.as_slice()).unwrap_or_default();
        let role = if Some(process.pid) == self.app && !changed { Role::App } else { Role::Child };
        self.recorder.started(process.pid, &Start { role, by, seen: self.looks > 0 });
    }
}

impl Watch for Looker<'_> {
    fn signal(&mut self, _: i32) {
        self.take_stock(true);
    }

    fn changed(&mut self, _: i32, _: Change) {}
}
