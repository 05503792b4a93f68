//! Follows an app by ptrace(2): at each exec it writes down what was started, and at each exit what was mapped. The app
//! runs at full speed in between.

use std::collections::HashMap;

use nix::errno::Errno;
use nix::libc;

use super::observed::Role;
use super::recorder::{Recorder, Start};
use crate::launch::init::Watch;
use crate::linux::proc::Task;
use crate::linux::sys::trace::{self, Change, Stop};

/// Follows the app and every process that it makes.
pub struct Tracer<'a> {
    recorder: Recorder<'a>,
    /// The app's first process.
    app: i32,
    /// The tasks that are followed, and the name of the program that each runs.
    tasks: HashMap<i32, Vec<u8>>,
    /// Whether tasks are let go as they stand still.
    lets_go: bool,
}

impl<'a> Tracer<'a> {
    /// Follows `app` from now on. Fails if the kernel refuses it.
    pub fn seize(recorder: &mut Option<Recorder<'a>>, app: u32) -> Result<Self, Errno> {
        let app = i32::try_from(app).map_err(|_| Errno::ESRCH)?;
        trace::seize(app)?;
        let recorder = recorder.take().ok_or(Errno::EINVAL)?;
        let tasks = HashMap::from([(app, Vec::new())]);
        Ok(Self { recorder, app, tasks, lets_go: false })
    }

    /// Looks at every process that is followed.
    pub fn look(&mut self) {
        for pid in self.tasks.keys() {
            self.recorder.look(pid.unsigned_abs());
        }
    }

    /// What was written down.
    pub fn into_recorder(self) -> Recorder<'a> {
        self.recorder
    }

    /// Lets every task go as soon as it stands still, and makes all of them stand still.
    pub fn let_go(&mut self) {
        self.lets_go = true;
        for pid in self.tasks.keys() {
            let _ = trace::interrupt(*pid);
        }
    }

    /// Whether nobody is followed any more.
    pub fn is_done(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Notes a task that another one has made. Its first stop may come before the other's.
    fn made(&mut self, parent: i32) {
        if let Ok(child) = trace::number(parent) {
            let name = self.tasks.get(&parent).cloned().unwrap_or_default();
            self.tasks.insert(child, name);
        }
    }

    /// Notes what a process has become. The kernel gives a thread that becomes another program the number of its process.
    fn executed(&mut self, pid: i32) {
        if let Some(thread) = trace::number(pid).ok().filter(|thread| *thread != pid) {
            self.tasks.remove(&thread);
        }
        let is_first = self.tasks.get(&self.app).is_some_and(Vec::is_empty);
        let role = if pid == self.app && is_first { Role::App } else { Role::Child };
        let by = self.tasks.get(&pid).cloned().or_else(|| self.of_parent(pid)).unwrap_or_default();
        let process = pid.unsigned_abs();
        self.recorder.started(process, &Start { role, by: &by, seen: true });
        self.tasks.insert(pid, Task::Process(process).comm().unwrap_or_default());
    }

    /// The name of what the parent runs.
    fn of_parent(&self, pid: i32) -> Option<Vec<u8>> {
        let parent = Task::Process(pid.unsigned_abs()).parent()?;
        self.tasks.get(&i32::try_from(parent).ok()?).cloned()
    }
}

impl Watch for Tracer<'_> {
    fn signal(&mut self, signal: i32) {
        // What the app does then may be to end: what it listens on is there now.
        if matches!(signal, libc::SIGTERM | libc::SIGINT | libc::SIGQUIT | libc::SIGHUP) {
            self.look();
        }
    }

    fn changed(&mut self, pid: i32, change: Change) {
        let Change::Stopped(stop) = change else {
            self.tasks.remove(&pid);
            return;
        };
        match stop {
            Stop::Exec => self.executed(pid),
            Stop::Made => self.made(pid),
            Stop::Exit if Task::Process(pid.unsigned_abs()).is_last_or_first_thread() => {
                self.recorder.look(pid.unsigned_abs());
            }
            Stop::Begin if !self.tasks.contains_key(&pid) => {
                let name = self.of_parent(pid).unwrap_or_default();
                self.tasks.insert(pid, name);
            }
            Stop::Exit | Stop::Begin | Stop::Group | Stop::Signal(_) => {}
        }
        let signal = if let Stop::Signal(signal) = stop { signal } else { 0 };
        // A task that was killed meanwhile is gone.
        let _ = match stop {
            _ if self.lets_go => {
                self.tasks.remove(&pid);
                trace::let_go(pid, signal)
            }
            Stop::Group => trace::listen(pid),
            _ => trace::go_on(pid, signal),
        };
    }
}
