//! `[verify.exposure]`: what should not be visible in a container.

use super::{Check, CheckId, Evidence, Status, Subject, Verification};
use crate::profile::Verify;
use crate::root::{Kind, Root};

/// Sockets of container runtimes. Whoever can write to one of them is root on the node.
pub const RUNTIME_SOCKETS: [&str; 9] = [
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

const TOKEN: &[u8] = b"/var/run/secrets/kubernetes.io/serviceaccount/token";

pub(super) fn check(root: &Root, verify: &Verify, out: &mut Verification) {
    if verify.no_runtime_socket.is_some() {
        out.checks.push(runtime_socket(root));
    }
    if verify.no_service_account_token.is_some() {
        let (status, evidence) = match root.resolve(TOKEN) {
            Ok(_) => (Status::Fail, Evidence::There),
            Err(error) if error.leads_nowhere() => (Status::Pass, Evidence::NotThere),
            Err(error) => (Status::Unverified, Evidence::Unreadable(error)),
        };
        out.checks.push(Check::at(TOKEN, CheckId::ServiceAccountToken, status, evidence));
    }
    if verify.no_host_pid.is_some() {
        let (status, evidence) = match crate::target::host_guard::in_initial_pid_namespace() {
            Ok(false) => (Status::Pass, Evidence::HostPid(false)),
            Ok(true) => (Status::Fail, Evidence::HostPid(true)),
            Err(errno) => (Status::Unverified, Evidence::Os(errno)),
        };
        out.checks.push(Check { id: CheckId::HostPid, subject: Subject::PidNamespace, status, evidence });
    }
}

fn runtime_socket(root: &Root) -> Check {
    let id = CheckId::RuntimeSocket;
    let mut check = Check::at(b"/", id, Status::Pass, Evidence::NotThere);
    for path in RUNTIME_SOCKETS {
        match root.resolve(path.as_bytes()) {
            Ok(stat) if stat.kind == Kind::Other => {
                return Check::at(path.as_bytes(), id, Status::Fail, Evidence::There);
            }
            Ok(_) => {}
            Err(error) if error.leads_nowhere() => {}
            Err(error) => {
                check = Check::at(path.as_bytes(), id, Status::Unverified, Evidence::Unreadable(error));
            }
        }
    }
    check
}
