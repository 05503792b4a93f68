//! Which process a root belongs to: whose mounts, user and capabilities are looked at. Reads only.

use std::fs::{read, read_link};

use crate::linux::status::Status as ProcStatus;
use crate::root::Root;
use crate::target::host_guard::process_of;
use crate::target::processes::{Whose, first, own_root};
use crate::text::escape::escape;

/// The process that a root belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Process with this id (as in `/proc`), whose root is the target.
    Process {
        /// `/proc/PID`.
        pid: String,
    },
    /// Our own root, but the app's process could not be made out: the reason.
    Unknown(String),
    /// A directory that is no process's root, such as an unpacked image.
    Directory {
        /// Canonical path, as in our own mountinfo.
        path: Vec<u8>,
    },
}

impl Owner {
    /// The process or directory that `root` stands for.
    pub fn of(root: &Root) -> Self {
        if let Some(pid) = process_of(root.path()) {
            return Self::Process { pid };
        }
        let canonical = std::fs::canonicalize(root.path());
        match canonical {
            // Another process's root reads as "/", whatever path leads there.
            Ok(path) if path == std::path::Path::new("/") => match own_root() {
                Ok(own) if own == root.stat().id => first_process(),
                Ok(_) => Self::Unknown("--root leads to another process's root: name it as /proc/PID/root".to_owned()),
                Err(error) => Self::Unknown(error.to_string()),
            },
            Ok(path) => Self::Directory { path: path.into_os_string().into_encoded_bytes() },
            Err(error) => Self::Unknown(format!("{}: {error}", escape(root.path().as_os_str().as_encoded_bytes()))),
        }
    }

    /// The process's name for people and its `/proc/PID/status`, or why there is none to look at.
    pub fn status(&self) -> Result<(String, ProcStatus), String> {
        match self {
            Self::Process { pid } => match read(format!("/proc/{pid}/status")) {
                Ok(text) => {
                    let name = if pid == "self" { "this process".to_owned() } else { format!("process {pid}") };
                    Ok((name, ProcStatus::parse(&String::from_utf8_lossy(&text))))
                }
                Err(error) => Err(format!("process {pid}: /proc/{pid}/status: {error}")),
            },
            Self::Unknown(reason) => Err(reason.clone()),
            Self::Directory { .. } => {
                Err("no process belongs to a directory given with --root; run this in the container".to_owned())
            }
        }
    }

    /// The text of the mountinfo that shows the root's mounts, and the root's path in it.
    pub fn mountinfo(&self) -> Result<(Vec<u8>, Vec<u8>), String> {
        let (pid, prefix) = match self {
            Self::Process { pid } if pid != "self" => {
                // The first process shares our mount namespace; ours is readable without privileges.
                let shared = read_link(format!("/proc/{pid}/ns/mnt")).ok() == read_link("/proc/self/ns/mnt").ok();
                (if shared { "self" } else { pid.as_str() }, b"/".to_vec())
            }
            Self::Process { .. } | Self::Unknown(_) => ("self", b"/".to_vec()),
            Self::Directory { path } => ("self", path.clone()),
        };
        let readable = read(format!("/proc/{pid}/mountinfo"))
            // A first process whose namespaces we may not see is that of our own container.
            .or_else(|error| if prefix == b"/" && pid == "1" { read("/proc/self/mountinfo") } else { Err(error) });
        readable
            .map(|text| (text, prefix))
            .map_err(|error| format!("/proc/{pid}/mountinfo cannot be read: {error}; mount proc on /proc"))
    }
}

/// The app's process in our own container: process 1, unless the pod shares one process namespace among its containers.
fn first_process() -> Owner {
    match first(&Whose::Own) {
        Ok(Some(pid)) if pid == std::process::id() => Owner::Process { pid: "self".to_owned() },
        Ok(Some(pid)) => Owner::Process { pid: pid.to_string() },
        Ok(None) => Owner::Unknown(
            "process 1 belongs to another container (shareProcessNamespace), and no process of this one can be made out".to_owned(),
        ),
        Err(error) => Owner::Unknown(error.to_string()),
    }
}
