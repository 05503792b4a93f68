//! `[verify.limits]`: the control group of the app has a limit for memory, CPU time and processes.
//!
//! A limit of any group from the app's own up to the topmost one that the container can see counts, but for the groups that
//! all pods share, and for a limit that is as much as the node has. Groups above that cannot be seen from inside.

use nix::unistd::{SysconfVar, sysconf};

use super::seen::View;
use super::{Check, CheckId, Evidence, Isolation, Status, Verification};
use crate::linux::proc::Task;
use crate::linux::proc::cgroup::{Group, groups};
use crate::linux::proc::mountinfo::Mount;
use crate::profile::Verify;
use crate::root::{InRoot, Root};
use crate::target::owner::OwnerError;

/// A limit: its check, its controller, and its files in version 2 and in version 1 (cgroups(7)).
struct Limit {
    id: CheckId,
    controller: &'static str,
    v2: &'static str,
    v1: &'static str,
}

/// A limit of version 1 that is none: the greatest number of pages that fits into 63 bits, in bytes.
const NONE_FROM: u64 = 1 << 62;

/// Groups of the kubelet and of systemd, which hold many pods or services: what limits all of them limits none.
const SHARED: [&[u8]; 9] = [
    b"kubepods",
    b"kubepods.slice",
    b"burstable",
    b"kubepods-burstable.slice",
    b"besteffort",
    b"kubepods-besteffort.slice",
    b"system.slice",
    b"user.slice",
    b"machine.slice",
];

pub(super) fn check(
    root: &Root,
    verify: &Verify,
    view: &View,
    task: &Result<Task, OwnerError>,
    out: &mut Verification,
) {
    let limits = [
        (
            &verify.memory,
            Limit { id: CheckId::Memory, controller: "memory", v2: "memory.max", v1: "memory.limit_in_bytes" },
        ),
        (&verify.cpu, Limit { id: CheckId::Cpu, controller: "cpu", v2: "cpu.max", v1: "cpu.cfs_quota_us" }),
        (&verify.pids, Limit { id: CheckId::Pids, controller: "pids", v2: "pids.max", v1: "pids.max" }),
    ];
    let mut asked = limits.iter().filter(|(asked, _)| asked.as_ref().is_some_and(|asked| asked.value)).peekable();
    if asked.peek().is_none() {
        return;
    }
    let groups = task.as_ref().map(|task| task.cgroups().map(|text| groups(&text)));
    for (_, limit) in asked {
        let (status, evidence) = match (&groups, view) {
            (Err(reason), _) => (Status::Unverified, Evidence::Isolation(Isolation::NoOwner((*reason).clone()))),
            (_, Err(reason)) => (Status::Unverified, Evidence::NoMounts(reason.clone())),
            (Ok(Err(errno)), _) => (Status::Unverified, Evidence::Os(*errno)),
            (Ok(Ok(groups)), Ok(_)) => limited(root, groups, view, limit),
        };
        out.checks.push(Check { id: limit.id, subject: super::Subject::ControlGroup, status, evidence });
    }
}

fn limited(root: &Root, groups: &[Group], view: &View, limit: &Limit) -> (Status, Evidence) {
    let unknown = (Status::Unverified, Evidence::Isolation(Isolation::NoSuchLimit));
    let (Ok(mounts), Some(group)) = (view, Group::of(groups, limit.controller)) else { return unknown };
    let has_controller = |mount: &Mount| match &group.controllers {
        Some(_) => mount.filesystem == b"cgroup" && mount.filesystem_has(limit.controller),
        None => mount.filesystem == b"cgroup2",
    };
    let file = if group.controllers.is_some() { limit.v1 } else { limit.v2 };
    let mut seen = None;
    for (point, mount) in mounts.visible() {
        // The group below the mount; another mount may show it if this one does not.
        let shown = below(&group.path, &mount.root).filter(|_| has_controller(mount));
        let Some(mut below) = shown else { continue };
        loop {
            let path = InRoot(&[point, below].concat()).join(file.as_bytes());
            if let Ok(text) = root.read(&path, 64) {
                let value = text.split(|&byte| byte == b'\n').next().unwrap_or_default().to_vec();
                let name = below.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
                if is_limit(&value, limit.id) && !SHARED.contains(&name) {
                    return (Status::Pass, Evidence::Isolation(Isolation::Limit(path, value)));
                }
                seen.get_or_insert((path, value));
            }
            if below.is_empty() {
                break;
            }
            below = InRoot(below).directory();
        }
    }
    match seen {
        Some((path, value)) => (Status::Fail, Evidence::Isolation(Isolation::Limit(path, value))),
        None => unknown,
    }
}

