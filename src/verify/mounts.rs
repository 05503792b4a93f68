//! `[verify.mounts]`: read-only, writable and noexec paths, by mountinfo and by trying to write.

use nix::errno::Errno;

use super::{Check, Status, Verification};
use crate::linux::proc::mountinfo::{Mount, Mounts};
use crate::profile::Verify;
use crate::root::{Canonical, InRoot, Kind, Place, Root, RootError};
use crate::target::owner::Owner;
use crate::text::escape::escape;

/// What the checks share.
struct Context<'a> {
    root: &'a Root,
    /// The mounts, and the path of the root among them; the reason when they cannot be read.
    mounts: Result<(Mounts, Vec<u8>), String>,
    /// What may be writable, below a read-only directory.
    writable: Vec<Canonical>,
}

pub(super) fn check(root: &Root, verify: &Verify, owner: &Owner, out: &mut Verification) {
    if verify.read_only.is_empty()
        && verify.writable.is_empty()
        && verify.writable_if_present.is_empty()
        && verify.noexec.is_empty()
    {
        return;
    }
    let mounts = owner.mounts().map_err(|error| error.to_string());
    let writable = verify.writable.iter().chain(&verify.writable_if_present);
    let writable = writable.filter_map(|path| place(root, &path.value).ok()).map(|place| place.path).collect();
    let context = Context { root, mounts, writable };
    let mut runtime = Vec::new();
    for path in &verify.read_only {
        context.read_only(&path.value, &mut runtime, out);
    }
    for path in &verify.writable {
        out.checks.push(context.writable("mounts.writable", &path.value));
    }
    for path in &verify.writable_if_present {
        // Profiles of applications know several layouts; a path that this image does not have is none of its needs.
        match place(root, &path.value) {
            Ok(place) if place.stat.kind == Kind::Directory => {
                out.checks.push(context.writable("mounts.writable_if_present", &path.value));
            }
            Ok(_) => {}
            Err(error) if error.errno() == Errno::ENOENT => {}
            Err(error) => out.checks.push(unreadable("mounts.writable_if_present", &path.value, &error)),
        }
    }
    for path in &verify.noexec {
        context.noexec(&path.value, out);
    }
    if !runtime.is_empty() {
        crate::text::order::sort_by_bytes(&mut runtime, |path| path.clone().into_bytes());
        runtime.dedup();
        out.notes.push(format!("writable mounts of the runtime and the kubelet, not counted: {}", runtime.join(", ")));
    }
}

fn place(root: &Root, path: &str) -> Result<Place, RootError> {
    root.walk(path.as_bytes(), true)
}

fn unreadable(id: &'static str, path: &str, error: &RootError) -> Check {
    Check::new(id, Status::Unverified, escape(path.as_bytes()), error.to_string())
}

