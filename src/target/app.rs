//! Which processes are the app: the container's first process and its descendants.
//!
//! The first process is usually process 1. If the containers of a pod share one process namespace
//! (`shareProcessNamespace`, `hostPID`), process 1 belongs to another container or to the machine. In that case the
//! processes in the mount namespace of the target count, and the oldest of them is the first process: nothing can be
//! started in a container before its own command.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::time::Duration;

use nix::errno::Errno;

use super::owner::Owner;
use super::processes::{ProcessError, list};
use super::unreadable;
use crate::linux::identity::Identity;
use crate::linux::proc::mountinfo::Mounts;
use crate::linux::proc::processes::{Process, Program};
use crate::linux::proc::{Proc, Task, own_program};

/// `USER_HZ`: it has this value on every architecture that lithify is built for (`proc_pid_stat(5)`).
pub const TICKS_PER_SECOND: u64 = 100;

/// One look at the processes. Kernel threads, zombies and this process itself are left out; this process is listed if
/// it is the first process.
#[derive(Clone, Debug, Default)]
pub struct App {
    /// The container's first process.
    pub first: Option<Process>,
    /// The descendants of the first process. Orphans of a `kubectl exec` are among them, because they cannot be told
    /// apart.
    pub descendants: Vec<Process>,
    /// All other processes: those of other containers, and those that `kubectl exec` started.
    pub others: Vec<Process>,
    /// When the processes were listed, as the time since boot.
    pub time: Duration,
}

impl App {
    /// Lists the processes now. If this user may not read the program of a process of the app, a child that changes to
    /// the user of that process reads it. Fails if `/proc` cannot be read or hides processes, or if the process of
    /// `--root /proc/PID/root` no longer has the root that was opened.
    pub fn look(owner: &Owner) -> Result<Self, ProcessError> {
        let processes = list()?;
        if let Owner::Process { task, root } = owner {
            if Proc::open()?.root(*task) != Ok(*root) {
                return Err(ProcessError(Errno::ESRCH));
            }
        }
        let own = std::process::id();
        let (first, members) = if let Owner::Started { pid } = owner {
            // This process is the first process or the subreaper, so it adopts the orphans of the app.
            (Some(*pid), descendants(&processes, HashSet::from([own])))
        } else {
            let namespace = Namespace::of(owner.member())?;
            let program = own_program().ok();
            let (first, mut members) = members(&processes, &|pid| namespace.holds(pid), program);
            if !owner.has_processes() {
                // Any process may use a directory.
                members.extend(descendants(&processes, HashSet::from([1])));
            }
            (first, members)
        };
        let mut app = Self { time: crate::linux::sys::process::time_since_boot()?, ..Self::default() };
        for process in processes {
            if Some(process.pid) == first {
                app.first = Some(process);
            } else if process.pid != own && process.program != Program::None {
                let list = if members.contains(&process.pid) { &mut app.descendants } else { &mut app.others };
                list.push(process);
            }
        }
        unreadable::read(&mut app.first.iter_mut().chain(&mut app.descendants).collect::<Vec<_>>());
        Ok(app)
    }

    /// How long ago the first process started; `None` if there is no first process.
    pub fn age(&self) -> Option<Duration> {
        let start = Duration::from_millis(self.first.as_ref()?.start.saturating_mul(1000 / TICKS_PER_SECOND));
        Some(self.time.saturating_sub(start))
    }

    /// The processes of the container of `owner`: the app, and what entered the container from outside, such as the
    /// commands of `kubectl exec`. In a process namespace of its own, these are all processes. Fails if `/proc` cannot
    /// be read.
    pub fn of_container(&self, owner: &Owner) -> Result<Vec<&Process>, ProcessError> {
        let namespace = Namespace::of(owner.member())?;
        let all = namespace.holds(1);
        let others = self.others.iter().filter(|process| all || namespace.holds(process.pid));
        Ok(self.processes().chain(others).collect())
    }

    /// The first process and its descendants.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        self.first.iter().chain(&self.descendants)
    }
}

/// The pid of the first process of a container; `None` if there is none. Looks at all processes only if process 1 is
/// not in the container's mount namespace.
pub fn first(owner: &Owner) -> Result<Option<u32>, ProcessError> {
    if Namespace::of(owner.member())?.holds(1) {
        return Ok(Some(1));
    }
    Ok(App::look(owner)?.first.map(|process| process.pid))
}

/// The first process and all processes of the app. `holds` says whether a process is in the container's mount
/// namespace. `own` is the program of lithify.
fn members(processes: &[Process], holds: &dyn Fn(u32) -> bool, own: Option<Identity>) -> (Option<u32>, HashSet<u32>) {
    if holds(1) {
        return (Some(1), descendants(processes, HashSet::from([1])));
    }
    let inside: HashSet<u32> = processes.iter().map(|process| process.pid).filter(|pid| holds(*pid)).collect();
    let entered = |process: &&Process| inside.contains(&process.pid) && !inside.contains(&process.parent);
    let first = processes.iter().filter(entered).min_by_key(|process| (process.start, process.pid));
    let first = first.map(|process| process.pid);
    // A runtime starts its processes in the container from outside, so such a process has no parent in its pid
    // namespace. A process whose parent is in another container was adopted by that parent. If the processes of the
    // machine are visible, both kinds of processes have the runtime's shim as their parent. Then only a process that
    // runs lithify, such as another probe, is certainly not an orphan of the app.
    let adopted =
        |process: &&Process| process.parent != 0 && own.is_none_or(|own| process.program != Program::Known(own));
    let orphans = processes.iter().filter(entered).filter(adopted).map(|process| process.pid);
    (first, descendants(processes, orphans.chain(first).collect()))
}

