//! Executable files, programs, libraries and scripts that were made or changed since the start, on every mount but the
//! kernel's own, and those of network filesystems and FUSE.

use std::ffi::CStr;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use nix::errno::Errno;

use super::Since;
use crate::linux::error::errno;
use crate::linux::filesystem::is_left_out;
use crate::recognise::tombstone::{self, Detector};
use crate::root::{Canonical, Directory, Kind, Look, Root, RootError, Stat, Visitor, walk_tree};

/// Why a file counts as executable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It has an x bit.
    Mode,
    /// It is an ELF file: a program or a library.
    Elf,
    /// It begins with `#!`.
    Script,
}

/// An executable file that was made or changed.
#[derive(Debug)]
pub struct Drifted {
    /// Where it is.
    pub path: Canonical,
    /// Why it counts.
    pub sign: Sign,
    /// Its permission bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// How long after the start it was last changed.
    pub after: Duration,
}

/// Every executable file that was made or changed, in order of their paths, and what could not be looked at. Leaves out
/// everything at and below the paths `left_out`. Only files that were changed are opened. Fails if the root cannot be
/// walked at all.
pub fn executables(
    root: &Root,
    since: &Since,
    left_out: &[&[u8]],
) -> Result<(Vec<Drifted>, Vec<RootError>), RootError> {
    let mut search =
        Search { root, since, left_out, tombstones: Detector::default(), drifted: Vec::new(), unreadable: Vec::new() };
    walk_tree(root, &mut search)?;
    let Search { mut drifted, unreadable, .. } = search;
    crate::text::order::sort_by(&mut drifted, |a, b| a.path.cmp(&b.path));
    Ok((drifted, unreadable))
}

struct Search<'a> {
    root: &'a Root,
    since: &'a Since,
    left_out: &'a [&'a [u8]],
    tombstones: Detector,
    drifted: Vec<Drifted>,
    unreadable: Vec<RootError>,
}

impl Search<'_> {
    fn is_left_out(&self, path: &Canonical) -> bool {
        self.left_out.iter().any(|place| *path == **place)
    }
}

impl Visitor for Search<'_> {
    fn entry(&mut self, directory: &Directory, _: Look, name: &CStr, kind: Kind) -> Result<(), RootError> {
        if kind != Kind::File {
            return Ok(());
        }
        let details = directory.details(name)?;
        if details.changed < self.since.start || details.stat.kind != Kind::File {
            return Ok(());
        }
        let path = directory.join(name);
        if self.is_left_out(&path) || self.since.mark.holds(&path, details.changed, details.stat.id.ino) {
            return Ok(());
        }
        if let Some(sign) = sign(directory, name, &details.stat, &mut self.tombstones)? {
            let after = details.changed.since(self.since.start);
            let Stat { mode, uid, .. } = details.stat;
            self.drifted.push(Drifted { path, sign, mode: mode & 0o7777, uid, after });
        }
        Ok(())
    }

    fn enter(&mut self, parent: &Directory, _: Look, _: &CStr, child: &Directory) -> Result<Option<Look>, RootError> {
        let other_mount = child.own_stat().mount != parent.own_stat().mount;
        let kernels = other_mount && is_left_out(self.root.filesystem_of(child)?);
        Ok((!kernels && !self.is_left_out(child.path())).then_some(Look::All))
    }

    fn failed(&mut self, error: RootError) -> Result<(), RootError> {
        match error.errno() {
            // It was removed meanwhile.
            Errno::ENOENT | Errno::ENOTDIR => {}
            // What lies at a path that is left out is not asked for.
            _ if self.left_out.contains(&error.path()) => {}
            _ => self.unreadable.push(error),
        }
        Ok(())
    }
}

/// Why the regular file `name` counts as executable; `None` if it does not. A tombstone starts nothing.
pub(super) fn sign(
    directory: &Directory,
    name: &CStr,
    stat: &Stat,
    tombstones: &mut Detector,
) -> Result<Option<Sign>, RootError> {
    let mode = stat.mode & 0o7777;
    if mode == tombstone::MODE && directory.file(name).is_ok_and(|file| tombstones.is_tombstone(&file)) {
        return Ok(None);
    }
    if mode & 0o111 != 0 {
        return Ok(Some(Sign::Mode));
    }
    let mut head = [0; 4];
    let read = directory.file(name)?.read_at(&mut head, 0);
    let length = read.map_err(|error| directory.error("read", name, errno(&error)))?;
    Ok(match head.get(..length) {
        Some(b"\x7fELF") => Some(Sign::Elf),
        Some([b'#', b'!', ..]) => Some(Sign::Script),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harden::mark::Mark;
    use crate::linux::sys::process::time_now;
    use crate::linux::time::Time;
    use std::os::unix::fs::PermissionsExt;

    fn found(root: &Root, start: Time, left_out: &[&[u8]]) -> Vec<(String, Sign)> {
        let since = Since { start, mark: Mark::default() };
        let (drifted, unreadable) = executables(root, &since, left_out).unwrap();
        assert!(unreadable.is_empty(), "{unreadable:?}");
        drifted.iter().map(|file| (file.path.to_string(), file.sign)).collect()
    }

    #[test]
    fn by_mode_and_by_content_since_the_start() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for (name, content, mode) in [
            ("program", "\x7fELF", 0o755),
            ("library.so", "\x7fELF..", 0o644),
            ("script", "#!/bin/sh", 0o600),
            ("data", "\x7fEL", 0o644),
            ("empty", "", 0o644),
            ("marked", "x", 0o001),
        ] {
            std::fs::write(at(name), content).unwrap();
            std::fs::set_permissions(at(name), std::fs::Permissions::from_mode(mode)).unwrap();
        }
        std::os::unix::fs::symlink("program", at("link")).unwrap();
        let root = Root::open(directory.path()).unwrap();
        let start = root.directory(&Canonical::default()).unwrap().details(c"program").unwrap().changed;
        let paths = |list: Vec<(String, Sign)>| list.into_iter().map(|(path, _)| path).collect::<Vec<_>>();
        let all = found(&root, start.before(Duration::from_secs(1)), &[]);
        let signs = [Sign::Elf, Sign::Mode, Sign::Mode, Sign::Script];
        assert_eq!(all.iter().map(|(_, sign)| *sign).collect::<Vec<_>>(), signs);
        assert_eq!(paths(all), ["/library.so", "/marked", "/program", "/script"]);
        let left_out = [&b"/marked"[..], b"/script"];
        assert_eq!(paths(found(&root, start, &left_out)), ["/library.so", "/program"]);
        let later = time_now().unwrap();
        assert!(found(&root, Time { seconds: later.seconds + 1, ..later }, &[]).is_empty());
    }
}
