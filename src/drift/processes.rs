//! Processes that run a deleted program, one that never had a name (memfd), or one that came or was changed since the
//! start.

use std::time::Duration;

use nix::errno::Errno;

use super::Since;
use crate::root::Root;
use crate::target::Target;
use crate::target::processes::ProcessError;
use crate::target::unreadable::{Seen, programs};

/// How often, and how long after one another, a process that has just entered is looked at again: on a busy machine it
/// takes long to become what it starts, and a probe must answer within a second (the kubelet's `timeoutSeconds`).
const TRIES: usize = 15;
const BETWEEN: Duration = Duration::from_millis(50);

/// What the kernel adds to the path of a file whose name is gone (`proc_pid_exe(5)`).
const DELETED: &[u8] = b" (deleted)";

/// What is wrong with what a process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anomaly {
    /// A program that was deleted, which had this path.
    Deleted(Vec<u8>),
    /// A file in memory that never had a name (`memfd_create(2)`), as its maker called it.
    InMemory(Vec<u8>),
    /// The program at this path, which was made or changed this long after the start.
    Changed(Vec<u8>, Duration),
    /// It may not be looked at.
    Unreadable(Errno),
}

/// A process that runs something that it should not.
#[derive(Debug)]
pub struct Running {
    /// The process.
    pub pid: u32,
    /// Its command name.
    pub comm: Vec<u8>,
    /// What is wrong.
    pub anomaly: Anomaly,
}

/// Every process of the container of `target` that runs something that it should not. Fails if the processes cannot be
/// listed.
pub fn processes(target: &Target, since: &Since) -> Result<Vec<Running>, ProcessError> {
    let mut running = Vec::new();
    let mut entering: Vec<Suspect> = Vec::new();
    for suspect in look(target, since)? {
        if suspect.entered { entering.push(suspect) } else { running.push(suspect.running) }
    }
    // A runtime that starts a command in a container is a process in it for some milliseconds, before it becomes that
    // command: a program of the machine's, in memory.
    for _ in 0..TRIES {
        if entering.is_empty() || target.root.deadline().is_over() {
            break;
        }
        std::thread::sleep(BETWEEN);
        let again = look(target, since)?;
        entering.retain(|suspect| again.iter().any(|other| other.id() == suspect.id()));
    }
    running.extend(entering.into_iter().map(|suspect| suspect.running));
    Ok(running)
}

struct Suspect {
    running: Running,
    start: u64,
    /// Whether its parent is outside the container.
    entered: bool,
}

impl Suspect {
    /// Which process it is. What it runs does not count: it may go from one program in memory to the next.
    fn id(&self) -> (u32, u64) {
        (self.running.pid, self.start)
    }
}

fn look(target: &Target, since: &Since) -> Result<Vec<Suspect>, ProcessError> {
    let app = target.look()?;
    let all = app.of_container(&target.owner)?;
    let mut suspects = Vec::new();
    for (process, program) in all.iter().zip(programs(&all)) {
        let anomaly = match program {
            // It ended meanwhile.
            Err(Errno::ENOENT | Errno::ESRCH) => None,
            Err(errno) => Some(Anomaly::Unreadable(errno)),
            Ok(seen) => judge(&target.root, since, &seen),
        };
        if let Some(anomaly) = anomaly {
            let entered = !all.iter().any(|other| other.pid == process.parent);
            let running = Running { pid: process.pid, comm: process.comm.clone(), anomaly };
            suspects.push(Suspect { running, start: process.start, entered });
        }
    }
    Ok(suspects)
}

/// What is wrong with a program; `None` if nothing is.
fn judge(root: &Root, since: &Since, seen: &Seen) -> Option<Anomaly> {
    let Seen { id, changed, path } = seen;
    let deleted = path.strip_suffix(DELETED);
    // A file may really be called so.
    let deleted = deleted.filter(|_| !root.resolve(path).is_ok_and(|stat| stat.id == *id));
    let path = deleted.unwrap_or(path);
    if since.mark.holds(path, *changed, id.ino) {
        return None;
    }
    if deleted.is_some() {
        return Some(match path.strip_prefix(b"/memfd:") {
            Some(name) => Anomaly::InMemory(name.to_vec()),
            None => Anomaly::Deleted(path.to_vec()),
        });
    }
    (*changed >= since.start).then(|| Anomaly::Changed(path.to_vec(), changed.since(since.start)))
}
