//! `[verify.exposure] runtime_socket`: sockets of container runtimes, at the usual paths, and under any other name where
//! mountinfo tells which socket of the node is mounted there. Whoever can write to one of them is root on the node.

use super::mounts::{View, inside};
use super::{Check, CheckId, Evidence, Status, Verification};
use crate::profile::Verify;
use crate::root::{InRoot, Kind, Root};

/// Where the root of the node may be, or its `/run`.
const NODE: [&str; 6] = ["", "/var", "/host", "/host/var", "/rootfs", "/rootfs/var"];

/// Sockets of container runtimes, by their usual paths on a node.
pub const RUNTIME_SOCKETS: [&str; 17] = [
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/docker/containerd/containerd.sock",
    "/run/host-containerd/containerd.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/k0s/containerd.sock",
    "/run/crio/crio.sock",
    "/run/podman/podman.sock",
    "/run/cri-dockerd.sock",
    "/run/dockershim.sock",
    "/run/buildkit/buildkitd.sock",
    "/run/isulad.sock",
    "/run/lxd.socket",
    "/run/incus/unix.socket",
    "/var/snap/microk8s/common/run/containerd.sock",
    "/var/lib/lxd/unix.socket",
    "/var/lib/incus/unix.socket",
];

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
    for node in NODE {
        // Most of these directories are not there.
        if !node.is_empty() && root.resolve(node.as_bytes()).is_err_and(|error| error.leads_nowhere()) {
            continue;
        }
        for socket in RUNTIME_SOCKETS {
            found = found.or_else(|| add(&[node, socket].concat().into_bytes()));
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
