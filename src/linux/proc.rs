//! procfs (`proc(5)`): the only code that reads what `/proc` says of processes. It returns facts and errno; other code
//! decides what they mean.

pub mod cgroup;
pub mod maps;
pub mod mountinfo;
pub mod net;
pub(crate) mod processes;
pub(crate) mod stat;
pub mod status;
mod task;

use std::ffi::CString;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;
use nix::sys::statfs::{PROC_SUPER_MAGIC, statfs};

use crate::linux::identity::Identity;
use crate::linux::sys;
pub use task::{IdMap, Namespace};

/// The greatest length of a command name, in bytes (`proc_pid_comm(5)`).
pub const COMM_LENGTH: usize = 15;

/// The file of this program, as messages name it.
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
    /// The directory below `/proc`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("self"),
            Self::Process(pid) => write!(f, "{pid}"),
            Self::Thread { process, thread } => write!(f, "{process}/task/{thread}"),
        }
    }
}

/// `/proc`, held open, because musl's open(2) makes two system calls and its openat(2) makes one.
pub struct Proc {
    fd: OwnedFd,
}

impl Proc {
    /// Opens `/proc`. `ENOENT` if an empty directory is in place of procfs, which would make everything look
    /// unprotected.
    pub fn open() -> Result<Self, Errno> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let fd = openat(AT_FDCWD, "/proc", flags, Mode::empty())?;
        match sys::stat::statx(fd.as_fd(), c"self") {
            Err(Errno::ENOENT) => Err(Errno::ENOENT),
            _ => Ok(Self { fd }),
        }
    }

    /// The file that the task runs.
    pub fn program(&self, task: Task) -> Result<Identity, Errno> {
        self.identity(task, "exe")
    }

    /// Opens the file that the task runs, only to look at it (`O_PATH`).
    pub fn open_program(&self, task: Task) -> Result<OwnedFd, Errno> {
        self.open_file(&format!("{task}/exe"), OFlag::O_PATH)
    }

    /// The path of the file that the task runs, as seen from this process's root. If the name is gone, ` (deleted)`
    /// follows.
    pub fn program_path(&self, task: Task) -> Result<Vec<u8>, Errno> {
        let path = nix::fcntl::readlinkat(&self.fd, format!("{task}/exe").as_str())?;
        Ok(path.into_vec())
    }

    /// The path by which the task's program was started (`AT_EXECFN`), in the words of who started it. For a script, the
    /// path of the script. The program can change what is read here.
    pub fn exec_filename(&self, task: Task) -> Result<Vec<u8>, Errno> {
        const AT_EXECFN: usize = 31;
        const WORD: usize = size_of::<usize>();
        let mut buffer = [0; 1024];
        let vector = self.read_at(task, "auxv", 0, &mut buffer)?;
        let number = |bytes: &[u8]| bytes.try_into().map(usize::from_ne_bytes).unwrap_or_default();
        let mut pairs = vector.chunks_exact(2 * WORD).map(|pair| pair.split_at(WORD));
        let (_, address) = pairs.find(|(kind, _)| number(kind) == AT_EXECFN).ok_or(Errno::ENODATA)?;
        let address = number(address);
        let mut text = [0; nix::libc::PATH_MAX as usize];
        // It lies right below the end of the stack, beyond which nothing can be read.
        let text = self.read_at(task, "mem", address as u64, &mut text)?;
        let end = text.iter().position(|&byte| byte == 0).ok_or(Errno::ENAMETOOLONG)?;
        Ok(text.get(..end).unwrap_or_default().to_vec())
    }

    /// Calls `visit` with each file that the task may execute code of: how the kernel identifies it, and its path as in
    /// `maps`.
    pub fn executable_mappings(&self, task: Task, visit: &mut dyn FnMut(Identity, &[u8])) -> Result<(), Errno> {
        let text = self.read_whole(task, "maps")?;
        maps::executable(&text, visit);
        Ok(())
    }

    /// The sockets of the task's network namespace that wait for somebody. The kernel looks through all of its tables for
    /// that, which takes milliseconds.
    pub fn waiting(&self, task: Task) -> Vec<net::Waiting> {
        let mut sockets = Vec::new();
        for (file, tcp) in net::FILES {
            // There may be no IPv6.
            let text = self.read_whole(task, file).unwrap_or_default();
            net::parse(&String::from_utf8_lossy(&text), tcp, &mut sockets);
        }
        sockets
    }

    /// Those of `sockets` that the task holds.
    pub fn held(&self, task: Task, sockets: &[net::Waiting]) -> Result<Vec<net::Waiting>, Errno> {
        if sockets.is_empty() {
            return Ok(Vec::new());
        }
        let directory = self.open_file(&format!("{task}/fd"), OFlag::O_RDONLY | OFlag::O_DIRECTORY)?;
        let mut held = Vec::new();
        sys::directory::list(directory.as_fd(), &mut |name, _| {
            let link = nix::fcntl::readlinkat(&directory, name).unwrap_or_default().into_vec();
            let inode = link.strip_prefix(b"socket:[").and_then(|rest| rest.strip_suffix(b"]"));
            held.extend(inode.and_then(|inode| std::str::from_utf8(inode).ok()?.parse::<u64>().ok()));
            std::ops::ControlFlow::Continue(())
        })?;
        Ok(sockets.iter().filter(|socket| held.contains(&socket.inode)).copied().collect())
    }

    /// The root directory of the task.
    pub fn root(&self, task: Task) -> Result<Identity, Errno> {
        self.identity(task, "root")
    }

    /// The mount namespace of the task.
    pub fn mount_namespace(&self, task: Task) -> Result<Identity, Errno> {
        self.identity(task, "ns/mnt")
    }

    /// The network namespace of the task.
    pub fn network_namespace(&self, task: Task) -> Result<Identity, Errno> {
        self.identity(task, "ns/net")
    }

    /// The file that a magic link leads to.
    fn identity(&self, task: Task, link: &str) -> Result<Identity, Errno> {
        identity_of(self.fd.as_fd(), &format!("{task}/{link}"))
    }

    /// The first bytes of one of the task's files, as many as fit into `buffer`.
    fn read<'b>(&self, task: Task, file: &str, buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
        let file = self.open_file(&format!("{task}/{file}"), OFlag::O_RDONLY)?;
        let length = nix::unistd::read(&file, buffer)?;
        Ok(buffer.get(..length).unwrap_or_default())
    }

    fn read_at<'b>(&self, task: Task, file: &str, offset: u64, buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
        use std::os::unix::fs::FileExt;
        let file = File::from(self.open_file(&format!("{task}/{file}"), OFlag::O_RDONLY)?);
        let length = file.read_at(buffer, offset).map_err(|error| super::error::errno(&error))?;
        Ok(buffer.get(..length).unwrap_or_default())
    }

    fn read_whole(&self, task: Task, file: &str) -> Result<Vec<u8>, Errno> {
        use std::io::Read;
        let mut file = File::from(self.open_file(&format!("{task}/{file}"), OFlag::O_RDONLY)?);
        let mut text = Vec::with_capacity(4096);
        file.read_to_end(&mut text).map_err(|error| super::error::errno(&error))?;
        Ok(text)
    }

    fn open_file(&self, path: &str, flags: OFlag) -> Result<OwnedFd, Errno> {
        openat(&self.fd, path, flags | OFlag::O_CLOEXEC, Mode::empty())
    }
}

