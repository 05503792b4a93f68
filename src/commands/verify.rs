//! `lithify verify`: only checks.

use super::options::effective_profile;
use crate::cli::Target;
use crate::harden::protection::Protection;
use crate::harden::survey;
use crate::report::{CommandError, Report, Subcommand};
use crate::root::Root;
use crate::target::processes::{App, Whose};

pub(super) fn verify(target: &Target) -> Result<Report, CommandError> {
    let profile = effective_profile(&target.profiles, None)?;
    let root = Root::open(&target.root).map_err(CommandError::Root)?;
    // Without /proc nothing is known of the processes; the checks that need them say so themselves.
    let app = App::look(&Whose::of(&root)).unwrap_or_default();
    let mut protection = Protection::of_running(&app).unwrap_or_default();
    protection.add_needs_of_kept(&root, &profile.search(), &survey::kept(&root, &profile));
    if profile.closure() {
        // What cannot be read protects nothing here: what is left is told.
        let _ = protection.add_loaded(&root, &profile, &app);
    }
    let mut report = Report::new(Subcommand::Verify, root.path(), &profile);
    report.add_verification(crate::verify::verify(&root, &profile, &protection));
    Ok(report)
}
