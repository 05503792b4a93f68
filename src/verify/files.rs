//! Files: nothing left of what should be gone, absent and present ones, and what should not be visible.

use super::{Check, Status, Verification};
use crate::harden::plan::{Verb, plan};
use crate::harden::protection::Protection;
use crate::harden::survey::{self, Depth};
use crate::profile::{Profile, Verify};
use crate::root::{Kind, Root, glob};
use crate::text::escape::escape;

/// Sockets of container runtimes; who can write to one is root on the node.
const RUNTIME_SOCKETS: [&str; 9] = [
    "/run/docker.sock",
    "/var/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/podman/podman.sock",
    "/run/cri-dockerd.sock",
    "/run/buildkit/buildkitd.sock",
    "/host/run/containerd/containerd.sock",
];

const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// What `[remove]` and `[strip]` would still change.
pub(super) fn nothing_left(root: &Root, profile: &Profile, protection: &Protection, out: &mut Verification) {
    let inventory = match survey::survey(root, profile, protection, Depth::Rules) {
        Ok(inventory) => inventory,
        Err(error) => {
            out.checks.push(Check::new("remove", Status::Unverified, "/", error.to_string()));
            return;
        }
    };
    let mut clean = true;
    for error in &inventory.unreadable {
        clean = false;
        out.checks.push(Check::new("remove", Status::Unverified, escape(error.path()), error.to_string()));
    }
    let plan = plan(profile, &inventory, protection);
    let planned = plan.actions.iter().map(|action| {
        let (id, what) = match action.verb {
            Verb::Strip { .. } => ("strip", "still set".to_owned()),
            Verb::LoginShells { .. } => ("strip", format!("login shells {}", action.reason().unwrap_or_default())),
            Verb::Remove | Verb::Disable | Verb::Tombstone => ("remove", "still there".to_owned()),
        };
        (id, action.path(), what, &action.origin)
    });
    let refused = plan.refusals.iter().map(|refusal| {
        let what = if refusal.missing_library { "lacks a library" } else { "still there, and must be" };
        ("remove", refusal.path.clone(), format!("{what}: {}", refusal.reason), &refusal.origin)
    });
    let skipped = plan
        .skipped
        .iter()
        .map(|stays| ("remove", stays.path.clone(), format!("still there: {}", stays.reason), &stays.origin));
    for (id, path, what, origin) in planned.chain(refused).chain(skipped) {
        clean = false;
        let detail = format!("{what} ({}: {})", origin.profile, origin.rule);
        out.checks.push(Check::new(id, Status::Fail, escape(&path), detail));
    }
    if clean {
        out.checks.push(Check::new("remove", Status::Pass, "/", "nothing is left of what the profile removes"));
    }
}

/// `[verify.files]`.
pub(super) fn check(root: &Root, verify: &Verify, out: &mut Verification) {
    for (id, patterns, wanted) in [("files.absent", &verify.absent, false), ("files.present", &verify.present, true)] {
        for pattern in patterns {
            let subject = escape(pattern.value.as_str().as_bytes());
            let (paths, problems) = match glob::matches(root, &pattern.value) {
                Ok(found) => found,
                Err(error) => {
                    out.checks.push(Check::new(id, Status::Unverified, subject, error.to_string()));
                    continue;
                }
            };
            let check = match (paths.first(), problems.first()) {
                (Some(_), _) if wanted && paths.iter().any(|path| root.resolve(path).is_ok()) => {
                    Check::new(id, Status::Pass, subject, "is there")
                }
                (Some(_), _) if wanted => Check::new(id, Status::Fail, subject, "is a link that leads nowhere"),
                (Some(_), None) if paths.iter().all(|path| is_tombstone(root, path)) => {
                    Check::new(id, Status::Pass, subject, "is a tombstone of what was removed")
                }
                (Some(path), _) => Check::new(id, Status::Fail, subject, format!("{} is there", escape(path))),
                (None, Some(error)) => Check::new(id, Status::Unverified, subject, error.to_string()),
                (None, None) if wanted => Check::new(id, Status::Fail, subject, "is not there"),
                (None, None) => Check::new(id, Status::Pass, subject, "is not there"),
            };
            out.checks.push(check);
        }
    }
}

/// Whether lithify put the file there in place of a command that it removed.
fn is_tombstone(root: &Root, path: &[u8]) -> bool {
    let program = crate::linux::proc::open_own_program();
    program.is_ok_and(|program| root.is_tombstone(path, &program).unwrap_or(false))
}

/// `[verify.exposure]`.
pub(super) fn exposure(root: &Root, verify: &Verify, out: &mut Verification) {
    if verify.no_runtime_socket.is_some() {
        let id = "exposure.runtime_socket";
        let mut check = Check::new(id, Status::Pass, "/", "no container runtime's socket at the known paths");
        for path in RUNTIME_SOCKETS {
            match root.resolve(path.as_bytes()) {
                Ok(stat) if stat.kind == Kind::Other => {
                    check = Check::new(id, Status::Fail, path, "a container runtime's socket is visible")
                        .hint("whoever can write to it is root on the node: remove this hostPath volume");
                    break;
                }
                Ok(_) => {}
                Err(error) if error.leads_nowhere() => {}
                Err(error) => check = Check::new(id, Status::Unverified, path, error.to_string()),
            }
        }
        out.checks.push(check);
    }
    if verify.no_service_account_token.is_some() {
        let id = "exposure.service_account_token";
        out.checks.push(match root.resolve(TOKEN.as_bytes()) {
            Ok(_) => Check::new(id, Status::Fail, TOKEN, "the service account token is mounted")
                .hint("set automountServiceAccountToken: false in the pod spec"),
            Err(error) if error.leads_nowhere() => Check::new(id, Status::Pass, TOKEN, "is not there"),
            Err(error) => Check::new(id, Status::Unverified, TOKEN, error.to_string()),
        });
    }
    if verify.no_host_pid.is_some() {
        out.checks.push(match crate::target::host_guard::in_initial_pid_namespace() {
            Ok(false) => Check::new("exposure.host_pid", Status::Pass, "pid namespace", "the container has its own"),
            Ok(true) => Check::new("exposure.host_pid", Status::Fail, "pid namespace", "it is the machine's own")
                .hint("set hostPID: false in the pod spec"),
            Err(errno) => Check::new("exposure.host_pid", Status::Unverified, "pid namespace", errno.desc()),
        });
    }
}
