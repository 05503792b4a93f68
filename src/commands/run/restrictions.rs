//! What this process gives up for good, before it becomes the app or stays as its first process.

use crate::harden::apply::Outcome;
use crate::launch::init::ParentDeath;
use crate::launch::landlock::Ruleset;
use crate::launch::privileges::Privileges;
use crate::profile::Profile;
use crate::report::{Confinement, Launch, Note, Report};
use crate::root::Root;
use crate::verify;

/// What this process gives up.
pub(super) struct Restrictions {
    pub(super) privileges: Privileges,
    rulesets: Vec<(Confinement, Ruleset)>,
    parent_death: Option<ParentDeath>,
}

impl Restrictions {
    pub(super) fn new(privileges: Privileges, parent_death: Option<ParentDeath>) -> Self {
        Self { privileges, rulesets: Vec::new(), parent_death }
    }

    /// Adds a ruleset, to be enforced by [`Self::enter`].
    pub(super) fn add(&mut self, confinement: Confinement, ruleset: Ruleset) {
        // Without no_new_privs, Landlock requires CAP_SYS_ADMIN. Under no_new_privs, what could not be stripped also
        // has no effect.
        self.privileges.require_no_new_privs();
        self.rulesets.push((confinement, ruleset));
    }

    /// Enters the confinement, once privileges were given up. A failure becomes a finding.
    pub(super) fn enter(&self, report: &mut Report) {
        let stays = |outcome: Option<&Outcome>| matches!(outcome, Some(Outcome::Denied | Outcome::Disabled));
        let names = report.steps().filter(|(_, outcome)| stays(*outcome)).count();
        for (confinement, ruleset) in &self.rulesets {
            if let Err(error) = ruleset.enforce() {
                report.launch.push(Launch::NotConfined(*confinement, error));
                return;
            }
            let level = ruleset.level();
            report.launch.push(Launch::Confined(*confinement, level));
            report.notes.push(match confinement {
                Confinement::Fallback => Note::Denied { names, level },
                Confinement::Confine => Note::Confined(level),
            });
            if !ruleset.missing.is_empty() {
                report.notes.push(Note::NothingToConfine(ruleset.missing.clone()));
            }
        }
    }

    /// Enters the confinement alone, in a child that stands for the app. Returns whether that worked.
    pub(super) fn confine(&self) -> bool {
        self.rulesets.iter().all(|(_, ruleset)| ruleset.enforce().is_ok())
    }

    /// Gives up privileges, and checks what `[verify.process]` asks for. Returns whether giving up worked.
    pub(super) fn give_up_privileges(&self, root: &Root, profile: &Profile, report: &mut Report) -> bool {
        if let Err(error) = self.privileges.bring_about() {
            report.launch.push(Launch::Privileges(error));
            return false;
        }
        report.add_verification(verify::verify_this_process(root, profile));
        true
    }

    /// Asks for the signal of `--parent-death`. Call this after a change of user, which clears the request.
    pub(super) fn await_parent_death(&self, report: &mut Report) {
        if let Some(Err(errno)) = self.parent_death.as_ref().map(ParentDeath::ask) {
            report.launch.push(Launch::ParentDeath(errno));
        }
    }
}
