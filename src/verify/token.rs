//! `[verify.exposure] service_account_token`: no token of Kubernetes is mounted.

use super::{Check, CheckId, Evidence, Status, Verification};
use crate::profile::Verify;
use crate::root::Root;

const TOKEN: &[u8] = b"/var/run/secrets/kubernetes.io/serviceaccount/token";

pub(super) fn check(root: &Root, verify: &Verify, out: &mut Verification) {
    if verify.no_service_account_token.is_some() {
        let (status, evidence) = match root.resolve(TOKEN) {
            Ok(_) => (Status::Fail, Evidence::There),
            Err(error) if error.leads_nowhere() => (Status::Pass, Evidence::NotThere),
            Err(error) => (Status::Unverified, Evidence::Unreadable(error)),
        };
        out.checks.push(Check::at(TOKEN, CheckId::ServiceAccountToken, status, evidence));
    }
}
