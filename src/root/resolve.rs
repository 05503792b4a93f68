//! Who resolves a path: the kernel, by `openat2(2)`; or lithify, name by name, if the kernel cannot.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::Mode;

use super::{InRoot, Kind, Root, RootError, os};

/// The kernel takes only paths shorter than this, because it counts the NUL at their end.
const PATH_MAX: usize = nix::libc::PATH_MAX as usize;

/// Who resolves paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolver {
    /// The kernel, by `openat2(2)`.
    Openat2,
    /// lithify, component by component.
    Walk,
}

impl Root {
    pub(super) fn open_resolved(&self, path: InRoot<'_>, flags: OFlag) -> Result<OwnedFd, RootError> {
        self.in_time()?;
        let opened = match self.resolver {
            Resolver::Openat2 if path.len() < PATH_MAX => self.openat2(&path, flags, ResolveFlag::empty()),
            // Most longer paths are canonical.
            Resolver::Openat2 => self.open_canonical(&path, flags),
            Resolver::Walk => Err(Errno::ELOOP),
        };
        match opened {
            Err(Errno::ELOOP) if self.resolver == Resolver::Walk || path.len() >= PATH_MAX => {
                let place = self.walk(path, true)?;
                if flags.contains(OFlag::O_DIRECTORY) && place.stat.kind != Kind::Directory {
                    return Err(os("open", &path)(Errno::ENOTDIR));
                }
                if flags.contains(OFlag::O_PATH) {
                    return Ok(place.fd);
                }
                place.reopen(self, flags).map_err(os("open", &path))
            }
            opened => opened.map_err(os("openat2", &path)),
        }
    }

    /// `openat2(2)` of a path that holds neither links (`ELOOP`) nor `..`. A path that is too long for the kernel is
    /// opened in parts, each below the one before.
    pub(super) fn open_canonical(&self, path: &[u8], flags: OFlag) -> Result<OwnedFd, Errno> {
        let (mut part, mut rest): (Option<OwnedFd>, _) = (None, path);
        while let Some(end) = rest.get(..PATH_MAX).and_then(|start| start.iter().rposition(|&byte| byte == b'/')) {
            let (start, further) = rest.split_at_checked(end.max(1)).unwrap_or((rest, b"."));
            let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
            part = Some(openat2_below(self.at(part.as_ref()), start, flags, ResolveFlag::RESOLVE_NO_SYMLINKS)?);
            rest = further;
        }
        openat2_below(self.at(part.as_ref()), rest, flags, ResolveFlag::RESOLVE_NO_SYMLINKS)
    }

    fn at<'a>(&'a self, part: Option<&'a OwnedFd>) -> BorrowedFd<'a> {
        part.map_or(self.fd.as_fd(), AsFd::as_fd)
    }

    pub(super) fn openat2(&self, path: &[u8], flags: OFlag, resolve: ResolveFlag) -> Result<OwnedFd, Errno> {
        openat2_below(self.fd.as_fd(), path, flags, resolve)
    }
}

/// `openat2(2)` with `top` as the root. `EAGAIN` means that a rename or mount happened somewhere on the system
/// meanwhile, so that the kernel could not vouch for `..`. libpathrs measured that up to 128 tries get through.
fn openat2_below(top: BorrowedFd<'_>, path: &[u8], flags: OFlag, resolve: ResolveFlag) -> Result<OwnedFd, Errno> {
    let how = OpenHow::new()
        .flags(flags | OFlag::O_CLOEXEC)
        .resolve(resolve | ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let path = if path.is_empty() { b"/" } else { path };
    let mut result = openat2(top, path, how);
    for _ in 0..128 {
        if !matches!(result, Err(Errno::EAGAIN)) {
            break;
        }
        result = openat2(top, path, how);
    }
    result
}

/// Opens the directory behind an `O_PATH` descriptor with other flags, because an `O_PATH` descriptor cannot be listed.
pub(super) fn reopen(directory: BorrowedFd<'_>, flags: OFlag) -> Result<OwnedFd, Errno> {
    openat(directory, c".", flags | OFlag::O_CLOEXEC, Mode::empty())
}
