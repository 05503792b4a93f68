//! Landlock (landlock(7)): what the app and its children may write, execute and read, whatever their privileges.
//!
//! Landlock only knows what is allowed. So `[confine]` allows what it lists. To deny single files, lithify allows
//! everything else: whole directories that hold none of the files, and the other directories file by file.

mod denial;

pub use denial::deny_instead;

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use crate::linux::sys;
use crate::profile::{Confine, ConfineMode};
use crate::recognise::needs::needs;
use crate::root::{Canonical, Identity, InRoot, Kind, Root, RootError};
use crate::text::list::quoted;

/// Rights to files, as in linux/landlock.h.
mod right {
    pub(super) const EXECUTE: u64 = 1;
    pub(super) const WRITE_FILE: u64 = 1 << 1;
    pub(super) const READ_FILE: u64 = 1 << 2;
    /// `REMOVE_DIR`, `REMOVE_FILE`, `MAKE_DIR`, `MAKE_REG`, `MAKE_SOCK`, `MAKE_FIFO`, `MAKE_SYM`.
    pub(super) const CHANGE_DIRECTORY: u64 = 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 12;
    /// `MAKE_CHAR` and `MAKE_BLOCK`: handled and never allowed.
    pub(super) const MAKE_DEVICE: u64 = 1 << 6 | 1 << 11;
    /// Linking and renaming between directories (version 2). Landlock never allows it if it is not handled.
    pub(super) const REFER: u64 = 1 << 13;
    /// Truncating files (version 3).
    pub(super) const TRUNCATE: u64 = 1 << 14;
    /// The rights that mean something for a file.
    pub(super) const OF_FILES: u64 = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE;
    pub(super) const WRITE: u64 = WRITE_FILE | CHANGE_DIRECTORY | MAKE_DEVICE | REFER | TRUNCATE;

    /// The rights that a version of the interface knows.
    pub(super) fn of_version(version: u32) -> u64 {
        match version {
            0 | 1 => REFER - 1,
            2 => REFER | (REFER - 1),
            _ => TRUNCATE | REFER | (REFER - 1),
        }
    }
}

/// Devices that every program may write to, besides what is listed. They store nothing.
const DEVICES: [&str; 8] =
    ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx", "/dev/pts"];

/// Why the app cannot be confined.
#[derive(Debug, thiserror::Error)]
pub enum LandlockError {
    /// The kernel does not offer Landlock.
    #[error("Landlock is not available: {}", unavailable(*.0))]
    Unavailable(Errno),
    /// The kernel's Landlock is too old to enforce everything.
    #[error("this kernel's Landlock (ABI {0}) cannot limit truncation, which Linux 6.2 (ABI 3) can")]
    Partial(u32),
    /// Something would be writable and executable at once.
    #[error("{path} would be both writable ([confine] write {}) and executable", quoted(write))]
    Both {
        /// What may be executed.
        path: Canonical,
        /// The entry that makes it writable.
        write: String,
    },
    /// A system call failed.
    #[error("{call}: {}", errno.desc())]
    Os {
        /// Its name.
        call: &'static str,
        /// The kernel's reason.
        errno: Errno,
    },
    /// Something in the root cannot be looked at.
    #[error(transparent)]
    Root(#[from] RootError),
}

fn unavailable(errno: Errno) -> &'static str {
    match errno {
        Errno::ENOSYS => "this kernel was built without it, is older than 5.13, or a seccomp profile hides it (ENOSYS)",
        Errno::EOPNOTSUPP => "it was not enabled when this kernel booted (EOPNOTSUPP)",
        Errno::EPERM => "a seccomp profile refuses it (EPERM)",
        errno => errno.desc(),
    }
}

/// How much of a ruleset the kernel enforces.
#[derive(Clone, Copy, Debug)]
pub struct Level {
    /// Version of the interface.
    pub version: u32,
    /// Whether the kernel enforces everything. Before version 3, it cannot limit truncation.
    pub complete: bool,
    /// The number of rules.
    pub rules: usize,
}