/// The file that this program was started from.
pub fn own_program() -> Result<Identity, Errno> {
    Proc::open()?.program(Task::Own)
}

/// Opens the file of this program.
pub fn open_own_program() -> io::Result<File> {
    File::open(OWN_PROGRAM)
}

/// As [`open_own_program`], for a process that a hostile user may have started. Such a user can start it in a root of
/// their own (chroot(2)) and put any file at that path. If a dynamic loader started this program, that path leads to
/// the loader. In both cases the function fails with `InvalidData`.
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

/// The root directory of this process. It needs no `/proc`.
pub fn own_root() -> Result<Identity, Errno> {
    identity_of(AT_FDCWD, "/")
}

/// The root directory of process 1.
pub fn first_root() -> Result<Identity, Errno> {
    identity_of(AT_FDCWD, "/proc/1/root")
}

/// A setting of the kernel: the file `name` below `/proc/sys`, without the newline at its end (`proc_sys(5)`).
pub fn setting(name: &str) -> Result<Vec<u8>, Errno> {
    let mut value = std::fs::read(format!("/proc/sys/{name}")).map_err(|error| super::error::errno(&error))?;
    if value.last() == Some(&b'\n') {
        value.pop();
    }
    Ok(value)
}

/// The mount that an open file is on: the `mnt_id:` line of its `fdinfo` (`proc_pid_fdinfo(5)`).
pub fn mount_of_descriptor(file: BorrowedFd<'_>) -> Result<u64, Errno> {
    let text = Task::Own.read(&format!("fdinfo/{}", file.as_raw_fd()))?;
    let text = std::str::from_utf8(&text).map_err(|_| Errno::EIO)?;
    let id = text.lines().find_map(|line| line.strip_prefix("mnt_id:"));
    id.and_then(|id| id.trim().parse().ok()).ok_or(Errno::ENODATA)
}

/// The path of an open file as the kernel knows it, seen from this process's root. If the name is gone, ` (deleted)`
/// follows.
pub fn path_of_descriptor(file: BorrowedFd<'_>) -> Result<Vec<u8>, Errno> {
    let path = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()));
    path.map(|path| path.into_os_string().into_vec()).map_err(|error| super::error::errno(&error))
}

/// The file that `path` leads to, with all links followed.
fn identity_of(directory: BorrowedFd<'_>, path: &str) -> Result<Identity, Errno> {
    let path = CString::new(path).map_err(|_| Errno::EINVAL)?;
    match sys::stat::statx_follow(directory, &path) {
        Ok(stat) => Ok(Identity { dev: stat.dev, ino: stat.ino }),
        // The kernel has no statx, or a seccomp profile refuses it.
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
