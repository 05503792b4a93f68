//! What an app really runs, as the node sees it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::client;
use super::list::App;
use crate::harness::container::Container;
use crate::harness::tree::resolve;

/// What runs in a container in which nothing was hardened.
#[derive(Debug)]
pub struct Running {
    /// The files that its processes run, or that its command needs to start: programs, scripts and their interpreters.
    pub files: BTreeSet<PathBuf>,
    /// The command line of the oldest process that listens on its port: the program itself, where the command is a script.
    pub program: Vec<String>,
    /// Its environment.
    pub environment: Vec<String>,
}

impl Running {
    #[track_caller]
    pub fn of(app: &App) -> Self {
        let container = app.spec().start();
        assert!(client::answers(app, &container), "{app:?}: {}", container.log());
        let root = container.root();
        let mut files = BTreeSet::new();
        let exe = |pid: u32| fs::read_link(format!("/proc/{pid}/exe")).ok();
        for pid in in_order(&container) {
            files.extend(exe(pid));
            for word in words(&format!("/proc/{pid}/cmdline")) {
                with_interpreter(root, Path::new(&word), &mut files);
            }
        }
        for directory in DIRECTORIES {
            with_interpreter(root, &Path::new(directory).join(app.command[0]), &mut files);
        }
        // Processes, sockets and descriptors are not read at one moment.
        let mut found = None;
        container.wait("have a process that listens", || {
            found = in_order(&container).into_iter().find(|pid| listens(*pid, app.port));
            found.is_some()
        });
        let program = found.unwrap();
        Self {
            files,
            program: words(&format!("/proc/{program}/cmdline")),
            environment: words(&format!("/proc/{program}/environ")),
        }
    }

    /// Whether the app needs the file at `path`, or the file that this leads to.
    pub fn needs(&self, root: &Path, path: &str) -> bool {
        resolve(root, Path::new(path), 0).is_some_and(|path| self.files.contains(&path))
    }
}

impl App {
    /// Whether the program of its command is a script of a shell.
    pub fn is_script(&self) -> bool {
        let image = self.spec().create();
        let mut files = BTreeSet::new();
        for directory in DIRECTORIES {
            with_interpreter(image.root(), &Path::new(directory).join(self.command[0]), &mut files);
        }
        files.iter().any(|file| file.ends_with("dash") || file.ends_with("bash"))
    }
}

/// Where a command is looked for, itself first.
const DIRECTORIES: [&str; 5] = ["", "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];

/// Whether a process holds the socket on which clients reach this port.
fn listens(pid: u32, port: u16) -> bool {
    const LISTEN: &str = "0A";
    let tables = ["tcp", "tcp6"].map(|name| fs::read_to_string(format!("/proc/{pid}/net/{name}")).unwrap_or_default());
    let inode = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let listens = fields.get(1)?.ends_with(&format!(":{port:04X}")) && *fields.get(3)? == LISTEN;
        listens.then(|| format!("socket:[{}]", fields[9]))
    };
    let sockets: Vec<String> = tables.iter().flat_map(|table| table.lines()).filter_map(inode).collect();
    let held = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let held = held.filter_map(|entry| fs::read_link(entry.path()).ok());
    held.into_iter().any(|link| sockets.iter().any(|socket| link.as_os_str() == socket.as_str()))
}

/// The processes of a container by their pids here, the oldest first.
fn in_order(container: &Container) -> Vec<u32> {
    let mut processes = processes(container);
    processes.sort_unstable();
    processes.into_iter().map(|(_, pid)| pid).collect()
}

/// When each process of a container was started, and its pid here.
fn processes(container: &Container) -> Vec<(u64, u32)> {
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let own = namespace(&container.pid());
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    let ours = pids.filter(|pid| pid.parse::<u32>().is_ok() && namespace(pid) == own);
    let started = |pid: String| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // Field 22; the name, which is the second, may hold anything.
        let start = stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()?;
        Some((start, pid.parse().ok()?))
    };
    ours.filter_map(started).collect()
}

fn words(path: &str) -> Vec<String> {
    let text = fs::read(path).unwrap_or_default();
    let words = text.split(|&byte| byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
    words.filter(|word| !word.is_empty()).collect()
}

/// A file, if `path` is one, and what a script says: its interpreter, and the programs whose names stand in it.
fn with_interpreter(root: &Path, path: &Path, files: &mut BTreeSet<PathBuf>) {
    let Some(path) = path.is_absolute().then(|| resolve(root, path, 0)).flatten() else { return };
    let at = root.join(path.strip_prefix("/").unwrap());
    if !at.is_file() || !files.insert(path) {
        return;
    }
    let mut start = [0; 2];
    let is_script = fs::File::open(&at).unwrap().read_exact(&mut start).is_ok() && &start == b"#!";
    let text = if is_script { fs::read(at).unwrap() } else { Vec::new() };
    let is_word = |character: char| character.is_alphanumeric() || "/._+-".contains(character);
    for word in String::from_utf8_lossy(&text).split(|character| !is_word(character)).filter(|word| !word.is_empty()) {
        for directory in DIRECTORIES {
            with_interpreter(root, &Path::new(directory).join(word), files);
        }
    }
}
