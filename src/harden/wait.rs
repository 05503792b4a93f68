//! Waits for the app: an entrypoint script still needs the shell that is about to go.
//!
//! The app has settled if two looks at its processes, 200 ms apart, see the same ones (pid, start time, program), and
//! none of them runs a program that the plan takes away. A third look, just before the plan is carried out, must see
//! the same. Only the first process can hold the plan up without limit. Its descendants, which may include orphans of a
//! `kubectl exec`, can do so until the time limit. The limit counts from the start of the first process, because each
//! try of a probe is a new process.
//!
//! The results hold no pids and no times, so every text made from them is the same from try to try: the kubelet drops
//! events after some 22 different ones.

mod doomed;
mod judge;

use std::time::Duration;

use crate::harden::plan::Change;
use crate::linux::proc::processes::Program;
use crate::probe::{ProbeError, Target};
use crate::root::Root;
use crate::target::app::App;
use crate::target::owner::Owner;
use crate::target::processes::ProcessError;

pub use doomed::{Doomed, Remedy, Run};
use judge::{Look, look, unchanged};

/// The time between two looks.
pub const INTERVAL: Duration = Duration::from_millis(200);

/// How long a try may take, unless `--deadline` says otherwise. It is less than the 10 s that the examples give a
/// probe.
pub const DEADLINE: Duration = Duration::from_secs(8);

/// How many looks are compared before a try gives up on processes that keep changing. The next try continues.
const LOOKS: u32 = 5;

/// The longest time that one target is waited for.
const TARGET_TIMEOUT: Duration = Duration::from_secs(1);

/// What is waited for.
#[derive(Debug)]
pub struct Wait<'a> {
    /// The owner of the processes.
    pub owner: &'a Owner,
    /// The programs that none of them may run.
    pub doomed: &'a Doomed<'a>,
    /// Targets that must answer, too.
    pub targets: &'a [Target],
    /// The time limit, from the start of the first process. After it, descendants and targets are no longer waited for.
    pub timeout: Duration,
}

/// Why the app has not settled.
#[derive(Debug)]
pub enum Obstacle {
    /// No process of the app runs.
    NoProcess,
    /// The container's first process runs a program that goes.
    First(Run),
    /// Another process of the app runs a program that goes.
    Descendant(Run),
    /// Which libraries a process of this command name has loaded cannot be read, and its program is none of `[keep]`.
    Unread(Vec<u8>),
    /// The processes of the app change from look to look.
    Changing,
    /// This target does not answer.
    Silent(Target, ProbeError),
}

/// What helps if the app never settles.
#[derive(Debug)]
pub struct Help {
    /// What to do.
    pub remedy: Remedy,
    /// The change of the profile that helps, too, if one was looked for and found.
    pub change: Option<Change>,
}

impl Help {
    fn by(remedy: Remedy) -> Self {
        Self { remedy, change: None }
    }
}

/// Why the plan may not be carried out.
#[derive(Debug)]
pub enum WaitError {
    /// The app has not settled yet. It may have at the next try.
    NotYet(Obstacle),
    /// The app did not settle in time, and there is no next try.
    TimedOut {
        /// Why it did not settle.
        obstacle: Obstacle,
        /// The time limit.
        timeout: Duration,
        /// What helps.
        help: Box<Help>,
    },
    /// This process is the container's first process: there is no app to wait for.
    NoApp,
    /// The processes cannot be listed.
    Processes(ProcessError),
}

impl From<ProcessError> for WaitError {
    fn from(error: ProcessError) -> Self {
        Self::Processes(error)
    }
}

/// A remark about a process of an app that has settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Its command name.
    pub comm: Vec<u8>,
    /// The program that it runs and that goes. `None` if its program cannot be read.
    pub runs: Option<Run>,
}

