//! The steps that make a target immutable. Each step is a value that the next one consumes:
//!
//! ```text
//! Protected ─► Surveyed ─► Planned ─► Settled ─► Applied
//! ```
//!
//! A command is a list of these steps and a [`Policy`]. Only [`Settled::apply`] changes the target. `verify` checks the
//! result, `report` turns all of it into text, and `volume::stage` copies what a plan would leave.

mod change;

use std::rc::Rc;
use std::time::Duration;

use nix::errno::Errno;

use crate::harden::apply::{self, Notes, Outcome};
use crate::harden::declared_app::{self, DeclaredApp, DeclaredAppError, UnknownApp};
use crate::harden::kept::Kept;
use crate::harden::plan::{Note, Plan, plan};
use crate::harden::protection::{LoadedError, Protection, Starter};
use crate::harden::survey::{Depth, Examined, Survey, survey};
use crate::harden::wait::{Doomed, Obstacle, Remark, Wait, WaitError};
use crate::linux::proc::processes::Process;
use crate::linux::time::Time;
use crate::probe;
use crate::profile::Profile;
use crate::recognise::command_line::CommandLine;
use crate::root::{Canonical, RootError};
use crate::target::Target;
use crate::target::app::App;
use crate::target::host_guard::{self, HostRoot};
use crate::target::processes::ProcessError;
use crate::target::start::start;

pub use change::is_not_refused;

/// The differences between the commands.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// Whether the target may be the root of a machine.
    pub allow_host: bool,
    /// How the app starts, which says what it needs for that.
    pub start: Start<'a>,
    /// What it means for a plan that processes run programs.
    pub processes: Processes<'a>,
    /// Whether the target is left unchanged.
    pub dry_run: bool,
    /// Whether a file that cannot be removed gets mode 000.
    pub disable_instead: bool,
}

impl<'a> Policy<'a> {
    /// The policy of a command that changes nothing in the target.
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
        /// Whether scripts start the app, in any interpreter, as the user said.
        by_scripts: bool,
    },
    /// The container starts it later, and it may be declared how.
    Later(&'a DeclaredApp),
    /// The app has started, or it is not asked how it starts.
    Unasked,
}

/// What it means for a plan that processes run programs.
#[derive(Clone, Copy, Debug)]
pub enum Processes<'a> {
    /// A plan that would take away a program that the app runs is refused.
    Veto,
    /// The plan waits until the app runs no program that it takes away.
    HoldUp {
        /// How long to wait, from the start of the app's first process.
        timeout: Duration,
        /// Targets that must answer, too.
        targets: &'a [probe::Target],
    },
    /// The processes explain why something stays. If they cannot be seen, nothing is explained.
    Explain,
    /// Processes are not looked at: nothing is deleted in a place where they run.
    Ignored,
}

/// Why no plan can be made or carried out.
#[derive(Debug)]
pub enum HardenError {
    /// The target is or may be the root of a machine.
    Host(HostRoot),
    /// The processes cannot be listed.
    Processes(ProcessError),
    /// The libraries that the app has loaded are not known.
    Loaded(LoadedError),
    /// The app is not declared, or something that its command names does not exist.
    App(DeclaredAppError),
    /// The target cannot be surveyed.
    Survey(RootError),
    /// The app has not settled.
    Wait(WaitError),
    /// The deadline, this long after the start, passed before anything was changed.
    Deadline(Duration),
}

/// A target for which it is known what must stay.
#[derive(Debug)]
pub struct Protected<'a> {
    /// The target.
    pub target: &'a Target,
    /// The profile.
    pub profile: &'a Profile,
    policy: Policy<'a>,
    app: App,
    /// What `[keep]` names. `None` if that could not be resolved and is only needed for an explanation.
    kept: Option<Kept>,
    /// What must stay.
    pub protection: Protection,
    unknown: Option<UnknownApp>,
    /// What the survey has read, so that verification need not read it again.
    pub examined: Examined,
    /// When the container started; `None` if that is not known, or if nothing is changed.
    start: Option<Time>,
}

/// A target for which it is also known what the rules meet.
#[derive(Debug)]
pub struct Surveyed<'a> {
    protected: Protected<'a>,
    survey: Survey,
}

