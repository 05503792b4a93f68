//! Staged directories (`lithify stage`) must not be writable under any name. Whoever can write to the copy can put a
//! shell back, and after a restart the app mounts what somebody else has put in its place.

use super::seen::View;
use super::{Check, CheckId, Evidence, Note, Status, Verification};
use crate::linux::proc::mountinfo::Mount;
use crate::root::{InRoot, Kind, Root};
use crate::volume::stage::{MARKER, NAME};

pub(super) fn check(root: &Root, view: &View, out: &mut Verification) {
    let mounts = match view {
        Ok(mounts) => mounts,
        Err(reason) => {
            out.notes.push(Note::StagedUnknown(reason.clone()));
            return;
        }
    };
    let visible = mounts.visible();
    for (point, mount) in &visible {
        if !may_be_staged(mount) {
            continue;
        }
        match root.resolve(&InRoot(point).join(MARKER.as_bytes())) {
            Ok(stat) if stat.kind == Kind::File => out.checks.push(judge(mount, point, &visible)),
            Err(error) if !error.leads_nowhere() => {
                let evidence = Evidence::Unreadable(error);
                out.checks.push(Check::at(point, CheckId::Staged, Status::Unverified, evidence));
            }
            _ => {}
        }
    }
}

/// Whether the mount shows a directory of a tree that `stage` made.
fn may_be_staged(mount: &Mount) -> bool {
    let tree = [b"/", NAME.as_bytes(), b"/"].concat();
    mount.root.windows(tree.len()).any(|part| part == tree)
}

fn judge(mount: &Mount, point: &[u8], visible: &[(&[u8], &Mount)]) -> Check {
    let id = CheckId::Staged;
    if !mount.is_read_only() {
        return Check::at(point, id, Status::Fail, Evidence::StagedWritable);
    }
    // The same directory, one above it or one in it. The filesystem's own paths decide.
    let writable = visible.iter().find(|(_, other)| {
        !other.is_read_only() && other.device == mount.device && InRoot(&mount.root).overlaps(&other.root)
    });
    match writable {
        Some((other, _)) => Check::at(point, id, Status::Fail, Evidence::StagedWritableAt(other.to_vec())),
        None => Check::at(point, id, Status::Pass, Evidence::Staged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::proc::mountinfo::Mounts;

    fn judged(text: &str) -> (Status, Evidence) {
        let mounts = Mounts::parse(text.as_bytes()).unwrap();
        let visible: Vec<(&[u8], &Mount)> = mounts.visible().map(|mount| (mount.point.as_slice(), mount)).collect();
        let staged = mounts.iter().find(|mount| may_be_staged(mount)).unwrap();
        let check = judge(staged, &staged.point, &visible);
        (check.status, check.evidence)
    }

    const ROOT: &str = "1 0 0:1 / / ro - overlay o rw\n";
    const STAGED: &str = "2 1 8:1 /pods/u/hard/root/usr/bin /usr/bin ro - ext4 /dev/sda1 rw\n";

    #[test]
    fn writable_elsewhere() {
        let with = |line: &str| judged(&format!("{ROOT}{STAGED}{line}"));
        assert_eq!(with("").0, Status::Pass);
        for (device, root, options, status) in [
            ("8:1", "/pods/u/hard", "rw", Status::Fail),
            ("8:1", "/pods/u/hard/root/usr/bin", "rw", Status::Fail),
            ("8:1", "/pods/u/hard/root/usr/bin/sub", "rw", Status::Fail),
            ("8:1", "/", "rw", Status::Fail),
            ("8:1", "/pods/u/hard", "ro", Status::Pass),
            ("8:1", "/pods/u/harder", "rw", Status::Pass),
            ("8:1", "/pods/u/hard/root/usr/binary", "rw", Status::Pass),
            ("8:2", "/pods/u/hard", "rw", Status::Pass),
        ] {
            let (found, evidence) = with(&format!("3 1 {device} {root} /x {options} - ext4 /dev/sda1 rw\n"));
            assert_eq!(found, status, "{device} {root} {options}: {evidence:?}");
            assert!(
                found == Status::Pass || matches!(&evidence, Evidence::StagedWritableAt(at) if at == b"/x"),
                "{evidence:?}"
            );
        }
    }

    #[test]
    fn writable_itself() {
        let (status, evidence) = judged(&format!("{ROOT}{}", STAGED.replace(" ro ", " rw ")));
        assert_eq!(status, Status::Fail, "{evidence:?}");
    }
}
