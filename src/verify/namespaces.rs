//! `[verify.exposure] host_pid`, `host_ipc`, `host_uts` and `host_network`: whether the container shares a namespace with
//! the machine.
//!
//! The kernel numbers the initial namespaces: process, IPC and UTS namespaces since Linux 3.8, the network namespace since
//! 6.18 (`linux/nsfs.h`). Before that, the settings of the network tell: the kernel shows those of the whole machine, such
//! as `net.core.netdev_budget`, in the initial namespace only.

use nix::errno::Errno;

use super::{Check, CheckId, Evidence, Isolation, Status, Subject, ToldBy, Verification};
use crate::linux::proc::{Namespace, Task, setting};
use crate::profile::Verify;
use crate::target::owner::Owner;

/// A setting of every network namespace, by either name.
const OF_EACH_NETWORK: [&str; 2] = ["net/core/somaxconn", "net/ipv4/ip_forward"];

/// A setting that only the initial network namespace has.
const OF_THE_MACHINE: &str = "net/core/netdev_budget";

pub(super) fn check(verify: &Verify, owner: &Owner, out: &mut Verification) {
    for (asked, id, namespace) in [
        (&verify.no_host_pid, CheckId::HostPid, Namespace::Pid),
        (&verify.no_host_ipc, CheckId::HostIpc, Namespace::Ipc),
        (&verify.no_host_uts, CheckId::HostUts, Namespace::Uts),
        (&verify.no_host_network, CheckId::HostNetwork, Namespace::Network),
    ] {
        if asked.is_none() {
            continue;
        }
        let (status, evidence) = match owner.container_task() {
            Err(reason) => (Status::Unverified, Evidence::Isolation(Isolation::NoOwner(reason))),
            Ok(task) => match is_initial(task, namespace) {
                Ok((true, sign)) => (Status::Fail, Evidence::Isolation(Isolation::Initial(true, sign))),
                Ok((false, sign)) => (Status::Pass, Evidence::Isolation(Isolation::Initial(false, sign))),
                Err(evidence) => (Status::Unverified, evidence),
            },
        };
        out.checks.push(Check { id, subject: Subject::Namespace(namespace), status, evidence });
    }
}

/// Whether the namespace of `task` is the initial one, and what says so.
fn is_initial(task: Task, namespace: Namespace) -> Result<(bool, ToldBy), Evidence> {
    let number = task.namespace(namespace).map_err(Evidence::Os)?;
    if number == namespace.initial() {
        return Ok((true, ToldBy::Number));
    }
    if namespace != Namespace::Network
        || has_fixed_network(
            &setting("kernel/osrelease").map_err(|value| Evidence::Isolation(Isolation::NetworkUnknown(value)))?,
        )
    {
        return Ok((false, ToldBy::Number));
    }
    // The settings are those of the reader's own namespace.
    if Task::Own.namespace(namespace) != Ok(number) {
        return Err(Evidence::Isolation(Isolation::NetworkUnknown(Errno::EOPNOTSUPP)));
    }
    by_settings()
}

fn by_settings() -> Result<(bool, ToldBy), Evidence> {
    match setting(OF_THE_MACHINE) {
        Ok(_) => Ok((true, ToldBy::Settings)),
        // There is a directory of settings, and this one is not in it.
        Err(Errno::ENOENT) if OF_EACH_NETWORK.into_iter().any(|name| setting(name).is_ok()) => {
            Ok((false, ToldBy::Settings))
        }
        Err(errno) => Err(Evidence::Isolation(Isolation::NetworkUnknown(errno))),
    }
}

/// Whether the kernel of this release gives the initial network namespace a fixed number.
fn has_fixed_network(release: &[u8]) -> bool {
    let mut numbers =
        release.split(|byte| !byte.is_ascii_digit()).map(|part| std::str::from_utf8(part).ok()?.parse().ok());
    let mut next = || numbers.next().flatten().unwrap_or(0u32);
    (next(), next()) >= (6, 18)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases() {
        for (release, fixed) in [
            ("6.18.44-fc", true),
            ("7.0.0", true),
            ("6.17.9", false),
            ("5.10.0-28-amd64", false),
            ("", false),
            ("x", false),
        ] {
            assert_eq!(has_fixed_network(release.as_bytes()), fixed, "{release}");
        }
    }

    #[test]
    fn by_settings_and_by_number_alike() {
        // This process is in one network namespace, whoever says which.
        let (initial, _) = is_initial(Task::Own, Namespace::Network).unwrap();
        assert_eq!(by_settings().unwrap(), (initial, ToldBy::Settings));
    }
}
