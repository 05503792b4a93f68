//! The entries, in the order of the walk, while several threads read files.
//!
//! The walk goes on until some files wait to be read. Then threads read them all, end, and the entries are handed on. So
//! no thread outlives a call, and what waits is bounded.

use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use sha2::{Digest as _, Sha256 as Hasher};

use super::content::{Buffer, Content, Unknown};
use super::entry::{Facts, Sha256};
use crate::linux::deadline::Deadline;
use crate::linux::sys;
use crate::root::{Canonical, RootError};

/// How many entries wait at most. A file that waits is open.
const WAITING: usize = 64;

/// How many bytes of content wait at most, except for one file more.
const BYTES: u64 = 16 * 1024 * 1024;

/// So many bytes to read are worth a thread: to start one takes as long as to read some ten kilobytes.
const WORTH_A_THREAD: u64 = 256 * 1024;

/// More threads than this wait for memory or for the walk.
const MOST_THREADS: usize = 8;

/// One entry of a manifest.
pub struct Entry<'e> {
    /// Where the file is.
    pub path: &'e Canonical,
    /// What is stated of it.
    pub facts: &'e Facts,
    /// The line that states it, with its newline.
    pub line: &'e [u8],
}

/// Called with each entry, in order.
pub type Each<'e> = dyn FnMut(&Entry<'_>) + 'e;

/// Why it is not known what the files are.
#[derive(Debug)]
pub enum Problem {
    /// Something cannot be looked at.
    Unreadable(RootError),
    /// A file or a directory was changed while it was read.
    Changed(Canonical),
    /// A file is too large to be read.
    TooLarge {
        /// The file.
        path: Canonical,
        /// Its length in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
}

/// The entries, as they are made.
pub(super) struct Entries<'w> {
    each: &'w mut Each<'w>,
    deadline: Deadline,
    threads: usize,
    buffer: Buffer,
    waiting: Vec<Waiting>,
    /// How many bytes are to be read.
    bytes: u64,
    line: Vec<u8>,
    hasher: Hasher,
    count: u64,
    problems: Vec<Problem>,
}

/// An entry that waits until the files before it were read, or itself.
struct Waiting {
    path: Canonical,
    facts: Facts,
    /// `None` if it is known.
    content: Option<Content>,
}

impl<'w> Entries<'w> {
    pub(super) fn new(each: &'w mut Each<'w>, deadline: Deadline) -> Self {
        // The CPUs that the scheduler and the control group's quota allow; one where that is less than one.
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        Self {
            each,
            deadline,
            threads,
            buffer: Buffer::new(),
            waiting: Vec::new(),
            bytes: 0,
            line: Vec::new(),
            hasher: Hasher::new(),
            count: 0,
            problems: Vec::new(),
        }
    }

    /// Adds an entry about which everything is known.
    pub(super) fn add(&mut self, path: &Canonical, facts: &Facts) {
        if self.waiting.is_empty() {
            self.hand_on(path, facts);
        } else {
            self.wait(Waiting { path: path.clone(), facts: facts.clone(), content: None });
        }
    }

    /// Adds a file whose content is to be read.
    pub(super) fn add_file(&mut self, path: Canonical, facts: Facts, content: Content) {
        self.bytes += facts.size;
        self.wait(Waiting { path, facts, content: Some(content) });
    }

    /// Notes what is not known, after what is not known of the files before.
    pub(super) fn fail(&mut self, problem: Problem) {
        self.read();
        self.problems.push(problem);
    }

    /// The number of entries, the SHA-256 of their lines, and what is not known.
    pub(super) fn finish(mut self) -> (u64, Sha256, Vec<Problem>) {
        self.read();
        (self.count, self.hasher.finalize().into(), self.problems)
    }

    fn wait(&mut self, waiting: Waiting) {
        self.waiting.push(waiting);
        if self.threads == 1 || self.waiting.len() >= WAITING || self.bytes >= BYTES {
            self.read();
        }
    }

    /// Reads all files that wait, and hands the entries on.
    fn read(&mut self) {
        let worth = usize::try_from(self.bytes / WORTH_A_THREAD).unwrap_or(usize::MAX);
        let helpers = worth.min(self.threads.min(self.waiting.len()).saturating_sub(1));
        self.bytes = 0;
        let deadline = self.deadline;
        let files = Mutex::new(self.waiting.iter_mut().filter_map(|waiting| waiting.content.as_mut()));
        let next = || files.lock().unwrap_or_else(PoisonError::into_inner).next();
        let read = |buffer: &mut Buffer| {
            while let Some(content) = next() {
                content.read(buffer, deadline);
            }
        };
        sys::thread::with_helpers(helpers, &|| read(&mut Buffer::new()), &mut || read(&mut self.buffer));
        for Waiting { path, mut facts, content } in std::mem::take(&mut self.waiting) {
            match content {
                None => self.hand_on(&path, &facts),
                Some(Content::Read(Ok(Some(sha256)))) => {
                    facts.sha256 = Some(sha256);
                    self.hand_on(&path, &facts);
                }
                Some(Content::Read(Ok(None))) => {}
                Some(Content::Read(Err(unknown))) => self.problems.push(unknown.problem(path)),
                // All were read. If one was not, its content is not known.
                Some(Content::Open { .. }) => self.problems.push(Problem::Changed(path)),
            }
        }
    }

    fn hand_on(&mut self, path: &Canonical, facts: &Facts) {
        self.line.clear();
        facts.write(path, &mut self.line);
        self.hasher.update(&self.line);
        self.count += 1;
        (self.each)(&Entry { path, facts, line: &self.line });
    }
}

impl Unknown {
    fn problem(self, path: Canonical) -> Problem {
        match self {
            Self::Os(errno) => Problem::Unreadable(RootError::os("read", &path, errno)),
            Self::Late => Problem::Unreadable(RootError::os("read", &path, Errno::ETIME)),
            Self::Changed => Problem::Changed(path),
        }
    }
}
