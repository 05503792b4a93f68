//! The steps that make a target immutable, each a value that the next one consumes:
//!
//! ```text
//! Protected ─► Surveyed ─► Planned ─► Settled ─► Applied
//! ```
//!
//! A command is a list of these steps and a [`Policy`]. Only [`Settled::apply`] changes the target. `verify` looks at what
//! that leaves, `report` makes the text of it all, and `volume::stage` copies what a plan would leave.

use std::rc::Rc;
use std::time::Duration;

use nix::errno::Errno;

use crate::harden::apply::{self, Outcome};
use crate::harden::declared_app::{self, DeclaredApp, DeclaredAppError, UnknownApp};
use crate::harden::plan::{Note, Plan, plan};
use crate::harden::protection::{LoadedError, Protection, Starter};
use crate::harden::survey::{self, Depth, Survey, survey};
use crate::harden::wait::{Doomed, Remark, Wait, WaitError};
use crate::probe;
use crate::profile::Profile;
use crate::recognise::command_line::CommandLine;
use crate::root::RootError;
use crate::target::Target;
use crate::target::app::App;
use crate::target::host_guard::{self, HostRoot};
use crate::target::processes::ProcessError;

/// What differs from command to command.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// Whether the target may be a machine's root.
    pub allow_host: bool,
    /// How the app starts, and so what it needs for that.
    pub start: Start<'a>,
    /// What the programs mean that processes run.
    pub processes: Processes<'a>,
    /// Whether nothing is changed.
    pub dry_run: bool,
    /// Whether what cannot be removed gets mode 000.
    pub disable_instead: bool,
}

impl<'a> Policy<'a> {
    /// Of a command that changes nothing in the target.
    pub fn reading(start: Start<'a>, processes: Processes<'a>) -> Self {
        Self { allow_host: true, start, processes, dry_run: true, disable_instead: false }
    }
}

/// How the app starts.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// `run` starts it next.
    Next {
        /// Its command.
        command: &'a CommandLine,
        /// Whether it is said that scripts come first, of whatever interpreter.
        by_scripts: bool,
    },
    /// Somebody starts it at some time, and may have said how.
    Later(&'a DeclaredApp),
    /// It has started, or nobody is asked.
    Unasked,
}

/// What the programs mean that processes run.
#[derive(Clone, Copy, Debug)]
pub enum Processes<'a> {
    /// A plan that would take one away from the app is refused.
    Veto,
    /// The plan waits until the app runs none that it takes away.
    HoldUp {
        /// So long, from the start of the app's first process.
        timeout: Duration,
        /// What has to answer besides.
        targets: &'a [probe::Target],
    },
    /// They explain what stays. Of processes that cannot be seen nothing is explained.
    Explain,
    /// Nothing is deleted where they run.
    Ignored,
}

/// Why there is nothing that may be carried out.
#[derive(Debug)]
pub enum HardenError {
    /// The target is, or may be, a machine's root.
    Host(HostRoot),
    /// What runs is not known.
    Processes(ProcessError),
    /// What the app has loaded is not known.
    Loaded(LoadedError),
    /// What the container will start is not known, or is not there.
    App(DeclaredAppError),
    /// The target cannot be surveyed at all.
    Survey(RootError),
    /// The app has not settled.
    Wait(WaitError),
    /// The deadline came, after so long, before anything was changed.
    Deadline(Duration),
}

/// What must stay is known.
#[derive(Debug)]
pub struct Protected<'a> {
    /// The target.
    pub target: &'a Target,
    /// What is asked for.
    pub profile: &'a Profile,
    policy: Policy<'a>,
    app: App,
    /// What must stay.
    pub protection: Protection,
    unknown: Option<UnknownApp>,
}

/// What the rules meet is known, too.
#[derive(Debug)]
pub struct Surveyed<'a> {
    protected: Protected<'a>,
    survey: Survey,
}

