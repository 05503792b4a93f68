//! `lithify verify`: only checks.

use super::options::effective_profile;
use crate::cli::Verify;
use crate::harden::pipeline::{Policy, Processes, Protected, Start};
use crate::linux::deadline::Deadline;
use crate::report::{CommandError, Report, Subcommand};
use crate::target::Target;

pub(super) fn verify(options: &Verify) -> Result<Report, CommandError> {
    let profile = effective_profile(&options.profiles, &[])?;
    let target = Target::open(&options.root, Deadline::default()).map_err(CommandError::Root)?;
    let policy = Policy::reading(Start::Unasked, Processes::Explain);
    let protected = Protected::new(&target, &profile, policy)?;
    let mut report = Report::new(Subcommand::Verify, target.root.path(), &profile);
    report.add_verification(protected.verify());
    Ok(report)
}
