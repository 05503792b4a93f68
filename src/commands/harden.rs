//! `lithify harden`: plan, wait for the app if asked to, apply, then verify.

use std::rc::Rc;
use std::time::Duration;

use nix::errno::Errno;

use super::options::{declared_app, effective_profile};
use crate::cli::Harden;
use crate::harden::apply;
use crate::harden::declared_app::{self, DeclaredApp, DeclaredAppError};
use crate::harden::plan::{self, Plan, plan};
use crate::harden::protection::{Protection, Starter};
use crate::harden::survey::{self, Depth, Survey};
use crate::harden::wait::{Doomed, Wait, Waited};
use crate::linux::deadline::Deadline;
use crate::probe;
use crate::profile::Profile;
use crate::recognise::command_line::CommandLine;
use crate::report::{CommandError, Note, Report, Subcommand};
use crate::root::{Failure, InRoot, Root};
use crate::target::Target;
use crate::target::app::App;
use crate::target::host_guard;
use crate::text::seconds;

pub(super) fn harden(options: &Harden) -> Result<Report, CommandError> {
    let targets = targets(options)?;
    let waits = options.wait_for_app || !targets.is_empty();
    // A probe must say something before the kubelet gives it up; where nobody waits for it, it may take its time.
    let limit = options.deadline.filter(|limit| !limit.is_zero());
    let limit = limit.or((waits && options.deadline.is_none()).then_some(crate::harden::wait::DEADLINE));
    let deadline = limit.map_or_else(Deadline::default, Deadline::after);

    let profile = effective_profile(&options.profiles, &options.remove)?;
    let target = Target::open(&options.root, deadline).map_err(CommandError::Root)?;
    let root = &target.root;
    let running = if waits { Running::WaitedFor(options.wait_timeout) } else { Running::Protected };
    let starts = Starts::Later(declared_app(&options.app, &profile)?);
    let prepared = Prepared::with(&target, &profile, options.allow_host, &starts, running);
    if deadline.is_over() {
        return Err(late(limit));
    }
    let prepared = prepared?;
    let doomed = if waits { prepared.doomed(root, &profile) } else { Doomed::default() };
    let app = prepared.app.clone();
    let mut report = Report::new(Subcommand::Harden, root.path(), &profile);
    let (plan, protection) = prepared.into_report(&mut report);
    if waits && plan.refusals.is_empty() {
        let wait = Wait { owner: &target.owner, doomed: &doomed, targets: &targets, timeout: options.wait_timeout };
        report.notes.extend(settled(wait.try_once(root)?)?.into_iter().map(Note::Said));
        // The libraries that stay are those that the app had loaded then.
        if profile.closure() && !wait.is_unchanged_since(&app)? {
            return Err(CommandError::NotYet(crate::harden::wait::CHANGING.to_owned()));
        }
        if deadline.is_over() {
            return Err(late(limit));
        }
    }
    if options.dry_run {
        report.add_plan(plan, None);
        return Ok(report);
    }
    let outcomes = apply::apply(root, &plan);
    report.add_plan(plan, Some(outcomes));
    if !report.is_refused() {
        let verification = crate::verify::verify(&target, &profile, &protection);
        match limit.filter(|_| deadline.is_over()) {
            Some(limit) => report.cut_short(limit),
            None => report.add_verification(verification),
        }
    }
    Ok(report)
}

/// What `--wait-for` names.
fn targets(options: &Harden) -> Result<Vec<probe::Target>, CommandError> {
    options
        .wait_for
        .iter()
        .map(|text| probe::Target::parse(text).map_err(|error| CommandError::Usage(format!("--wait-for {error}"))))
        .collect()
}

/// The notes of an app that has settled.
pub(super) fn settled(waited: Waited) -> Result<Vec<String>, CommandError> {
    match waited {
        Waited::Settled { notes } => Ok(notes),
        Waited::Waiting(what) => Err(CommandError::NotYet(what)),
        Waited::TimedOut(what, hint) => Err(CommandError::WaitedInVain(what, hint)),
        Waited::NoApp => Err(CommandError::Usage(
            "--wait-for-app: this is the container's first process, so that there is no app to wait for; it is for a startupProbe"
                .to_owned(),
        )),
    }
}

fn late(limit: Option<Duration>) -> CommandError {
    CommandError::NotYet(format!(
        "the deadline of {} s came before anything was changed; if it always does, raise --deadline and the probe's timeoutSeconds",
        seconds::format(limit.unwrap_or_default())
    ))
}

/// What is done about programs that the app runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Running {
    /// A plan that would take one away is refused.
    Protected,
    /// It is carried out once the app no longer runs any; how long that may take.
    WaitedFor(Duration),
}

/// What is to be started.
pub(super) enum Starts {
    /// By `run`: at once; and whether it is said that scripts come first.
    Now(CommandLine, bool),
    /// By somebody: at some time, if this is said at all.
    Later(DeclaredApp),
    /// It runs.
    Done,
}

/// Everything that is known before anything is changed.
pub(super) struct Prepared {
    pub(super) app: App,
    inventory: Survey,
    plan: Plan,
    protection: Protection,
}

