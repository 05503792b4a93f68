//! `[verify.mounts] read_only`, `writable` and `writable_if_present`, by mountinfo and by trying to write.

use nix::errno::Errno;
use nix::unistd::{getegid, geteuid};

use super::seen::{Seen, View};
use super::{Check, CheckId, Evidence, Note, Status, Trial, Verification};
use crate::linux::proc::mountinfo::Mount;
use crate::profile::Verify;
use crate::root::{Canonical, InRoot, Kind, Place, Root, RootError};
use crate::target::owner::{Owner, OwnerError};
use crate::target::runtime_files::is_runtime_file;

/// What the checks share.
struct Context<'a> {
    root: &'a Root,
    mounts: &'a View,
    /// What may be writable below a read-only directory.
    writable: &'a [Canonical],
}

/// What the profile calls writable, as far as it is there.
pub(super) fn places_to_write(root: &Root, verify: &Verify) -> Vec<Canonical> {
    let writable = verify.writable.iter().chain(&verify.writable_if_present);
    writable.filter_map(|path| place(root, &path.value).ok()).map(|place| place.path).collect()
}

pub(super) fn check(root: &Root, verify: &Verify, mounts: &View, writable: &[Canonical], out: &mut Verification) {
    let context = Context { root, mounts, writable };
    let mut runtime = Vec::new();
    for path in &verify.read_only {
        context.read_only(&path.value, &mut runtime, out);
    }
    for path in &verify.writable {
        out.checks.push(context.writable(CheckId::Writable, &path.value));
    }
    for path in &verify.writable_if_present {
        // Profiles of applications know several layouts. If this image lacks a path, the app does not need it.
        match place(root, &path.value) {
            Ok(place) if place.stat.kind == Kind::Directory => {
                out.checks.push(context.writable(CheckId::WritableIfPresent, &path.value));
            }
            Ok(_) => {}
            Err(error) if error.errno() == Errno::ENOENT => {}
            Err(error) => out.checks.push(unreadable(CheckId::WritableIfPresent, &path.value, error)),
        }
    }
    if !runtime.is_empty() {
        crate::text::order::sort_by_bytes(&mut runtime, Clone::clone);
        runtime.dedup();
        out.notes.push(Note::RuntimeMounts(runtime));
    }
}

/// The writable mounts below the root that no runtime makes by itself, in order. Fails if the mounts cannot be read.
pub fn volumes(root: &Root, owner: &Owner) -> Result<Vec<Canonical>, OwnerError> {
    let (mounts, prefix) = owner.mounts()?;
    let mut points = Vec::new();
    for (point, mount) in Seen::new(mounts, prefix).visible() {
        if mount.is_read_only() || point == b"/" {
            continue;
        }
        let Ok(place) = root.walk(point, true) else { continue };
        if !is_runtime_mount(point, mount, place.stat.kind == Kind::Directory) {
            points.push(place.path);
        }
    }
    crate::text::order::sort_by(&mut points, Canonical::cmp);
    points.dedup();
    Ok(points)
}

fn place(root: &Root, path: &str) -> Result<Place, RootError> {
    root.walk(path.as_bytes(), true)
}

pub(super) fn unreadable(id: CheckId, path: &str, error: RootError) -> Check {
    Check::at(path.as_bytes(), id, Status::Unverified, Evidence::Unreadable(error))
}