impl Context<'_> {
    /// Whether a mount point is a directory; one that cannot be looked at may be.
    fn is_directory(&self, point: &[u8]) -> bool {
        self.root.resolve(point).map_or(true, |stat| stat.kind == Kind::Directory)
    }

    /// Whether this is the mount of the root itself, and so no volume.
    fn is_of_root(&self, mount: &Mount) -> bool {
        let root = self.mounts.as_ref().ok().and_then(|(mounts, prefix)| mounts.covering(prefix));
        root.is_some_and(|root| root.id == mount.id)
    }

    /// The path itself and every mount below it.
    fn read_only(&self, path: &str, runtime: &mut Vec<String>, out: &mut Verification) {
        let id = "mounts.read_only";
        let place = match place(self.root, path) {
            Ok(place) => place.path,
            Err(error) => {
                let hint = "a path that is not there cannot be checked: correct it, or check its parent";
                out.checks.push(unreadable(id, path, &error).hint(hint));
                return;
            }
        };
        let (mounts, prefix) = match &self.mounts {
            Ok(mounts) => mounts,
            Err(reason) => {
                let detail =
                    format!("{}; mounts below it were not looked at: {reason}", self.try_write(&place, None).1);
                out.checks.push(Check::new(id, Status::Unverified, escape(path.as_bytes()), detail));
                return;
            }
        };
        let host = host_path(prefix, &place);
        let (status, detail) = self.try_write(&place, mounts.covering(&host));
        let mut check = Check::new(id, status, escape(path.as_bytes()), detail);
        if status == Status::Fail {
            check = check.hint(if place == b"/" {
                "set readOnlyRootFilesystem: true in the container's securityContext"
            } else {
                "set readOnly: true on the volumeMount, or readOnlyRootFilesystem: true when no volume is mounted there"
            });
        }
        out.checks.push(check);
        for mount in mounts.visible().filter(|mount| InRoot(&mount.point).is_within(&host)) {
            let Some(point) = inside(prefix, &mount.point) else { continue };
            if place == point || self.writable.iter().any(|allowed| InRoot(point).is_within(allowed)) {
                continue;
            }
            if is_runtime_mount(point, mount, self.is_directory(point)) {
                if !mount.is_read_only() {
                    runtime.push(escape(point));
                }
                continue;
            }
            let (status, detail) = self.try_write(point, Some(mount));
            let detail = format!("mounted below read-only {}: {detail}", escape(path.as_bytes()));
            let mut check = Check::new(id, status, escape(point), detail);
            if status == Status::Fail {
                check = check.hint(format!(
                    "set readOnly: true on its volumeMount, or add \"{}\" to [verify.mounts] writable if the app needs it",
                    escape(point)
                ));
            }
            out.checks.push(check);
        }
    }

    /// Whether writing is refused there, by trying and by mountinfo.
    fn try_write(&self, path: &[u8], mount: Option<&Mount>) -> (Status, String) {
        let on = mount
            .map_or_else(String::new, |mount| format!(" ({}, {})", escape(&mount.filesystem), escape(&mount.options)));
        match (self.root.write_test(InRoot(path)).map_err(|error| error.errno()), mount.map(Mount::is_read_only)) {
            (Err(Errno::EROFS), _) => (Status::Pass, format!("read-only: writing fails with EROFS{on}")),
            (Ok(()), _) => (Status::Fail, format!("writable: a file could be made{on}")),
            // A mounted file, such as /etc/hosts, cannot hold one.
            (Err(Errno::ENOTDIR), Some(true)) => (Status::Pass, format!("read-only by mountinfo{on}")),
            (Err(Errno::EACCES), Some(false)) => {
                let uid = nix::unistd::geteuid();
                (
                    Status::Fail,
                    format!(
                        "the mount is writable; only permissions stop uid {uid} (EACCES), which proves nothing{on}"
                    ),
                )
            }
            (Err(errno), Some(false)) => {
                (Status::Fail, format!("the mount is writable{on}; trying gave: {}", errno.desc()))
            }
            (Err(errno), Some(true)) => (
                Status::Unverified,
                format!("read-only by mountinfo, but writing fails with {} and not EROFS{on}", errno.desc()),
            ),
            (Err(errno), None) => {
                (Status::Unverified, format!("its mount is not known, and writing fails with {}", errno.desc()))
            }
        }
    }

    fn writable(&self, id: &'static str, path: &str) -> Check {
        let subject = escape(path.as_bytes());
        let volume = volume_hint(path);
        let place = match place(self.root, path) {
            Ok(place) => place.path,
            Err(error) if error.errno() == Errno::ENOENT => {
                return Check::new(
                    id,
                    Status::Fail,
                    subject,
                    "does not exist, and the app must be able to write there",
                )
                .hint(volume);
            }
            Err(error) => return unreadable(id, path, &error),
        };
        let mount = self.mounts.as_ref().ok().and_then(|(mounts, prefix)| mounts.covering(&host_path(prefix, &place)));
        match self.root.write_test(InRoot(&place)).map_err(|error| error.errno()) {
            Ok(()) => Check::new(id, Status::Pass, subject, "writable"),
            Err(Errno::EROFS) => {
                Check::new(id, Status::Fail, subject, "is read-only (EROFS), and the app must be able to write there")
                    .hint(volume)
            }
            Err(Errno::EACCES) => {
                let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
                // fsGroup changes volumes only, and an emptyDir is everybody's.
                let in_image = mount.is_some_and(|mount| self.is_of_root(mount));
                let hint = if in_image {
                    volume
                } else {
                    format!("set fsGroup: {gid} in the pod's securityContext, so that its volumes belong to that group")
                };
                let owner = if in_image { ", who does not own it, and no volume is mounted there" } else { "" };
                let detail = format!("permission denied (EACCES) for uid {uid}, gid {gid}{owner}");
                Check::new(id, Status::Fail, subject, detail).hint(hint)
            }
            Err(errno @ (Errno::EOPNOTSUPP | Errno::EISDIR)) => match mount {
                Some(mount) if !mount.is_read_only() => Check::new(
                    id,
                    Status::Pass,
                    subject,
                    format!("writable by mountinfo; not tried, because {} has no O_TMPFILE", escape(&mount.filesystem)),
                ),
                _ => Check::new(id, Status::Unverified, subject, format!("cannot be tried: {}", errno.desc())),
            },
            Err(errno) => Check::new(id, Status::Fail, subject, format!("cannot be written: {}", errno.desc())),
        }
    }

    fn noexec(&self, path: &str, out: &mut Verification) {
        let id = "mounts.noexec";
        let subject = escape(path.as_bytes());
        let place = match place(self.root, path) {
            Ok(place) => place.path,
            Err(error) => return out.checks.push(unreadable(id, path, &error)),
        };
        let (mounts, prefix) = match &self.mounts {
            Ok(mounts) => mounts,
            Err(reason) => return out.checks.push(Check::new(id, Status::Unverified, subject, reason.clone())),
        };
        let host = host_path(prefix, &place);
        let hint = "an emptyDir cannot be mounted noexec: use a volume with mountOptions, or a runtime that sets it";
        out.checks.push(match mounts.covering(&host) {
            Some(mount) if mount.has("noexec") => Check::new(id, Status::Pass, subject, "noexec"),
            Some(mount) => Check::new(
                id,
                Status::Fail,
                subject,
                format!("programs can be started there ({})", escape(&mount.options)),
            )
            .hint(hint),
            None => Check::new(id, Status::Unverified, subject, "its mount is not known"),
        });
        for mount in mounts.visible().filter(|mount| InRoot(&mount.point).is_within(&host)) {
            let Some(point) = inside(prefix, &mount.point) else { continue };
            if place != point && !mount.has("noexec") {
                let detail = format!("mounted below {}: programs can be started there", escape(path.as_bytes()));
                out.checks.push(Check::new(id, Status::Fail, escape(point), detail).hint(hint));
            }
        }
    }
}

