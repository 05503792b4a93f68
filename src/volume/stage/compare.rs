//! Compares a copy with its source, and reads both afresh: names, types, modes, content, the targets of links, and
//! which names are one file. A copy that an earlier run left must be what this run would make, including owners and
//! times.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString};
use std::io::Read;

use nix::fcntl::AtFlags;
use nix::sys::stat::{FileStat, fstat, fstatat};
use nix::unistd::geteuid;

use super::content::Content;
use super::copy::{PLACEHOLDER, is_sparse};
use super::omitted::{AS_IT_IS, Omitted, Treatment};
use super::place::Place;
use super::{MARKER, StageError, Staged, attributes};
use crate::linux::error::errno;
use crate::root::{Canonical, Directory, Identity, Kind, Root, RootError, Stat};

/// Compares the tree at `top` of `place` with `directories` of `root`, and returns what is in it. `earlier` says that
/// another run made the tree; then nothing else may be in it. Fails with [`StageError::Differs`] at the first
/// difference.
pub(super) fn compare(
    root: &Root,
    omitted: &Omitted,
    directories: &[Canonical],
    marker: &str,
    place: &Place,
    top: &Canonical,
    earlier: bool,
) -> Result<Staged, StageError> {
    let mut comparer = Comparer {
        root,
        omitted,
        directories,
        marker,
        place,
        earlier,
        same: HashMap::new(),
        content: Content::new(),
        staged: Staged::default(),
        owners: 0,
        setid: 0,
        unmade: 0,
    };
    if earlier {
        comparer.nothing_else(top)?;
    }
    for directory in directories {
        let source = root.directory(directory).map_err(StageError::of_source)?;
        let copy = place.root().directory(&copy_of(top, directory)).map_err(|error| place.volume(error))?;
        comparer.mode(directory, source.own_stat(), copy.own_stat(), AS_IT_IS)?;
        comparer.origin((&source, c"."), (&copy, c"."), directory, copy.own_stat())?;
        comparer.directory(&source, &copy, 0)?;
    }
    Ok(comparer.finish())
}

struct Comparer<'a> {
    root: &'a Root,
    omitted: &'a Omitted,
    directories: &'a [Canonical],
    marker: &'a str,
    place: &'a Place,
    earlier: bool,
    /// For files with several names: the file that the copy of the first name is.
    same: HashMap<Identity, Identity>,
    content: Content,
    staged: Staged,
    /// The number of names that have another owner. The next two count the names that lost setuid or setgid, and the
    /// devices that could not be made.
    owners: u32,
    setid: u32,
    unmade: u32,
}

