//! procfs (`proc(5)`): the only code that reads what `/proc` says of processes. It returns facts and errno; what they
//! mean is decided elsewhere.

pub(crate) mod maps;
pub mod mountinfo;
pub(crate) mod processes;
pub(crate) mod stat;
pub mod status;

use std::ffi::CString;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;
use nix::sys::statfs::{PROC_SUPER_MAGIC, statfs};

use crate::linux::identity::Identity;
use crate::linux::sys;
use maps::Mapping;
use mountinfo::{MountinfoError, Mounts};
use status::Status;

/// The most that a command name holds (`proc_pid_comm(5)`).
pub const COMM_LENGTH: usize = 15;

/// This very program's file, as messages name it.
pub const OWN_PROGRAM: &str = "/proc/self/exe";

/// A process or one of its threads: a directory of `/proc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// This process.
    Own,
    /// A process.
    Process(u32),
    /// A thread of a process.
    Thread {
        /// The process.
        process: u32,
        /// The thread.
        thread: u32,
    },
}

impl fmt::Display for Task {
    /// As in `/proc`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("self"),
            Self::Process(pid) => write!(f, "{pid}"),
            Self::Thread { process, thread } => write!(f, "{process}/task/{thread}"),
        }
    }
}

impl Task {
    /// The process of a path `/proc/PID/root`.
    pub fn of_root(path: &Path) -> Option<Self> {
        let pid = path.to_str()?.strip_prefix("/proc/")?.trim_end_matches('/').strip_suffix("/root")?;
        match pid {
            "self" => Some(Self::Own),
            "" => None,
            // As in the kernel's `name_to_int`, a number that is too large is that of no process.
            _ => pid.bytes().all(|byte| byte.is_ascii_digit()).then(|| Self::Process(pid.parse().unwrap_or(u32::MAX))),
        }
    }

    /// What `status` says.
    pub fn status(self) -> Result<Status, Errno> {
        self.read("status").map(|text| Status::parse(&String::from_utf8_lossy(&text)))
    }

    /// The mounts that it sees.
    pub fn mounts(self) -> Result<Mounts, MountinfoError> {
        let text = self.read("mountinfo").map_err(|errno| MountinfoError::Unreadable { task: self, errno })?;
        Mounts::parse(&text)
    }

    /// The files that it has mapped.
    pub fn mappings(self) -> Result<Vec<Mapping>, Errno> {
        self.read("maps").map(|text| maps::parse(&text))
    }

    /// Its arguments, each ended by a NUL byte, as it says today: it may write there what it likes.
    pub fn arguments(self) -> Result<Vec<u8>, Errno> {
        self.read("cmdline")
    }

    /// The environment that it was started with, each variable ended by a NUL byte.
    pub fn environment(self) -> Result<Vec<u8>, Errno> {
        self.read("environ")
    }

    /// Its command name.
    pub fn comm(self) -> Result<Vec<u8>, Errno> {
        let mut name = self.read("comm")?;
        if name.last() == Some(&b'\n') {
            name.pop();
        }
        Ok(name)
    }

    /// How many pages the code of its program takes; `None` where the kernel does not say.
    pub fn code(self) -> Option<u64> {
        stat::parse_code(&self.read("statm").ok()?)
    }

    /// Its working directory.
    pub fn working_directory(self) -> Option<Vec<u8>> {
        std::fs::read_link(self.path("cwd")).ok().map(|path| path.into_os_string().into_vec())
    }

    /// Opens the file behind its descriptor `number` anew.
    pub fn open_descriptor(self, number: u32, options: &OpenOptions) -> io::Result<File> {
        options.open(self.path(&format!("fd/{number}")))
    }

    /// The path of its program, for another process to look at.
    pub fn program_path(self) -> Result<CString, Errno> {
        CString::new(self.path("exe")).map_err(|_| Errno::EINVAL)
    }

    fn path(self, file: &str) -> String {
        format!("/proc/{self}/{file}")
    }

    fn read(self, file: &str) -> Result<Vec<u8>, Errno> {
        std::fs::read(self.path(file)).map_err(|error| super::error::errno(&error))
    }
}

/// `/proc`, open: musl's open(2) makes two system calls, its openat(2) one.
pub struct Proc {
    fd: OwnedFd,
}

