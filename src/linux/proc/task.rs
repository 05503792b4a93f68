//! What `/proc` says of one process or thread: one method for each file below its directory.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;

use super::maps::{self, Mapping};
use super::mountinfo::{MountinfoError, Mounts};
use super::status::Status;
use super::{Task, identity_of, stat};
use crate::linux::error::errno;

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

    pub(super) fn path(self, file: &str) -> String {
        format!("/proc/{self}/{file}")
    }

    pub(super) fn read(self, file: &str) -> Result<Vec<u8>, Errno> {
        std::fs::read(self.path(file)).map_err(|error| errno(&error))
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
}