impl Wait<'_> {
    /// Makes one try. It takes at least 200 ms if the app has settled, and no time if the first look shows that it has
    /// not. It ends early at the deadline of `root`. Targets that are files are looked for in `root`. Fails with the
    /// reason why the plan may not be carried out.
    pub fn try_once(&self, root: &Root) -> Result<Vec<Remark>, WaitError> {
        let mut before = App::look(self.owner)?;
        for _ in 0..LOOKS {
            self.allows(&before)?;
            let Some(now) = self.next(root)? else { return Err(WaitError::NotYet(Obstacle::Changing)) };
            if unchanged(&before, &now, self.expired(&now)) {
                return self.confirm(root, &now);
            }
            before = now;
        }
        Err(self.not_yet(&before, Obstacle::Changing))
    }

    /// Probes the targets and takes the last look, after two looks were the same.
    fn confirm(&self, root: &Root, before: &App) -> Result<Vec<Remark>, WaitError> {
        self.allows(before)?;
        for target in self.targets {
            target
                .probe(root, TARGET_TIMEOUT.min(root.deadline().remaining()))
                .map_err(|error| self.not_yet(before, Obstacle::Silent(target.clone(), error)))?;
        }
        let now = App::look(self.owner)?;
        self.allows(&now)?;
        if unchanged(before, &now, self.expired(&now)) {
            Ok(self.remarks(&now))
        } else {
            Err(self.not_yet(&now, Obstacle::Changing))
        }
    }

    /// Fails unless the app is the same as at an earlier look.
    pub fn confirm_unchanged(&self, since: &App) -> Result<(), WaitError> {
        if unchanged(since, &App::look(self.owner)?, false) {
            Ok(())
        } else {
            Err(WaitError::NotYet(Obstacle::Changing))
        }
    }

    /// Fails if this look alone shows that the app has not settled.
    pub fn allows(&self, app: &App) -> Result<(), WaitError> {
        if app.first.as_ref().is_some_and(|first| first.pid == std::process::id()) {
            return Err(WaitError::NoApp);
        }
        let expired = self.expired(app);
        Err(match look(app, self.doomed, expired) {
            Look::Clean => return Ok(()),
            Look::NoApp => self.not_yet(app, Obstacle::NoProcess),
            Look::First(process, run) if expired => {
                let remedy = self.doomed.remedy(process, &run);
                WaitError::TimedOut {
                    obstacle: Obstacle::First(run),
                    timeout: self.timeout,
                    help: Box::new(Help::by(remedy)),
                }
            }
            Look::First(_, run) => WaitError::NotYet(Obstacle::First(run)),
            Look::Descendant(run) => WaitError::NotYet(Obstacle::Descendant(run)),
        })
    }

    /// The error for this obstacle. After the time limit there is no next try.
    fn not_yet(&self, app: &App, obstacle: Obstacle) -> WaitError {
        if self.expired(app) {
            WaitError::TimedOut { obstacle, timeout: self.timeout, help: Box::new(Help::by(Remedy::EndScript(None))) }
        } else {
            WaitError::NotYet(obstacle)
        }
    }

    /// Takes a look after the interval; `None` if the deadline comes first.
    fn next(&self, root: &Root) -> Result<Option<App>, ProcessError> {
        std::thread::sleep(INTERVAL.min(root.deadline().remaining()));
        if root.deadline().is_over() { Ok(None) } else { App::look(self.owner).map(Some) }
    }

    /// Whether the first process has run longer than the time limit.
    fn expired(&self, app: &App) -> bool {
        app.age().is_some_and(|age| age >= self.timeout)
    }

    fn remarks(&self, app: &App) -> Vec<Remark> {
        let mut remarks = Vec::new();
        for process in app.processes() {
            let runs = self.doomed.run_by(process);
            if runs.is_some() || matches!(process.program, Program::Unreadable { .. }) {
                let remark = Remark { comm: process.comm.clone(), runs };
                if !remarks.contains(&remark) {
                    remarks.push(remark);
                }
            }
        }
        remarks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::proc::processes::Process;

    #[test]
    fn past_the_time_limit_nothing_is_waited_for_any_more() {
        let doomed = Doomed::default();
        let owner = Owner::Own { path: b"/".to_vec() };
        let wait = Wait { owner: &owner, doomed: &doomed, targets: &[], timeout: Duration::from_secs(5) };
        let zombie =
            Process { pid: u32::MAX, thread: u32::MAX, parent: 0, start: 0, comm: vec![], program: Program::None };
        let after = |seconds| App { first: Some(zombie.clone()), time: Duration::from_secs(seconds), ..App::default() };
        assert!(matches!(wait.allows(&after(4)), Err(WaitError::NotYet(Obstacle::NoProcess))));
        let expired = wait.allows(&after(5));
        assert!(
            matches!(
                &expired,
                Err(WaitError::TimedOut { obstacle: Obstacle::NoProcess, help, .. })
                    if help.remedy == Remedy::EndScript(None)
            ),
            "{expired:?}"
        );
    }
}
