//! From a root to the entries of its manifest, in their order, and to the digest over them.

use std::ffi::CStr;
use std::fs::File;
use std::time::Duration;

use nix::errno::Errno;

use super::content::Content;
use super::content::may_be_program;
use super::digest::{Digest, Scope};
use super::entries::{Each, Entries, Problem};
use super::entry::{Facts, FileType};
use super::exclusion::{Exclusions, is_of_runtime};
use crate::linux::sys::process::{time_now, time_of_files};
use crate::linux::time::Time;
use crate::root::{Canonical, Details, Directory, Kind, OrderedVisitor, Root, RootError, walk_ordered};

/// How long to sleep until the clock of files may have ticked.
const TICK_PART: Duration = Duration::from_micros(200);

/// What is stated of a root.
#[derive(Debug)]
pub struct Sealing {
    /// Which files are listed.
    pub scope: Scope,
    /// What is left out.
    pub exclusions: Exclusions,
    /// A longer file is not read, in bytes.
    pub max_file_size: u64,
}

/// How the files are seen: as they are, or as they will be.
pub trait View {
    /// What the manifest states of the file at `path`; `None` if this view has no such file. `facts` is what the
    /// filesystem says, without the content's digest. If the returned facts have one, the content is not read.
    fn view(&mut self, path: &Canonical, facts: Facts) -> Result<Option<Facts>, RootError>;

    /// Whether this view has no file at `path`, which is left out.
    fn removes(&mut self, _: &Canonical) -> bool {
        false
    }
}

/// The files as they are.
pub struct AsIs;

impl View for AsIs {
    fn view(&mut self, _: &Canonical, facts: Facts) -> Result<Option<Facts>, RootError> {
        Ok(Some(facts))
    }
}

/// What was found out about a root.
#[derive(Debug)]
pub struct Sealed {
    /// What was left out, and whether it was met.
    pub exclusions: Exclusions,
    /// The mount points that were left out.
    pub mounts: Vec<Canonical>,
    /// The number of entries.
    pub entries: u64,
    /// What is not known.
    pub problems: Vec<Problem>,
    digest: Digest,
}

impl Sealed {
    /// The digest; `None` if something of the root is not known.
    pub fn digest(&self) -> Option<Digest> {
        self.problems.is_empty().then_some(self.digest)
    }
}

/// Walks through `root` and hands each entry to `each`. What cannot be looked at is among the problems of the result.
pub fn seal(root: &Root, sealing: Sealing, view: &mut dyn View, each: &mut Each<'_>) -> Sealed {
    let Sealing { scope, mut exclusions, max_file_size } = sealing;
    let unread = exclusions.unread.take();
    let mut walk = Walk {
        begin: begin(),
        scope,
        exclusions,
        max_file_size,
        mount: root.stat().mount,
        view,
        entered: Vec::new(),
        next: None,
        mounts: Vec::new(),
        entries: Entries::new(each, root.deadline()),
    };
    // After the deadline, nothing else says why.
    if let Some(error) = walk_ordered(root, &mut walk).err().or(unread) {
        walk.entries.fail(Problem::Unreadable(error));
    }
    let Walk { exclusions, mounts, entries, .. } = walk;
    let (entries, sha256, problems) = entries.finish();
    Sealed { exclusions, mounts, entries, problems, digest: Digest { scope, sha256 } }
}

struct Walk<'w> {
    /// What was changed since then was changed while the root was read.
    begin: Time,
    scope: Scope,
    exclusions: Exclusions,
    max_file_size: u64,
    /// The mount of the root. What lies on other mounts is left out.
    mount: u64,
    view: &'w mut dyn View,
    /// The directories on the way to the current name.
    entered: Vec<Entered>,
    /// The directory that is entered next.
    next: Option<Entered>,
    mounts: Vec<Canonical>,
    entries: Entries<'w>,
}

/// A directory that was entered.
struct Entered {
    path: Canonical,
    facts: Facts,
    /// When it had been changed when its facts were found.
    changed: Time,
    /// Whether its entry was made. It is made with the first entry below it, because a directory in which everything
    /// is left out has none.
    stated: bool,
    /// Whether something in it was left out.
    left_out: bool,
}

