//! `[verify.exposure] host_paths`: directories and files of the node that are mounted writable, as far as mountinfo tells.
//!
//! A bind mount shows a part of a filesystem, whose path in it mountinfo tells. Volumes of the kubelet and of Docker are
//! known by their paths there. The node's disk is the one that also has the files which runtimes mount, such as
//! `/etc/hosts`: a part of it that is no volume is the node's, and so is the whole of it. Other disks are volumes.

use super::mounts::is_runtime_mount;
use super::seen::View;
use super::{Check, CheckId, Evidence, Isolation, Status, Verification};
use crate::linux::proc::mountinfo::Mount;
use crate::profile::Verify;
use crate::root::{Kind, Root};

/// Parts of the paths of volumes on the node's own disk.
const VOLUMES: [&[u8]; 6] = [
    b"/volumes/kubernetes.io~",
    b"/volume-subpaths/",
    b"/docker/volumes/",
    b"/containers/storage/volumes/",
    b"/overlay-containers/",
    b"/io.containerd.grpc.v1.cri/",
];

/// Filesystems of the kernel, which show nothing of a disk.
const KERNEL: [&[u8]; 10] =
    [b"proc", b"sysfs", b"devpts", b"mqueue", b"cgroup", b"cgroup2", b"nsfs", b"hugetlbfs", b"securityfs", b"bpf"];

pub(super) fn check(root: &Root, verify: &Verify, view: &View, out: &mut Verification) {
    if verify.no_host_paths.is_none() {
        return;
    }
    let id = CheckId::HostPaths;
    let seen = match view {
        Ok(seen) => seen,
        Err(reason) => {
            out.checks.push(Check::at(b"/", id, Status::Unverified, Evidence::NoMounts(reason.clone())));
            return;
        }
    };
    let mut mounts = Vec::new();
    for (point, mount) in seen.visible() {
        if point != b"/" {
            let is_directory = root.resolve(point).map_or(true, |stat| stat.kind == Kind::Directory);
            mounts.push((point, mount, is_runtime_mount(point, mount, is_directory)));
        }
    }
    let points = of_node(&mounts);
    let status = if points.is_empty() { Status::Pass } else { Status::Fail };
    out.checks.push(Check::at(b"/", id, status, Evidence::Isolation(Isolation::Names(points))));
}

/// The points of the mounts that show the node's files writable. Each mount comes with its point inside the root, and
/// whether a runtime makes it by itself.
fn of_node(mounts: &[(&[u8], &Mount, bool)]) -> Vec<Vec<u8>> {
    let is_file_of_node = |mount: &Mount| mount.root != b"/" && !is_kernel(mount);
    let disks: Vec<&[u8]> = mounts
        .iter()
        .filter(|(_, mount, by_runtime)| *by_runtime && is_file_of_node(mount))
        .map(|(_, mount, _)| mount.device.as_slice())
        .collect();
    let is_of_node = |mount: &Mount| {
        let is_on_disk = disks.contains(&mount.device.as_slice());
        // A part of a filesystem in memory is one of the node's, such as /run.
        let is_part = mount.root != b"/" && (disks.is_empty() || mount.filesystem == b"tmpfs");
        !mount.is_read_only() && !is_kernel(mount) && !is_volume(mount) && (is_on_disk || is_part)
    };
    let found = mounts.iter().filter(|(_, mount, by_runtime)| !by_runtime && is_of_node(mount));
    found.map(|(point, ..)| point.to_vec()).collect()
}

fn is_kernel(mount: &Mount) -> bool {
    KERNEL.contains(&mount.filesystem.as_slice())
}

fn is_volume(mount: &Mount) -> bool {
    VOLUMES.iter().any(|part| mount.root.windows(part.len()).any(|window| window == *part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::proc::mountinfo::Mounts;

    fn found(lines: &str) -> Vec<String> {
        let hosts = "9 1 8:1 /var/lib/kubelet/pods/u/etc-hosts /etc/hosts rw - ext4 /dev/sda1 rw\n";
        let mounts = Mounts::parse(format!("1 0 0:71 / / ro - overlay o rw\n{hosts}{lines}").as_bytes()).unwrap();
        let mounts: Vec<(&[u8], &Mount, bool)> = mounts
            .visible()
            .filter(|mount| mount.point != b"/")
            .map(|mount| (mount.point.as_slice(), mount, mount.point == b"/etc/hosts"))
            .collect();
        of_node(&mounts).iter().map(|point| crate::text::escape::escape(point)).collect()
    }

    #[test]
    fn volumes_and_paths_of_the_node() {
        for volume in [
            "2 1 8:1 /var/lib/kubelet/pods/u/volumes/kubernetes.io~empty-dir/c /c rw - ext4 /dev/sda1 rw\n",
            "2 1 8:1 /var/lib/docker/volumes/v/_data /v rw - ext4 /dev/sda1 rw\n",
            "2 1 0:9 / /tmp rw - tmpfs tmpfs rw\n",
            "2 1 8:16 / /data rw - ext4 /dev/sdb rw\n",
            "2 1 8:16 /part /data rw - ext4 /dev/sdb rw\n",
            "2 1 8:1 /etc /host-etc ro - ext4 /dev/sda1 rw\n",
        ] {
            assert!(found(volume).is_empty(), "{volume}");
        }
        for (path, at) in [
            ("8:1 /etc /x rw - ext4 /dev/sda1 rw", "/x"),
            ("8:1 / /host rw - ext4 /dev/sda1 rw", "/host"),
            ("0:25 /containerd /run/containerd rw - tmpfs tmpfs rw", "/run/containerd"),
        ] {
            assert_eq!(found(&format!("2 1 {path}\n")), [at]);
        }
    }
}