impl Context<'_> {
    /// Whether a mount point is a directory. Assumes so if it cannot be looked at.
    fn is_directory(&self, point: &[u8]) -> bool {
        self.root.resolve(point).map_or(true, |stat| stat.kind == Kind::Directory)
    }

    /// Whether this is the mount of the root itself, and so not a volume.
    fn is_of_root(&self, mount: &Mount) -> bool {
        let root = self.mounts.as_ref().ok().and_then(|mounts| mounts.covering(b"/"));
        root.is_some_and(|root| root.id == mount.id)
    }

    /// Checks the path itself and every mount below it.
    fn read_only(&self, path: &str, runtime: &mut Vec<Vec<u8>>, out: &mut Verification) {
        let id = CheckId::ReadOnly;
        let mut add = |path: &[u8], status, evidence| out.checks.push(Check::at(path, id, status, evidence));
        let place = match place(self.root, path) {
            Ok(place) => place.path,
            Err(error) => return out.checks.push(unreadable(id, path, error)),
        };
        let mounts = match self.mounts {
            Ok(mounts) => mounts,
            Err(reason) => {
                let (trial, reason) = (self.try_write(&place, None), reason.clone());
                return add(path.as_bytes(), Status::Unverified, Evidence::ReadOnlyAlone { trial, reason });
            }
        };
        let trial = self.try_write(&place, mounts.covering(&place));
        add(path.as_bytes(), is_read_only(&trial), Evidence::ReadOnly { trial, at_root: place == b"/" });
        for (point, mount) in mounts.visible() {
            if !InRoot(point).is_within(&place)
                || place == point
                || self.writable.iter().any(|allowed| InRoot(point).is_within(allowed))
            {
                continue;
            }
            if is_runtime_mount(point, mount, self.is_directory(point)) {
                if !mount.is_read_only() {
                    runtime.push(point.to_vec());
                }
                continue;
            }
            let trial = self.try_write(point, Some(mount));
            add(point, is_read_only(&trial), Evidence::ReadOnlyBelow { path: path.to_owned(), trial });
        }
    }

    fn try_write(&self, path: &[u8], mount: Option<&Mount>) -> Trial {
        Trial {
            result: self.root.write_test(InRoot(path)).map_err(|error| error.errno()),
            mount: mount.cloned().map(Box::new),
            user: (geteuid().as_raw(), getegid().as_raw()),
        }
    }

    fn writable(&self, id: CheckId, path: &str) -> Check {
        let place = match place(self.root, path) {
            Ok(place) => place.path,
            Err(error) if error.errno() == Errno::ENOENT => {
                return Check::at(path.as_bytes(), id, Status::Fail, Evidence::NotThere);
            }
            Err(error) => return unreadable(id, path, error),
        };
        let mount = self.mounts.as_ref().ok().and_then(|mounts| mounts.covering(&place));
        let trial = self.try_write(&place, mount);
        let status = match trial.result {
            Ok(()) => Status::Pass,
            // The write cannot be tried there: some filesystems have no O_TMPFILE, and a file cannot hold another file.
            Err(Errno::EOPNOTSUPP | Errno::EISDIR) => match mount {
                Some(mount) if !mount.is_read_only() => Status::Pass,
                _ => Status::Unverified,
            },
            Err(_) => Status::Fail,
        };
        let in_image = mount.is_some_and(|mount| self.is_of_root(mount));
        Check::at(path.as_bytes(), id, status, Evidence::Writable { trial, in_image })
    }
}

/// Whether the place is read-only, by the attempt to write and by mountinfo.
fn is_read_only(trial: &Trial) -> Status {
    match (trial.result, trial.mount.as_deref().map(Mount::is_read_only)) {
        // A mounted file, such as /etc/hosts, cannot hold another file.
        (Err(Errno::EROFS), _) | (Err(Errno::ENOTDIR), Some(true)) => Status::Pass,
        // It proves nothing if only permissions stop the write.
        (Ok(()), _) | (Err(_), Some(false)) => Status::Fail,
        (Err(_), Some(true) | None) => Status::Unverified,
    }
}

/// Where runtimes mount the kernel's filesystems, each with those that may be there.
const KERNELS: [(&str, &[&str]); 8] = [
    ("/proc", &["proc"]),
    ("/sys", &["sysfs"]),
    ("/dev", &["tmpfs", "devtmpfs"]),
    ("/dev/shm", &["tmpfs"]),
    ("/dev/pts", &["devpts"]),
    ("/dev/console", &["devpts"]),
    ("/dev/mqueue", &["mqueue"]),
    ("/dev/hugepages", &["hugetlbfs"]),
];

/// What may be mounted below these: masks, and further filesystems of the kernel.
const MASKS: [(&str, &[&str]); 2] = [
    ("/proc", &["proc", "tmpfs", "devtmpfs", "fuse.lxcfs"]),
    (
        "/sys",
        &[
            "sysfs",
            "tmpfs",
            "cgroup",
            "cgroup2",
            "securityfs",
            "debugfs",
            "tracefs",
            "bpf",
            "pstore",
            "configfs",
            "efivarfs",
            "selinuxfs",
            "fusectl",
        ],
    ),
];

