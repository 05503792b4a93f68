//! `lithify harden`: plans, waits for the app if asked to, applies the plan, then verifies.

use super::options::{declared_app, digest, effective_profile};
use crate::cli::Harden;
use crate::harden::pipeline::{Policy, Processes, Protected, Start, is_not_refused};
use crate::harden::wait;
use crate::linux::deadline::Deadline;
use crate::probe;
use crate::report::{CommandError, Report, Subcommand};
use crate::target::Target;

pub(super) fn harden(options: &Harden) -> Result<Report, CommandError> {
    let targets = targets(options)?;
    let digest = digest(options.digest.as_deref())?;
    let waits = options.wait_for_app || !targets.is_empty();
    // A probe must answer before the kubelet gives up on it. If the command does not wait for the app, it may take its
    // time.
    let limit = options.deadline.or(waits.then_some(wait::DEADLINE)).filter(|limit| !limit.is_zero());
    let deadline = limit.map_or_else(Deadline::default, Deadline::after);

    let profile = effective_profile(&options.profiles, &options.remove)?;
    let target = Target::open(&options.root, deadline).map_err(CommandError::Root)?;
    let app = declared_app(&options.app, &profile)?;
    let processes =
        if waits { Processes::HoldUp { timeout: options.wait_timeout, targets: &targets } } else { Processes::Veto };
    let policy = Policy {
        allow_host: options.allow_host,
        start: Start::Later(&app),
        processes,
        dry_run: options.dry_run,
        disable_instead: false,
    };
    let mut planned = Protected::new(&target, &profile, policy)?.survey()?.plan();
    planned.lead_on(&is_not_refused);
    let applied = planned.settle()?.apply();
    let mut report = Report::new(Subcommand::Harden, target.root.path(), &profile);
    report.add_silent(&target.root);
    let mut verified = applied.verify();
    if let Some(digest) = digest {
        verified.check_digest(digest, options.max_file_size.0);
    }
    report.add(verified);
    Ok(report)
}

/// The targets that `--wait-for` names.
fn targets(options: &Harden) -> Result<Vec<probe::Target>, CommandError> {
    options
        .wait_for
        .iter()
        .map(|text| probe::Target::parse(text).map_err(|error| CommandError::Usage(format!("--wait-for {error}"))))
        .collect()
}
