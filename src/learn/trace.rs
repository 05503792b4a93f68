//! Follows the whole tree of the app's processes by `ptrace(2)`: each is stopped when it starts, executes or ends, and runs
//! at full speed in between. One small record is kept of each living task.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::event::Event;
use super::seen::{Seen, Start};
use crate::launch::init::Watch;
use crate::linux::proc::Task;
use crate::linux::sys::process::Ended;
use crate::linux::sys::trace::{self, Change, Stop};
use crate::text::order::sort_by;

/// How long a new task may wait for the event of the task that started it. That task may have been killed.
const PATIENCE: Duration = Duration::from_millis(20);

/// Where a process listens is looked at when it ends, if it has lived this long: a short-lived one answers nobody.
const LASTING: u64 = 250;

/// At so many first forks of a process its mappings are looked at. A server loads its modules and then starts workers; from
/// then on it may run as another user, and show nothing. A shell forks without end.
const TELLING_FORKS: u8 = 16;

/// How long a signal that asks the app to end may wait until it is known where the app listens.
const BEFORE_THE_END: Duration = Duration::from_millis(50);

/// Follows the processes, and notes what they do.
pub struct Trace<'s, 'r> {
    seen: &'s mut Seen<'r>,
    /// The app's first process.
    app: i32,
    /// Each living task, by its id.
    tasks: HashMap<i32, Traced>,
    /// New tasks that wait for the event of the task that started them, and since when.
    held: Vec<(i32, Instant)>,
    /// The signal that has stopped the app, until somebody asks for it.
    stopped: Option<i32>,
    start: Instant,
    /// Whether every task that stops is let go for good.
    leaving: bool,
}

/// A task that is traced.
#[derive(Clone, Copy)]
struct Traced {
    /// The number of the image that it runs; `None` if that is not known, or it is lithify's own.
    image: Option<u32>,
    /// The process that it belongs to.
    process: i32,
    /// When it was first seen, in milliseconds since the start.
    since: u64,
    /// Whether it is about to end.
    ends: bool,
    /// How many tasks it has started, up to [`TELLING_FORKS`].
    forks: u8,
}

impl<'s, 'r> Trace<'s, 'r> {
    /// Begins to follow `app`, which has not executed anything yet. Fails if the kernel refuses.
    pub fn new(app: u32, seen: &'s mut Seen<'r>) -> Result<Self, Errno> {
        let app = i32::try_from(app).map_err(|_| Errno::ESRCH)?;
        trace::seize(app)?;
        let first = Traced { image: None, process: app, since: 0, ends: false, forks: 0 };
        let tasks = HashMap::from([(app, first)]);
        Ok(Self { seen, app, tasks, held: Vec::new(), stopped: None, start: Instant::now(), leaving: false })
    }

    /// The processes that are followed.
    pub fn processes(&self) -> Vec<i32> {
        let living = self.tasks.iter().filter(|(id, traced)| traced.process == **id && !traced.ends);
        living.map(|(id, _)| *id).collect()
    }

    /// Looks at a process as it is now.
    pub fn look_at(&mut self, id: i32) {
        if let Some(image) = self.tasks.get(&id).and_then(|traced| traced.image) {
            self.seen.look(task(id, id), image);
            self.seen.look_at_ports(task(id, id));
        }
    }

    /// From now on lets go of each task when it stops, and stops all for that. The next calls of [`Watch::reap`] do it;
    /// [`Trace::has_left`] says when it is done.
    pub fn leave(&mut self) {
        self.leaving = true;
        self.release(Duration::ZERO);
        for &id in self.tasks.keys() {
            let _ = trace::interrupt(id);
        }
    }