impl Comparer<'_> {
    fn finish(mut self) -> Staged {
        let notes = &mut self.staged.notes;
        if self.owners > 0 {
            notes.push(format!(
                "{} names belong to uid {} in the copy, which may not give files away: mount the copy read-only everywhere",
                self.owners,
                geteuid()
            ));
        }
        if self.setid > 0 {
            notes.push(format!("{} names lost setuid and setgid with their owner", self.setid));
        }
        if self.unmade > 0 {
            notes.push(format!("{} device files were left out: making them needs CAP_MKNOD", self.unmade));
        }
        self.staged
    }

    /// Fails if the directories above the staged ones hold anything else.
    fn nothing_else(&self, top: &Canonical) -> Result<(), StageError> {
        let above: HashSet<Canonical> = self.directories.iter().flat_map(Canonical::ancestors).collect();
        for path in &above {
            let copy = self.place.root().directory(&copy_of(top, path)).map_err(|error| self.place.volume(error))?;
            self.ours(path, copy.own_stat(), geteuid().as_raw())?;
            if copy.own_stat().mode & 0o7777 != 0o755 {
                return Err(differs(path, "its mode"));
            }
            for name in copy.names().map_err(|error| self.place.volume(error))? {
                let path = path.join(name.to_bytes());
                if !above.contains(&path) && !self.directories.contains(&path) {
                    return Err(differs(&path, "it was not asked for"));
                }
            }
        }
        Ok(())
    }

    /// For an earlier copy: fails if it is on another mount than the volume, or belongs to neither `owner` nor this
    /// user.
    fn ours(&self, path: &[u8], copy: &Stat, owner: u32) -> Result<(), StageError> {
        if copy.mount != self.place.root().stat().mount || copy.uid != owner && copy.uid != geteuid().as_raw() {
            return Err(differs(path, "its owner"));
        }
        Ok(())
    }

    /// For an earlier copy: fails if the owner or the time is not what this run would set.
    fn origin(
        &self,
        source: (&Directory, &CStr),
        copy: (&Directory, &CStr),
        path: &[u8],
        stat: &Stat,
    ) -> Result<(), StageError> {
        if !self.earlier {
            return Ok(());
        }
        let details = |(directory, name): (&Directory, &CStr)| -> Result<FileStat, StageError> {
            fstatat(directory.as_fd(), name, AtFlags::AT_SYMLINK_NOFOLLOW)
                .map_err(|errno| StageError::Source(RootError::os("fstatat", path, errno)))
        };
        let (ours, theirs) = (details(source)?, details(copy)?);
        self.ours(path, stat, ours.st_uid)?;
        if (ours.st_mtime, ours.st_mtime_nsec) != (theirs.st_mtime, theirs.st_mtime_nsec) {
            return Err(differs(path, "its time"));
        }
        Ok(())
    }

    /// For an earlier copy: fails unless it has the expected capabilities. Having none is accepted as well if this user
    /// is not root, and so cannot set any.
    fn capabilities(
        &self,
        source: &Directory,
        copy: &Directory,
        name: &CStr,
        treatment: Treatment,
    ) -> Result<(), StageError> {
        let wanted = treatment.capabilities && source.has_capabilities(name, None).map_err(StageError::of_source)?;
        let found = copy.has_capabilities(name, None).map_err(|error| self.place.volume(error))?;
        if found == wanted || !found && !geteuid().is_root() {
            return Ok(());
        }
        Err(differs(&source.join(name), "its capabilities"))
    }

    fn directory(&mut self, source: &Directory, copy: &Directory, depth: usize) -> Result<(), StageError> {
        self.staged.names += 1;
        let copied = copy.names().map_err(|error| self.place.volume(error))?;
        let mut copied: HashSet<Vec<u8>> = copied.into_iter().map(CString::into_bytes).collect();
        for name in source.names().map_err(StageError::of_source)? {
            let path = source.join(&name);
            let Some(treatment) = self.omitted.treatment(&path) else { continue };
            if depth == 0 && name.to_bytes() == MARKER.as_bytes() {
                continue;
            }
            if copied.remove(name.to_bytes()) {
                self.entry(source, copy, &name, treatment, depth)?;
            } else if is_device(&source.stat(&name).map_err(StageError::of_source)?) {
                self.unmade += 1;
            } else {
                return Err(differs(&path, "it is missing"));
            }
        }
        if depth == 0 {
            self.marker(source, copy)?;
            copied.remove(MARKER.as_bytes());
        }
        match copied.iter().next() {
            Some(name) => Err(differs(&source.path().join(name), "the source does not have it")),
            None => Ok(()),
        }
    }

    fn marker(&self, source: &Directory, copy: &Directory) -> Result<(), StageError> {
        let name = CString::new(MARKER).unwrap_or_default();
        let mut text = Vec::new();
        let file = copy.file(&name).map_err(|error| self.place.volume(error))?;
        let read = file.take(self.marker.len() as u64 + 1).read_to_end(&mut text);
        read.map_err(|error| self.place.volume(copy.error("read", &name, errno(&error))))?;
        if text == self.marker.as_bytes() {
            return Ok(());
        }
        Err(differs(&source.path().join(MARKER.as_bytes()), "the marker is not whole"))
    }

    fn entry(
        &mut self,
        source: &Directory,
        copy: &Directory,
        name: &CStr,
        treatment: Treatment,
        depth: usize,
    ) -> Result<(), StageError> {
        let path = source.join(name);
        let ours = source.stat(name).map_err(StageError::of_source)?;
        let theirs = copy.stat(name).map_err(|error| self.place.volume(error))?;
        if self.omitted.is_mounted_everywhere(&path, &ours) {
            return self.placeholder(path, &theirs);
        }
        self.mode(&path, &ours, &theirs, treatment)?;
        self.origin((source, name), (copy, name), &path, &theirs)?;
        if ours.kind == Kind::Directory {
            let source = source.child(name).map_err(StageError::of_source)?;
            let copy = copy.child(name).map_err(|error| self.place.volume(error))?;
            return self.directory(&source, &copy, depth + 1);
        }
        self.staged.names += 1;
        if ours.nlink > 1 {
            match self.same.insert(ours.id, theirs.id) {
                Some(first) if first == theirs.id => return Ok(()),
                Some(_) => return Err(differs(&path, "its names are not one file")),
                None => {}
            }
        }
        match ours.kind {
            // Only root can read the copy, and nobody can run it.
            Kind::File if treatment.without == 0o7777 => Ok(()),
            Kind::File => {
                if self.earlier {
                    self.capabilities(source, copy, name, treatment)?;
                }
                self.file(source, copy, name, &path)
            }
            Kind::Symlink => {
                let target = source.read_link(name).map_err(StageError::of_source)?;
                let copied = copy.read_link(name).map_err(|error| self.place.volume(error))?;
                if target != copied {
                    return Err(differs(&path, "the link leads elsewhere"));
                }
                self.staged.links.look(self.root, self.directories, &path).map_err(StageError::of_source)
            }
            Kind::Other | Kind::Directory => {
                let device = |directory: &Directory| {
                    fstatat(directory.as_fd(), name, AtFlags::AT_SYMLINK_NOFOLLOW).map(|stat| stat.st_rdev)
                };
                if device(source) == device(copy) { Ok(()) } else { Err(differs(&path, "another device")) }
            }
        }
    }

    /// An empty file on which a runtime mounts its own.
    fn placeholder(&mut self, path: Canonical, copy: &Stat) -> Result<(), StageError> {
        if self.earlier {
            self.ours(&path, copy, geteuid().as_raw())?;
        }
        if copy.mode != nix::libc::S_IFREG | PLACEHOLDER {
            return Err(differs(&path, "its mode"));
        }
        if copy.size != 0 {
            return Err(differs(&path, "it is not empty"));
        }
        self.staged.names += 1;
        self.staged.mounted.push(path);
        Ok(())
    }

    fn file(&mut self, source: &Directory, copy: &Directory, name: &CStr, path: &[u8]) -> Result<(), StageError> {
        let ours = source.file(name).map_err(StageError::of_source)?;
        let theirs = copy.file(name).map_err(|error| self.place.volume(error))?;
        let shown = || self.place.shown(&copy.join(name));
        let stat = fstat(&ours).map_err(|errno| StageError::Source(RootError::os("fstat", path, errno)))?;
        let copied = fstat(&theirs).map_err(|errno| StageError::Volume { operation: "fstat", path: shown(), errno })?;
        if stat.st_size != copied.st_size {
            return Err(differs(path, "its size"));
        }
        self.staged.bytes += u64::try_from(stat.st_size).unwrap_or(0);
        match self.content.same(&ours, &theirs, stat.st_size, is_sparse(&stat)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(differs(path, "its content")),
            Err((side, errno)) => Err(StageError::content(side, errno, path, shown())),
        }
    }

    /// Compares type and mode. The mode is that of the source, or that of a copy that could not keep its owner.
    fn mode(&mut self, path: &[u8], source: &Stat, copy: &Stat, treatment: Treatment) -> Result<(), StageError> {
        let kind = |stat: &Stat| stat.mode & nix::libc::S_IFMT;
        if kind(source) != kind(copy) {
            return Err(differs(path, "its type"));
        }
        self.owners += u32::from((source.uid, source.gid) != (copy.uid, copy.gid));
        if source.kind == Kind::Symlink {
            return Ok(());
        }
        let found = copy.mode & 0o7777;
        let (kept, lost) =
            (attributes::mode(source.mode, treatment, true), attributes::mode(source.mode, treatment, false));
        self.setid += u32::from((kept ^ found) & attributes::SETID != 0);
        if found & !(kept | lost) == 0 && kept & lost & !found == 0 { Ok(()) } else { Err(differs(path, "its mode")) }
    }
}

/// The path of the copy of the directory at `path`, in the tree at `top`.
fn copy_of(top: &Canonical, path: &Canonical) -> Canonical {
    path.names().fold(top.clone(), |copy, name| copy.join(name))
}

fn is_device(stat: &Stat) -> bool {
    matches!(stat.mode & nix::libc::S_IFMT, nix::libc::S_IFCHR | nix::libc::S_IFBLK)
}

fn differs(path: &[u8], what: &'static str) -> StageError {
    StageError::Differs { path: path.to_vec(), what }
}
