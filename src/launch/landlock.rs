//! Landlock (landlock(7)): what the app and its children may write, execute, read and reach, whatever their privileges.
//!
//! Landlock only knows what is allowed. So `[confine]` allows what it lists. To deny single files, lithify allows
//! everything else: whole directories that hold none of the files, and the other directories file by file.

mod denial;
mod rights;

pub use denial::deny_instead;
pub use rights::Feature;

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use crate::linux::sys::landlock as sys;
use crate::profile::{Confine, ConfineMode, Scope};
use crate::recognise::needs::needs;
use crate::root::{Canonical, Identity, InRoot, Kind, Root, RootError};
use crate::text::list::quoted;
use rights::Request;

/// Devices that every program may write to and control, besides what is listed. They store nothing.
const DEVICES: [&str; 8] =
    ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx", "/dev/pts"];

/// Why the app cannot be confined.
#[derive(Debug, thiserror::Error)]
pub enum LandlockError {
    /// The kernel does not offer Landlock.
    #[error("Landlock is not available: {}", unavailable(*.0))]
    Unavailable(Errno),
    /// The kernel's Landlock is too old to enforce everything.
    #[error("this kernel's Landlock (ABI {}) lacks {}", .0.version(), .0.lacking())]
    Partial(Level),
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
    request: Request,
    /// The number of rules.
    pub rules: usize,
}

impl Level {
    /// The version of the interface.
    pub fn version(self) -> u32 {
        self.request.version
    }

    /// What was asked for and the kernel does not do.
    pub fn lacks(self) -> impl Iterator<Item = Feature> {
        self.request.lacks()
    }

    /// What [`Self::lacks`] says, as a profile has it; empty if the kernel does everything.
    pub fn lacking(self) -> String {
        self.lacks().fold(String::new(), |text, feature| {
            let comma = if text.is_empty() { "" } else { ", " };
            text + comma + feature.name()
        })
    }
}

/// A set of rules that is complete but not enforced yet.
#[derive(Debug)]
pub struct Ruleset {
    fd: OwnedFd,
    handled: u64,
    flags: u32,
    level: Level,
    /// Listed paths that do not exist, so that nothing can be allowed on them.
    pub missing: Vec<Vec<u8>>,
}

impl Ruleset {
    /// A ruleset that denies these rights wherever they are not allowed. Denials are logged unless `audit` is false.
    /// Fails if the kernel can do nothing of it.
    fn new(rights: u64, audit: Option<bool>) -> Result<Self, LandlockError> {
        let version = sys::version().map_err(LandlockError::Unavailable)?;
        let request = Request::new(version, rights, audit);
        let level = Level { request, rules: 0 };
        let handled = request.known();
        if handled == 0 {
            return Err(LandlockError::Partial(level));
        }
        let fd = sys::ruleset(&rights::handled(handled)).map_err(os("landlock_create_ruleset"))?;
        Ok(Self { fd, handled, flags: request.flags(audit), level, missing: Vec::new() })
    }

