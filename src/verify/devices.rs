//! `[verify.exposure] devices`: device nodes in `/dev` beyond those of every container.

use std::ffi::CStr;

use super::{Check, CheckId, Evidence, Isolation, Status, Verification};
use crate::profile::Verify;
use crate::root::{Canonical, Directory, Kind, Root, RootError};

/// Where device nodes are.
const DEV: &[u8] = b"/dev";

/// Directories of another filesystem below `/dev` that hold no devices of the machine.
const LEFT_OUT: [&CStr; 4] = [c"pts", c"shm", c"mqueue", c"hugepages"];

/// Major and minor numbers of the character devices of every container (OCI runtime-spec, Default Devices; Linux's
/// devices.txt): null, zero, full, random, urandom, tty, console, ptmx. An overlay's whiteout is 0:0.
const EVERYWHERE: [(u32, u32); 9] = [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2), (0, 0)];

/// The major numbers of pseudo-terminals, such as a container's console.
const TERMINALS: std::ops::RangeInclusive<u32> = 136..=143;

/// No container has so many directories below `/dev`.
const MOST_DEPTH: usize = 8;

/// How many are named.
const MOST: usize = 1000;

pub(super) fn check(root: &Root, verify: &Verify, out: &mut Verification) {
    if verify.no_devices.is_none() {
        return;
    }
    let id = CheckId::Devices;
    out.checks.push(match devices(root) {
        Ok(found) => {
            let names: Vec<Vec<u8>> = found.into_iter().map(|device| device.path.to_vec()).collect();
            let status = if names.is_empty() { Status::Pass } else { Status::Fail };
            Check::at(DEV, id, status, Evidence::Isolation(Isolation::Names(names)))
        }
        Err(error) => Check::at(DEV, id, Status::Unverified, Evidence::Unreadable(error)),
    });
}

/// A device node that no container has by itself.
pub(super) struct Device {
    path: Canonical,
    /// Whether it is a block device, such as a disk.
    pub(super) is_block: bool,
}

/// The device nodes of `/dev` that no container has by itself.
pub(super) fn devices(root: &Root) -> Result<Vec<Device>, RootError> {
    let mut found = Vec::new();
    let mut waiting = match root.directory_at(DEV) {
        Ok(directory) => vec![(directory, 0)],
        Err(error) if error.leads_nowhere() => return Ok(found),
        Err(error) => return Err(error),
    };
    while let Some((directory, depth)) = waiting.pop() {
        let mut inner = Vec::new();
        directory.list(&mut |listed| {
            let (name, kind) = listed?;
            match kind {
                Kind::Directory if depth == 0 && LEFT_OUT.contains(&name) => {}
                Kind::Directory if depth < MOST_DEPTH => inner.push(name.to_owned()),
                Kind::Other if found.len() < MOST => found.extend(device(&directory, name)?),
                _ => {}
            }
            Ok(())
        })?;
        for name in inner {
            waiting.push((directory.child(&name)?, depth + 1));
        }
    }
    crate::text::order::sort_by(&mut found, |a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn device(directory: &Directory, name: &CStr) -> Result<Option<Device>, RootError> {
    let details = directory.details(name)?;
    let kind = details.stat.mode & nix::libc::S_IFMT;
    let is_block = kind == nix::libc::S_IFBLK;
    let is_usual = EVERYWHERE.contains(&details.device) || TERMINALS.contains(&details.device.0);
    let counts = is_block || kind == nix::libc::S_IFCHR && !is_usual;
    Ok(counts.then(|| Device { path: directory.join(name), is_block }))
}
