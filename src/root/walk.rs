//! Path resolution inside the root, component by component.
//!
//! Each component is opened with `O_PATH | O_NOFOLLOW` below the one before; links are read and resolved here. `..` goes
//! back to a descriptor opened on the way in, so that a directory moved out of the root meanwhile leads nowhere new.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::Mode;
use nix::sys::statfs::PROC_SUPER_MAGIC;

use super::{Kind, Root, RootError, Stat, c_name, filesystem_type, join, os, stat_of};

/// The kernel's own limit on links followed in one resolution (`path_resolution(7)`).
const MAX_LINKS: usize = 40;

/// A symbolic link passed on the way.
#[derive(Clone, Debug)]
pub struct Link {
    /// Canonical path of the directory that holds it.
    pub directory: Vec<u8>,
    /// Its name there.
    pub name: Vec<u8>,
    /// What is known of the link itself.
    pub stat: Stat,
    /// Whether it was the last component: part of the chain that leads to the file, not a directory on the way.
    pub last: bool,
}

impl Link {
    /// Canonical path of the link.
    pub fn path(&self) -> Vec<u8> {
        join(&self.directory, &self.name)
    }
}

/// Where a path leads.
#[derive(Debug)]
pub struct Place {
    /// Canonical path of the directory that holds it; empty for the root itself.
    pub directory: Vec<u8>,
    /// Its name there; empty for the root itself.
    pub name: Vec<u8>,
    /// `O_PATH` descriptor of the file.
    pub fd: OwnedFd,
    /// What is known of it.
    pub stat: Stat,
    /// The links passed, in order.
    pub links: Vec<Link>,
    /// Directories that were entered and left again by `..`.
    pub left: Vec<Vec<u8>>,
}

impl Place {
    /// Canonical path: absolute, inside the root, without links, `.` and `..`.
    pub fn path(&self) -> Vec<u8> {
        join(&self.directory, &self.name)
    }

    /// Opens the same file with other flags; refused with `ESTALE` if the name now means another file.
    pub(super) fn reopen(&self, root: &Root, flags: OFlag) -> Result<OwnedFd, Errno> {
        let parent = walk(root, b"", &self.directory, false).map_err(|error| error.errno())?;
        if !parent.links.is_empty() {
            return Err(Errno::ESTALE);
        }
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = openat(&parent.fd, self.name.as_slice(), flags, Mode::empty())?;
        let stat = stat_of(file.as_fd(), c"", &self.name).map_err(|error| error.errno())?;
        if stat.id == self.stat.id { Ok(file) } else { Err(Errno::ESTALE) }
    }
}

struct Level {
    fd: OwnedFd,
    stat: Stat,
    path: Vec<u8>,
    name: Vec<u8>,
}

pub(super) fn walk(root: &Root, base: &[u8], path: &[u8], follow: bool) -> Result<Place, RootError> {
    let fail =
        |errno| os("resolve", &if path.first() == Some(&b'/') { path.to_vec() } else { join(base, path) })(errno);
    // Components still to go, the next one last.
    let mut rest: Vec<Vec<u8>> = Vec::new();
    push_components(&mut rest, path);
    if path.first() != Some(&b'/') {
        push_components(&mut rest, base);
    }
    let top = openat(root.as_fd(), c".", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).map_err(fail)?;
    let mut levels = vec![Level { fd: top, stat: *root.stat(), path: b"/".to_vec(), name: Vec::new() }];
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
                    left.extend(levels.pop().map(|level| level.path));
                }
                continue;
            }
            _ => {}
        }
        let name = c_name(&component).map_err(fail)?;
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let fd = openat(&current.fd, name.as_c_str(), flags, Mode::empty()).map_err(fail)?;
        let stat = stat_of(fd.as_fd(), c"", path)?;
        let last = rest.is_empty();
        if stat.kind == Kind::Symlink && (follow || !last) {
            if links.len() >= MAX_LINKS {
                return Err(fail(Errno::ELOOP));
            }
            let target = readlinkat(&fd, c"").map_err(fail)?.into_vec();
            if filesystem_type(fd.as_fd()) == Some(PROC_SUPER_MAGIC) && is_magic(&target) {
                return Err(fail(Errno::ELOOP));
            }
            links.push(Link { directory: current.path.clone(), name: component, stat, last });
            push_components(&mut rest, &target);
            if target.first() == Some(&b'/') {
                levels.truncate(1);
            }
            continue;
        }
        let level_path = join(&current.path, &component);
        levels.push(Level { fd, stat, path: level_path, name: component });
    }
    let Some(found) = levels.pop() else { return Err(fail(Errno::EIO)) };
    let directory = levels.pop().map(|parent| parent.path).unwrap_or_default();
    Ok(Place { directory, name: found.name, fd: found.fd, stat: found.stat, links, left })
}

/// Links of procfs that the kernel follows by jumping (`/proc/PID/exe`, `fd/3`, `ns/mnt`), not by their text; with
/// `RESOLVE_NO_MAGICLINKS` it answers `ELOOP`. The others there (`/proc/self`, `/proc/mounts`) are plain relative ones.
fn is_magic(target: &[u8]) -> bool {
    target.first() == Some(&b'/') || target.contains(&b':')
}

fn push_components(rest: &mut Vec<Vec<u8>>, path: &[u8]) {
    if path.last() == Some(&b'/') {
        // What a trailing slash follows must be a directory.
        rest.push(b".".to_vec());
    }
    rest.extend(path.split(|&byte| byte == b'/').rev().filter(|part| !part.is_empty()).map(<[u8]>::to_vec));
}
