//! `run --after-start`: starts the app, waits until it is past its scripts, hardens, verifies, and only then gives up
//! lithify's own privileges. If that fails, the app is stopped.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::pipe2;

use super::super::fault;
use super::super::output::Output;
use super::Prepared;
use crate::cli::{Fallback, Run};
use crate::harden::pipeline::{HardenError, Policy, Processes, Protected, Start, is_not_refused};
use crate::harden::wait::WaitError;
use crate::launch::duties::Duties;
use crate::launch::init::{Init, hold_signals};
use crate::profile::Profile;
use crate::prove::{Listed, Outside};
use crate::report::{CommandError, Exit, Report};
use crate::seal::Digest;
use crate::target::Target;

/// How long to attend to signals and orphans between two looks at the app.
const BETWEEN: Duration = Duration::from_millis(300);

/// From SIGTERM to SIGKILL, for an app that is stopped.
const GRACE: Duration = Duration::from_secs(10);

/// Starts the app and stays as its first process.
pub(super) fn run(options: &Run, duties: &Duties, output: Output, prepared: Prepared) -> Exit {
    let Prepared { command, digest, target, profile, restrictions, report } = prepared;
    let program = command.program().into_os_string();
    let started = pipe2(OFlag::O_CLOEXEC).and_then(|(pipe, held)| {
        let init = Init::start(duties, || {
            let mut report = report.begin_again();
            if restrictions.give_up_privileges(&target.root, &profile, &mut report) {
                restrictions.enter(&mut report);
            }
            if report.is_clean() {
                return super::execute(command, &output).code();
            }
            output.report("run", Ok(report)).code()
        })?;
        drop(held);
        Ok((init, pipe))
    });
    let (init, pipe) = match started {
        Ok(started) => started,
        Err(errno) => return output.failure("run", &CommandError::Fork(errno)),
    };
    let output = output.for_started_app();
    fault::ends_with(Exit::Finding);
    // Until nothing is left to do but to attend, lithify can still fail.
    let _ = hold_signals();
    let target = target.with_started(init.pid());
    let mut hardened = loop {
        if let Some(code) = init.attend(Some(BETWEEN)) {
            // The app ended before it was past its scripts, or could not be started at all. Nothing was deleted.
            return Exit::App(code);
        }
        // Until the exec, lithify itself runs there, and would be taken for an app that has settled.
        if !has_executed(&pipe) {
            continue;
        }
        match harden(options, &target, &profile, digest, report.begin_again()) {
            Err(HardenError::Wait(WaitError::NotYet(_))) => {}
            result => break result,
        }
    };
    drop(pipe);
    if let Ok(report) = &mut hardened {
        // Until now the privileges were needed to delete. The app gave up the same ones before it was started.
        if report.is_clean() {
            let listed =
                options.prove.then(|| Listed::new(&target, &profile, report.all_checks(), Some(program.as_bytes())));
            restrictions.give_up_privileges(&target.root, &profile, report);
            if let Some(listed) = listed.filter(|_| report.is_clean()) {
                let outside = Outside::of(&listed);
                report.add_attempts(listed.make(&target.root, &outside, &|| restrictions.confine()));
            }
        }
        restrictions.await_parent_death(report);
    }
    let exit = output.report("run", hardened.map_err(CommandError::from));
    if exit != Exit::Ok {
        output.plain("run", exit, "lithify run: the app is stopped, because it is not hardened\n");
        init.stop(options.grace.unwrap_or(GRACE));
        return exit;
    }
    Exit::App(init.attend_to_the_end())
}

/// Whether the child has become the app or has ended. Only the child holds the other end of this pipe.
fn has_executed(pipe: &OwnedFd) -> bool {
    // poll(2) always reports a hang-up.
    let mut other_end = [PollFd::new(pipe.as_fd(), PollFlags::empty())];
    poll(&mut other_end, PollTimeout::ZERO).is_ok_and(|closed| closed > 0)
}

/// Tries once to harden the app that `run` has started.
fn harden(
    options: &Run,
    target: &Target,
    profile: &Profile,
    digest: Option<Digest>,
    mut report: Report,
) -> Result<Report, HardenError> {
    let policy = Policy {
        allow_host: options.allow_host,
        start: Start::Unasked,
        processes: Processes::HoldUp { timeout: options.wait_timeout, targets: &[] },
        dry_run: false,
        // Landlock binds a process that enters it, but not one that runs already.
        disable_instead: options.fallback == Fallback::Deny,
    };
    let mut planned = Protected::new(target, profile, policy)?.survey()?.plan();
    planned.lead_on(&is_not_refused);
    let applied = planned.settle()?.apply();
    let read_only = applied.is_read_only();
    let mut verified = applied.verify_tree();
    if let Some(digest) = digest {
        verified.check_digest(digest, options.max_file_size.0);
    }
    report.add(verified);
    if read_only && options.fallback == Fallback::Warn {
        report.accept_read_only();
    }
    Ok(report)
}
