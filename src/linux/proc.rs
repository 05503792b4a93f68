//! procfs (`proc(5)`): the only code that reads what `/proc` says of processes. It returns facts and errno; other code
//! decides what they mean.

pub mod cgroup;
pub mod maps;
pub mod mountinfo;
pub mod net;
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

/// A namespace whose initial one the kernel numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// Processes.
    Pid,
    /// System V IPC and POSIX message queues.
    Ipc,
    /// Host name.
    Uts,
    /// Network.
    Network,
}

impl Namespace {
    /// The name of its file in `/proc/PID/ns`, and the inode number of the initial one (`linux/nsfs.h`). That of the
    /// network has been fixed since Linux 6.18.
    fn file(self) -> (&'static str, u64) {
        match self {
            Self::Pid => ("pid", 0xEFFF_FFFC),
            Self::Ipc => ("ipc", 0xEFFF_FFFF),
            Self::Uts => ("uts", 0xEFFF_FFFE),
            Self::Network => ("net", 0xEFFF_FFF9),
        }
    }

    /// The inode number of the initial one.
    pub fn initial(self) -> u64 {
        self.file().1
    }
}

/// Which ids a user namespace maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdMap {
    /// `uid_map`.
    Users,
    /// `gid_map`.
    Groups,
}

impl Task {
    /// The process of a path `/proc/PID/root` or `/proc/self/root`; `None` for any other path.
    pub fn of_root(path: &Path) -> Option<Self> {
        let pid = path.to_str()?.strip_prefix("/proc/")?.trim_end_matches('/').strip_suffix("/root")?;
        match pid {
            "self" => Some(Self::Own),
            "" => None,
            // As in the kernel's `name_to_int`, a number that is too large belongs to no process.
            _ => pid.bytes().all(|byte| byte.is_ascii_digit()).then(|| Self::Process(pid.parse().unwrap_or(u32::MAX))),
        }
    }

    /// The children of this task, if it is the only thread of its process (`children`).
    pub fn children(self) -> Result<Vec<i32>, Errno> {
        let task = match self {
            Self::Own => Self::Thread { process: std::process::id(), thread: std::process::id() },
            Self::Process(pid) => Self::Thread { process: pid, thread: pid },
            Self::Thread { .. } => self,
        };
        let text = task.read("children")?;
        Ok(String::from_utf8_lossy(&text).split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect())
    }

    /// The content of `status`.
    pub fn status(self) -> Result<Status, Errno> {
        self.read("status").map(|text| Status::parse(&String::from_utf8_lossy(&text)))
    }

    /// The mounts that the task sees (`mountinfo`).
    pub fn mounts(self) -> Result<Mounts, MountinfoError> {
        let text = self.read("mountinfo").map_err(|errno| MountinfoError::Unreadable { task: self, errno })?;
        Mounts::parse(&text)
    }

    /// The files that the task has mapped (`maps`).
    pub fn mappings(self) -> Result<Vec<Mapping>, Errno> {
        self.read("maps").map(|text| maps::parse(&text))
    }

    /// The arguments, each with a NUL byte at its end, as the process shows them now: it may write there what it likes.
    pub fn arguments(self) -> Result<Vec<u8>, Errno> {
        self.read("cmdline")
    }

    /// The environment that the process was started with, each variable with a NUL byte at its end.
    pub fn environment(self) -> Result<Vec<u8>, Errno> {
        self.read("environ")
    }

    /// The inode number of its namespace.
    pub fn namespace(self, namespace: Namespace) -> Result<u64, Errno> {
        let (file, _) = namespace.file();
        identity_of(AT_FDCWD, &self.path(&format!("ns/{file}"))).map(|id| id.ino)
    }

    /// The lines of its `uid_map` or `gid_map`: the first id inside, the first outside, and how many.
    pub fn id_map(self, map: IdMap) -> Result<Vec<[u32; 3]>, Errno> {
        let text = self.read(if map == IdMap::Users { "uid_map" } else { "gid_map" })?;
        let line = |line: &str| {
            let numbers: Option<Vec<u32>> = line.split_ascii_whitespace().map(|word| word.parse().ok()).collect();
            numbers?.try_into().ok()
        };
        String::from_utf8_lossy(&text).lines().map(line).collect::<Option<_>>().ok_or(Errno::EIO)
    }

    /// The label that a security module has put on it; of `module`, or of the first one (`proc_pid_attr(5)`).
    pub fn label(self, module: Option<&str>) -> Result<Vec<u8>, Errno> {
        let mut label =
            self.read(&format!("attr/{}current", module.map(|name| format!("{name}/")).unwrap_or_default()))?;
        while label.last().is_some_and(|byte| matches!(byte, b'\n' | 0)) {
            label.pop();
        }
        Ok(label)
    }

    /// The content of `cgroup`.
    pub fn cgroups(self) -> Result<Vec<u8>, Errno> {
        self.read("cgroup")
    }

    /// How large a core file it may write, in bytes (`RLIMIT_CORE`, soft); `None` for no limit.
    pub fn core_limit(self) -> Result<Option<u64>, Errno> {
        let text = self.read("limits")?;
        let text = String::from_utf8_lossy(&text);
        let line = text.lines().find_map(|line| line.strip_prefix("Max core file size"));
        match line.and_then(|line| line.split_ascii_whitespace().next()).ok_or(Errno::ENODATA)? {
            "unlimited" => Ok(None),
            number => number.parse().map(Some).map_err(|_| Errno::EIO),
        }
    }

    /// Its command name.
    pub fn comm(self) -> Result<Vec<u8>, Errno> {
        let mut name = self.read("comm")?;
        if name.last() == Some(&b'\n') {
            name.pop();
        }
        Ok(name)
    }

    /// How many pages the code of its program takes; `None` if the kernel does not say.
    pub fn code(self) -> Option<u64> {
        stat::parse_code(&self.read("statm").ok()?)
    }

    /// Its working directory.
    pub fn working_directory(self) -> Option<Vec<u8>> {
        std::fs::read_link(self.path("cwd")).ok().map(|path| path.into_os_string().into_vec())
    }

    /// What the task's descriptor `number` leads to, as the kernel shows it: for a file its path.
    pub fn descriptor(self, number: u32) -> Option<Vec<u8>> {
        std::fs::read_link(self.path(&format!("fd/{number}"))).ok().map(|path| path.into_os_string().into_vec())
    }

    /// Opens the file behind the task's descriptor `number` anew.
    pub fn open_descriptor(self, number: u32, options: &OpenOptions) -> io::Result<File> {
        options.open(self.path(&format!("fd/{number}")))
    }

    /// The magic link `/proc/PID/exe`, by which another process can look at the program.
    pub fn program_link(self) -> Result<CString, Errno> {
        CString::new(self.path("exe")).map_err(|_| Errno::EINVAL)
    }

    /// Whether it exists.
    pub fn is_there(self) -> bool {
        std::fs::exists(self.path("")).unwrap_or(false)
    }

    /// Its parent.
    pub fn parent(self) -> Option<u32> {
        stat::parse(&self.read("stat").ok()?).map(|stat| stat.parent)
    }

    fn path(self, file: &str) -> String {
        format!("/proc/{self}/{file}")
    }

    fn read(self, file: &str) -> Result<Vec<u8>, Errno> {
        std::fs::read(self.path(file)).map_err(|error| super::error::errno(&error))
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