/// Where runtimes and the kubelet mount what is secret.
const SECRETS: [&str; 3] =
    ["/run/secrets", "/run/secrets/kubernetes.io/serviceaccount", "/var/run/secrets/kubernetes.io/serviceaccount"];

/// Whether this is a mount that the kubelet, containerd, CRI-O, Docker or podman makes by itself. Both the place and
/// the filesystem must match, so that a volume mounted over such a place is not taken for one of theirs.
pub(super) fn is_runtime_mount(point: &[u8], mount: &Mount, directory: bool) -> bool {
    let is_one_of = |filesystems: &[&str]| filesystems.iter().any(|name| name.as_bytes() == mount.filesystem);
    if let Some((_, filesystems)) = KERNELS.iter().find(|(path, _)| path.as_bytes() == point) {
        return is_one_of(filesystems);
    }
    // A single file of a disk or of the runtime's own tmpfs, not a directory tree.
    let single_file = mount.root != b"/" && !directory;
    if SECRETS.iter().any(|path| path.as_bytes() == point) {
        return single_file || is_one_of(&["tmpfs"]);
    }
    if point == b"/dev/termination-log" || is_runtime_file(point) {
        return single_file;
    }
    if let Some((_, filesystems)) = MASKS.iter().find(|(top, _)| InRoot(point).is_within(top.as_bytes())) {
        return is_one_of(filesystems);
    }
    // Rootless runtimes bind the device nodes one by one.
    InRoot(point).is_within(b"/dev") && single_file && is_one_of(&["devtmpfs"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::proc::mountinfo::Mounts;
    use crate::text::escape::escape;

    fn runtime_mounts(text: &str) -> (Vec<String>, Vec<String>) {
        let mounts = Mounts::parse(text.as_bytes()).unwrap();
        let is_file =
            |point: &[u8]| [b"/etc/hosts".as_slice(), b"/dev/termination-log", b"/proc/keys"].contains(&point);
        let (known, others): (Vec<&Mount>, Vec<&Mount>) = mounts
            .iter()
            .filter(|mount| mount.point != b"/")
            .partition(|mount| is_runtime_mount(&mount.point, mount, !is_file(&mount.point)));
        let points = |mounts: Vec<&Mount>| mounts.iter().map(|mount| escape(&mount.point)).collect();
        (points(known), points(others))
    }

    /// Shaped after a kubelet's container with containerd: overlay root, two volumes of the user.
    const KUBELET: &str = "\
172 127 0:71 / / ro,relatime - overlay overlay rw
173 172 0:73 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
174 172 0:74 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755
175 174 0:75 / /dev/pts rw,nosuid,noexec,relatime - devpts devpts rw
176 174 0:63 / /dev/mqueue rw,nosuid,nodev,noexec,relatime - mqueue mqueue rw
177 172 0:68 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro
178 177 0:76 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw
188 172 254:0 /var/lib/kubelet/pods/u/volumes/kubernetes.io~empty-dir/cache /var/cache/nginx rw,relatime - ext4 /dev/vda rw
189 172 0:59 / /tmp rw,relatime - tmpfs tmpfs rw
192 172 254:0 /var/lib/kubelet/pods/u/etc-hosts /etc/hosts rw,relatime - ext4 /dev/vda rw
193 174 254:0 /var/lib/kubelet/pods/u/containers/nginx/eb37 /dev/termination-log rw,relatime - ext4 /dev/vda rw
196 174 0:60 / /dev/shm rw,nosuid,nodev,noexec,relatime - tmpfs shm rw
133 173 0:74 /null /proc/keys rw,nosuid - tmpfs tmpfs rw
";

    #[test]
    fn the_runtimes_mounts_and_the_users_are_told_apart() {
        let (known, others) = runtime_mounts(KUBELET);
        assert_eq!(others, ["/var/cache/nginx", "/tmp"]);
        assert_eq!(known.len(), 10);
    }

    #[test]
    fn a_volume_over_a_runtimes_place_is_the_users() {
        let (known, others) = runtime_mounts(
            "1 0 0:1 / / ro - overlay o rw\n2 1 8:1 / /etc/hosts rw - ext4 /dev/sda1 rw\n3 1 8:1 /x /proc rw - ext4 /dev/sda1 rw\n",
        );
        assert_eq!((known.len(), others.len()), (0, 2));
    }
}
