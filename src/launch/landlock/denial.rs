//! Denying single files: everything else under the root is allowed, in as few rules as possible.

use std::collections::HashSet;
use std::ffi::CString;
use std::os::fd::AsFd;

use super::{LandlockError, Ruleset, right};
use crate::linux::sys::DIRENT_BUFFER;
use crate::root::{EntryKind, Kind, Root, RootError, join};

/// What is denied on the files: to read them, too, or `ld.so FILE` and copies of them would get round it.
const DENIED: u64 = right::EXECUTE | right::READ_FILE;

impl Ruleset {
    /// Denies to execute and read the files at `denied` and what lies below directories there: canonical paths, with all
    /// names of each file. What is made later in a directory that holds one of them is denied, too.
    pub fn denying(root: &Root, denied: &HashSet<Vec<u8>>) -> Result<Self, LandlockError> {
        let mut ruleset = Self::new(DENIED | right::REFER)?;
        let around: HashSet<&[u8]> = denied.iter().flat_map(|path| above(path)).collect();
        let mut pending = vec![root.directory(b"/")?];
        let mut buffer = vec![0; DIRENT_BUFFER];
        while let Some(directory) = pending.pop() {
            let mut further: Vec<CString> = Vec::new();
            directory.for_each(&mut buffer, |name, kind| {
                let path = join(directory.path(), name.to_bytes());
                if denied.contains(&path) || kind == EntryKind::Known(Kind::Symlink) {
                    return Ok(());
                }
                if around.contains(path.as_slice()) {
                    further.push(name.to_owned());
                    return Ok(());
                }
                let kind = match kind {
                    EntryKind::Known(kind) => kind,
                    EntryKind::Unknown => directory.stat(name)?.kind,
                };
                let handle = match directory.handle(name) {
                    Ok(handle) => handle,
                    // Gone by now: nothing to allow.
                    Err(error) if error.leads_nowhere() => return Ok(()),
                    Err(error) => return Err(error.into()),
                };
                let rights = if kind == Kind::Directory { DENIED | right::REFER } else { DENIED };
                if kind == Kind::Symlink { Ok(()) } else { ruleset.allow(handle.as_fd(), rights) }
            })?;
            for name in further {
                match directory.child(&name) {
                    Ok(child) => pending.push(child),
                    Err(error) => return Err(LandlockError::from(error)),
                }
            }
        }
        Ok(ruleset)
    }
}

/// The directories above a canonical path, nearest first, but for the root.
pub(super) fn above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = path;
    std::iter::from_fn(move || {
        rest = rest.get(..rest.iter().rposition(|&byte| byte == b'/')?)?;
        (!rest.is_empty()).then_some(rest)
    })
}

/// Of the names that could not be removed, those that Landlock can deny: files and directories, and links that lead to
/// one of those or nowhere. A link to a program that stays, such as `sh` to a kept busybox, it cannot.
pub fn deniable(root: &Root, names: Vec<(Vec<u8>, Kind)>) -> HashSet<Vec<u8>> {
    let (links, files): (Vec<_>, Vec<_>) = names.into_iter().partition(|(_, kind)| *kind == Kind::Symlink);
    let mut denied: HashSet<Vec<u8>> = files.into_iter().map(|(path, _)| path).collect();
    let leads_to_denied = |denied: &HashSet<Vec<u8>>, link: &[u8]| match root.walk(b"", link, true) {
        Ok(place) => denied.contains(&place.path()) || above(&place.path()).any(|directory| denied.contains(directory)),
        Err(error) => RootError::leads_nowhere(&error),
    };
    let links: Vec<Vec<u8>> =
        links.into_iter().map(|(path, _)| path).filter(|link| leads_to_denied(&denied, link)).collect();
    denied.extend(links);
    denied
}
