//! Waiting for the app: an entrypoint script still needs the shell that is about to go.
//!
//! The app has settled when two looks at its processes, 200 ms apart, see the same ones (pid, start time, program), none
//! of which runs what the plan takes away; and so does a third look, just before the plan is carried out. Only the first
//! process can hold it up for ever; its descendants, among which orphans of a `kubectl exec` may be, until the time limit.
//! The limit counts from the first process's start, because each try of a probe is a new process.
//!
//! Every text is the same from try to try: no pids, no times. The kubelet drops events after some 22 different ones.

mod doomed;
mod judge;

use std::time::Duration;

use crate::harden::plan::STAYS;
use crate::linux::proc::processes::{Process, Program};
use crate::probe::Target;
use crate::root::Root;
use crate::target::app::App;
use crate::target::owner::Owner;
use crate::target::processes::ProcessError;
use crate::text::seconds;

pub use doomed::Doomed;
use judge::{Look, look, unchanged};

/// How far the looks are apart.
pub const INTERVAL: Duration = Duration::from_millis(200);

/// When a try ends whatever it has reached, unless `--deadline` says otherwise: before the 10 s that examples give it.
pub const DEADLINE: Duration = Duration::from_secs(8);

/// Looks that are compared before a try gives up on processes that keep changing: the next try goes on.
const LOOKS: u32 = 5;

/// The longest that one of the targets is waited for.
const TARGET_TIMEOUT: Duration = Duration::from_secs(1);

/// What is waited for.
#[derive(Debug)]
pub struct Wait<'a> {
    /// Whose processes.
    pub owner: &'a Owner,
    /// What none of them may run.
    pub doomed: &'a Doomed<'a>,
    /// What has to answer besides.
    pub targets: &'a [Target],
    /// How long from the start of the first process; then descendants and targets are no longer waited for.
    pub timeout: Duration,
}

/// How a try ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Waited {
    /// The app has settled; the plan may be carried out at once.
    Settled {
        /// Remarks for people.
        notes: Vec<String>,
    },
    /// Not yet: what for, on one line.
    Waiting(String),
    /// Not in time, and nothing may be done: what for, on one line, and what to do.
    TimedOut(String, String),
    /// This process is the container's first: there is nobody to wait for.
    NoApp,
}

impl Wait<'_> {
    /// One try: at least 200 ms when the app has settled, none at all when it certainly has not. Ends early at the
    /// deadline of `root`, in which files are looked for.
    pub fn try_once(&self, root: &Root) -> Result<Waited, ProcessError> {
        let mut before = App::look(self.owner)?;
        for _ in 0..LOOKS {
            if let Some(not_yet) = self.blocked(&before) {
                return Ok(not_yet);
            }
            let Some(now) = self.next(root)? else { return Ok(Waited::Waiting(CHANGING.to_owned())) };
            if unchanged(&before, &now, self.expired(&now)) {
                return self.settled(root, &now);
            }
            before = now;
        }
        Ok(self.not_yet(&before, CHANGING.to_owned()))
    }

    /// Past the time limit there is no next try.
    fn not_yet(&self, app: &App, what: String) -> Waited {
        if self.expired(app) { Waited::TimedOut(what, STAYS.to_owned()) } else { Waited::Waiting(what) }
    }

    /// After two looks alike: the targets, and the last look.
    fn settled(&self, root: &Root, before: &App) -> Result<Waited, ProcessError> {
        if let Some(not_yet) = self.blocked(before) {
            return Ok(not_yet);
        }
        for target in self.targets {
            if let Err(error) = target.probe(root, TARGET_TIMEOUT.min(root.deadline().remaining())) {
                return Ok(self.not_yet(before, format!("{target} does not answer: {error}")));
            }
        }
        let now = App::look(self.owner)?;
        let expired = self.expired(&now);
        if let Some(not_yet) = self.blocked(&now) {
            return Ok(not_yet);
        }
        if !unchanged(before, &now, expired) {
            return Ok(self.not_yet(&now, CHANGING.to_owned()));
        }
        Ok(Waited::Settled { notes: self.notes(&now) })
    }

    /// Whether the app still is as it was at an earlier look.
    pub fn is_unchanged_since(&self, app: &App) -> Result<bool, ProcessError> {
        Ok(unchanged(app, &App::look(self.owner)?, false))
    }

    /// Whether one look is enough to say no.
    pub fn blocked(&self, app: &App) -> Option<Waited> {
        if app.first.as_ref().is_some_and(|first| first.pid == std::process::id()) {
            return Some(Waited::NoApp);
        }
        let expired = self.expired(app);
        match look(app, self.doomed, expired) {
            Look::Clean => None,
            Look::NoApp => Some(self.not_yet(app, "no process of the app runs".to_owned())),
            Look::First(process, run) if expired => {
                let limit = seconds::format(self.timeout);
                let text = format!("the container's first process{run}, {limit} s after its start");
                Some(Waited::TimedOut(text, self.doomed.advice(process, run)))
            }
            Look::First(_, run) => Some(Waited::Waiting(format!("the container's first process{run}"))),
            Look::Descendant(run) => Some(Waited::Waiting(format!("a process of the app{run}"))),
        }
    }

    /// A look after the interval; `None` when the deadline comes first.
    fn next(&self, root: &Root) -> Result<Option<App>, ProcessError> {
        std::thread::sleep(INTERVAL.min(root.deadline().remaining()));
        if root.deadline().is_over() { Ok(None) } else { App::look(self.owner).map(Some) }
    }

    /// Whether the first process is older than the time limit.
    fn expired(&self, app: &App) -> bool {
        app.age().is_some_and(|age| age >= self.timeout)
    }

    fn notes(&self, app: &App) -> Vec<String> {
        let mut notes = Vec::new();
        let mut note = |text: String| {
            if !notes.contains(&text) {
                notes.push(text);
            }
        };
        for process in app.processes() {
            if let Some(run) = self.doomed.run_by(process) {
                note(format!(
                    "{} of the app{run}; it was not waited for, because --wait-timeout has passed",
                    who(process)
                ));
            } else if matches!(process.program, Program::Unreadable { .. }) {
                note(format!(
                    "the program of {} of the app cannot be read (CAP_SYS_PTRACE): its name and the size of its code decided",
                    who(process)
                ));
            }
        }
        notes
    }
}

/// What is said of processes that are not alike from look to look.
pub const CHANGING: &str = "the app's processes are still changing";

fn who(process: &Process) -> String {
    format!("a process ({})", crate::text::escape::escape(&process.comm))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_the_time_limit_nothing_is_waited_for_any_more() {
        let doomed = Doomed::default();
        let owner = Owner::Own { path: b"/".to_vec() };
        let wait = Wait { owner: &owner, doomed: &doomed, targets: &[], timeout: Duration::from_secs(5) };
        let zombie =
            Process { pid: u32::MAX, thread: u32::MAX, parent: 0, start: 0, comm: vec![], program: Program::None };
        let after = |seconds| App { first: Some(zombie.clone()), time: Duration::from_secs(seconds), ..App::default() };
        let what = "no process of the app runs".to_owned();
        assert_eq!(wait.blocked(&after(4)), Some(Waited::Waiting(what.clone())));
        assert_eq!(wait.blocked(&after(5)), Some(Waited::TimedOut(what, STAYS.to_owned())));
    }
}
