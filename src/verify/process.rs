//! `[verify.process]`: who the app's process is and what it may do.

use super::{Check, Status, Verification};
use crate::linux::proc::Task;
use crate::linux::proc::status::{CapabilitySets, Status as ProcStatus, capability_mask, capability_names};
use crate::profile::{Principal, Verify};
use crate::recognise::accounts::{LIMIT, id_of};
use crate::root::Root;
use crate::target::owner::OwnerError;
use crate::target::{name, status};
use crate::text::escape::escape;

pub(super) fn check(
    root: &Root,
    verify: &Verify,
    process: impl FnOnce() -> Result<Task, OwnerError>,
    out: &mut Verification,
) {
    if !verify.asks_for_privileges() && verify.seccomp.is_none() {
        return;
    }
    let known = process().and_then(|task| Ok((name(task), status(task)?)));
    let (name, status) = known.unwrap_or_else(|reason| (reason.to_string(), ProcStatus::default()));
    let mut check = |id, status, detail: String, hint: &str| {
        let check = Check::new(id, status, name.clone(), detail);
        out.checks.push(if status == Status::Fail { check.hint(hint) } else { check });
    };
    let unknown = || (Status::Unverified, "cannot be read".to_owned());

    if let Some(user) = &verify.user {
        let (result, detail) = ids(root, &user.value, status.uid, "uid", "/etc/passwd");
        check("process.user", result, detail, "set runAsUser and runAsNonRoot: true in the securityContext");
    }
    if let Some(group) = &verify.group {
        let (result, detail) = ids(root, &group.value, status.gid, "gid", "/etc/group");
        check("process.group", result, detail, "set runAsGroup in the securityContext");
    }
    if let Some(allowed) = &verify.groups {
        let (result, detail) = status.groups.as_ref().map_or_else(unknown, |groups| {
            let extra: Vec<String> =
                groups.iter().filter(|id| !allowed.value.contains(id)).map(ToString::to_string).collect();
            if extra.is_empty() {
                (Status::Pass, "no supplementary group beyond those allowed".to_owned())
            } else {
                (Status::Fail, format!("it is in the supplementary groups {}", extra.join(", ")))
            }
        });
        check(
            "process.groups",
            result,
            detail,
            "set supplementalGroups and fsGroup in the pod's securityContext; the image's /etc/group adds more",
        );
    }
    if verify.no_new_privs.as_ref().is_some_and(|wanted| wanted.value) {
        let (result, detail) = status.no_new_privs.map_or_else(unknown, |set| {
            if set {
                (Status::Pass, "no_new_privs is set".to_owned())
            } else {
                (Status::Fail, "no_new_privs is not set: setuid programs can raise privileges".to_owned())
            }
        });
        check("process.no_new_privs", result, detail, "set allowPrivilegeEscalation: false in the securityContext");
    }
    if let Some(allowed) = &verify.capabilities {
        let (result, detail) = status.capabilities.map_or_else(unknown, |sets| capabilities(&sets, &allowed.value));
        check(
            "process.capabilities",
            result,
            detail,
            "set capabilities: {drop: [ALL]} in the securityContext and add only those allowed",
        );
    }
    if verify.seccomp.is_some() {
        let (result, detail) = status.seccomp.map_or_else(unknown, |mode| match mode {
            2 => (Status::Pass, "a seccomp filter is in force".to_owned()),
            0 => (Status::Fail, "no seccomp filter: every system call is allowed".to_owned()),
            mode => (Status::Fail, format!("seccomp mode is {mode}, not 2 (filter)")),
        });
        check("process.seccomp", result, detail, "set seccompProfile: {type: RuntimeDefault} in the securityContext");
    }
}

/// All four ids: real, effective, saved and filesystem.
fn ids(root: &Root, wanted: &Principal, seen: Option<[u32; 4]>, kind: &str, database: &str) -> (Status, String) {
    let Some(seen) = seen else { return (Status::Unverified, "cannot be read".to_owned()) };
    let [real, effective, saved, filesystem] = seen;
    let text = if seen.iter().all(|id| *id == real) {
        format!("{kind} {real}")
    } else {
        format!("{kind} {real}, effective {effective}, saved {saved}, filesystem {filesystem}")
    };
    let id = match wanted {
        Principal::NonRoot => {
            return if seen.contains(&0) {
                (Status::Fail, format!("it runs as root: {text}"))
            } else {
                (Status::Pass, text)
            };
        }
        Principal::Id(id) => *id,
        Principal::Name(name) => {
            match root.read(database.as_bytes(), LIMIT).ok().and_then(|text| id_of(&text, name.as_bytes())) {
                Some(id) => id,
                None => {
                    return (
                        Status::Unverified,
                        format!("{database} inside the root does not have {}", escape(name.as_bytes())),
                    );
                }
            }
        }
    };
    if seen == [id; 4] { (Status::Pass, text) } else { (Status::Fail, format!("{text}, not {id}")) }
}

fn capabilities(sets: &CapabilitySets, allowed: &[String]) -> (Status, String) {
    let allowed = capability_mask(allowed);
    let mut excess = Vec::new();
    for (set, mask) in sets.named() {
        let names = capability_names(mask & !allowed);
        if names.len() > 6 {
            excess.push(format!("{set}: {} capabilities", names.len()));
        } else if !names.is_empty() {
            excess.push(format!("{set}: {}", names.join(" ")));
        }
    }
    if excess.is_empty() {
        (Status::Pass, "no capability beyond those allowed, in any set".to_owned())
    } else {
        (Status::Fail, format!("it holds more than allowed: {}", excess.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_counts() {
        let bind = vec!["NET_BIND_SERVICE".to_owned()];
        let sets = CapabilitySets { bounding: 1 << 10, ..CapabilitySets::default() };
        assert_eq!(capabilities(&sets, &bind).0, Status::Pass);
        assert_eq!(capabilities(&sets, &[]).0, Status::Fail);
        for field in 0..5 {
            let mut all = [0; 5];
            all[field] = 1 << 21;
            let [inheritable, permitted, effective, bounding, ambient] = all;
            let (status, detail) =
                capabilities(&CapabilitySets { inheritable, permitted, effective, bounding, ambient }, &bind);
            assert_eq!(status, Status::Fail);
            assert!(detail.contains("SYS_ADMIN"), "{detail}");
        }
        let future = CapabilitySets { effective: 1 << 60, ..CapabilitySets::default() };
        assert_eq!(capabilities(&future, &bind).0, Status::Fail);
    }

    #[test]
    fn any_of_the_four_ids_can_be_root() {
        let root = Root::open(std::path::Path::new("/")).unwrap();
        let result = |wanted, seen| ids(&root, &wanted, Some(seen), "uid", "/etc/passwd").0;
        assert_eq!(result(Principal::NonRoot, [1000; 4]), Status::Pass);
        assert_eq!(result(Principal::NonRoot, [1000, 1000, 0, 1000]), Status::Fail);
        assert_eq!(result(Principal::Id(7), [7, 7, 7, 8]), Status::Fail);
        assert_eq!(result(Principal::Name("root".into()), [0; 4]), Status::Pass);
        assert_eq!(result(Principal::Name("nobody knows".into()), [0; 4]), Status::Unverified);
        assert_eq!(ids(&root, &Principal::NonRoot, None, "uid", "").0, Status::Unverified);
    }
}
