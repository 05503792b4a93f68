//! `[verify.process]`: which user the app's process runs as, and what it may do.

use super::seen::View;
use super::user_namespace::root_outside;
use super::{
    Check, CheckId, Evidence, Isolation, Status, Subject, Verification, core_dumps, environment, limits, privileged,
    security_modules, user_namespace,
};
use crate::linux::proc::status::{CapabilitySets, Status as ProcStatus, capability_mask};
use crate::linux::proc::{IdMap, Task, own_root};
use crate::profile::{Principal, Sourced, Verify};
use crate::recognise::accounts::{LIMIT, id_of};
use crate::root::Root;
use crate::target::owner::OwnerError;
use crate::target::status;

/// `SECCOMP_MODE_FILTER`.
const FILTER: u32 = 2;

/// Checks what is asked of the app's process. `process` finds it.
pub(super) fn check(
    root: &Root,
    verify: &Verify,
    view: &View,
    process: &dyn Fn() -> Result<Task, OwnerError>,
    out: &mut Verification,
) {
    if !verify.asks_of_process() {
        return;
    }
    let task = process();
    confinement(root, verify, &task, out);
    limits::check(root, verify, view, &task, out);
    let (subject, status) = match task.and_then(|task| Ok((task, status(task)?))) {
        Ok((task, status)) => (Subject::Process(task), status),
        Err(error) => (Subject::Unknown(error), ProcStatus::default()),
    };
    let outside = |map| match subject {
        Subject::Process(task) => root_outside(task, map),
        _ => None,
    };
    let mut check = |id, (status, evidence)| {
        out.checks.push(Check { id, subject: subject.clone(), status, evidence });
    };
    if let Some(user) = &verify.user {
        check(CheckId::User, ids(root, &user.value, status.uid, "/etc/passwd", &|| outside(IdMap::Users)));
    }
    if let Some(group) = &verify.group {
        check(CheckId::Group, ids(root, &group.value, status.gid, "/etc/group", &|| outside(IdMap::Groups)));
    }
    if let Some(allowed) = &verify.groups {
        let extra = status.groups.map(|groups| {
            let extra: Vec<u32> = groups.into_iter().filter(|id| !allowed.value.contains(id)).collect();
            (extra.is_empty(), Evidence::Groups(extra))
        });
        check(CheckId::Groups, judged(extra));
    }
    if verify.no_new_privs.as_ref().is_some_and(|wanted| wanted.value) {
        check(CheckId::NoNewPrivs, judged(status.no_new_privs.map(|set| (set, Evidence::NoNewPrivs(set)))));
    }
    if let Some(allowed) = &verify.capabilities {
        check(CheckId::Capabilities, judged(status.capabilities.map(|sets| capabilities(&sets, &allowed.value))));
    }
    if verify.seccomp.is_some() {
        check(CheckId::Seccomp, judged(status.seccomp.map(|mode| (mode == FILTER, Evidence::Seccomp(mode)))));
    }
    if verify.no_privileged.is_some() {
        check(CheckId::Privileged, privileged::judged(root, view, status.capabilities));
    }
}

/// A look at one process.
type Look<'a> = &'a dyn Fn(Task) -> (Status, Evidence);