impl Prepared {
    /// Looks whether the target may be hardened at all, what is to be protected, and what is to be done; with a choice of
    /// what becomes of programs that the app runs.
    pub(super) fn with(
        target: &Target,
        profile: &Profile,
        allow_host: bool,
        starts: &Starts,
        running: Running,
    ) -> Result<Self, CommandError> {
        if !allow_host {
            host_guard::check(target)?;
        }
        let root = &target.root;
        let app = target.look()?;
        let mut protection = match running {
            Running::Protected => Protection::of_running(&app)?,
            Running::WaitedFor(_) => Protection::of_waited_for(&app)?,
        };
        protection.add_needs_of_kept(root, &profile.search(), &survey::kept(root, profile));
        if profile.closure() {
            protection.add_loaded(root, profile, &app)?;
        }
        let search = profile.search();
        let note = match starts {
            Starts::Now(command, by_scripts) => {
                let starter = Starter::Run { by_scripts: *by_scripts };
                protection.add_command(root, &search, command, starter);
                None
            }
            Starts::Later(declared) => {
                match declared.protect(root, profile, declared_app::runs(&target.owner, &app), &mut protection)? {
                    Some(unknown) if !unknown.only_shells => return Err(DeclaredAppError::Unknown(unknown).into()),
                    unknown => unknown.map(|unknown| plan::Note::UnknownApp(Rc::new(unknown))),
                }
            }
            Starts::Done => None,
        };
        if running == Running::Protected && target.owner.has_processes() {
            protection.add_all_started(root, profile, &app);
        }
        if let Running::WaitedFor(timeout) = running {
            // Most tries end here, for a script whose shell a rule names: that must cost next to nothing.
            let doomed = Self::collect(root, profile, protection, Depth::Names)?;
            let wait = Wait { owner: &target.owner, doomed: &doomed.doomed(root, profile), targets: &[], timeout };
            if let Some(not_yet) = wait.blocked(&app) {
                settled(not_yet)?;
            }
            protection = doomed.protection;
        }
        let mut prepared = Self { app, ..Self::collect(root, profile, protection, Depth::Full)? };
        // What the first process was started by, once that is the app and no script that is waited for.
        let first = prepared.app.first.as_ref();
        if running != Running::Protected
            && first.is_some_and(|first| prepared.doomed(root, profile).run_by(first).is_none())
            && prepared.protection.add_first(root, profile, &prepared.app)
        {
            prepared.plan = plan(profile, &prepared.inventory, &prepared.protection);
        }
        prepared.plan.notes.extend(note);
        Ok(prepared)
    }

    fn collect(root: &Root, profile: &Profile, mut protection: Protection, depth: Depth) -> Result<Self, CommandError> {
        let inventory = survey::survey(root, profile, &protection, depth).map_err(CommandError::Inventory)?;
        protection.add_unreadable(root, profile, &inventory.found);
        let plan = plan(profile, &inventory, &protection);
        Ok(Self { app: App::default(), inventory, plan, protection })
    }

    /// Whether the plan is refused, and only because of what the command that is to be started needs no longer once it is
    /// up, such as the shell of an entrypoint script.
    pub(super) fn only_refuses_start(&self) -> bool {
        let mut refusals = self.plan.refusals.iter();
        !self.plan.refusals.is_empty()
            && refusals.all(|refusal| refusal.id.is_some_and(|id| self.protection.passes(id)))
    }

    /// Whether the plan would take away the command that is to be started itself.
    pub(super) fn refuses_command(&self) -> bool {
        let mut refusals = self.plan.refusals.iter();
        refusals.any(|refusal| refusal.id.is_some_and(|id| self.protection.is_command(id)))
    }

    /// Why nothing can be deleted in a directory that holds something refused, now or later.
    pub(super) fn stuck(&self, root: &Root) -> Option<Errno> {
        let errno = self.plan.refusals.iter().find_map(|refusal| {
            root.write_test(InRoot(InRoot(&refusal.path).directory())).err().map(|error| error.errno())
        });
        errno.filter(|errno| matches!(errno, Errno::EROFS | Errno::EACCES))
    }

    /// What an app that is waited for may not run.
    pub(super) fn doomed<'a>(&self, root: &'a Root, profile: &'a Profile) -> Doomed<'a> {
        Doomed::of(root, profile, &self.plan, &self.protection, &self.inventory.forced)
    }

    /// Takes out the directories that could not be looked at because this user may not even enter them.
    pub(super) fn take_unreachable(&mut self, root: &Root) -> Vec<Vec<u8>> {
        let mut unreachable = Vec::new();
        self.inventory.unreadable.retain(|error| {
            let Failure::Os { path, errno: Errno::EACCES, .. } = error.failure() else { return true };
            let inside = InRoot(path).join(b".");
            let closed = matches!(root.resolve(&inside), Err(error) if error.errno() == Errno::EACCES);
            if closed {
                unreachable.push(path.clone());
            }
            !closed
        });
        unreachable
    }

    /// The plan, after what could not be looked at has been reported.
    pub(super) fn into_report(self, report: &mut Report) -> (Plan, Protection) {
        report.add_unreadable(self.inventory.unreadable);
        (self.plan, self.protection)
    }
}
