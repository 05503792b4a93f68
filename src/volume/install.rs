//! Copies this program into a directory, such as a volume that the app mounts. The copy is whole or absent.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::{Mode, fchmod, fstat};
use nix::unistd::{UnlinkatFlags, fsync, unlinkat};

use crate::linux::draft;
use crate::linux::error::errno;
use crate::linux::proc::{OWN_PROGRAM, open_own_program};
use crate::linux::sys;
use crate::recognise::inscription::length_without;
use crate::root::compare::Comparer;
use crate::text::escape::escape;
use crate::volume::lock::VolumeLock;

/// The name of the copy.
pub const NAME: &str = "lithify";

/// Mode of the copy: everybody may run it, nobody may change it.
const MODE: Mode = Mode::from_bits_truncate(0o555);

/// What [`install`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Installed {
    /// It made a copy of this many bytes.
    New(u64),
    /// The same copy was there already.
    Same,
}

/// Why there is no copy. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// A system call failed.
    #[error("{operation} {path}: {}", errno.desc())]
    Os {
        /// What failed.
        operation: &'static str,
        /// Escaped path of the caller.
        path: String,
        /// The kernel's reason.
        errno: Errno,
    },
    /// Another run did not end in time.
    #[error("{path}: another lithify has been at work there for a minute")]
    Busy {
        /// Escaped path of the caller.
        path: String,
    },
    /// The copy differs from what was read.
    #[error("{path}: the copy differs from this program")]
    Differs {
        /// Escaped path of the copy.
        path: String,
    },
}

/// What to copy: the first `length` bytes of the running program, then the inscription.
struct Source<'a> {
    program: File,
    length: u64,
    inscription: &'a [u8],
}

impl Source<'_> {
    fn read(&mut self) -> std::io::Result<impl Read> {
        self.program.rewind()?;
        Ok((&self.program).take(self.length).chain(self.inscription))
    }
}

/// Copies the running program to `directory`/lithify, mode 0555: writes it without a name, syncs it, names it, and
/// compares it. `directory` is a path of the caller. If the same copy is there already, it stays as it is. The copy
/// gets `inscription`, or that of the running program if `inscription` is `None`.
pub fn install(directory: &Path, inscription: Option<&[u8]>) -> Result<Installed, InstallError> {
    let shown = escape(directory.as_os_str().as_bytes());
    let fail = |operation: &'static str| {
        let path = shown.clone();
        move |errno: Errno| InstallError::Os { operation, path, errno }
    };
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let target = nix::fcntl::open(directory, flags, Mode::empty()).map_err(fail("open"))?;
    let program = open_own_program().map_err(|error| io("open", OWN_PROGRAM, &error))?;
    let length = if inscription.is_some() { length_without(&program) } else { program.metadata().map(|is| is.len()) };
    let length = length.map_err(|error| io("read", OWN_PROGRAM, &error))?;
    let mut source = Source { program, length, inscription: inscription.unwrap_or_default() };
    if is_same(&source, &target).unwrap_or(false) {
        return Ok(Installed::Same);
    }
    let lock = VolumeLock::take(target.as_fd()).map_err(|errno| match errno {
        Errno::EWOULDBLOCK => InstallError::Busy { path: shown.clone() },
        errno => fail("open")(errno),
    })?;
    if lock.is_held() {
        // A leftover that cannot be removed, such as another user's, blocks nothing.
        let _ = remove_leftovers(&target);
    }
    let path = format!("{}/{NAME}", shown.trim_end_matches('/'));
    // Each try has a name of its own: two init containers may run at once, both as process 1.
    let unique = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_nanos());
    let beside = CString::new(format!(".{NAME}-{}-{unique}", std::process::id())).unwrap_or_default();
    let copied = write_beside(&mut source, &target, &beside, &path)
        .and_then(|size| renameat(&target, beside.as_c_str(), &target, NAME).map_err(fail("rename")).map(|()| size));
    let size = match copied {
        Ok(size) => size,
        Err(error) => {
            let _ = unlinkat(&target, beside.as_c_str(), UnlinkatFlags::NoRemoveDir);
            return Err(error);
        }
    };
    // The directory is not synced: after a crash the name leads to the old copy or to the whole new one.
    match is_same(&source, &target) {
        Ok(true) => Ok(Installed::New(size)),
        Ok(false) => Err(InstallError::Differs { path }),
        Err(error) => Err(io("read", &path, &error)),
    }
}

/// Removes the temporary copies that killed runs left.
fn remove_leftovers(target: &OwnedFd) -> Result<(), Errno> {
    let listed = openat(target, c".", OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
    let mut left = Vec::new();
    sys::directory::list(listed.as_fd(), &mut |name, _| {
        if is_beside(name.to_bytes()) {
            left.push(name.to_owned());
        }
        ControlFlow::Continue(())
    })?;
    for name in left {
        let _ = unlinkat(target, name.as_c_str(), UnlinkatFlags::NoRemoveDir);
    }
    Ok(())
}

/// Whether [`install`] writes a copy under this name, which holds the process id and the time.
fn is_beside(name: &[u8]) -> bool {
    let prefix = [b".", NAME.as_bytes(), b"-"].concat();
    let digits = |byte: &u8| byte.is_ascii_digit() || *byte == b'-';
    name.strip_prefix(prefix.as_slice()).is_some_and(|rest| rest.contains(&b'-') && rest.iter().all(digits))
}

/// Writes the copy under the name `beside`.
fn write_beside(source: &mut Source<'_>, target: &OwnedFd, beside: &CStr, path: &str) -> Result<u64, InstallError> {
    let os = |operation| move |errno| InstallError::Os { operation, path: path.to_owned(), errno };
    let mut file = draft::create(target.as_fd(), beside).map_err(os("open"))?;
    let mut program = source.read().map_err(|error| io("read", OWN_PROGRAM, &error))?;
    let mut size = 0;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = program.read(&mut buffer).map_err(|error| io("read", OWN_PROGRAM, &error))?;
        let Some(part) = buffer.get(..length).filter(|part| !part.is_empty()) else { break };
        file.write_all(part).map_err(|error| io("write", path, &error))?;
        size += length as u64;
    }
    fchmod(file.as_fd(), MODE).map_err(os("chmod"))?;
    fsync(&file).map_err(os("fsync"))?;
    draft::link(&file, target.as_fd(), beside).map_err(os("link"))?;
    Ok(size)
}

/// Whether the copy in `target` is a regular file with this mode and content that only root and this user can change.
fn is_same(source: &Source<'_>, target: &OwnedFd) -> std::io::Result<bool> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let copy = openat(target, NAME, flags, Mode::empty())?;
    let stat = fstat(&copy)?;
    let expected = nix::libc::S_IFREG | MODE.bits();
    if stat.st_mode != expected || stat.st_uid != 0 && stat.st_uid != nix::unistd::geteuid().as_raw() {
        return Ok(false);
    }
    let (copy, length) = (File::from(copy), source.length);
    let same = Comparer::default().same(&source.program, &copy, 0, length).map_err(|(_, errno)| errno)?;
    if !same || copy.metadata()?.len() != length + source.inscription.len() as u64 {
        return Ok(false);
    }
    let mut inscription = vec![0; source.inscription.len()];
    copy.read_exact_at(&mut inscription, length)?;
    Ok(inscription == source.inscription)
}

fn io(operation: &'static str, path: &str, error: &std::io::Error) -> InstallError {
    InstallError::Os { operation, path: path.to_owned(), errno: errno(error) }
}