/// `members` and all their descendants.
fn descendants(processes: &[Process], mut members: HashSet<u32>) -> HashSet<u32> {
    // Parents usually have lower pids than their children, but need not: repeat until nothing is added.
    loop {
        let before = members.len();
        for process in processes {
            if members.contains(&process.parent) {
                members.insert(process.pid);
            }
        }
        if members.len() == before {
            return members;
        }
    }
}

/// A mount namespace, identified by one process in it.
struct Namespace {
    proc: Proc,
    id: Option<Identity>,
    member: Task,
    /// The mounts of `member`, read when first needed.
    mounts: OnceCell<Option<Mounts>>,
}

impl Namespace {
    fn of(member: Task) -> Result<Self, ProcessError> {
        let proc = Proc::open()?;
        let id = proc.mount_namespace(member).ok();
        Ok(Self { proc, id, member, mounts: OnceCell::new() })
    }

    /// Whether process `pid` is in this namespace. Reading the namespace of another user's process takes
    /// `CAP_SYS_PTRACE`, but its mountinfo is readable, and no two namespaces have a mount id in common. If neither is
    /// readable, process 1 counts as inside, unless its command name is that of a pause container.
    fn holds(&self, pid: u32) -> bool {
        let task = Task::Process(pid);
        match self.proc.mount_namespace(task) {
            Ok(id) if self.id.is_some() => self.id == Some(id),
            Err(Errno::ENOENT | Errno::ESRCH) => false,
            _ => match (self.mounts.get_or_init(|| mounts(self.member)), mounts(task)) {
                (Some(ours), Some(theirs)) => theirs.iter().any(|mount| ours.by_id(mount.id).is_some()),
                _ => pid == 1 && task.comm().is_ok_and(|comm| comm != b"pause"),
            },
        }
    }
}

/// The mounts of a process. `None` if they cannot be read, or if the list is empty, as that of a zombie is.
fn mounts(task: Task) -> Option<Mounts> {
    task.mounts().ok().filter(|mounts| mounts.iter().next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::Root;

    const OWN: Identity = Identity { dev: 1, ino: 1 };
    const APP: Identity = Identity { dev: 1, ino: 2 };

    fn process(pid: u32, parent: u32, start: u64, program: Identity) -> Process {
        Process { pid, thread: pid, parent, start, comm: vec![], program: Program::Known(program) }
    }

    #[test]
    fn a_container_of_its_own() {
        let all = [
            process(9, 8, 3, APP),
            process(8, 1, 2, APP),
            process(1, 0, 1, APP),
            process(5, 0, 4, APP),
            process(6, 5, 5, APP),
        ];
        assert_eq!(members(&all, &|_| true, Some(OWN)), (Some(1), HashSet::from([1, 8, 9])));
    }

    #[test]
    fn a_shared_process_namespace() {
        // pause; ours with a child, an orphan that pause adopted, an exec session with a child, another probe; another
        // container. The pid numbers have wrapped round.
        let all = [
            process(1, 0, 1, APP),
            process(30, 0, 10, APP),
            process(31, 30, 11, APP),
            process(32, 1, 12, APP),
            process(7, 0, 90, APP),
            process(8, 7, 91, APP),
            process(9, 0, 92, OWN),
            process(20, 0, 5, APP),
            process(21, 20, 6, APP),
        ];
        let holds = |pid: u32| ![1, 20, 21].contains(&pid);
        assert_eq!(members(&all, &holds, Some(OWN)), (Some(30), HashSet::from([30, 31, 32])));
    }

    #[test]
    fn the_machines_processes_in_sight() {
        // A shim outside is the parent of the app and of everything that is exec'd.
        let all = [
            process(1, 0, 1, APP),
            process(50, 1, 2, APP),
            process(51, 50, 3, APP),
            process(52, 50, 4, OWN),
            process(53, 50, 5, APP),
        ];
        assert_eq!(members(&all, &|pid| pid > 50, Some(OWN)), (Some(51), HashSet::from([51, 53])));
        assert_eq!(members(&all, &|_| false, Some(OWN)), (None, HashSet::new()));
    }

    #[test]
    fn this_process_is_in_its_own_namespace_and_a_gone_one_in_none() {
        let namespace = Namespace::of(Task::Own).unwrap();
        assert!(namespace.holds(std::process::id()) && !namespace.holds(u32::MAX));
        let unreadable = Namespace { id: None, ..Namespace::of(Task::Own).unwrap() };
        assert!(unreadable.holds(std::process::id()), "by its mountinfo");
    }

    #[test]
    fn a_process_that_ended_or_has_another_root_says_nothing_about_its_container() {
        let mut child = std::process::Command::new("sleep").arg("100").spawn().unwrap();
        let root = Root::open(std::path::Path::new(&format!("/proc/{}/root", child.id()))).unwrap();
        let owner = Owner::of(&root);
        let looked = App::look(&owner);
        let reused = App::look(&Owner::Process { task: Task::Process(child.id()), root: OWN });
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(looked.is_ok() && reused.is_err(), "{looked:?} {reused:?}");
        assert!(App::look(&owner).is_err(), "its root is still open, and nobody would be protected");
    }

    #[test]
    fn a_started_process() {
        let mut child = std::process::Command::new("sleep").arg("100").spawn().unwrap();
        std::thread::sleep(Duration::from_millis(100));
        let app = App::look(&Owner::Started { pid: child.id() }).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let age = app.age().unwrap();
        assert!(age >= Duration::from_millis(80) && age < Duration::from_secs(60), "{age:?}");
        assert_eq!(app.first.unwrap().pid, child.id());
        assert!(app.descendants.is_empty() && app.others.iter().all(|other| other.pid != std::process::id()));
    }
}