/// The path of the group below the one that the mount shows, empty or beginning with `/`; `None` if the mount does not show
/// the group.
fn below<'p>(group: &'p [u8], shown: &[u8]) -> Option<&'p [u8]> {
    let is_outside = group.split(|&byte| byte == b'/').any(|name| name == b"..");
    let rest = group.strip_prefix(if shown == b"/" { b"".as_slice() } else { shown })?;
    match rest {
        _ if is_outside => None,
        [] | b"/" => Some(b""),
        [b'/', ..] => Some(rest),
        _ => None,
    }
}

/// Whether this is a limit: neither `max`, nor -1, nor about the greatest number that there is, nor of memory as much as
/// the node has.
fn is_limit(value: &[u8], id: CheckId) -> bool {
    let first = value.split(|&byte| byte == b' ').next().unwrap_or_default();
    let number = std::str::from_utf8(first).ok().and_then(|text| text.parse::<u64>().ok());
    number
        .is_some_and(|number| number < NONE_FROM && (id != CheckId::Memory || memory().is_none_or(|all| number < all)))
}

/// All memory of the node in bytes, if the kernel says it.
fn memory() -> Option<u64> {
    let number = |of| sysconf(of).ok().flatten().and_then(|number| u64::try_from(number).ok());
    number(SysconfVar::_PHYS_PAGES)?.checked_mul(number(SysconfVar::PAGE_SIZE)?)
}

#[cfg(test)]
mod tests {
    use super::super::seen::Seen;
    use super::*;
    use crate::linux::proc::mountinfo::Mounts;

    fn judged(root: &str, mounts: &str, cgroup: &str, limit: &Limit) -> Status {
        let mounts = Mounts::parse(format!("1 0 0:1 / / rw - overlay o rw\n{mounts}").as_bytes()).unwrap();
        let root = Root::open(std::path::Path::new(root)).unwrap();
        limited(&root, &groups(cgroup.as_bytes()), &Ok(Seen::new(mounts, b"/".to_vec())), limit).0
    }

    #[test]
    fn both_versions_with_and_without_a_namespace() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().to_str().unwrap();
        let write = |file: &str, value: &str| {
            let path = directory.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, value).unwrap();
        };
        let memory = Limit { id: CheckId::Memory, controller: "memory", v2: "memory.max", v1: "memory.limit_in_bytes" };
        let cpu = Limit { id: CheckId::Cpu, controller: "cpu", v2: "cpu.max", v1: "cpu.cfs_quota_us" };
        let v2 = "2 1 0:2 / /c rw - cgroup2 cgroup rw\n";
        write("c/memory.max", "max\n");
        write("c/cpu.max", "50000 100000\n");
        assert_eq!(judged(root, v2, "0::/\n", &memory), Status::Fail);
        assert_eq!(judged(root, v2, "0::/\n", &cpu), Status::Pass);
        assert_eq!(judged(root, v2, "0::/../other\n", &cpu), Status::Unverified);
        assert_eq!(judged(root, "", "0::/\n", &cpu), Status::Unverified, "not mounted");
        // A limit of the group above holds, too.
        write("c/pod/memory.max", "1000000\n");
        write("c/pod/app/memory.max", "max\n");
        assert_eq!(judged(root, v2, "0::/pod/app\n", &memory), Status::Pass);
        // A limit of all pods, or of as much as there is, limits nobody.
        write("c/kubepods.slice/memory.max", "1000000\n");
        write("c/kubepods.slice/pod/memory.max", "max\n");
        assert_eq!(judged(root, v2, "0::/kubepods.slice/pod\n", &memory), Status::Fail);
        write("c/kubepods.slice/pod/memory.max", "2000000\n");
        assert_eq!(judged(root, v2, "0::/kubepods.slice/pod\n", &memory), Status::Pass);
        let all = super::memory().unwrap();
        for (limit, status) in [(all, Status::Fail), (all - 1, Status::Pass)] {
            write("c/pod/memory.max", &format!("{limit}\n"));
            assert_eq!(judged(root, v2, "0::/pod/app\n", &memory), status);
        }
        // Version 1 without a namespace: the mount shows the group alone.
        let v1 = "2 1 0:2 /docker/x /m rw - cgroup cgroup rw,memory\n3 1 0:3 / /p rw - cgroup cgroup rw,cpu,cpuacct\n";
        let cgroup = "9:memory:/docker/x\n4:cpu,cpuacct:/\n";
        write("m/memory.limit_in_bytes", "9223372036854771712\n");
        write("p/cpu.cfs_quota_us", "-1\n");
        assert_eq!(judged(root, v1, cgroup, &memory), Status::Fail);
        assert_eq!(judged(root, v1, cgroup, &cpu), Status::Fail);
        write("m/memory.limit_in_bytes", "1048576\n");
        write("p/cpu.cfs_quota_us", "20000\n");
        assert_eq!((judged(root, v1, cgroup, &memory), judged(root, v1, cgroup, &cpu)), (Status::Pass, Status::Pass));
    }
}
