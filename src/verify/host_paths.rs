//! `[verify.exposure] host_paths`: directories and files of the node that are mounted writable, as far as mountinfo tells.
//!
//! A bind mount shows a part of a filesystem, whose path in it mountinfo tells. Volumes of the kubelet and of Docker, and
//! what runtimes mount, are known by their paths there. The whole of a filesystem is a volume, unless other mounts show
//! parts of the same filesystem: then it is the node's disk.

use super::mounts::{View, inside, is_runtime_mount};
use super::{Check, CheckId, Evidence, Isolation, Status, Verification};
use crate::linux::proc::mountinfo::Mount;
use crate::profile::Verify;
use crate::root::{InRoot, Kind, Root};

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
    let (mounts, prefix) = match view {
        Ok(view) => view,
        Err(reason) => {
            out.checks.push(Check::at(b"/", id, Status::Unverified, Evidence::NoMounts(reason.clone())));
            return;
        }
    };
    let visible: Vec<&Mount> = mounts.visible().collect();
    let mut points = Vec::new();
    for mount in visible.iter().filter(|mount| !mount.is_read_only() && is_of_node(mount, &visible)) {
        let Some(point) = inside(prefix, &mount.point).filter(|point| *point != b"/") else { continue };
        let is_directory = root.resolve(point).map_or(true, |stat| stat.kind == Kind::Directory);
        if !is_runtime_mount(point, mount, is_directory) {
            points.push(point.to_vec());
        }
    }
    let status = if points.is_empty() { Status::Pass } else { Status::Fail };
    out.checks.push(Check::at(b"/", id, status, Evidence::Isolation(Isolation::Names(points))));
}

/// Whether the mount shows a part of a filesystem that is no volume's, or the whole of one of which others show parts.
fn is_of_node(mount: &Mount, visible: &[&Mount]) -> bool {
    if KERNEL.contains(&mount.filesystem.as_slice()) || is_volume(mount) {
        return false;
    }
    let shows_part = |other: &&&Mount| other.device == mount.device && other.root != b"/";
    mount.root != b"/" || visible.iter().any(|other| shows_part(&other) && InRoot(&other.point).is_within(b"/"))
}

fn is_volume(mount: &Mount) -> bool {
    VOLUMES.iter().any(|part| mount.root.windows(part.len()).any(|window| window == *part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::proc::mountinfo::Mounts;

    fn of_node(text: &str) -> Vec<String> {
        let mounts = Mounts::parse(text.as_bytes()).unwrap();
        let visible: Vec<&Mount> = mounts.visible().collect();
        let found = visible.iter().filter(|mount| mount.point != b"/" && is_of_node(mount, &visible));
        found.map(|mount| crate::text::escape::escape(&mount.point)).collect()
    }

    #[test]
    fn volumes_and_paths_of_the_node() {
        let root = "1 0 0:71 / / ro - overlay overlay rw\n";
        let with = |lines: &str| of_node(&format!("{root}{lines}"));
        let empty_dir = "2 1 8:1 /var/lib/kubelet/pods/u/volumes/kubernetes.io~empty-dir/c /c rw - ext4 /dev/sda1 rw\n";
        assert!(with(empty_dir).is_empty());
        assert!(with("2 1 0:9 / /tmp rw - tmpfs tmpfs rw\n").is_empty(), "emptyDir in memory");
        assert!(with("2 1 8:16 / /data rw - ext4 /dev/sdb rw\n").is_empty(), "a volume with a disk of its own");
        assert!(with("2 1 8:1 /var/lib/docker/volumes/v/_data /v rw - ext4 /dev/sda1 rw\n").is_empty());
        assert_eq!(with("2 1 8:1 /etc /host-etc rw - ext4 /dev/sda1 rw\n"), ["/host-etc"]);
        assert_eq!(with("2 1 0:25 /containerd /run/containerd rw - tmpfs tmpfs rw\n"), ["/run/containerd"]);
        assert_eq!(with(&format!("{empty_dir}3 1 8:1 / /host rw - ext4 /dev/sda1 rw\n")), ["/host"], "the node's disk");
    }
}
