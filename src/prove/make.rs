//! Makes the attempts, each in its child.

use std::ffi::{CStr, CString, OsStr};
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, FcntlArg, FdFlag, fcntl};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::{execve, execveat};

use super::attempt::{Attempt, By, End, Start, Tried, Why, sort};
use super::child::{Canary, Child, Kind, attempt, canary};
use super::list::{Listed, Wanted};
use super::outside::{Outside, at_port};
use super::program::program;
use crate::linux::deadline::Deadline;
use crate::linux::error::errno;
use crate::linux::sys;
use crate::root::{InRoot, Root};

impl Listed {
    /// Makes the attempts in this process's root, which `root` is. Each child calls `enter` first, which says whether it
    /// is confined as the app will be; `outside` is not. Returns the attempts with the most dangerous first.
    pub fn make(self, root: &Root, outside: &Outside, enter: &dyn Fn() -> bool) -> Vec<Attempt> {
        // This process may have been started with SIGCHLD ignored, and would not learn how a child ends.
        sys::signal::reset_sigchld();
        let try_own = |kind| canary(kind, self.deadline);
        // A seccomp filter may kill whoever asks to be traced.
        let start = if try_own(Kind::Exec) == Canary::Filtered { Kind::Limited } else { Kind::Exec };
        let exec_holds = try_own(start) != Canary::Runs;
        let gain_holds = try_own(Kind::Gain) != Canary::Runs;
        let maker = Maker { root, outside, deadline: self.deadline, enter, start, exec_holds, gain_holds };
        let mut attempts: Vec<Attempt> = self
            .wanted
            .into_iter()
            .map(|wanted| {
                let end = maker.make(&wanted);
                Attempt { tried: wanted.tried, end, counts: wanted.counts }
            })
            .collect();
        attempts.extend(self.unknown);
        sort(&mut attempts);
        attempts
    }
}

struct Maker<'a> {
    root: &'a Root,
    outside: &'a Outside,
    deadline: Deadline,
    enter: &'a dyn Fn() -> bool,
    /// The way to start programs that keeps them from running.
    start: Kind,
    /// Whether a program that is started does not run.
    exec_holds: bool,
    /// Whether one that may gain something does not run.
    gain_holds: bool,
}

impl Maker<'_> {
    fn make(&self, Wanted { tried, stated, .. }: &Wanted) -> End {
        let kind = match tried {
            Tried::Start(_) | Tried::Execute(_) | Tried::ExecuteMemory => self.start,
            Tried::Gain(_) => Kind::Gain,
            _ => Kind::Call,
        };
        let held = match kind {
            Kind::Call => true,
            Kind::Exec | Kind::Limited => self.exec_holds,
            Kind::Gain => self.gain_holds,
        };
        if !held {
            return End::NotTried(Why::Unstoppable);
        }
        let end = attempt(kind, self.deadline, self.enter, &mut |child| {
            // Before these, something else must have worked.
            if !matches!(
                tried,
                Tried::Execute(_)
                    | Tried::Write(_)
                    | Tried::Bind(_)
                    | Tried::Connect(_)
                    | Tried::Ioctl(_)
                    | Tried::AbstractSocket
                    | Tried::Signal
            ) {
                child.is_trying();
            }
            match tried {
                Tried::Module => load_module(),
                Tried::Mount => mount_something(),
                Tried::Socket(path) => {
                    UnixStream::connect(OsStr::from_bytes(path)).map(drop).map_err(|error| errno(&error))
                }
                Tried::Trace => sys::trace::attach(1),
                Tried::Gain(path) => by_name(child, &c_string(path)?),
                Tried::UserNamespace => unshare(CloneFlags::CLONE_NEWUSER),
                Tried::Start(start) => self.start(child, start),
                Tried::Execute(directory) => {
                    let (mut file, reader) = self.root.temporary(InRoot(directory)).map_err(|error| error.errno())?;
                    file.write_all(&program()).map_err(|error| errno(&error))?;
                    drop(file);
                    by_descriptor(child, reader.into())
                }
                Tried::ExecuteMemory => execute_memory(child),
                Tried::Write(directory) | Tried::Confined(directory) => {
                    self.root.write_test(InRoot(directory)).map_err(|error| error.errno())
                }
                Tried::Ioctl(path) => {
                    let device = self.root.file(path).map_err(|error| error.errno())?;
                    child.is_trying();
                    sys::attempt::terminal_settings(device.as_fd())
                }
                Tried::Bind(_) | Tried::Connect(_) => at_port(child, tried),
                Tried::AbstractSocket => self.outside.connect(&|| child.is_trying()),
                Tried::Signal => self.outside.signal(&|| child.is_trying()),
                // Whoever lists what to try says how that ended.
                Tried::Search => Err(Errno::ETIME),
            }
        });
        match (tried, end) {
            // The limit on user namespaces is one that somebody has set (user_namespaces(7)).
            (Tried::UserNamespace, End::NotTried(Why::Short(Errno::ENOSPC))) => End::Refused(Errno::ENOSPC),
            // Nobody but the kernel reads this program, and it does not understand it.
            (Tried::Execute(_) | Tried::ExecuteMemory, End::Refused(errno @ (Errno::ENOEXEC | Errno::EINVAL))) => {
                End::NotTried(Why::Short(errno))
            }
            // The new way may be open where the filter knows only the old one.
            (Tried::Mount, End::Filtered) => {
                let mut new = |child: &Child| {
                    child.is_trying();
                    sys::attempt::open_filesystem(c"tmpfs")
                };
                match attempt(kind, self.deadline, self.enter, &mut new) {
                    End::Succeeded => End::Succeeded,
                    _ => End::Filtered,
                }
            }
            // With another reason it is not known what a better attempt would meet: somebody listens a moment later
            // (ECONNREFUSED), or an emulator does not know the call's arguments (EINVAL).
            (
                Tried::Module | Tried::Mount | Tried::Trace | Tried::Socket(_) | Tried::AbstractSocket | Tried::Signal,
                End::Refused(errno),
            ) if !forbids(errno) => End::NotTried(Why::Short(errno)),
            // Who is forbidden these gets to no other error: the port is in use, or the device is no terminal.
            (Tried::Bind(_) | Tried::Connect(_) | Tried::Ioctl(_), End::Refused(errno)) if !forbids(errno) => {
                End::Succeeded
            }
            // The device cannot be opened, or the same is refused outside of the confinement.
            (Tried::Ioctl(_), End::NotTried(Why::Short(errno))) if forbids(errno) => End::NotTried(Why::Before(errno)),
            (Tried::Bind(_), End::Refused(errno)) if self.outside.bind == Some(errno) => {
                End::NotTried(Why::Before(errno))
            }
            (Tried::Connect(_), End::Refused(errno)) if self.outside.connect == Some(errno) => {
                End::NotTried(Why::Before(errno))
            }
            // The kernel looks at the mount first.
            (Tried::Execute(_) | Tried::Write(_), End::NotTried(Why::Short(Errno::EROFS))) => {
                End::Refused(Errno::EROFS)
            }
            (Tried::Execute(_) | Tried::Write(_), End::NotTried(Why::Short(errno))) if is_about_the_place(errno) => {
                End::NotTried(Why::NotMade(errno, *stated))
            }
            (Tried::Confined(_), End::Refused(errno @ (Errno::EOPNOTSUPP | Errno::EISDIR))) => {
                End::NotTried(Why::NotMade(errno, None))
            }
            (_, end) => end,
        }
    }

    /// Returns only if the program is not started.
    fn start(&self, child: &Child, Start { path, by }: &Start) -> Result<(), Errno> {
        match by {
            By::Name => by_name(child, &c_string(path)?),
            By::Descriptor => {
                let (file, _) = self.root.handle(InRoot(path)).map_err(|error| error.errno())?;
                by_descriptor(child, file)
            }
            By::Loader(loader) => {
                let file = self.root.file(path).map_err(|error| error.errno())?;
                sys::attempt::map_executable(file.as_fd())?;
                let (loader, program) = (c_string(loader)?, c_string(path)?);
                child.before_exec();
                execve(&loader, &[loader.as_c_str(), program.as_c_str()], NOTHING).map(drop)
            }
        }
    }
}

