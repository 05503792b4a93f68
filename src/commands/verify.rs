//! `lithify verify`: only checks.

use super::options::effective_profile;
use crate::cli::Verify;
use crate::harden::protection::Protection;
use crate::harden::survey;
use crate::linux::deadline::Deadline;
use crate::report::{CommandError, Report, Subcommand};
use crate::target::Target;

pub(super) fn verify(options: &Verify) -> Result<Report, CommandError> {
    let profile = effective_profile(&options.profiles, &[])?;
    let target = Target::open(&options.root, Deadline::default()).map_err(CommandError::Root)?;
    let root = &target.root;
    // Without /proc nothing is known of the processes; the checks that need them say so themselves.
    let app = target.look().unwrap_or_default();
    let mut protection = Protection::of_running(&app).unwrap_or_default();
    protection.add_needs_of_kept(root, &profile.search(), &survey::kept(root, &profile));
    if profile.closure() {
        // What cannot be read protects nothing here: what is left is told.
        let _ = protection.add_loaded(root, &profile, &app);
    }
    let mut report = Report::new(Subcommand::Verify, root.path(), &profile);
    report.add_verification(crate::verify::verify(&target, &profile, &protection));
    Ok(report)
}
