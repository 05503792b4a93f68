//! `[verify.exposure] runtime_socket`: sockets of container runtimes, at the usual paths, and under any other name where
//! mountinfo tells which socket of the node is mounted there. Whoever can write to one of them is root on the node.

use super::mounts::{View, inside};
use super::{Check, CheckId, Evidence, Status, Verification};
use crate::profile::Verify;
use crate::root::{InRoot, Kind, Root};

/// Where `/run` of the node may be.
const RUN: [&str; 6] = ["/run", "/var/run", "/host/run", "/host/var/run", "/rootfs/run", "/rootfs/var/run"];

/// Sockets of runtimes, below `/run`.
const SOCKETS: [&str; 14] = [
    "docker.sock",
    "containerd/containerd.sock",
    "docker/containerd/containerd.sock",
    "host-containerd/containerd.sock",
    "k3s/containerd/containerd.sock",
    "k0s/containerd.sock",
    "crio/crio.sock",
    "podman/podman.sock",
    "cri-dockerd.sock",
    "dockershim.sock",
    "buildkit/buildkitd.sock",
    "isulad.sock",
    "lxd.socket",
    "incus/unix.socket",
];

/// Elsewhere.
const ELSEWHERE: [&str; 3] =
    ["/var/snap/microk8s/common/run/containerd.sock", "/var/lib/lxd/unix.socket", "/var/lib/incus/unix.socket"];

/// Names of such sockets wherever they are mounted from.
const NAMES: [&[u8]; 10] = [
    b"docker.sock",
    b"containerd.sock",
    b"containerd.sock.ttrpc",
    b"crio.sock",
    b"podman.sock",
    b"cri-dockerd.sock",
    b"dockershim.sock",
    b"buildkitd.sock",
    b"isulad.sock",
    b"unix.socket",
];

pub(super) fn check(root: &Root, verify: &Verify, view: &View, out: &mut Verification) {
    if verify.no_runtime_socket.is_none() {
        return;
    }
    let id = CheckId::RuntimeSocket;
    let mut unknown = None;
    let mut add = |path: &[u8]| match root.resolve(path) {
        Ok(stat) if stat.kind == Kind::Other => Some(Check::at(path, id, Status::Fail, Evidence::There)),
        Ok(_) => None,
        Err(error) if error.leads_nowhere() => None,
        Err(error) => {
            unknown = Some(Check::at(path, id, Status::Unverified, Evidence::Unreadable(error)));
            None
        }
    };
    let mut found = None;
    for path in ELSEWHERE {
        found = found.or_else(|| add(path.as_bytes()));
    }
    for run in RUN {
        // Most of these directories are not there.
        if root.resolve(run.as_bytes()).is_err_and(|error| error.leads_nowhere()) {
            continue;
        }
        for socket in SOCKETS {
            found = found.or_else(|| add(&InRoot(run.as_bytes()).join(socket.as_bytes())));
        }
    }
    match view {
        Ok((mounts, prefix)) => {
            let is_runtime = |path: &[u8]| NAMES.contains(&InRoot(path).name());
            for mount in mounts.visible().filter(|mount| is_runtime(&mount.root) || is_runtime(&mount.point)) {
                found = found.or_else(|| add(inside(prefix, &mount.point)?));
            }
        }
        Err(reason) => {
            unknown = unknown.or(Some(Check::at(b"/", id, Status::Unverified, Evidence::NoMounts(reason.clone()))));
        }
    }
    let nowhere = || Check::at(b"/", id, Status::Pass, Evidence::NotThere);
    out.checks.push(found.or(unknown).unwrap_or_else(nowhere));
}
