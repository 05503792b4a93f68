//! Looks at the app's processes in `/proc` again and again, where they cannot be traced: it ran already, or the kernel
//! refuses.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::event::Event;
use super::observed::Gap;
use super::seen::{Seen, Start};
use crate::launch::init::Watch;
use crate::linux::identity::Identity;
use crate::linux::proc::own_program;
use crate::linux::proc::processes::Program;
use crate::linux::sys::process::{Ended, reap};
use crate::target::app::App;
use crate::target::owner::Owner;

/// From the end of one look to the next.
pub const PAUSE: Duration = Duration::from_millis(20);

/// After how many looks a process that has been there for long is looked at again.
const RARELY: u32 = 64;

/// Looks at processes, and notes what they do.
pub struct Look<'s, 'r> {
    seen: &'s mut Seen<'r>,
    owner: Owner,
    own: Option<Identity>,
    /// The processes that the last look has met, by their ids.
    known: HashMap<u32, Known>,
    last: Option<Instant>,
}

/// A process that was there.
struct Known {
    start: u64,
    program: Program,
    image: Option<u32>,
    /// How many looks have met it.
    looks: u32,
}

impl<'s, 'r> Look<'s, 'r> {
    /// Begins to look at the app of `owner`: one that this process has started, or one that ran already.
    pub fn new(owner: Owner, seen: &'s mut Seen<'r>) -> Self {
        Self { seen, owner, own: own_program().ok(), known: HashMap::new(), last: None }
    }

    /// Looks at every process as it is now. With `last`, at all that it shows.
    pub fn look(&mut self, last: bool) {
        let app = match App::look(&self.owner) {
            Ok(app) => app,
            Err(error) => return self.seen.add_gap(Gap::NoProc(error.0)),
        };
        let ran_already = self.last.is_none() && !matches!(self.owner, Owner::Started { .. });
        let start = if ran_already { Start::RanAlready } else { Start::Found };
        let mut before = std::mem::take(&mut self.known);
        let first = app.first.as_ref().map(|first| first.pid);
        for process in app.processes() {
            let (pid, program) = (process.pid, process.program.clone());
            // Until the exec, lithify itself runs where the app will.
            if program == Program::None || self.own.is_some_and(|own| program == Program::Known(own)) {
                continue;
            }
            let earlier = before.remove(&pid).filter(|known| known.start == process.start);
            let mut known = match earlier {
                Some(known) if known.program == program => known,
                earlier => {
                    let parent = self.known.get(&process.parent).or_else(|| before.get(&process.parent));
                    let by = earlier.as_ref().or(parent).and_then(|known| known.image);
                    let image = self.seen.executed(pid, by, start);
                    if Some(pid) == first && earlier.is_none() {
                        self.seen.is_app(image);
                    }
                    Known { start: process.start, program, image, looks: 0 }
                }
            };
            known.looks = known.looks.saturating_add(1);
            let often = known.looks.is_power_of_two() || known.looks % RARELY == 0;
            if let Some(image) = known.image.filter(|_| often || last) {
                self.seen.look(process.task(), image);
                if last || known.looks >= RARELY {
                    self.seen.look_at_ports(process.task());
                }
            }
            self.known.insert(pid, known);
        }
        for &pid in before.keys() {
            self.seen.told(Event::Exited { pid, thread: None, status: None });
        }
        self.last = Some(Instant::now());
    }
}

impl Watch for Look<'_, '_> {
    fn reap(&mut self) -> Result<Option<Ended>, Errno> {
        if self.last.is_none_or(|last| last.elapsed() >= PAUSE) {
            self.look(false);
        }
        reap()
    }

    fn forwards(&mut self) {
        self.look(true);
    }

    fn pause(&self) -> Option<Duration> {
        Some(PAUSE)
    }
}