    /// A ruleset for what `[confine]` asks for. It also allows executing `command` (absolute, inside `root`) and what
    /// `command` needs to start. Returns `None` if nothing is asked for. Fails if the kernel cannot enforce it, or if
    /// something would be both writable and executable.
    pub fn confining(root: &Root, confine: &Confine, command: &[u8]) -> Result<Option<Self>, LandlockError> {
        let rights = asked(confine);
        if rights == 0 {
            return Ok(None);
        }
        let mut ruleset = Self::new(rights, confine.audit())?;
        if confine.mode() == ConfineMode::Require && !ruleset.level.request.is_complete() {
            return Err(LandlockError::Partial(ruleset.level));
        }
        if confine.write.is_none() {
            ruleset.allow(root.as_fd(), rights::REFER)?;
        }
        for (ports, right) in [(&confine.bind, rights::BIND_TCP), (&confine.connect, rights::CONNECT_TCP)] {
            for port in ports.iter().flatten() {
                ruleset.allow_port(port.value, right)?;
            }
        }
        let mut writable = Vec::new();
        let of_write = rights::WRITE & !rights::MAKE_DEVICE;
        for (paths, rights) in [(&confine.write, of_write), (&confine.ioctl, rights::IOCTL_DEV)] {
            for entry in paths.iter().flatten() {
                let path = entry.value.as_bytes();
                if !ruleset.allow_listed(root, path, rights)? {
                    if !DEVICES.contains(&entry.value.as_str()) {
                        ruleset.missing.push(path.to_vec());
                    }
                } else if rights == of_write {
                    writable.push((line(root, &root.walk(path, true)?.path), &entry.value));
                }
            }
        }
        let of_devices = rights::WRITE_FILE | rights::TRUNCATE | rights::IOCTL_DEV;
        if ruleset.handled & of_devices != 0 {
            for device in DEVICES {
                ruleset.allow_listed(root, device.as_bytes(), of_devices)?;
            }
            // Where the app's output goes. Needed if it is a file and the app opens it by name (/dev/stdout).
            for output in [std::io::stdout().as_fd(), std::io::stderr().as_fd()] {
                let _ = ruleset.allow(output, of_devices);
            }
        }
        if let Some(execute) = &confine.execute {
            let mut programs: Vec<Vec<u8>> = execute.iter().map(|entry| entry.value.clone().into_bytes()).collect();
            programs.push(command.to_vec());
            let mut seen = HashSet::new();
            while let Some(program) = programs.pop() {
                if !seen.insert(program.clone()) {
                    continue;
                }
                if !ruleset.allow_listed(root, &program, rights::EXECUTE)? {
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

    /// Allows `rights` on `path`, a path inside the root. Returns whether the path exists.
    fn allow_listed(&mut self, root: &Root, path: &[u8], rights: u64) -> Result<bool, LandlockError> {
        match root.handle(InRoot(path)) {
            Ok((fd, stat)) => {
                let rights = if stat.kind == Kind::Directory { rights } else { rights & rights::OF_FILES };
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
            sys::allow(self.fd.as_fd(), at, rights).map_err(os("landlock_add_rule"))?;
            self.level.rules += 1;
        }
        Ok(())
    }

    fn allow_port(&mut self, port: u16, right: u64) -> Result<(), LandlockError> {
        if self.handled & right != 0 {
            sys::allow_port(self.fd.as_fd(), port, rights::of_ports(right)).map_err(os("landlock_add_rule"))?;
            self.level.rules += 1;
        }
        Ok(())
    }

    /// Confines this process and its future children, for good. `no_new_privs` must be set. Fails if the kernel
    /// refuses.
    pub fn enforce(&self) -> Result<(), LandlockError> {
        sys::restrict_self(self.fd.as_fd(), self.flags).map_err(os("landlock_restrict_self"))
    }

    /// How much of the ruleset the kernel enforces.
    pub fn level(&self) -> Level {
        self.level
    }
}

/// The rights that `[confine]` asks Landlock to restrict.
fn asked(confine: &Confine) -> u64 {
    // If REFER were not handled, Landlock would forbid every rename between directories.
    let keys = [
        (confine.write.is_some(), rights::WRITE),
        (confine.execute.is_some(), rights::EXECUTE | rights::REFER),
        (confine.ioctl.is_some(), rights::IOCTL_DEV | rights::REFER),
        (confine.bind.is_some(), rights::BIND_TCP),
        (confine.connect.is_some(), rights::CONNECT_TCP),
    ];
    let keys = keys.iter().fold(0, |all, (is_there, rights)| if *is_there { all | rights } else { all });
    confine.scope.iter().fold(keys, |all, scope| {
        all | match scope.value {
            Scope::AbstractUnixSocket => rights::ABSTRACT_UNIX_SOCKET,
            Scope::Signal => rights::SIGNAL,
        }
    })
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