/// What is to be done is known, too.
#[derive(Debug)]
pub struct Planned<'a> {
    /// What must stay, and where.
    pub protected: Protected<'a>,
    /// The steps.
    pub plan: Plan,
    /// What could not be looked at.
    pub unreadable: Vec<RootError>,
    /// What an app that is waited for may not run.
    doomed: Option<Doomed<'a>>,
}

/// The plan may be carried out now.
#[derive(Debug)]
pub struct Settled<'a> {
    planned: Planned<'a>,
    remarks: Vec<Remark>,
}

/// The plan was carried out.
#[derive(Debug)]
pub struct Applied<'a> {
    /// What must stay, and where.
    pub protected: Protected<'a>,
    /// The steps.
    pub plan: Plan,
    /// What became of them: none for a plan that was refused, `None` for a dry run.
    pub outcomes: Option<Vec<Outcome>>,
    /// What could not be looked at.
    pub unreadable: Vec<RootError>,
    /// On the processes of an app that was waited for.
    pub remarks: Vec<Remark>,
}

impl<'a> Protected<'a> {
    /// Looks whether `target` may be hardened at all, and what must stay there.
    pub fn new(target: &'a Target, profile: &'a Profile, policy: Policy<'a>) -> Result<Self, HardenError> {
        in_time(target, Self::look(target, profile, policy))
    }

    fn look(target: &'a Target, profile: &'a Profile, policy: Policy<'a>) -> Result<Self, HardenError> {
        if !policy.allow_host {
            host_guard::check(target).map_err(HardenError::Host)?;
        }
        let app = match policy.processes {
            Processes::Veto | Processes::HoldUp { .. } => target.look().map_err(HardenError::Processes)?,
            Processes::Explain => target.look().unwrap_or_default(),
            Processes::Ignored => App::default(),
        };
        let protection = match policy.processes {
            Processes::HoldUp { .. } => Protection::of_waited_for(&app),
            Processes::Veto | Processes::Explain | Processes::Ignored => Protection::of_running(&app),
        };
        let mut protection = match policy.processes {
            Processes::Explain => protection.unwrap_or_default(),
            _ => protection.map_err(HardenError::Processes)?,
        };
        protection.add_needs_of_kept(&target.root, &profile.search(), &survey::kept(&target.root, profile));
        if profile.closure() {
            let loaded = protection.add_loaded(target, profile, &app);
            if !matches!(policy.processes, Processes::Explain) {
                loaded.map_err(HardenError::Loaded)?;
            }
        }
        let mut protected = Self { target, profile, policy, app, protection, unknown: None };
        protected.protect_start()?;
        if matches!(policy.processes, Processes::Veto) && target.owner.has_processes() {
            protected.protection.add_all_started(target, profile, &protected.app);
        }
        Ok(protected)
    }

    /// Protects what the app needs to start.
    fn protect_start(&mut self) -> Result<(), HardenError> {
        let Target { root, owner } = self.target;
        match self.policy.start {
            Start::Next { command, by_scripts } => {
                self.protection.add_command(root, &self.profile.search(), command, Starter::Run { by_scripts });
            }
            Start::Later(declared) => {
                let deletes = !matches!(self.policy.processes, Processes::Ignored);
                let runs = deletes && declared_app::runs(owner, &self.app);
                let unknown = declared.protect(self.target, self.profile, runs, &mut self.protection);
                match unknown.map_err(HardenError::App)? {
                    Some(unknown) if deletes && !unknown.only_shells => {
                        return Err(HardenError::App(DeclaredAppError::Unknown(unknown)));
                    }
                    unknown => self.unknown = unknown,
                }
            }
            Start::Unasked => {}
        }
        Ok(())
    }

