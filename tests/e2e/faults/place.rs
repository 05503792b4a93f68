//! Where a command of the tests runs: a small tree as the root of mount and process namespaces of its own, with a canary
//! beside it. Everything lies in memory; nothing of this machine is reachable from there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use nix::fcntl::AtFlags;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, CpuSet, sched_getaffinity, sched_setaffinity, unshare};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{Mode, SFlag, fstatat, makedev, mknod};
use nix::unistd::{Pid, chroot};

use super::tracer::{Fault, trace};
use crate::harness::lithify;
use crate::harness::program::{HOLD, PAUSE, SEVEN, UNTIL_TOLD, ZERO, hold_for, program};
use crate::harness::tree::manifest;

/// Some ticks of the clock of `/proc`, of which there are a hundred in a second.
const TICKS: Duration = Duration::from_millis(25);

/// How long one run may take.
const LONGEST: Duration = Duration::from_secs(20);

/// Which process of its namespace the command is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// The first, as `run` and its like.
    Itself,
    /// A later one: the first is the app, as for a probe.
    App,
}

/// How a command is started.
#[derive(Clone)]
pub struct Start {
    pub arguments: Vec<String>,
    pub first: First,
    /// Whether its children are followed. A process that traces others cannot itself be traced with them.
    pub children: bool,
    /// Whether it may have threads.
    pub threads: bool,
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub calls: Vec<(nix::libc::c_long, usize)>,
    pub met: bool,
    pub timed_out: bool,
}

