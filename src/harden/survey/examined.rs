//! Files that a first look found to be nothing that a rule takes. A second look need not read those that have not changed
//! since: their ctime tells, which the kernel sets at each change, and which no program can set.
//!
//! A file is remembered only if a change of it certainly shows: it is on the root's own mount, whose filesystem is a local
//! one; its ctime was long past when the looks began, because the kernel's clock for files stands still for some
//! milliseconds, and some filesystems store whole seconds; and only root may write it, because whoever has mapped a file
//! may write it later.

use std::cell::RefCell;
use std::ffi::CStr;
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::fd::AsFd;
use std::time::Duration;

use crate::linux::filesystem::is_left_out;
use crate::linux::time::Time;
use crate::root::{Details, Root, details_of};

/// How long before the first look a file must have been changed last.
const SETTLED: Duration = Duration::from_secs(3);

/// How many files are remembered at most: memory must not grow with the tree. It is a power of two.
const SLOTS: usize = 8192;

/// In how many places a file may be remembered.
const PLACES: u64 = 8;

/// What both looks remember. [`Default`] remembers nothing, for a look that is the only one.
#[derive(Debug, Default)]
pub struct Examined(Option<Memory>);

#[derive(Debug)]
struct Memory {
    /// Hashes by a random key; 0 for a free slot. Nobody can choose a file that has the hash of another.
    slots: RefCell<Vec<u64>>,
    random: RandomState,
    /// When the looks began.
    start: Time,
    /// The only mount whose files are remembered.
    mount: u64,
}

/// Whether a rule takes a file.
#[derive(Clone, Copy)]
pub(super) struct Question<'f> {
    /// What is known of the file.
    pub details: &'f Details,
    /// Its name, which may decide.
    pub name: &'f CStr,
    /// By what the rule takes files.
    pub about: About,
}

/// By what a rule takes files.
#[derive(Clone, Copy)]
pub(super) enum About {
    /// By class.
    Class,
    /// Those that are not on the allow-list. `needed` says whether it is needed as a library; `None` if it is not asked.
    AllowList { needed: Option<bool> },
}

impl Examined {
    /// Remembers files of `root` for a second look, if the first one begins at `start`.
    pub fn of(root: &Root, start: Time) -> Self {
        let local = root.filesystem(b"/").is_some_and(|filesystem| !is_left_out(filesystem));
        let (slots, random, mount) = (RefCell::new(Vec::new()), RandomState::new(), root.stat().mount);
        Self(local.then_some(Memory { slots, random, start, mount }))
    }

    /// Remembers that no rule takes a file. `file` is the open file whose content said so; the answer is only
    /// remembered if it is what the question was about, and still is.
    pub(super) fn add(&self, question: Question<'_>, file: &File) {
        let Some(memory) = self.0.as_ref().filter(|memory| memory.wants(question.details)) else { return };
        if details_of(file.as_fd(), c"", b"").ok().as_ref() != Some(question.details) {
            return;
        }
        let hash = memory.hash(question);
        let mut slots = memory.slots.borrow_mut();
        slots.resize(SLOTS, 0);
        let free = places(hash).find(|place| slots.get(*place) == Some(&0));
        if let Some(slot) = free.and_then(|place| slots.get_mut(place)) {
            *slot = hash;
        }
    }

    /// Whether it was found before that no rule takes this very file, and the file has not changed since.
    pub(super) fn holds(&self, question: Question<'_>) -> bool {
        let Some(memory) = &self.0 else { return false };
        let slots = memory.slots.borrow();
        if slots.is_empty() || !memory.wants(question.details) {
            return false;
        }
        let hash = memory.hash(question);
        places(hash).any(|place| slots.get(place) == Some(&hash))
    }
}

impl Memory {
    fn wants(&self, Details { stat, changed, .. }: &Details) -> bool {
        stat.mount == self.mount && stat.uid == 0 && stat.mode & 0o022 == 0 && *changed < self.start.before(SETTLED)
    }

    fn hash(&self, Question { details, name, about }: Question<'_>) -> u64 {
        let mut hasher = self.random.build_hasher();
        let (stat, changed) = (&details.stat, details.changed);
        let about = match about {
            About::Class => 0,
            About::AllowList { needed } => 1 + needed.map_or(0, |needed| 1 + u64::from(needed)),
        };
        let numbers = [stat.id.dev, stat.id.ino, stat.mount, stat.size, changed.seconds.cast_unsigned()];
        for number in numbers.into_iter().chain([changed.nanoseconds.into(), stat.mode.into(), about]) {
            hasher.write_u64(number);
        }
        hasher.write(name.to_bytes());
        hasher.finish().max(1)
    }
}

/// Where a file with this hash may be.
fn places(hash: u64) -> impl Iterator<Item = usize> {
    // The remainder is less than the number of slots.
    (0..PLACES).map(move |at| usize::try_from(hash.wrapping_add(at) % SLOTS as u64).unwrap_or(0))
}
