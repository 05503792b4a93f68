//! Verification: looks at the system afresh and says of each thing asked for whether it holds. Reads only.
//!
//! Three results: pass, fail, and unverified for what could not be looked at, which is a finding, never a pass.

mod files;
mod mounts;
mod process;
mod staged;

use serde::Serialize;

use crate::harden::protection::Protection;
use crate::linux::proc::Task;
use crate::profile::Profile;
use crate::root::Root;
use crate::target::Target;

/// The result of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It holds.
    Pass,
    /// It does not.
    Fail,
    /// It could not be looked at.
    Unverified,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Which key of the profile asked, such as `mounts.read_only`.
    pub id: &'static str,
    /// The result.
    pub status: Status,
    /// What was looked at: a path (escaped) or a process.
    pub subject: String,
    /// What was seen.
    pub detail: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Check {
    fn new(id: &'static str, status: Status, subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { id, status, subject: subject.into(), detail: detail.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Everything that verification found out.
#[derive(Debug, Default)]
pub struct Verification {
    /// Every check, in the order of the profile's tables.
    pub checks: Vec<Check>,
    /// Remarks for people.
    pub notes: Vec<String>,
}

/// Checks everything that `profile` asks of `root`: its `[verify]` tables, and that nothing is left of what `[remove]`
/// and `[strip]` name. `protection` explains what stays because the app runs it.
pub fn verify(target: &Target, profile: &Profile, protection: &Protection) -> Verification {
    let mut verification = verify_tree(target, profile, protection);
    process::check(&target.root, &profile.verify, || target.first(), &mut verification);
    verification
}

/// What `[verify.process]` asks, of this very process: the app's, before it is there.
pub fn verify_this_process(root: &Root, profile: &Profile) -> Verification {
    let mut verification = Verification::default();
    process::check(root, &profile.verify, || Ok(Task::Own), &mut verification);
    verification
}

/// Everything but `[verify.process]`.
pub fn verify_tree(target: &Target, profile: &Profile, protection: &Protection) -> Verification {
    let mut verification = Verification::default();
    let Target { root, owner } = target;
    if profile.changes_anything() {
        files::nothing_left(root, profile, protection, &mut verification);
    }
    mounts::check(root, &profile.verify, owner, &mut verification);
    staged::check(root, owner, &mut verification);
    files::check(root, &profile.verify, &mut verification);
    files::exposure(root, &profile.verify, &mut verification);
    verification
}
