//! `run --after-start`: starts the app, waits until it is past its scripts, then hardens, verifies, and only then gives
//! up lithify's own privileges. Where that fails the app is stopped.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::pipe2;

use super::super::harden::{Prepared, Running, Starts, settled};
use super::super::output::Output;
use super::{Late, become_restricted, is_read_only};
use crate::cli::{Fallback, Run};
use crate::harden::apply;
use crate::harden::wait::Wait;
use crate::launch::init::{Init, on_parent_death};
use crate::profile::Profile;
use crate::report::{CommandError, Exit, Launch, Note, Report};
use crate::target::Target;
use crate::verify;

/// How long signals and orphans are attended to between two looks at the app.
const BETWEEN: Duration = Duration::from_millis(300);

/// Starts the app and stays as its first process.
pub(super) fn run(options: &Run, output: Output, late: Late) -> Exit {
    let Late { app, target, profile, privileges, rulesets, report, parent, parent_death } = late;
    let started = pipe2(OFlag::O_CLOEXEC).and_then(|(pipe, held)| {
        let init = Init::start(options.process_group, || {
            let mut report = report.begin_again();
            become_restricted(&target.root, &profile, &privileges, &rulesets, &mut report);
            if report.is_clean() {
                return super::execute(app, &output).code();
            }
            output.report("run", Ok(report)).code()
        })?;
        drop(held);
        Ok((init, pipe))
    });
    let (init, pipe) = match started {
        Ok(started) => started,
        Err(errno) => {
            return output.failure("run", &CommandError::Fork(errno));
        }
    };
    let output = output.for_started_app();
    let target = target.with_started(init.pid());
    let mut hardened = loop {
        if let Some(code) = init.attend(Some(BETWEEN)) {
            // It ended before it was past its scripts, or could not be started at all: nothing was deleted.
            return Exit::App(code);
        }
        // Until then it is lithify that runs there, which would be taken for an app that has settled.
        if !has_executed(&pipe) {
            continue;
        }
        match harden(options, &target, &profile, report.begin_again()) {
            Err(CommandError::NotYet(_)) => {}
            result => break result,
        }
    };
    drop(pipe);
    if let Ok(report) = &mut hardened {
        // Until now the privileges were needed to delete. The app gave up the same before it was started.
        if report.is_clean() {
            become_restricted(&target.root, &profile, &privileges, &[], report);
        }
        if let Some(Err(errno)) = parent_death.map(|signal| on_parent_death(signal, parent)) {
            report.launch.push(Launch::ParentDeath(errno));
        }
    }
    let exit = output.report("run", hardened);
    if exit != Exit::Ok {
        output.plain("run", exit, "lithify run: the app is stopped, because it is not hardened\n");
        init.stop(options.grace);
        return Exit::Finding;
    }
    Exit::App(init.attend_to_the_end())
}

/// Whether the child, which alone holds the other end of this pipe, has become the app or has ended.
fn has_executed(pipe: &OwnedFd) -> bool {
    // A hang-up is always told.
    let mut other_end = [PollFd::new(pipe.as_fd(), PollFlags::empty())];
    poll(&mut other_end, PollTimeout::ZERO).is_ok_and(|closed| closed > 0)
}

/// One try: `NotYet` while the app, which is what `run` has started, still runs something that goes.
fn harden(options: &Run, target: &Target, profile: &Profile, mut report: Report) -> Result<Report, CommandError> {
    let (root, timeout) = (&target.root, options.wait_timeout);
    let running = Running::WaitedFor(timeout);
    let prepared = Prepared::with(target, profile, options.allow_host, &Starts::Done, running)?;
    let doomed = prepared.doomed(root, profile);
    let (plan, protection) = prepared.into_report(&mut report);
    if plan.refusals.is_empty() {
        let wait = Wait { owner: &target.owner, doomed: &doomed, targets: &[], timeout };
        report.notes.extend(settled(wait.try_once(root)?)?.into_iter().map(Note::Said));
    }
    let mut outcomes = apply::apply(root, &plan);
    let read_only = is_read_only(&outcomes);
    if options.fallback == Fallback::Deny {
        // Landlock binds a process that enters it, not one that runs already.
        apply::disable_instead(root, &plan, &mut outcomes);
    }
    report.add_plan(plan, Some(outcomes));
    if !report.is_refused() {
        report.add_verification(verify::verify_tree(target, profile, &protection));
    }
    if read_only && options.fallback == Fallback::Warn {
        report.accept_read_only();
    }
    Ok(report)
}