    /// Whether nothing is traced any more.
    pub fn has_left(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Lets the new tasks run that have waited for so long.
    fn release(&mut self, patience: Duration) {
        let mut waiting = std::mem::take(&mut self.held);
        waiting.retain(|(id, since)| {
            let waits = since.elapsed() < patience;
            if !waits {
                self.go_on(*id, 0);
            }
            waits
        });
        self.held = waiting;
    }

    /// Lets a stopped task go on. `ESRCH` is ignored: it was killed, and its end is what comes next. After another error
    /// it is tried once more, because nobody else lets it go on.
    fn go_on(&mut self, id: i32, signal: i32) {
        if self.leaving {
            let _ = trace::detach(id, signal);
            self.tasks.remove(&id);
        } else if !matches!(trace::resume(id, signal), Ok(()) | Err(Errno::ESRCH)) {
            let _ = trace::resume(id, signal);
        }
    }

    fn stopped(&mut self, id: i32, stop: Stop) {
        match stop {
            Stop::Signal(signal) => return self.go_on(id, signal),
            Stop::Group(signal) => {
                self.know(id);
                if id == self.app {
                    self.stopped = Some(signal);
                }
                if self.leaving {
                    return self.go_on(id, 0);
                }
                let _ = trace::listen(id);
                return;
            }
            Stop::Trap => {
                if !self.know(id) && !self.leaving {
                    self.held.push((id, Instant::now()));
                    return;
                }
            }
            Stop::Fork => self.forked(id),
            Stop::Exec => self.executed(id),
            Stop::Exit => self.exits(id),
        }
        self.go_on(id, 0);
    }

    /// Notes that a task exists. Returns whether it was known.
    fn know(&mut self, id: i32) -> bool {
        if self.tasks.contains_key(&id) {
            return true;
        }
        let since = self.now();
        self.tasks.insert(id, Traced { image: None, process: id, since, ends: false, forks: 0 });
        false
    }

    fn forked(&mut self, id: i32) {
        let (Some(parent), Ok(new)) = (self.tasks.get(&id).copied(), trace::message(id)) else { return };
        if self.leaving {
            return;
        }
        if let Some(image) = parent.image.filter(|_| parent.forks < TELLING_FORKS) {
            self.seen.look(task(parent.process, id), image);
            self.tasks.insert(id, Traced { forks: parent.forks + 1, ..parent });
        }
        let thread = Task::Thread { process: number(parent.process), thread: number(new) };
        let process = if new != id && thread.is_there() { parent.process } else { new };
        self.seen.told(if process == new {
            Event::Forked { pid: number(parent.process), child: number(new) }
        } else {
            Event::Cloned { pid: number(process), thread: number(new) }
        });
        let since = self.now();
        // It may have stopped, and even executed, before this event came.
        let known = self.tasks.entry(new).or_insert(Traced { image: None, process, since, ends: false, forks: 0 });
        known.process = process;
        known.image = known.image.or(parent.image);
        if let Some(place) = self.held.iter().position(|(held, _)| *held == new) {
            self.held.swap_remove(place);
            self.go_on(new, 0);
        }
    }

    fn executed(&mut self, id: i32) {
        // A thread other than the first takes the id of the first, which ends without a word.
        let former = trace::message(id).unwrap_or(id);
        let before = self.tasks.remove(&former).or_else(|| self.tasks.get(&id).copied());
        let by = before.and_then(|before| before.image).or_else(|| {
            let parent = Task::Process(number(id)).parent()?;
            self.tasks.get(&i32::try_from(parent).ok()?)?.image
        });
        let image = self.seen.executed(number(id), by, Start::Seen);
        let since = before.map_or_else(|| self.now(), |before| before.since);
        if id == self.app && by.is_none() {
            self.seen.is_app(image);
        }
        self.tasks.insert(id, Traced { image, process: id, since, ends: false, forks: 0 });
    }

    fn exits(&mut self, id: i32) {
        let Some(traced) = self.tasks.get_mut(&id) else { return };
        traced.ends = true;
        let traced = *traced;
        let thread = (traced.process != id).then(|| number(id));
        self.seen.told(Event::Exited { pid: number(traced.process), thread, status: trace::message(id).ok() });
        let Some(image) = traced.image else { return };
        // Threads share the memory, which the last of them still has when the first has ended.
        let first = traced.process == id;
        if first || self.tasks.get(&traced.process).is_none_or(|first| first.ends) {
            self.seen.look(task(traced.process, id), image);
        }
        if first && self.now().saturating_sub(traced.since) >= LASTING {
            self.seen.look_at_ports(task(id, id));
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Watch for Trace<'_, '_> {
    fn reap(&mut self) -> Result<Option<Ended>, Errno> {
        loop {
            match trace::take()? {
                Some(Change::Stopped(id, stop)) => self.stopped(id, stop),
                Some(Change::Ended(ended)) => {
                    let (Ended::Exited(id, _) | Ended::Killed(id, _)) = ended;
                    self.tasks.remove(&id);
                    self.held.retain(|(held, _)| *held != id);
                    return Ok(Some(ended));
                }
                None => {
                    // Whoever started them may have been killed, however many signals come.
                    self.release(PATIENCE);
                    return Ok(None);
                }
            }
        }
    }

    fn forwards(&mut self) {
        // An app that is told to end closes its sockets first. Of many processes the first ones listen.
        let mut processes = self.processes();
        sort_by(&mut processes, i32::cmp);
        let begin = Instant::now();
        for id in processes {
            if begin.elapsed() > BEFORE_THE_END {
                break;
            }
            self.seen.look_at_ports(task(id, id));
        }
    }

    fn pause(&self) -> Option<Duration> {
        (!self.held.is_empty()).then_some(PATIENCE)
    }

    fn stopped(&mut self, _: i32) -> Option<i32> {
        self.stopped.take()
    }
}

/// Lets go of the tasks that [`Trace::leave`] has not reached yet: one in the middle of vfork(2) or of a slow read stops
/// when that is over.
pub struct Leaving;

impl Watch for Leaving {
    fn reap(&mut self) -> Result<Option<Ended>, Errno> {
        loop {
            match trace::take()? {
                Some(Change::Stopped(id, Stop::Signal(signal))) => drop(trace::detach(id, signal)),
                Some(Change::Stopped(id, _)) => drop(trace::detach(id, 0)),
                Some(Change::Ended(ended)) => return Ok(Some(ended)),
                None => return Ok(None),
            }
        }
    }
}

fn number(id: i32) -> u32 {
    id.unsigned_abs()
}

/// The task `id` of a process.
fn task(process: i32, id: i32) -> Task {
    if process == id {
        Task::Process(number(process))
    } else {
        Task::Thread { process: number(process), thread: number(id) }
    }
}