impl Walk<'_> {
    /// Notes that something in the current directory is left out.
    fn leave_out(&mut self) {
        if let Some(directory) = self.entered.last_mut() {
            directory.left_out = true;
        }
    }

    /// Whether a file was changed while the root is read. A time that has not come yet was stamped by another clock.
    fn is_recent(&self, changed: Time) -> bool {
        changed >= self.begin && time_now().is_ok_and(|now| changed <= now)
    }

    /// Whether a name that runtimes give to a file of theirs is something else: a directory, or what can be executed.
    fn is_foreign(
        &self,
        directory: &Directory,
        name: &CStr,
        path: &Canonical,
        details: &Details,
    ) -> Result<bool, RootError> {
        let stat = &details.stat;
        if stat.kind == Kind::File && stat.mount == self.mount && is_of_runtime(path) {
            return may_be_program(&directory.file(name)?).map_err(|errno| directory.error("read", name, errno));
        }
        Ok(stat.kind == Kind::Directory)
    }

    /// Makes the entries of the directories on the way, as far as that was not done.
    fn state_directories(&mut self) {
        for directory in self.entered.iter_mut().filter(|directory| !directory.stated) {
            directory.stated = true;
            self.entries.add(&directory.path, &directory.facts);
        }
    }

    /// Adds a file whose content is not read, or is known.
    fn add(&mut self, path: &Canonical, facts: &Facts) {
        if self.scope == Scope::All || facts.kind == FileType::File && facts.mode & 0o111 != 0 {
            if self.scope == Scope::All {
                self.state_directories();
            }
            self.entries.add(path, facts);
        }
    }

    /// Adds a regular file whose content is to be read.
    fn add_file(&mut self, path: Canonical, facts: Facts, file: File, known: Details) {
        if known.stat.size > self.max_file_size {
            let (size, limit) = (known.stat.size, self.max_file_size);
            return self.entries.fail(Problem::TooLarge { path, size, limit });
        }
        let only_programs = self.scope == Scope::Executables && facts.mode & 0o111 == 0;
        if self.scope == Scope::All {
            self.state_directories();
        }
        self.entries.add_file(path, facts, Content::Open { file, known, only_programs });
    }
}

impl OrderedVisitor for Walk<'_> {
    fn entry(&mut self, directory: &Directory, name: &CStr, details: &Details) -> Result<bool, RootError> {
        let path = directory.join(name);
        if self.exclusions.leaves_out(&path, self.is_foreign(directory, name, &path, details)?) {
            if !self.view.removes(&path) {
                self.leave_out();
            }
            return Ok(false);
        }
        if details.stat.mount != self.mount {
            self.leave_out();
            self.mounts.push(path);
            return Ok(false);
        }
        let mut facts = facts(details).ok_or_else(|| directory.error("statx", name, Errno::EINVAL))?;
        let mut opened = None;
        match facts.kind {
            FileType::Link => facts.link = directory.read_link(name)?,
            FileType::File => opened = Some(open(directory, name, &mut facts)),
            _ => {}
        }
        let Some(facts) = self.view.view(&path, facts)? else { return Ok(false) };
        if self.is_recent(details.changed) {
            self.entries.fail(Problem::Changed(path.clone()));
        }
        match (facts.kind, opened) {
            (FileType::Dir, _) => {
                let changed = details.changed;
                self.next = Some(Entered { path, facts, changed, stated: false, left_out: false });
                return Ok(true);
            }
            (FileType::File, Some(opened)) if facts.sha256.is_none() => {
                self.add_file(path, facts, opened?, *details);
            }
            _ => self.add(&path, &facts),
        }
        Ok(false)
    }

    fn enter(&mut self, _: &Directory) {
        self.entered.extend(self.next.take());
    }

    fn leave(&mut self, directory: &Directory, entered: &Details) -> Result<(), RootError> {
        let mut known = entered.changed;
        if let Some(Entered { path, changed, stated, left_out, .. }) = self.entered.last() {
            known = *changed;
            if !stated && (*left_out || self.exclusions.leads_to(path)) {
                self.entered.pop();
                self.leave_out();
            } else {
                if !stated && self.scope == Scope::All {
                    self.state_directories();
                }
                self.entered.pop();
            }
        }
        match directory.details(c"") {
            Ok(now) if now.changed == known => {}
            Ok(_) => self.entries.fail(Problem::Changed(directory.path().clone())),
            Err(error) => self.failed(error)?,
        }
        Ok(())
    }

    fn failed(&mut self, error: RootError) -> Result<(), RootError> {
        if let Some(mount) = error.silent() {
            // It is left out as other mounts are.
            if !self.exclusions.leaves_out(&mount.point, true) {
                self.mounts.push(mount.point.clone());
            }
            self.leave_out();
            return Ok(());
        }
        self.entries.fail(Problem::Unreadable(error));
        Ok(())
    }
}

/// The present time, once the clock by which the kernel stamps files has come to it: what has an earlier stamp was
/// changed before this call, and what has a later one is changed afterwards.
fn begin() -> Time {
    let begin = time_now().unwrap_or_default();
    // It lags by a tick, which takes at most 10 milliseconds, and by the delay of the interrupt.
    for _ in 0..500 {
        if time_of_files().is_ok_and(|stamp| stamp >= begin) {
            break;
        }
        std::thread::sleep(TICK_PART);
    }
    begin
}

/// What the filesystem says of a file, without its content, its link and its capabilities.
fn facts(details: &Details) -> Option<Facts> {
    let stat = &details.stat;
    let kind = FileType::of_mode(stat.mode)?;
    Some(Facts {
        kind,
        mode: if kind == FileType::Link { 0 } else { stat.mode & 0o7777 },
        uid: stat.uid,
        gid: stat.gid,
        size: if kind == FileType::File { stat.size } else { 0 },
        device: if matches!(kind, FileType::Block | FileType::Char) { details.device } else { (0, 0) },
        link: Vec::new(),
        sha256: None,
        capability: Vec::new(),
    })
}

/// Opens a regular file and adds its capabilities to `facts`.
fn open(directory: &Directory, name: &CStr, facts: &mut Facts) -> Result<File, RootError> {
    let file = directory.file(name)?;
    facts.capability = directory.capabilities(name, &file)?;
    Ok(file)
}