/// What else confines the app, each by a file of its own.
fn confinement(root: &Root, verify: &Verify, task: &Result<Task, OwnerError>, out: &mut Verification) {
    let is_on = |flag: &Option<Sourced<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
    let secrets = |task| environment::check(task, own_root() == Ok(root.stat().id));
    let looks: [(bool, CheckId, Look<'_>); 5] = [
        (is_on(&verify.user_namespace), CheckId::UserNamespace, &user_namespace::check),
        (is_on(&verify.apparmor), CheckId::AppArmor, &security_modules::apparmor),
        (is_on(&verify.selinux), CheckId::SeLinux, &security_modules::selinux),
        (verify.no_core_dumps.is_some(), CheckId::CoreDumps, &core_dumps::check),
        (verify.no_secrets.is_some(), CheckId::Secrets, &secrets),
    ];
    for (_, id, look) in looks.into_iter().filter(|(asked, ..)| *asked) {
        let (subject, (status, evidence)) = match task {
            Ok(task) => (Subject::Process(*task), look(*task)),
            Err(reason) => (Subject::Unknown(reason.clone()), judged(None)),
        };
        out.checks.push(Check { id, subject, status, evidence });
    }
}

/// Turns what was seen into a status; `None` means that the process's state does not say.
fn judged(seen: Option<(bool, Evidence)>) -> (Status, Evidence) {
    match seen {
        Some((true, evidence)) => (Status::Pass, evidence),
        Some((false, evidence)) => (Status::Fail, evidence),
        None => (Status::Unverified, Evidence::NotSaid),
    }
}

/// Checks all four ids: real, effective, saved and filesystem. `outside` tells what root is outside of its user
/// namespace, if that is not root.
fn ids(
    root: &Root,
    wanted: &Principal,
    seen: Option<[u32; 4]>,
    database: &str,
    outside: &dyn Fn() -> Option<u32>,
) -> (Status, Evidence) {
    let Some(seen) = seen else { return judged(None) };
    let id = match wanted {
        Principal::NonRoot if seen.contains(&0) => {
            return judged(Some(match outside() {
                Some(id) => (true, Evidence::Isolation(Isolation::RootInNamespace(seen, id))),
                None => (false, Evidence::Ids(seen, None)),
            }));
        }
        Principal::NonRoot => return judged(Some((true, Evidence::Ids(seen, None)))),
        Principal::Id(id) => *id,
        Principal::Name(name) => {
            match root.read(database.as_bytes(), LIMIT).ok().and_then(|text| id_of(&text, name.as_bytes())) {
                Some(id) => id,
                None => return (Status::Unverified, Evidence::NoSuchName(name.clone())),
            }
        }
    };
    judged(Some((seen == [id; 4], Evidence::Ids(seen, Some(id)))))
}

fn capabilities(sets: &CapabilitySets, allowed: &[String]) -> (bool, Evidence) {
    let allowed = capability_mask(allowed);
    let excess = sets.named().into_iter().map(|(set, mask)| (set, mask & !allowed)).filter(|(_, mask)| *mask != 0);
    let excess: Vec<(&'static str, u64)> = excess.collect();
    (excess.is_empty(), Evidence::Capabilities(excess))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_counts() {
        let bind = vec!["NET_BIND_SERVICE".to_owned()];
        let sets = CapabilitySets { bounding: 1 << 10, ..CapabilitySets::default() };
        assert!(capabilities(&sets, &bind).0);
        assert!(!capabilities(&sets, &[]).0);
        for field in 0..5 {
            let mut all = [0; 5];
            all[field] = 1 << 21;
            let [inheritable, permitted, effective, bounding, ambient] = all;
            let (holds, excess) =
                capabilities(&CapabilitySets { inheritable, permitted, effective, bounding, ambient }, &bind);
            assert!(!holds);
            assert!(matches!(&excess, Evidence::Capabilities(sets) if sets[0].1 == 1 << 21), "{excess:?}");
        }
        let future = CapabilitySets { effective: 1 << 60, ..CapabilitySets::default() };
        assert!(!capabilities(&future, &bind).0);
    }

    #[test]
    fn any_of_the_four_ids_can_be_root() {
        let root = Root::open(std::path::Path::new("/")).unwrap();
        let result = |wanted, seen| ids(&root, &wanted, Some(seen), "/etc/passwd", &|| None).0;
        assert_eq!(result(Principal::NonRoot, [1000; 4]), Status::Pass);
        assert_eq!(result(Principal::NonRoot, [1000, 1000, 0, 1000]), Status::Fail);
        assert_eq!(result(Principal::Id(7), [7, 7, 7, 8]), Status::Fail);
        assert_eq!(result(Principal::Name("root".into()), [0; 4]), Status::Pass);
        assert_eq!(result(Principal::Name("nobody knows".into()), [0; 4]), Status::Unverified);
        assert_eq!(ids(&root, &Principal::NonRoot, None, "", &|| None).0, Status::Unverified);
        assert_eq!(ids(&root, &Principal::NonRoot, Some([0; 4]), "", &|| Some(100_000)).0, Status::Pass);
        assert_eq!(ids(&root, &Principal::Id(7), Some([0; 4]), "", &|| Some(7)).0, Status::Fail);
    }
}
