//! Files that a first look found to be nothing that a rule takes. A second look need not read those that have not changed
//! since: their ctime tells, which the kernel sets at each change, and which no program can set.
//!
//! A file is remembered only if a change of it certainly shows: it is on the root's own mount, whose filesystem is a local
//! one; only root may write it; and it has not changed since the container started. A process that has mapped a file
//! may write it again without a new ctime, as long as what it wrote before is not on the disk. Its first write moves the
//! ctime, and no process of the container is older than the container.

use std::cell::RefCell;
use std::ffi::CStr;
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::fd::AsFd;
use std::time::Duration;

use crate::linux::filesystem::{self, is_left_out};
use crate::linux::time::Time;
use crate::root::{Details, Identity, Root, details_of};

/// How long before the start a file must have been changed last: some filesystems store whole seconds.
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
    /// When the container started.
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
    /// Remembers files of `root` for a second look, if the container started at `start`.
    pub fn of(root: &Root, start: Time) -> Self {
        let local = filesystem::of(root.as_fd()).is_ok_and(|kind| !is_left_out(kind));
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
        let (stat, changed) = (&details.stat, details.changed);
        let about = match about {
            About::Class => 0,
            About::AllowList { needed } => 1 + needed.map_or(0, |needed| 1 + u64::from(needed)),
        };
        let Identity { dev, ino } = stat.id;
        let numbers = [dev, ino, stat.mount, stat.size, changed.nanoseconds.into(), stat.mode.into(), about];
        let mut bytes = [changed.seconds.to_ne_bytes(); 8];
        for (bytes, number) in bytes.iter_mut().skip(1).zip(numbers) {
            *bytes = number.to_ne_bytes();
        }
        let mut hasher = self.random.build_hasher();
        hasher.write(bytes.as_flattened());
        hasher.write(name.to_bytes());
        hasher.finish().max(1)
    }
}

/// Where a file with this hash may be.
fn places(hash: u64) -> impl Iterator<Item = usize> {
    // The remainder is less than the number of slots.
    (0..PLACES).map(move |at| usize::try_from(hash.wrapping_add(at) % SLOTS as u64).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;
    use crate::root::Canonical;

    /// The answer about the file `program` before and after `change`, `later` after the file was made.
    fn answers(later: Duration, mode: u32, change: impl FnOnce(&Path)) -> (bool, bool) {
        let tree = tempfile::tempdir().unwrap();
        let path = tree.path().join("program");
        fs::write(&path, "content").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let root = Root::open(tree.path()).unwrap();
        let Time { seconds, nanoseconds } = Time::now();
        let seconds = seconds + i64::try_from(later.as_secs()).unwrap();
        let examined = Examined::of(&root, Time { seconds, nanoseconds });
        let look = || {
            let details = root.directory(&Canonical::default()).unwrap().details(c"program").unwrap();
            let question = Question { details: &details, name: c"program", about: About::Class };
            let known = examined.holds(question);
            examined.add(question, &File::open(&path).unwrap());
            (known, examined.holds(question))
        };
        let (known, added) = look();
        assert!(!known);
        // The kernel's clock for files goes on.
        std::thread::sleep(Duration::from_millis(20));
        change(&path);
        (added, look().0)
    }

    const LATER: Duration = Duration::from_secs(10);

    #[test]
    fn what_did_not_change_is_known() {
        assert_eq!(answers(LATER, 0o755, |_| ()), (true, true));
        assert_eq!(answers(LATER, 0o755, |path| drop(fs::read(path).unwrap())), (true, true), "reading is no change");
    }

    #[test]
    fn what_changed_is_not() {
        let same_times = |path: &Path, change: &dyn Fn()| {
            let modified = fs::metadata(path).unwrap().modified().unwrap();
            change();
            File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
        };
        let other = |path: &Path| path.with_extension("other");
        assert_eq!(answers(LATER, 0o755, |path| fs::write(path, "contend").unwrap()), (true, false));
        assert_eq!(
            answers(LATER, 0o755, |path| same_times(path, &|| fs::write(path, "contend").unwrap())),
            (true, false)
        );
        let chmod = |path: &Path| fs::set_permissions(path, Permissions::from_mode(0o700)).unwrap();
        assert_eq!(answers(LATER, 0o755, chmod), (true, false));
        let replace = |path: &Path| {
            fs::write(other(path), "contend").unwrap();
            fs::rename(other(path), path).unwrap();
        };
        assert_eq!(answers(LATER, 0o755, replace), (true, false));
        let there_and_back = |path: &Path| {
            fs::rename(path, other(path)).unwrap();
            fs::rename(other(path), path).unwrap();
        };
        assert_eq!(answers(LATER, 0o755, there_and_back), (true, false));
    }

    #[test]
    fn a_change_that_might_not_show_is_looked_at_again() {
        let unchanged = |_: &Path| ();
        assert_eq!(answers(Duration::ZERO, 0o755, unchanged), (false, false), "it was made just now");
        for mode in [0o775, 0o757] {
            assert_eq!(answers(LATER, mode, unchanged), (false, false), "others may write it: {mode:o}");
        }
    }

    #[test]
    fn only_what_was_read_is_remembered_by_its_name_and_question() {
        let tree = tempfile::tempdir().unwrap();
        for name in ["program", "other"] {
            fs::write(tree.path().join(name), "content").unwrap();
        }
        let root = Root::open(tree.path()).unwrap();
        let Time { seconds, nanoseconds } = Time::now();
        let examined = Examined::of(&root, Time { seconds: seconds + 10, nanoseconds });
        let details = root.directory(&Canonical::default()).unwrap().details(c"program").unwrap();
        let about = About::AllowList { needed: None };
        let question = Question { details: &details, name: c"program", about };
        examined.add(question, &File::open(tree.path().join("other")).unwrap());
        assert!(!examined.holds(question), "another file was read");
        examined.add(question, &File::open(tree.path().join("program")).unwrap());
        assert!(examined.holds(question));
        for needed in [Some(true), Some(false)] {
            assert!(!examined.holds(Question { about: About::AllowList { needed }, ..question }));
        }
        assert!(!examined.holds(Question { about: About::Class, ..question }));
        assert!(!examined.holds(Question { name: c"sh", ..question }));
        assert!(!Examined::default().holds(question));
    }

    #[test]
    fn memory_has_a_bound() {
        let tree = tempfile::tempdir().unwrap();
        fs::write(tree.path().join("program"), "content").unwrap();
        let root = Root::open(tree.path()).unwrap();
        let Time { seconds, nanoseconds } = Time::now();
        let examined = Examined::of(&root, Time { seconds: seconds + 10, nanoseconds });
        let details = root.directory(&Canonical::default()).unwrap().details(c"program").unwrap();
        let file = File::open(tree.path().join("program")).unwrap();
        let names: Vec<_> = (0..3 * SLOTS).map(|name| std::ffi::CString::new(name.to_string()).unwrap()).collect();
        let ask = |name| Question { details: &details, name, about: About::Class };
        for name in &names {
            examined.add(ask(name), &file);
        }
        let known = names.iter().filter(|name| examined.holds(ask(name))).count();
        assert!((SLOTS / 2..=SLOTS).contains(&known), "{known}");
    }
}