/// The two pieces of YAML that make a path writable.
fn volume_hint(path: &str) -> String {
    let name: String = path
        .trim_matches('/')
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    let name = name.get(name.len().saturating_sub(63)..).unwrap_or(&name).trim_matches('-');
    format!(
        "add to the pod's volumes `- {{name: {name}, emptyDir: {{}}}}` and to the container's volumeMounts `- {{name: {name}, mountPath: {}}}`",
        escape(path.as_bytes())
    )
}

/// A path inside the root as mountinfo has it.
fn host_path(prefix: &[u8], path: &[u8]) -> Vec<u8> {
    match (prefix, path) {
        (b"/", _) => path.to_vec(),
        (_, b"/") => prefix.to_vec(),
        _ => [prefix, path].concat(),
    }
}

/// A mount point of mountinfo as a path inside the root.
pub(super) fn inside<'a>(prefix: &[u8], point: &'a [u8]) -> Option<&'a [u8]> {
    if prefix == b"/" {
        return Some(point);
    }
    match point.strip_prefix(prefix)? {
        [] => Some(b"/"),
        rest @ [b'/', ..] => Some(rest),
        _ => None,
    }
}

/// What the kubelet, containerd, CRI-O, Docker and podman mount of themselves. Recognised by place and by filesystem,
/// so that a volume put over such a place is not taken for theirs.
fn is_runtime_mount(point: &[u8], mount: &Mount, directory: bool) -> bool {
    let filesystem = mount.filesystem.as_slice();
    // A single file of a disk or of the runtime's own tmpfs, not a directory tree.
    let single_file = mount.root != b"/" && !directory;
    match point {
        b"/proc" => filesystem == b"proc",
        b"/sys" => filesystem == b"sysfs",
        b"/dev" => matches!(filesystem, b"tmpfs" | b"devtmpfs"),
        b"/dev/shm" => filesystem == b"tmpfs",
        b"/dev/pts" | b"/dev/console" => filesystem == b"devpts",
        b"/dev/mqueue" => filesystem == b"mqueue",
        b"/dev/hugepages" => filesystem == b"hugetlbfs",
        b"/dev/termination-log"
        | b"/etc/hosts"
        | b"/etc/hostname"
        | b"/etc/resolv.conf"
        | b"/run/.containerenv"
        | b"/.dockerenv" => single_file,
        b"/run/secrets"
        | b"/run/secrets/kubernetes.io/serviceaccount"
        | b"/var/run/secrets/kubernetes.io/serviceaccount" => filesystem == b"tmpfs" || single_file,
        _ if InRoot(point).is_within(b"/proc") => {
            matches!(filesystem, b"proc" | b"tmpfs" | b"devtmpfs" | b"fuse.lxcfs")
        }
        _ if InRoot(point).is_within(b"/sys") => {
            matches!(
                filesystem,
                b"sysfs"
                    | b"tmpfs"
                    | b"cgroup"
                    | b"cgroup2"
                    | b"securityfs"
                    | b"debugfs"
                    | b"tracefs"
                    | b"bpf"
                    | b"pstore"
                    | b"configfs"
                    | b"efivarfs"
                    | b"selinuxfs"
                    | b"fusectl"
            )
        }
        // Device nodes bound one by one, as rootless runtimes do.
        _ if InRoot(point).is_within(b"/dev") => filesystem == b"devtmpfs" && single_file,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn yaml_for_a_missing_volume() {
        let hint = volume_hint("/usr/local/apache2/logs");
        assert!(hint.contains("{name: usr-local-apache2-logs, emptyDir: {}}"), "{hint}");
        assert!(hint.contains("mountPath: /usr/local/apache2/logs}"), "{hint}");
    }

    #[test]
    fn paths_below_a_prefix() {
        assert_eq!(inside(b"/srv/x", b"/srv/x/tmp"), Some(b"/tmp".as_slice()));
        assert_eq!(inside(b"/srv/x", b"/srv/x"), Some(b"/".as_slice()));
        assert_eq!(inside(b"/srv/x", b"/srv/xy"), None);
        assert_eq!(host_path(b"/srv/x", b"/"), b"/srv/x");
        assert_eq!(host_path(b"/", b"/tmp"), b"/tmp");
    }
}