/// A set of rules that is complete but not enforced yet.
#[derive(Debug)]
pub struct Ruleset {
    fd: OwnedFd,
    version: u32,
    handled: u64,
    rules: usize,
    /// Listed paths that do not exist, so that nothing can be allowed on them.
    pub missing: Vec<Vec<u8>>,
}

impl Ruleset {
    /// A ruleset that denies these rights wherever they are not allowed.
    fn new(rights: u64) -> Result<Self, LandlockError> {
        let version = sys::landlock::version().map_err(LandlockError::Unavailable)?;
        let handled = rights & right::of_version(version);
        let fd = sys::landlock::ruleset(handled).map_err(os("landlock_create_ruleset"))?;
        Ok(Self { fd, version, handled, rules: 0, missing: Vec::new() })
    }

    /// A ruleset for what `[confine]` asks for. It also allows executing `command` (absolute, inside `root`) and what
    /// `command` needs to start. Returns `None` if nothing is asked for. Fails if the kernel cannot enforce it, or if
    /// something would be both writable and executable.
    pub fn confining(root: &Root, confine: &Confine, command: &[u8]) -> Result<Option<Self>, LandlockError> {
        let mut rights = 0;
        if confine.write.is_some() {
            rights |= right::WRITE;
        }
        if confine.execute.is_some() {
            // If REFER were not handled, Landlock would forbid every rename between directories.
            rights |= right::EXECUTE | right::REFER;
        }
        if rights == 0 {
            return Ok(None);
        }
        let mut ruleset = Self::new(rights)?;
        if confine.mode() == ConfineMode::Require && ruleset.is_partial(rights) {
            return Err(LandlockError::Partial(ruleset.version));
        }
        let mut writable = Vec::new();
        for entry in confine.write.iter().flatten() {
            let path = entry.value.as_bytes();
            if ruleset.allow_listed(root, path, right::WRITE & !right::MAKE_DEVICE)? {
                writable.push((line(root, &root.walk(path, true)?.path), &entry.value));
            } else if !DEVICES.contains(&entry.value.as_str()) {
                ruleset.missing.push(path.to_vec());
            }
        }
        if confine.write.is_some() {
            for device in DEVICES {
                ruleset.allow_listed(root, device.as_bytes(), right::WRITE_FILE | right::TRUNCATE)?;
            }
            // Where the app's output goes. Needed if it is a file and the app opens it by name (/dev/stdout).
            for output in [std::io::stdout().as_fd(), std::io::stderr().as_fd()] {
                let _ = ruleset.allow(output, right::WRITE_FILE | right::TRUNCATE);
            }
        }
        if let Some(execute) = &confine.execute {
            if confine.write.is_none() {
                ruleset.allow(root.as_fd(), right::REFER)?;
            }
            let mut programs: Vec<Vec<u8>> = execute.iter().map(|entry| entry.value.clone().into_bytes()).collect();
            programs.push(command.to_vec());
            let mut seen = HashSet::new();
            while let Some(program) = programs.pop() {
                if !seen.insert(program.clone()) {
                    continue;
                }
                if !ruleset.allow_listed(root, &program, right::EXECUTE)? {
                    ruleset.missing.push(program);
                    continue;
                }
                let place = root.walk(&program, true)?;
                let above = line(root, &place.path);
                let meet = |other: &[Identity]| {
                    above.first().is_some_and(|id| other.contains(id))
                        || other.first().is_some_and(|id| above.contains(id))
                };
                if let Some((_, write)) = writable.iter().find(|(other, _)| meet(other)) {
                    return Err(LandlockError::Both { path: place.path, write: (*write).clone() });
                }
                if place.stat.kind == Kind::File {
                    let more = needs(root, &place.path, &[]).into_iter().map(|(path, _)| path);
                    programs.extend(more.filter(|path| root.resolve(path).is_ok()));
                }
            }
        }
        Ok(Some(ruleset))
    }

