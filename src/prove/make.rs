//! Makes the attempts, each in its child.

use std::ffi::{CStr, CString};
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, FcntlArg, FdFlag, fcntl};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::{execve, execveat};

use super::attempt::{Attempt, By, End, Start, Tried, Why, sort};
use super::child::{Kind, attempt, before_exec};
use super::list::Listed;
use super::program::program;
use crate::linux::deadline::Deadline;
use crate::linux::error::errno;
use crate::linux::sys;
use crate::root::{InRoot, Root};

impl Listed {
    /// Makes the attempts in this process's root, which `root` is. Returns them with the most dangerous first.
    pub fn make(self, root: &Root) -> Vec<Attempt> {
        // This process may have been started with SIGCHLD ignored, and would not learn how a child ends.
        sys::signal::reset_sigchld();
        let maker = Maker { root, deadline: self.deadline };
        let mut attempts: Vec<Attempt> = self
            .wanted
            .into_iter()
            .map(|(tried, counts)| {
                let end = maker.make(&tried);
                Attempt { tried, end, counts }
            })
            .collect();
        attempts.extend(self.unknown);
        sort(&mut attempts);
        attempts
    }
}

struct Maker<'a> {
    root: &'a Root,
    deadline: Deadline,
}

impl Maker<'_> {
    fn make(&self, tried: &Tried) -> End {
        let kind = match tried {
            Tried::Start(_) | Tried::Execute(_) | Tried::ExecuteMemory => Kind::Exec,
            Tried::Gain(_) => Kind::Gain,
            _ => Kind::Call,
        };
        let end = attempt(kind, self.deadline, &mut || match tried {
            Tried::Module => load_module(),
            Tried::Mount => mount_something(),
            Tried::Socket(path) => UnixStream::connect(path).map(drop).map_err(|error| errno(&error)),
            Tried::Trace => sys::trace::seize(1),
            Tried::Gain(path) => by_name(kind, &c_string(path)?),
            Tried::UserNamespace => unshare(CloneFlags::CLONE_NEWUSER),
            Tried::Start(start) => self.start(start),
            Tried::Execute(directory) => {
                let (mut file, reader) = self.root.temporary(InRoot(directory)).map_err(|error| error.errno())?;
                file.write_all(&program()).map_err(|error| errno(&error))?;
                drop(file);
                by_descriptor(reader.into())
            }
            Tried::ExecuteMemory => execute_memory(),
            Tried::Write(directory) | Tried::Confined(directory) => {
                self.root.temporary(InRoot(directory)).map(drop).map_err(|error| error.errno())
            }
            // Whoever lists what to try says how that ended.
            Tried::Search => Err(Errno::ETIME),
        });
        match (tried, end) {
            // The limit on user namespaces is one that somebody has set (user_namespaces(7)).
            (Tried::UserNamespace, End::NotTried(Why::Short(Errno::ENOSPC))) => End::Refused(Errno::ENOSPC),
            (_, end) => end,
        }
    }

    /// Returns only if the program is not started.
    fn start(&self, Start { path, by }: &Start) -> Result<(), Errno> {
        match by {
            By::Name => by_name(Kind::Exec, &c_string(path)?),
            By::Descriptor => {
                let (file, _) = self.root.handle(InRoot(path)).map_err(|error| error.errno())?;
                by_descriptor(file)
            }
            By::Loader(loader) => {
                let file = self.root.file(path).map_err(|error| error.errno())?;
                sys::attempt::map_executable(file.as_fd())?;
                let (loader, program) = (c_string(loader)?, c_string(path)?);
                before_exec(Kind::Exec);
                execve(&loader, &[loader.as_c_str(), program.as_c_str()], NOTHING).map(drop)
            }
        }
    }
}

/// An empty environment.
const NOTHING: &[&CStr] = &[];

fn c_string(path: &[u8]) -> Result<CString, Errno> {
    CString::new(path).map_err(|_| Errno::EINVAL)
}

fn by_name(kind: Kind, path: &CStr) -> Result<(), Errno> {
    before_exec(kind);
    execve(path, &[path], NOTHING).map(drop)
}

fn by_descriptor(file: OwnedFd) -> Result<(), Errno> {
    // The interpreter of a script opens the script by the descriptor, which must still be there for that.
    fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty()))?;
    before_exec(Kind::Exec);
    execveat(file, c"", &[c"lithify"], NOTHING, AtFlags::AT_EMPTY_PATH).map(drop)
}

fn execute_memory() -> Result<(), Errno> {
    // MFD_EXEC (Linux 6.3): without it, newer kernels write a line into their log.
    let executable = MFdFlags::from_bits_retain(0x10);
    let file = match memfd_create(c"lithify", MFdFlags::MFD_CLOEXEC | executable) {
        Err(Errno::EINVAL) => memfd_create(c"lithify", MFdFlags::MFD_CLOEXEC)?,
        file => file?,
    };
    nix::unistd::write(&file, &program())?;
    by_descriptor(file)
}

fn load_module() -> Result<(), Errno> {
    match sys::attempt::load_empty_module() {
        Err(Errno::ENOEXEC) => Ok(()),
        result => result,
    }
}

/// Mounts in a mount namespace of this child's own. Where it may not have one, asks for what a mount needs.
fn mount_something() -> Result<(), Errno> {
    let none = None::<&str>;
    if let Err(refused) = unshare(CloneFlags::CLONE_NEWNS) {
        return match sys::attempt::open_filesystem(c"tmpfs") {
            Err(Errno::ENOSYS) => Err(refused),
            result => result,
        };
    }
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    mount(Some("lithify"), "/", Some("tmpfs"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC, none)
}