impl Proc {
    /// Opens `/proc`; `ENOENT` for an empty directory in place of procfs, which would make everything look unprotected.
    pub fn open() -> Result<Self, Errno> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let fd = openat(AT_FDCWD, "/proc", flags, Mode::empty())?;
        match sys::stat::statx(fd.as_fd(), c"self") {
            Err(Errno::ENOENT) => Err(Errno::ENOENT),
            _ => Ok(Self { fd }),
        }
    }

    /// Which file it runs.
    pub fn program(&self, task: Task) -> Result<Identity, Errno> {
        self.identity(task, "exe")
    }

    /// Which directory is its root.
    pub fn root(&self, task: Task) -> Result<Identity, Errno> {
        self.identity(task, "root")
    }

    /// Which mount namespace it is in.
    pub fn mount_namespace(&self, task: Task) -> Result<Identity, Errno> {
        self.identity(task, "ns/mnt")
    }

    /// What a magic link leads to.
    fn identity(&self, task: Task, link: &str) -> Result<Identity, Errno> {
        identity_of(self.fd.as_fd(), &format!("{task}/{link}"))
    }

    /// The first bytes of one of its files, in `buffer`.
    fn read<'b>(&self, task: Task, file: &str, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        let file = self.open_file(&format!("{task}/{file}"), OFlag::O_RDONLY).ok()?;
        let length = nix::unistd::read(&file, buffer).ok()?;
        buffer.get(..length)
    }

    fn open_file(&self, path: &str, flags: OFlag) -> Result<OwnedFd, Errno> {
        openat(&self.fd, path, flags | OFlag::O_CLOEXEC, Mode::empty())
    }
}

/// Which file this program was started from.
pub fn own_program() -> Result<Identity, Errno> {
    Proc::open()?.program(Task::Own)
}

/// The file of this program.
pub fn open_own_program() -> io::Result<File> {
    File::open(OWN_PROGRAM)
}

/// As [`open_own_program`], for whoever may have been started by somebody hostile: in a root of his own (chroot(2)) he may
/// put a file of that name. Started by a dynamic loader it would be that of the loader.
pub fn open_certainly_own_program() -> io::Result<File> {
    use std::os::unix::fs::FileExt;
    if statfs(c"/proc/self")?.filesystem_type() != PROC_SUPER_MAGIC {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let program = open_own_program()?;
    let mut header = [0; 64];
    program.read_exact_at(&mut header, 0)?;
    if header == *sys::program::own_header() { Ok(program) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Our own root directory, also where there is no `/proc`.
pub fn own_root() -> Result<Identity, Errno> {
    identity_of(AT_FDCWD, "/")
}

/// The root directory of process 1.
pub fn first_root() -> Result<Identity, Errno> {
    identity_of(AT_FDCWD, "/proc/1/root")
}

/// The pid namespace that this process is in.
pub fn own_pid_namespace() -> Result<Identity, Errno> {
    identity_of(AT_FDCWD, "/proc/self/ns/pid")
}

/// The mount that an open file is on: the `mnt_id:` line of its `fdinfo` (`proc_pid_fdinfo(5)`).
pub fn mount_of_descriptor(file: BorrowedFd<'_>) -> Result<u64, Errno> {
    let text = Task::Own.read(&format!("fdinfo/{}", file.as_raw_fd()))?;
    let text = std::str::from_utf8(&text).map_err(|_| Errno::EIO)?;
    let id = text.lines().find_map(|line| line.strip_prefix("mnt_id:"));
    id.and_then(|id| id.trim().parse().ok()).ok_or(Errno::ENODATA)
}

/// What `path` leads to, all links followed.
fn identity_of(directory: BorrowedFd<'_>, path: &str) -> Result<Identity, Errno> {
    let path = CString::new(path).map_err(|_| Errno::EINVAL)?;
    match sys::stat::statx_follow(directory, &path) {
        Ok(stat) => Ok(Identity { dev: stat.dev, ino: stat.ino }),
        // No statx here, or refused by a seccomp profile.
        Err(Errno::ENOSYS | Errno::EPERM) => {
            let stat = nix::sys::stat::fstatat(directory, path.as_c_str(), nix::fcntl::AtFlags::empty())?;
            Ok(Identity { dev: stat.st_dev, ino: stat.st_ino })
        }
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_of_processes() {
        assert_eq!(Task::of_root(Path::new("/proc/1/root")), Some(Task::Process(1)));
        assert_eq!(Task::of_root(Path::new("/proc/self/root/")), Some(Task::Own));
        assert_eq!(Task::of_root(Path::new("/proc/99999999999/root")), Some(Task::Process(u32::MAX)));
        for path in ["/proc/1/root/usr", "/proc/1", "/proc//root", "/proc/x/root", "/"] {
            assert_eq!(Task::of_root(Path::new(path)), None, "{path}");
        }
    }

    #[test]
    fn this_process_by_its_number_and_as_itself() {
        let proc = Proc::open().unwrap();
        let me = Task::Process(std::process::id());
        assert_eq!(proc.program(me), own_program());
        assert_eq!(proc.root(me), own_root());
        assert_eq!(proc.root(Task::Own), own_root());
        assert_eq!(me.comm(), Task::Own.comm());
        assert_eq!(me.status().unwrap().uid, Task::Own.status().unwrap().uid);
    }
}