/// A target for which it is also decided what to do.
#[derive(Debug)]
pub struct Planned<'a> {
    /// The target and what must stay there.
    pub protected: Protected<'a>,
    /// The plan.
    pub plan: Plan,
    /// What could not be looked at.
    pub unreadable: Vec<RootError>,
    /// The programs that an app that is waited for must not run.
    doomed: Option<Doomed<'a>>,
}

/// A plan that may be carried out now.
#[derive(Debug)]
pub struct Settled<'a> {
    planned: Planned<'a>,
    remarks: Vec<Remark>,
}

/// A plan that was carried out.
#[derive(Debug)]
pub struct Applied<'a> {
    /// The target and what must stay there.
    pub protected: Protected<'a>,
    /// The plan.
    pub plan: Plan,
    /// What became of its actions. It is empty for a plan that was refused, and `None` for a dry run.
    pub outcomes: Option<Vec<Outcome>>,
    /// What could not be looked at.
    pub unreadable: Vec<RootError>,
    /// Remarks about the processes of an app that was waited for.
    pub remarks: Vec<Remark>,
    /// Why harden's mark could not be left; `None` if it could, or if there is nothing to mark.
    pub unmarked: Option<Errno>,
    /// What was changed, and had come or been changed by others after the container's start.
    pub newcomers: Vec<Canonical>,
}

impl<'a> Protected<'a> {
    /// Checks whether `target` may be hardened, and determines what must stay there. Fails if the target may be the
    /// root of a machine, if what must stay cannot be determined, or if the deadline has passed.
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
        let kept = match (Kept::resolve(&target.root, profile), policy.processes) {
            // A command that looks at what is left reports this error itself.
            (Err(_), Processes::Explain) => None,
            (kept, _) => Some(kept.map_err(HardenError::Survey)?),
        };
        if let Some(kept) = &kept {
            protection.add_needs_of_kept(&target.root, &profile.search(), kept);
        }
        if profile.closure() {
            let loaded = protection.add_loaded(target, profile, &app);
            match (loaded, policy.processes) {
                (Ok(()), _) | (_, Processes::Explain) => {}
                // What is still starting may run a compiler or a shell as another user for a moment.
                (Err(error), Processes::HoldUp { timeout, .. }) if app.age().is_none_or(|age| age < timeout) => {
                    return Err(HardenError::Wait(WaitError::NotYet(Obstacle::Unread(error.comm))));
                }
                (Err(error), _) => return Err(HardenError::Loaded(error)),
            }
        }
        // If nothing is changed, nothing is looked at a second time.
        let start = if policy.dry_run { None } else { start(target, &app).ok() };
        let examined = start.map_or_else(Examined::default, |start| Examined::of(&target.root, start));
        let mut protected = Self { target, profile, policy, app, kept, protection, unknown: None, examined, start };
        protected.protect_start()?;
        if matches!(policy.processes, Processes::Veto) && target.owner.has_processes() {
            protected.protection.add_all_started(target, profile, &protected.app);
        }
        Ok(protected)
    }

    /// Whether the container has started, so that a change from now on is one since its start. If lithify is its first
    /// process and does not start the app, an image is being built.
    fn is_started(&self) -> bool {
        let own = |first: &Process| first.pid == std::process::id();
        match self.policy.start {
            _ if !self.target.owner.has_processes() => false,
            Start::Later(_) => self.app.first.as_ref().is_some_and(|first| !own(first)),
            Start::Next { .. } | Start::Unasked => true,
        }
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
                let kept = self.kept.as_ref();
                let unknown = declared.protect(self.target, self.profile, runs, kept, &mut self.protection);
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

    /// Determines what the rules of the profile meet. Fails if the root cannot be surveyed, if the app has certainly
    /// not settled, or if the deadline has passed.
    pub fn survey(self) -> Result<Surveyed<'a>, HardenError> {
        let (target, profile, policy) = (self.target, self.profile, self.policy);
        self.survey_once().map_err(|error| leading_on(target, profile, policy, error))
    }

    fn survey_once(mut self) -> Result<Surveyed<'a>, HardenError> {
        let survey = in_time(self.target, self.look_around())?;
        self.protection.add_unreadable(self.target, self.profile, &survey.found);
        Ok(Surveyed { protected: self, survey })
    }

    fn look_around(&self) -> Result<Survey, HardenError> {
        let Target { root, owner } = self.target;
        let resolved;
        let kept = if let Some(kept) = &self.kept {
            kept
        } else {
            resolved = Kept::resolve(root, self.profile).map_err(HardenError::Survey)?;
            &resolved
        };
        let look = |depth| {
            survey(root, self.profile, kept, &self.protection, depth, &self.examined).map_err(HardenError::Survey)
        };
        if let Processes::HoldUp { timeout, .. } = self.policy.processes {
            // Most tries end here, because of a script whose shell a rule names: that must cost next to nothing.
            let doomed = Doomed::of(self.target, self.profile, &look(Depth::Names)?, &self.protection);
            let wait = Wait { owner, doomed: &doomed, targets: &[], timeout };
            wait.allows(&self.app).map_err(HardenError::Wait)?;
        }
        let survey = look(Depth::Full)?;
        // Where something could not be looked at there may be another name of what goes, which no next run would know
        // without this one.
        if survey.unreadable.iter().any(RootError::may_pass) { look(Depth::Full) } else { Ok(survey) }
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
            // Protects what the first process was started by, if that process is the app and not a script that is
            // waited for.
            if protected.app.first.as_ref().is_some_and(|first| doomed.run_by(first).is_none()) {
                protected.protection.add_first(target, profile, &protected.app);
                *doomed = Doomed::of(target, profile, &survey, &protected.protection);
            }
        }
        let mut plan = plan(profile, &survey, &protected.protection);
        plan.notes.extend(protected.unknown.take().map(|unknown| Note::UnknownApp(Rc::new(unknown))));
        Planned { protected, plan, unreadable: survey.unreadable, doomed }
    }
}