    fn is_partial(&self, rights: u64) -> bool {
        // Without REFER, nothing can be renamed between directories at all. That is stricter, not weaker.
        rights & !self.handled & !right::REFER != 0
    }

    /// Allows `rights` on `path`, a path inside the root. Returns whether the path exists.
    fn allow_listed(&mut self, root: &Root, path: &[u8], rights: u64) -> Result<bool, LandlockError> {
        match root.handle(InRoot(path)) {
            Ok((fd, stat)) => {
                let rights = if stat.kind == Kind::Directory { rights } else { rights & right::OF_FILES };
                self.allow(fd.as_fd(), rights)?;
                Ok(true)
            }
            Err(error) if error.leads_nowhere() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn allow(&mut self, at: BorrowedFd<'_>, rights: u64) -> Result<(), LandlockError> {
        let rights = rights & self.handled;
        if rights != 0 {
            sys::landlock::allow(self.fd.as_fd(), at, rights).map_err(os("landlock_add_rule"))?;
            self.rules += 1;
        }
        Ok(())
    }

    /// Confines this process and its future children, for good. `no_new_privs` must be set. Fails if the kernel
    /// refuses.
    pub fn enforce(&self) -> Result<(), LandlockError> {
        sys::landlock::restrict_self(self.fd.as_fd()).map_err(os("landlock_restrict_self"))
    }

    /// How much of the ruleset the kernel enforces.
    pub fn level(&self) -> Level {
        let complete = self.version >= 3 || self.handled & right::WRITE_FILE == 0;
        Level { version: self.version, complete, rules: self.rules }
    }
}

/// The identities of `path` and all directories above it. Landlock compares identities too, because one directory may
/// be mounted twice.
fn line(root: &Root, path: &Canonical) -> Vec<Identity> {
    let directories = std::iter::once(path.clone()).chain(path.ancestors());
    directories.filter_map(|path| root.resolve(&path).ok()).map(|stat| stat.id).collect()
}

fn os(call: &'static str) -> impl FnOnce(Errno) -> LandlockError {
    move |errno| LandlockError::Os { call, errno }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::landlock::{ABI, Access, AccessFs, BitFlags};

    /// By the crate of Landlock's own project, which has them of linux/landlock.h.
    #[test]
    fn rights_are_those_of_the_kernel() {
        let bits = |rights: BitFlags<AccessFs>| rights.bits();
        assert_eq!(right::EXECUTE, bits(AccessFs::Execute.into()));
        assert_eq!(right::WRITE_FILE, bits(AccessFs::WriteFile.into()));
        assert_eq!(right::READ_FILE, bits(AccessFs::ReadFile.into()));
        assert_eq!(right::MAKE_DEVICE, bits(AccessFs::MakeChar | AccessFs::MakeBlock));
        assert_eq!(right::REFER, bits(AccessFs::Refer.into()));
        assert_eq!(right::TRUNCATE, bits(AccessFs::Truncate.into()));
        assert_eq!(right::OF_FILES, bits(AccessFs::from_file(ABI::V3)));
        assert_eq!(right::WRITE, bits(AccessFs::from_write(ABI::V3)));
        let others =
            AccessFs::WriteFile | AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::Refer | AccessFs::Truncate;
        assert_eq!(right::CHANGE_DIRECTORY, bits(AccessFs::from_write(ABI::V3) & !others));
        for (version, abi) in [(1, ABI::V1), (2, ABI::V2), (3, ABI::V3), (4, ABI::V4)] {
            assert_eq!(right::of_version(version), bits(AccessFs::from_all(abi)), "{version}");
        }
        // What came later (devices' ioctl(2) in version 5, sockets' names in 9) is not asked for: an app that is confined
        // may go on with it on any kernel alike.
        for (version, abi) in [(5, ABI::V5), (6, ABI::V6), (7, ABI::V7)] {
            assert_eq!(right::of_version(version), bits(AccessFs::from_all(abi) & !AccessFs::IoctlDev), "{version}");
        }
    }
}
