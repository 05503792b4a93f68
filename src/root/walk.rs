//! Path resolution inside the root, component by component.
//!
//! Each component is opened with `O_PATH | O_NOFOLLOW` below the one before. This module reads and resolves links
//! itself. `..` goes back to a descriptor opened on the way in, so that a directory moved out of the root meanwhile
//! leads nowhere new.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::Mode;
use nix::sys::statfs::PROC_SUPER_MAGIC;

use super::silent::answers;
use super::{Canonical, Identity, InRoot, Kind, Root, RootError, Stat, c_name, os, stat_of};
use crate::linux::filesystem;

/// The kernel's own limit on links followed in one resolution (`path_resolution(7)`).
const MAX_LINKS: usize = 40;

/// A symbolic link passed on the way.
#[derive(Clone, Debug)]
pub struct Link {
    /// Where the link itself is.
    pub path: Canonical,
    /// What is known of it.
    pub stat: Stat,
    /// Whether it was the last component: part of the chain that leads to the file, not a directory on the way.
    pub last: bool,
}

/// Where a path leads.
#[derive(Debug)]
pub struct Place {
    /// The file's path.
    pub path: Canonical,
    /// `O_PATH` descriptor of the file.
    pub fd: OwnedFd,
    /// What is known of it.
    pub stat: Stat,
    /// The links passed, in order.
    pub links: Vec<Link>,
    /// Directories that were entered and then left by `..`.
    pub left: Vec<Canonical>,
}

impl Place {
    /// The directory that holds it. For the root, this is the root, as with `..`.
    pub fn directory(&self) -> Canonical {
        self.path.parent().unwrap_or_default()
    }

    /// Opens the same file with other flags; `ESTALE` if the name now means another file.
    pub(super) fn reopen(&self, root: &Root, flags: OFlag) -> Result<OwnedFd, Errno> {
        let parent = root.walk(&self.directory(), false).map_err(|error| error.errno())?;
        if !parent.links.is_empty() {
            return Err(Errno::ESTALE);
        }
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = openat(&parent.fd, self.path.name(), flags, Mode::empty())?;
        let stat = stat_of(file.as_fd(), c"", &self.path).map_err(|error| error.errno())?;
        if stat.id == self.stat.id { Ok(file) } else { Err(Errno::ESTALE) }
    }
}

/// How many directories on the way are held open. If `..` leads back to one beyond that, it is opened again.
const OPEN: usize = 64;

/// A directory on the way.
struct Level {
    fd: Option<OwnedFd>,
    stat: Stat,
    /// Length of its canonical path.
    length: usize,
}

pub(super) fn walk(root: &Root, base: &Canonical, path: InRoot<'_>, follow: bool) -> Result<Place, RootError> {
    root.in_time()?;
    let fail = |errno| {
        os("resolve", &if path.first() == Some(&b'/') { path.to_vec() } else { InRoot(base).join(&path) })(errno)
    };
    // Components still to go, the next one last.
    let mut rest: Vec<Vec<u8>> = Vec::new();
    push_components(&mut rest, &path);
    if path.first() != Some(&b'/') {
        push_components(&mut rest, base);
    }
    let top = openat(root.as_fd(), c".", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).map_err(fail)?;
    let mut levels = vec![Level { fd: Some(top), stat: *root.stat(), length: 0 }];
    // The canonical path of the last level; empty for the root.
    let mut at: Vec<u8> = Vec::new();
    let mut links = Vec::new();
    let mut left = Vec::new();
    while let Some(component) = rest.pop() {
        let Some(current) = levels.last() else { return Err(fail(Errno::EIO)) };
        if current.stat.kind != Kind::Directory {
            return Err(fail(Errno::ENOTDIR));
        }
        match component.as_slice() {
            b"" | b"." => continue,
            b".." => {
                if levels.len() > 1 {
                    levels.pop();
                    left.push(canonical(&at));
                }
                at.truncate(levels.last().map_or(0, |level| level.length));
                if let Some(level) = levels.last_mut().filter(|level| level.fd.is_none()) {
                    level.fd = Some(again(root, &canonical(&at), level.stat.id).map_err(fail)?);
                }
                continue;
            }
            _ => {}
        }
        let name = c_name(&component).map_err(fail)?;
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let Some(above) = &current.fd else { return Err(fail(Errno::EIO)) };
        answers(&root.silent, &at, &component)?;
        let fd = openat(above, name.as_c_str(), flags, Mode::empty()).map_err(fail)?;
        let stat = stat_of(fd.as_fd(), c"", &path)?;
        let last = rest.is_empty();
        if stat.kind == Kind::Symlink && (follow || !last) {
            if links.len() >= MAX_LINKS {
                return Err(fail(Errno::ELOOP));
            }
            let target = readlinkat(&fd, c"").map_err(fail)?.into_vec();
            if filesystem::of(fd.as_fd()).map_err(fail)? == PROC_SUPER_MAGIC && is_magic(&target) {
                return Err(fail(Errno::ELOOP));
            }
            links.push(Link { path: canonical(&at).join(&component), stat, last });
            push_components(&mut rest, &target);
            if target.first() == Some(&b'/') {
                levels.truncate(1);
                at.clear();
            }
            continue;
        }
        at.push(b'/');
        at.extend_from_slice(&component);
        levels.push(Level { fd: Some(fd), stat, length: at.len() });
        if let Some(far) = levels.len().checked_sub(OPEN + 1).filter(|far| *far > 0).and_then(|far| levels.get_mut(far))
        {
            far.fd = None;
        }
    }
    let Some(Level { fd: Some(fd), stat, .. }) = levels.pop() else { return Err(fail(Errno::EIO)) };
    Ok(Place { path: canonical(&at), fd, stat, links, left })
}

/// The path of a directory on the way, where the root is empty.
fn canonical(at: &[u8]) -> Canonical {
    if at.is_empty() { Canonical::default() } else { Canonical::found(at.to_vec()) }
}

/// The directory at `path`, if it still is `expected`.
fn again(root: &Root, path: &Canonical, expected: Identity) -> Result<OwnedFd, Errno> {
    let found = root.directory(path).map_err(|error| error.errno())?;
    if found.own_stat().id == expected { Ok(found.into_fd()) } else { Err(Errno::ESTALE) }
}

/// Whether this is the text of a magic link of procfs: the kernel follows such a link by jumping (`/proc/PID/exe`,
/// `fd/3`, `ns/mnt`), not by its text, and answers `ELOOP` with `RESOLVE_NO_MAGICLINKS`. The other links there
/// (`/proc/self`, `/proc/mounts`) are plain and relative.
fn is_magic(target: &[u8]) -> bool {
    target.first() == Some(&b'/') || target.contains(&b':')
}

fn push_components(rest: &mut Vec<Vec<u8>>, path: &[u8]) {
    if path.last() == Some(&b'/') {
        // A trailing slash requires a directory before it.
        rest.push(b".".to_vec());
    }
    rest.extend(path.split(|&byte| byte == b'/').rev().filter(|part| !part.is_empty()).map(<[u8]>::to_vec));
}