impl<'a> Planned<'a> {
    /// Makes one try to wait until the app has settled, if the policy asks for that. Fails if the app has not settled
    /// or the deadline has passed.
    pub fn settle(self) -> Result<Settled<'a>, HardenError> {
        let Protected { target, profile, policy, app, .. } = &self.protected;
        let mut remarks = Vec::new();
        // A plan that is refused is refused at any time.
        if self.plan.refusals.is_empty() {
            in_time(target, Ok(()))?;
            if let (Processes::HoldUp { timeout, targets }, Some(doomed)) = (policy.processes, &self.doomed) {
                let wait = Wait { owner: &target.owner, doomed, targets, timeout };
                let leading_on = |error| leading_on(target, profile, *policy, HardenError::Wait(error));
                remarks = wait.try_once(&target.root).map_err(leading_on)?;
                // The libraries that stay are those that the app had loaded at the first look.
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
    /// Carries out the plan.
    pub fn apply(self) -> Applied<'a> {
        let Self { planned: Planned { protected, plan, unreadable, .. }, remarks } = self;
        let Target { root, .. } = protected.target;
        let start = protected.start.filter(|_| protected.is_started());
        let mut notes = start.map(|start| Notes::new(root, start));
        let outcomes = (!protected.policy.dry_run).then(|| {
            let mut outcomes = apply::apply(root, &plan, &mut notes);
            if protected.policy.disable_instead {
                apply::disable_instead(root, &plan, &mut outcomes, &mut notes);
            }
            outcomes
        });
        let left = notes.as_ref().map_or(Ok(()), |notes| notes.leave(&protected.app));
        let unmarked = left.err().map(|error| error.errno());
        let newcomers = notes.map(|notes| notes.newcomers).unwrap_or_default();
        Applied { protected, plan, outcomes, unreadable, remarks, unmarked, newcomers }
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

/// The error, with the change of the profile that helps if the app's first process is waited for in vain.
fn leading_on(target: &Target, profile: &Profile, policy: Policy<'_>, error: HardenError) -> HardenError {
    let HardenError::Wait(mut error) = error else { return error };
    let found = change::for_first(target, profile, policy, &error);
    if let WaitError::TimedOut { help, .. } = &mut error {
        help.change = found;
    }
    HardenError::Wait(error)
}

/// The result of a step that reads, if the deadline has not passed. After the deadline every access fails, and the
/// errors do not give the true reason.
fn in_time<T>(target: &Target, step: Result<T, HardenError>) -> Result<T, HardenError> {
    match target.root.deadline().exceeded() {
        Some(limit) => Err(HardenError::Deadline(limit)),
        None => step,
    }
}