/// Whether this error says that somebody forbids it, that the kernel has no such thing, or that there is nothing there.
fn forbids(errno: Errno) -> bool {
    use Errno::{EACCES, ELOOP, ENOENT, ENOSYS, ENOTDIR, EPERM, EROFS};
    matches!(errno, EACCES | ELOOP | ENOENT | ENOSYS | ENOTDIR | EPERM | EROFS)
}

/// Whether this error of making a file is about the place, not about what ran out.
fn is_about_the_place(errno: Errno) -> bool {
    use Errno::{EACCES, EISDIR, ELOOP, ENOENT, ENOTDIR, EOPNOTSUPP, EPERM};
    matches!(errno, EACCES | EISDIR | ELOOP | ENOENT | ENOTDIR | EOPNOTSUPP | EPERM)
}

/// An empty environment.
const NOTHING: &[&CStr] = &[];

fn c_string(path: &[u8]) -> Result<CString, Errno> {
    CString::new(path).map_err(|_| Errno::EINVAL)
}

fn by_name(child: &Child, path: &CStr) -> Result<(), Errno> {
    child.before_exec();
    execve(path, &[path], NOTHING).map(drop)
}

fn by_descriptor(child: &Child, file: OwnedFd) -> Result<(), Errno> {
    // The interpreter of a script opens the script by the descriptor, which must still be there for that.
    fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty()))?;
    child.before_exec();
    execveat(file, c"", &[c"lithify"], NOTHING, AtFlags::AT_EMPTY_PATH).map(drop)
}

fn execute_memory(child: &Child) -> Result<(), Errno> {
    // MFD_EXEC (Linux 6.3): without it, newer kernels write a line into their log.
    let executable = MFdFlags::from_bits_retain(0x10);
    let file = match memfd_create(c"lithify", MFdFlags::MFD_CLOEXEC | executable) {
        Err(Errno::EINVAL) => memfd_create(c"lithify", MFdFlags::MFD_CLOEXEC)?,
        file => file?,
    };
    nix::unistd::write(&file, &program())?;
    by_descriptor(child, file)
}

fn load_module() -> Result<(), Errno> {
    match sys::attempt::load_empty_module() {
        Err(Errno::ENOEXEC) => Ok(()),
        result => result,
    }
}

/// Asks for a mount of no type: the kernel looks at the caller first, and answers `EINVAL` where a real one would be made.
/// Where that is refused, asks in the new way.
fn mount_something() -> Result<(), Errno> {
    let none = None::<&str>;
    match mount(none, "/", none, MsFlags::empty(), none) {
        Ok(()) | Err(Errno::EINVAL) => Ok(()),
        Err(refused) => sys::attempt::open_filesystem(c"tmpfs").map_err(|_| refused),
    }
}