    /// Looks what the rules of the profile meet.
    pub fn survey(mut self) -> Result<Surveyed<'a>, HardenError> {
        let survey = in_time(self.target, self.look_around())?;
        self.protection.add_unreadable(self.target, self.profile, &survey.found);
        Ok(Surveyed { protected: self, survey })
    }

    fn look_around(&self) -> Result<Survey, HardenError> {
        let Target { root, owner } = self.target;
        let look = |depth| survey(root, self.profile, &self.protection, depth).map_err(HardenError::Survey);
        if let Processes::HoldUp { timeout, .. } = self.policy.processes {
            // Most tries end here, for a script whose shell a rule names: that must cost next to nothing.
            let doomed = Doomed::of(self.target, self.profile, &look(Depth::Names)?, &self.protection);
            let wait = Wait { owner, doomed: &doomed, targets: &[], timeout };
            wait.allows(&self.app).map_err(HardenError::Wait)?;
        }
        look(Depth::Full)
    }
}

impl<'a> Surveyed<'a> {
    /// Decides what is to be done.
    pub fn plan(self) -> Planned<'a> {
        let Self { mut protected, survey } = self;
        let (target, profile) = (protected.target, protected.profile);
        let mut doomed = None;
        if let Processes::HoldUp { .. } = protected.policy.processes {
            let doomed = doomed.insert(Doomed::of(target, profile, &survey, &protected.protection));
            // What the first process was started by, once that is the app and no script that is waited for.
            if protected.app.first.as_ref().is_some_and(|first| doomed.run_by(first).is_none()) {
                protected.protection.add_first(target, profile, &protected.app);
                doomed.spare(&protected.protection);
            }
        }
        let mut plan = plan(profile, &survey, &protected.protection);
        plan.notes.extend(protected.unknown.take().map(|unknown| Note::UnknownApp(Rc::new(unknown))));
        Planned { protected, plan, unreadable: survey.unreadable, doomed }
    }
}

impl<'a> Planned<'a> {
    /// Waits until the app has settled, where it is waited for: one try.
    pub fn settle(self) -> Result<Settled<'a>, HardenError> {
        let Protected { target, profile, policy, app, .. } = &self.protected;
        in_time(target, Ok(()))?;
        let mut remarks = Vec::new();
        if let (Processes::HoldUp { timeout, targets }, Some(doomed)) = (policy.processes, &self.doomed) {
            if self.plan.refusals.is_empty() {
                let wait = Wait { owner: &target.owner, doomed, targets, timeout };
                remarks = wait.try_once(&target.root).map_err(HardenError::Wait)?;
                // The libraries that stay are those that the app had loaded then.
                if profile.closure() {
                    wait.confirm_unchanged(app).map_err(HardenError::Wait)?;
                }
                in_time(target, Ok(()))?;
            }
        }
        Ok(Settled { planned: self, remarks })
    }
}

impl<'a> Settled<'a> {
    /// Carries the plan out.
    pub fn apply(self) -> Applied<'a> {
        let Self { planned: Planned { protected, plan, unreadable, .. }, remarks } = self;
        let outcomes = (!protected.policy.dry_run).then(|| {
            let mut outcomes = apply::apply(&protected.target.root, &plan);
            if protected.policy.disable_instead {
                apply::disable_instead(&protected.target.root, &plan, &mut outcomes);
            }
            outcomes
        });
        Applied { protected, plan, outcomes, unreadable, remarks }
    }
}

impl Applied<'_> {
    /// Whether nothing could be changed because the filesystem is read-only.
    pub fn is_read_only(&self) -> bool {
        let refused =
            |outcome: &Outcome| matches!(outcome, Outcome::Failed { error, .. } if error.errno() == Errno::EROFS);
        self.outcomes.as_ref().is_some_and(|outcomes| !outcomes.is_empty() && outcomes.iter().all(refused))
    }
}

/// The result of a step that reads, if that was before the deadline. When that has come every access fails, and errors do
/// not say the true reason.
fn in_time<T>(target: &Target, step: Result<T, HardenError>) -> Result<T, HardenError> {
    match target.root.deadline().exceeded() {
        Some(limit) => Err(HardenError::Deadline(limit)),
        None => step,
    }
}
