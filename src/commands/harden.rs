//! `lithify harden`: plan, apply, then verify.

use nix::errno::Errno;

use super::{CommandError, effective_profile};
use crate::cli::Harden;
use crate::inventory::{self, Depth, Inventory};
use crate::plan::{Plan, plan};
use crate::profile::Profile;
use crate::protection::Protection;
use crate::report::{Exit, Report};
use crate::root::{Root, RootError, join};
use crate::{apply, host_guard, processes};

pub(super) fn harden(options: &Harden) -> Result<Report, CommandError> {
    let profile = effective_profile(&options.target.profiles, Some(&options.remove))?;
    let root = Root::open(&options.target.root).map_err(CommandError::Root)?;
    let prepared = Prepared::new(&root, &profile, options.allow_host, None)?;
    let mut report = Report::new("harden", root.path(), &profile);
    let (plan, protection) = prepared.into_report(&mut report);
    if options.dry_run {
        report.add_plan(plan, None);
        return Ok(report.conclude());
    }
    let outcomes = apply::apply(&root, &plan);
    report.add_plan(plan, Some(outcomes));
    if report.exit != Exit::Refused {
        report.add_verification(crate::verify::verify(&root, &profile, &protection));
    }
    Ok(report.conclude())
}

/// Everything that is known before anything is changed.
pub(super) struct Prepared {
    inventory: Inventory,
    plan: Plan,
    protection: Protection,
}

impl Prepared {
    /// Looks whether `root` may be hardened at all, what is to be protected, and what is to be done. `command` is a
    /// program inside the root that is about to be started.
    pub(super) fn new(
        root: &Root,
        profile: &Profile,
        allow_host: bool,
        command: Option<&[u8]>,
    ) -> Result<Self, CommandError> {
        if !allow_host {
            host_guard::check(root)?;
        }
        let processes = processes::list()?;
        let mut protection = Protection::of_running(&processes)?;
        protection.add_needs_of_kept(root, profile);
        if profile.closure() {
            protection.add_loaded(root, &processes)?;
        }
        if let Some(command) = command {
            protection.add_program(root, command);
        }
        let inventory = inventory::collect(root, profile, &protection, Depth::Full).map_err(CommandError::Inventory)?;
        let plan = plan(profile, &inventory, &protection);
        Ok(Self { inventory, plan, protection })
    }

    /// Takes out the directories that could not be looked at because this user may not even enter them.
    pub(super) fn take_unreachable(&mut self, root: &Root) -> Vec<Vec<u8>> {
        let mut unreachable = Vec::new();
        self.inventory.unreadable.retain(|error| {
            let RootError::Os { path, errno: Errno::EACCES, .. } = error else { return true };
            let inside = join(path, b".");
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
        report.add_unreadable(&self.inventory.unreadable);
        (self.plan, self.protection)
    }
}
