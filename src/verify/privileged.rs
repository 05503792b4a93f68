//! `[verify.exposure] privileged`: a privileged container, by its effects. One of them is enough: whoever has it can leave
//! the container.

use super::seen::View;
use super::{Effect, Evidence, Isolation, Status, devices};
use crate::linux::proc::status::CapabilitySets;
use crate::root::Root;

/// Every capability that all kernels since Linux 3.16 have: 0 to 37. A container that has these has all that matters.
const ALL: u64 = (1 << 38) - 1;

/// `sets` are the app's capabilities; `None` if they cannot be read.
pub(super) fn judged(root: &Root, view: &View, sets: Option<CapabilitySets>) -> (Status, Evidence) {
    let mut effects = Vec::new();
    let mut unknown = None;
    match sets {
        Some(sets) if sets.bounding & ALL == ALL => effects.push(Effect::AllCapabilities),
        Some(_) => {}
        None => unknown = Some(Evidence::NotSaid),
    }
    match view {
        Ok(mounts) => {
            let is_writable = |path: &[u8], filesystem: &[u8]| {
                let mount = mounts.covering(path);
                mount.is_some_and(|mount| mount.filesystem == filesystem && !mount.is_read_only())
            };
            if is_writable(b"/sys", b"sysfs") {
                effects.push(Effect::WritableSys);
            }
            if is_writable(b"/proc/sys", b"proc") {
                effects.push(Effect::WritableSettings);
            }
        }
        Err(reason) => unknown = Some(Evidence::NoMounts(reason.clone())),
    }
    match devices::devices(root) {
        Ok(found) if found.iter().any(|device| device.is_block) => effects.push(Effect::Disks),
        Ok(_) => {}
        Err(error) => unknown = Some(Evidence::Unreadable(error)),
    }
    match unknown {
        Some(evidence) if effects.is_empty() => (Status::Unverified, evidence),
        _ if effects.is_empty() => (Status::Pass, Evidence::Isolation(Isolation::Effects(effects))),
        _ => (Status::Fail, Evidence::Isolation(Isolation::Effects(effects))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::seen::Seen;
    use super::*;
    use crate::linux::proc::mountinfo::Mounts;

    #[test]
    fn each_effect_is_enough() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        let usual = "1 0 0:1 / / rw - overlay o rw\n2 1 0:2 / /sys ro - sysfs s rw\n3 1 0:3 / /proc rw - proc p rw\n";
        let masked = "4 3 0:3 /sys /proc/sys ro - proc p rw\n";
        let status = |mounts: &str, bounding| {
            let view = Ok(Seen::new(Mounts::parse(mounts.as_bytes()).unwrap(), b"/".to_vec()));
            judged(&root, &view, Some(CapabilitySets { bounding, ..CapabilitySets::default() })).0
        };
        let whole = format!("{usual}{masked}");
        assert_eq!(status(&whole, ALL >> 1), Status::Pass);
        assert_eq!(status(&whole, ALL), Status::Fail);
        assert_eq!(status(&whole, u64::MAX), Status::Fail);
        assert_eq!(status(usual, 0), Status::Fail, "/proc/sys is writable");
        assert_eq!(status(&whole.replace("/sys ro - sysfs", "/sys rw - sysfs"), 0), Status::Fail);
        let view = Ok(Seen::new(Mounts::parse(whole.as_bytes()).unwrap(), b"/".to_vec()));
        assert_eq!(judged(&root, &view, None).0, Status::Unverified);
    }
}
