//! `[verify.exposure] runtime_socket`: sockets of container runtimes, at the usual paths, under any other name where
//! mountinfo tells which socket of the node is mounted there, and in mounted directories. Whoever can write to one of them is root on the node.

use super::seen::View;
use super::{Check, CheckId, Evidence, Status, Verification};
use crate::linux::proc::mountinfo::Mount;
use crate::profile::Verify;
use crate::root::{InRoot, Kind, Root};

/// Where the root of the node may be, or its `/run`.
const NODE: [&str; 6] = ["", "/var", "/host", "/host/var", "/rootfs", "/rootfs/var"];

/// Sockets of container runtimes, by their usual paths on a node.
const RUNTIME_SOCKETS: [&str; 17] = [
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

/// Filesystems of a node's own disks and memory, on which its sockets lie. A server's may not answer.
const LOCAL: [&[u8]; 6] = [b"tmpfs", b"ext4", b"xfs", b"btrfs", b"zfs", b"overlay"];

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
    let visible = view.as_ref().map(|mounts| mounts.visible()).unwrap_or_default();
    candidates(root, &visible, &mut |path| {
        found = found.take().or_else(|| add(path));
    });
    if let Err(reason) = view {
        unknown = unknown.or(Some(Check::at(b"/", id, Status::Unverified, Evidence::NoMounts(reason.clone()))));
    }
    let nowhere = || Check::at(b"/", id, Status::Pass, Evidence::NotThere);
    out.checks.push(found.or(unknown).unwrap_or_else(nowhere));
}

/// Calls `see` with each path at which the socket of a container runtime may be. `mounts` are the visible ones, each with
/// its point inside the root, as far as they are known.
pub fn candidates(root: &Root, mounts: &[(&[u8], &Mount)], see: &mut dyn FnMut(&[u8])) {
    for node in NODE {
        // Most of these directories are not there.
        if !node.is_empty() && root.resolve(node.as_bytes()).is_err_and(|error| error.leads_nowhere()) {
            continue;
        }
        for socket in RUNTIME_SOCKETS {
            see([node, socket].concat().as_bytes());
        }
    }
    let is_runtime = |path: &[u8]| NAMES.contains(&InRoot(path).name());
    for (path, mount) in mounts.iter().filter(|(path, _)| *path != b"/") {
        if is_runtime(&mount.root) || is_runtime(path) {
            see(path);
        } else if LOCAL.contains(&mount.filesystem.as_slice()) {
            // It may be the directory of a socket, or the node's whole /run.
            let of_run = RUNTIME_SOCKETS.iter().filter_map(|socket| socket.strip_prefix("/run/"));
            for name in NAMES.into_iter().chain(of_run.map(str::as_bytes)) {
                see(&InRoot(path).join(name));
            }
        }
    }
}
