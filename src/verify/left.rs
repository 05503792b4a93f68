//! `[remove]` and `[strip]`: checks that nothing is left of what they name.

use super::{Check, CheckId, Evidence, Status, Verification};
use crate::harden::kept::Kept;
use crate::harden::plan::{Verb, plan};
use crate::harden::protection::Protection;
use crate::harden::survey::{self, Depth, Examined};
use crate::profile::Profile;
use crate::root::Root;

/// Adds a check for everything that `[remove]` and `[strip]` would still change.
///
/// Everything is looked at afresh; of the files that `examined` holds, only whether they are still the same.
pub(super) fn check(
    root: &Root,
    profile: &Profile,
    protection: &Protection,
    examined: &Examined,
    out: &mut Verification,
) {
    let mut add = |path: &[u8], id, status, evidence| out.checks.push(Check::at(path, id, status, evidence));
    let survey = Kept::resolve(root, profile)
        .and_then(|kept| survey::survey(root, profile, &kept, protection, Depth::Rules, examined));
    let survey = match survey {
        Ok(survey) => survey,
        Err(error) => return add(b"/", CheckId::Remove, Status::Unverified, Evidence::Unreadable(error)),
    };
    let plan = plan(profile, &survey, protection);
    let clean =
        survey.unreadable.is_empty() && plan.actions.is_empty() && plan.refusals.is_empty() && plan.skipped.is_empty();
    for error in survey.unreadable {
        let path = error.path().to_vec();
        add(&path, CheckId::Remove, Status::Unverified, Evidence::Unreadable(error));
    }
    for action in plan.actions {
        let id = match action.verb {
            Verb::Strip { .. } | Verb::LoginShells { .. } => CheckId::Strip,
            Verb::Remove | Verb::Disable | Verb::Tombstone => CheckId::Remove,
        };
        add(&action.path(), id, Status::Fail, Evidence::Planned(action));
    }
    for refusal in plan.refusals {
        add(&refusal.path, CheckId::Remove, Status::Fail, Evidence::MustStay(refusal.origin, refusal.reason));
    }
    for stays in plan.skipped {
        add(&stays.path, CheckId::Remove, Status::Fail, Evidence::Stays(stays.origin, stays.reason));
    }
    if clean {
        add(b"/", CheckId::Remove, Status::Pass, Evidence::NothingLeft);
    }
}
