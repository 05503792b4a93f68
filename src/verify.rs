//! Verification: looks at the system afresh and says for each thing that the profile asks for whether it holds. Only
//! reads.
//!
//! There are four results: pass, fail, unverified and not applicable. Unverified means that something could not be looked
//! at. It is a finding, never a pass. Not applicable means that there is nothing of which it could be asked: it is neither.

mod catalogue;
mod cgroups;
mod check;
mod core_dumps;
mod devices;
mod drift;
mod environment;
mod files;
mod host_paths;
mod isolation;
mod kernel;
mod left;
mod limits;
mod mount_flags;
mod mounts;
mod namespaces;
mod privileged;
mod proc_masks;
mod process;
mod seal;
mod security_modules;
mod seen;
mod sockets;
mod staged;
mod token;
mod user_namespace;

use std::rc::Rc;
use std::time::Duration;

use crate::harden::mark::MarkError;
use crate::harden::pipeline::{Applied, Protected};
use crate::linux::proc::Task;
use crate::profile::Profile;
use crate::root::Root;
use crate::target::Target;
use crate::target::owner::{Owner, OwnerError};

pub use catalogue::{CheckId, Id};
pub use check::{Check, Evidence, Status, Subject, Trial};
pub use isolation::{Effect, Isolation, ToldBy};
pub use mounts::volumes;
use seen::View;
pub use sockets::candidates as runtime_sockets;

/// Everything that verification found out.
#[derive(Debug, Default)]
pub struct Verification {
    /// Every check, in the order of the profile's tables.
    pub checks: Vec<Check>,
    /// Remarks, which are not findings.
    pub notes: Vec<Note>,
}

/// A remark on what was looked at.
#[derive(Clone, Debug)]
pub enum Note {
    /// Mount points that the runtime and the kubelet mount writable themselves.
    RuntimeMounts(Vec<Vec<u8>>),
    /// It was not checked whether staged directories are mounted writable. The error says why.
    StagedUnknown(OwnerError),
    /// Directories that neither this user nor the app may enter, so that the app cannot have changed anything there.
    Closed(Vec<Vec<u8>>),
    /// On a read-only root, what `[remove]` names is left.
    LeftOnReadOnly,
    /// A file is where harden's mark would be, but is none, for this reason: it excuses nothing.
    NoMark(Rc<MarkError>),
}

/// A plan that was carried out, and what was verified afterwards.
#[derive(Debug)]
pub struct Verified<'a> {
    /// What was carried out.
    pub applied: Applied<'a>,
    /// What was found out; `None` if nothing was changed, or if there was no time.
    pub verification: Option<Verification>,
    /// The time limit that passed before everything was done.
    pub late: Option<Duration>,
    /// Whether everything was done but the digest.
    pub late_for_digest: bool,
}

impl Protected<'_> {
    /// Checks everything that the profile asks for, without changing anything.
    pub fn verify(&self) -> Verification {
        verify(self)
    }
}

impl<'a> Applied<'a> {
    /// Checks everything that the profile asks for.
    pub fn verify(self) -> Verified<'a> {
        self.verify_by(verify)
    }

    /// Checks the same except `[verify.process]`, because the app's process does not exist yet.
    pub fn verify_tree(self) -> Verified<'a> {
        self.verify_by(|protected| verify_tree(protected, &seen::view(&protected.target.owner)))
    }

    fn verify_by(self, verify: fn(&Protected<'_>) -> Verification) -> Verified<'a> {
        if self.outcomes.is_none() || !self.plan.refusals.is_empty() {
            return Verified { applied: self, verification: None, late: None, late_for_digest: false };
        }
        let verification = verify(&self.protected);
        let late = self.protected.target.root.deadline().exceeded();
        let verification = Some(verification).filter(|_| late.is_none());
        Verified { applied: self, verification, late, late_for_digest: false }
    }
}

/// Checks everything that the profile asks for in the target: its `[verify]` tables, and that nothing is left of what
/// `[remove]` and `[strip]` name. The protection explains what stays because the app runs it.
fn verify(protected: &Protected<'_>) -> Verification {
    let Protected { target, profile, .. } = protected;
    let view = seen::view(&target.owner);
    let mut verification = verify_tree(protected, &view);
    process::check(&target.root, &profile.verify, &view, &|| target.first(), &mut verification);
    verification
}

/// Checks what is asked of the app's process (`[verify.process]`, `[verify.limits]`, privileges) on this process, which
/// stands for it while that does not exist yet. `root` is this process's own.
pub fn verify_this_process(root: &Root, profile: &Profile) -> Verification {
    let mut verification = Verification::default();
    let view = seen::view(&Owner::Own { path: b"/".to_vec() });
    process::check(root, &profile.verify, &view, &|| Ok(Task::Own), &mut verification);
    verification
}

/// Checks everything except what is asked of the app's process.
fn verify_tree(protected: &Protected<'_>, view: &View) -> Verification {
    let mut verification = Verification::default();
    let Protected { target, profile, protection, examined, .. } = protected;
    let Target { root, owner } = target;
    if profile.changes_anything() {
        left::check(root, profile, protection, examined, &mut verification);
    }
    let verify = &profile.verify;
    let writable = mounts::places_to_write(root, verify);
    mounts::check(root, verify, view, &writable, &mut verification);
    mount_flags::check(root, verify, view, &writable, &mut verification);
    proc_masks::check(root, verify, view, &mut verification);
    staged::check(root, view, &mut verification);
    files::check(root, verify, &mut verification);
    sockets::check(root, verify, view, &mut verification);
    token::check(root, verify, &mut verification);
    namespaces::check(verify, owner, &mut verification);
    host_paths::check(root, verify, view, &mut verification);
    devices::check(root, verify, &mut verification);
    cgroups::check(root, verify, view, &mut verification);
    kernel::check(verify, &mut verification);
    drift::check(target, profile, &mut verification);
    verification
}