impl Ended {
    pub fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Programs that every tree has, made once and mounted read-only.
pub struct Programs(tempfile::TempDir);

impl Programs {
    pub fn new() -> Self {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        fs::copy(lithify(), directory.path().join("lithify")).unwrap();
        Self(directory)
    }
}

/// Held while a program is written and while one is started: a child that another thread forks meanwhile would hold the
/// file open for writing until its exec, and nobody can start it then. In a new process namespace there is no second try.
static WRITTEN_OR_STARTED: Mutex<()> = Mutex::new(());

fn executable(path: &Path, content: &[u8]) {
    let _held = WRITTEN_OR_STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// `root`, the root of the command, with `/volume` in it; `outside`, the canary.
pub struct Place {
    directory: tempfile::TempDir,
    /// When its tree was made or changed.
    changed: Mutex<Instant>,
}

impl Place {
    pub fn new() -> Self {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        let place = Self { directory, changed: Mutex::new(Instant::now()) };
        let root = place.root();
        for directory in [
            "bin",
            "usr/bin",
            "usr/local/bin",
            "opt/tool",
            "etc",
            "tmp",
            "data",
            "volume",
            "proc",
            "dev",
            "lithify",
            "target/bin",
            "root",
        ] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        let at = |path: &str| root.join(path);
        executable(&at("bin/app"), &program(PAUSE, b"app"));
        executable(&at("bin/seven"), &program(SEVEN, b"seven"));
        executable(&at("bin/until-told"), &program(UNTIL_TOLD, b"until-told"));
        executable(&at("bin/zero"), &program(ZERO, b"zero"));
        executable(&at("bin/dash"), &program(PAUSE, b"dash"));
        symlink("dash", at("bin/sh")).unwrap();
        symlink("/bin/sh", at("usr/local/bin/x")).unwrap();
        fs::hard_link(at("bin/dash"), at("opt/hidden")).unwrap();
        executable(&at("usr/bin/curl"), &program(PAUSE, b"curl"));
        executable(&at("usr/bin/mount"), &program(PAUSE, b"mount"));
        fs::set_permissions(at("usr/bin/mount"), fs::Permissions::from_mode(0o4755)).unwrap();
        fs::write(at("opt/tool/a"), "a").unwrap();
        fs::write(at("opt/tool/b"), "b").unwrap();
        executable(&at("bin/script"), b"#!/bin/app\n");
        fs::write(at("data/large"), vec![b'x'; 300_000]).unwrap();
        fs::write(at("data/one"), "one").unwrap();
        symlink("../../../outside/bin/sh", at("etc/out")).unwrap();
        fs::write(at("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\napp:x:33:33::/:/usr/sbin/nologin\n").unwrap();
        fs::write(at("etc/group"), "root:x:0:\napp:x:33:\n").unwrap();
        fs::write(at("etc/hosts"), "127.0.0.1 localhost\n").unwrap();
        executable(&at("target/bin/dash"), &program(PAUSE, b"dash"));
        symlink("dash", at("target/bin/sh")).unwrap();
        executable(&at("target/bin/other"), &program(PAUSE, b"other"));
        fs::create_dir_all(place.outside().join("bin")).unwrap();
        executable(&place.outside().join("bin/sh"), &program(PAUSE, b"dash"));
        fs::write(place.outside().join("secret"), "the canary's secret").unwrap();
        place
    }

    pub fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    pub fn outside(&self) -> PathBuf {
        self.directory.path().join("outside")
    }

    /// Every name of the canary, and of the root.
    pub fn canary(&self) -> BTreeMap<PathBuf, String> {
        contents(&self.outside())
    }

    pub fn contents(&self) -> BTreeMap<PathBuf, String> {
        contents(&self.root())
    }

    /// Runs a command to its end, with a fault or without.
    pub fn run(&self, programs: &Programs, start: &Start, fault: Option<Fault>) -> Ended {
        let pid = AtomicU32::new(0);
        let (sender, receiver) = mpsc::channel();
        std::thread::scope(|scope| {
            let pid = &pid;
            scope.spawn(move || sender.send(self.start(programs, start, fault, pid)).unwrap());
            receiver.recv_timeout(LONGEST).unwrap_or_else(|_| {
                let pid = pid.load(Ordering::Relaxed);
                assert!(pid != 0, "nothing was started");
                let _ = kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGKILL);
                Ended { timed_out: true, ..receiver.recv().unwrap() }
            })
        })
    }

    /// The namespaces, which end with the thread that calls this, and with them everything that was mounted or started.
    fn start(&self, programs: &Programs, start: &Start, fault: Option<Fault>, traced: &AtomicU32) -> Ended {
        let root = self.root();
        // The tree is older than the first process, also by the clock of `/proc`.
        let begin = *self.changed.lock().unwrap() + TICKS;
        std::thread::sleep(begin.saturating_duration_since(Instant::now()));
        unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID).unwrap();
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        let bind = |from: &Path, to: &Path| mount(Some(from), to, none, MsFlags::MS_BIND, none).unwrap();
        let volume = root.join("volume");
        bind(&root, &root);
        bind(programs.0.path(), &root.join("lithify"));
        let read_only = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        mount(none, &root.join("lithify"), none, read_only, none).unwrap();
        mount(Some("tmpfs"), &root.join("dev"), Some("tmpfs"), MsFlags::MS_NOSUID, none).unwrap();
        for (name, minor) in [("null", 3), ("urandom", 9)] {
            let path = root.join("dev").join(name);
            mknod(&path, SFlag::S_IFCHR, Mode::from_bits_truncate(0o666), makedev(1, minor)).unwrap();
        }
        fs::write(root.join("dev/termination-log"), "").unwrap();
        // A filter would be in the way of a command that traces its children itself.
        let filtered = fault.filter(|_| start.children);
        executable(
            &root.join("dev/hold"),
            &filtered.map_or_else(|| program(HOLD, b""), |fault| hold_for(fault.number)),
        );
        bind(&volume, &volume);
        let file = fs::metadata(root.join("lithify/lithify")).unwrap();
        let program = (file.dev(), file.ino());
        // As this thread sees processes; below its new root, `/proc` is another.
        let processes = File::open("/proc").unwrap();
        let is_lithify = |pid: Pid| {
            let stat = fstatat(&processes, format!("{pid}/exe").as_str(), AtFlags::empty());
            stat.is_ok_and(|stat| (stat.st_dev, stat.st_ino) == program)
        };
        if !start.threads {
            on_one_cpu();
        }
        let output = |name: &str| {
            let mut options = File::options();
            options.read(true).write(true).create(true).truncate(true).open(self.directory.path().join(name)).unwrap()
        };
        let (stdout, stderr) = (output("stdout"), output("stderr"));
        let streams = [stdout.try_clone().unwrap(), stderr.try_clone().unwrap()];
        chroot(&root).unwrap();
        std::env::set_current_dir("/").unwrap();
        let app = (start.first == First::App).then(|| spawn(Command::new("/bin/app").env_clear()));
        let mut command = Command::new("/dev/hold");
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").arg("/lithify/lithify").args(&start.arguments);
        // The tracer waits for it.
        #[allow(clippy::zombie_processes)]
        let mut child = spawn(command.stdin(Stdio::piped()).stdout(stdout).stderr(stderr));
        traced.store(child.id(), Ordering::Relaxed);
        let mut input = child.stdin.take().unwrap();
        let release = move || input.write_all(b"\n").unwrap();
        let traced = trace(child.id(), is_lithify, start.children, filtered.is_some(), fault, release).unwrap();
        if let Some(mut app) = app {
            app.kill().unwrap();
            app.wait().unwrap();
        }
        let [stdout, stderr] = streams.map(|stream| {
            let mut text = vec![0; usize::try_from(stream.metadata().unwrap().len()).unwrap()];
            stream.read_exact_at(&mut text, 0).unwrap();
            String::from_utf8_lossy(&text).into_owned()
        });
        *self.changed.lock().unwrap() = Instant::now();
        Ended { code: traced.code, stdout, stderr, calls: traced.calls, met: traced.met, timed_out: false }
    }
}

/// A tracer and what it traces are quickest on one CPU; each thread takes the next.
fn on_one_cpu() {
    static TURN: AtomicUsize = AtomicUsize::new(0);
    let mine = sched_getaffinity(Pid::from_raw(0)).unwrap();
    let able: Vec<usize> = (0..CpuSet::count()).filter(|&cpu| mine.is_set(cpu).unwrap()).collect();
    let mut one = CpuSet::new();
    one.set(able[TURN.fetch_add(1, Ordering::Relaxed) % able.len()]).unwrap();
    sched_setaffinity(Pid::from_raw(0), &one).unwrap();
}

/// Every name with type, mode, owner, target and, of small files, content. Lithify's mark is left out: it states times, and
/// is for what has changed after the start.
fn contents(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = manifest(root);
    found.remove(Path::new(".lithify"));
    for (path, line) in &mut found {
        if line.starts_with("file") {
            let file = File::open(root.join(path)).unwrap();
            let mut first = [0; 512];
            // A tombstone says which rule it stands for, of several that may have asked for it.
            if file.metadata().unwrap().len() > 1 << 20 {
                "a tombstone".clone_into(line);
                continue;
            }
            let length = file.read_at(&mut first, 0).unwrap();
            let _ = write!(line, " {}", String::from_utf8_lossy(&first[..length]));
        }
    }
    found
}

fn spawn(command: &mut Command) -> Child {
    let _held = WRITTEN_OR_STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    command.spawn().unwrap()
}
