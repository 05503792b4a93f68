//! `[verify.mounts]` by the flags of mounts alone: `noexec`, `nosuid` and `nodev`, `recursive_read_only`, and `shared`.

use super::mounts::{is_runtime_mount, unreadable};
use super::seen::View;
use super::{Check, CheckId, Evidence, Isolation, Status, Verification};
use crate::linux::proc::mountinfo::Mount;
use crate::profile::Verify;
use crate::root::{Canonical, InRoot, Kind, Root};

pub(super) fn check(root: &Root, verify: &Verify, view: &View, writable: &[Canonical], out: &mut Verification) {
    for (id, paths) in
        [(CheckId::Noexec, &verify.noexec), (CheckId::Nosuid, &verify.nosuid), (CheckId::Nodev, &verify.nodev)]
    {
        for path in paths {
            flag(root, view, id, &path.value, out);
        }
    }
    if verify.recursive_read_only.as_ref().is_some_and(|asked| asked.value) {
        out.checks.push(recursive_read_only(root, view, writable));
    }
    if verify.no_shared.is_some() {
        out.checks.push(shared(view));
    }
}

/// The mount option that a check asks for.
fn option(id: CheckId) -> &'static str {
    match id {
        CheckId::Nosuid => "nosuid",
        CheckId::Nodev => "nodev",
        _ => "noexec",
    }
}

/// Whether the mount of `path` and every mount below it has the option.
fn flag(root: &Root, view: &View, id: CheckId, path: &str, out: &mut Verification) {
    let mut add = |path: &[u8], status, evidence| out.checks.push(Check::at(path, id, status, evidence));
    let place = match root.walk(path.as_bytes(), true) {
        Ok(place) => place.path,
        Err(error) => return out.checks.push(unreadable(id, path, error)),
    };
    let mounts = match view {
        Ok(mounts) => mounts,
        Err(reason) => return add(path.as_bytes(), Status::Unverified, Evidence::NoMounts(reason.clone())),
    };
    match mounts.covering(&place) {
        Some(mount) if mount.has(option(id)) => add(path.as_bytes(), Status::Pass, Evidence::HasOption),
        Some(mount) => add(path.as_bytes(), Status::Fail, Evidence::LacksOption(mount.options.clone())),
        None => add(path.as_bytes(), Status::Unverified, Evidence::MountUnknown),
    }
    for (point, mount) in mounts.visible() {
        if InRoot(point).is_within(&place) && place != point && !mount.has(option(id)) {
            add(point, Status::Fail, Evidence::LacksOptionBelow(path.to_owned()));
        }
    }
}

/// Whether every mount below a volume that is read-only is read-only, too: the kernel makes only the volume's own mount
/// read-only (KEP-3857). What the profile calls writable may be writable.
fn recursive_read_only(root: &Root, view: &View, writable: &[Canonical]) -> Check {
    let at = |status, evidence| Check::at(b"/", CheckId::RecursiveReadOnly, status, evidence);
    let mounts = match view {
        Ok(mounts) => mounts,
        Err(reason) => return at(Status::Unverified, Evidence::NoMounts(reason.clone())),
    };
    let visible = mounts.visible();
    let is_volume = |point: &[u8], mount: &Mount| {
        let is_directory = root.resolve(point).map_or(true, |stat| stat.kind == Kind::Directory);
        point != b"/" && is_directory && !is_runtime_mount(point, mount, is_directory)
    };
    let volumes: Vec<&[u8]> = visible
        .iter()
        .filter(|(point, mount)| mount.is_read_only() && is_volume(point, mount))
        .map(|(point, _)| *point)
        .collect();
    if volumes.is_empty() {
        return at(Status::NotApplicable, Evidence::Isolation(Isolation::NothingSuch));
    }
    let is_open = |point: &[u8]| {
        volumes.iter().any(|volume| *volume != point && InRoot(point).is_within(volume))
            && !writable.iter().any(|allowed| InRoot(point).is_within(allowed))
    };
    let open = visible.iter().filter(|(point, mount)| !mount.is_read_only() && is_open(point));
    let open: Vec<Vec<u8>> = open.map(|(point, _)| point.to_vec()).collect();
    at(if open.is_empty() { Status::Pass } else { Status::Fail }, Evidence::Isolation(Isolation::Names(open)))
}

/// Whether what is mounted in the container shows on the node.
fn shared(view: &View) -> Check {
    let at = |status, evidence| Check::at(b"/", CheckId::Shared, status, evidence);
    let mounts = match view {
        Ok(mounts) => mounts,
        Err(reason) => return at(Status::Unverified, Evidence::NoMounts(reason.clone())),
    };
    let visible = mounts.visible();
    let shared = visible.iter().filter(|(_, mount)| mount.is_shared);
    let points: Vec<Vec<u8>> = shared.map(|(point, _)| point.to_vec()).collect();
    at(if points.is_empty() { Status::Pass } else { Status::Fail }, Evidence::Isolation(Isolation::Names(points)))
}
