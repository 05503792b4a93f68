//! The finished copy against its source, looked at afresh: names, types, modes, content, where links lead, and which
//! names are one file.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString};
use std::io::Read;

use nix::fcntl::AtFlags;
use nix::sys::stat::{fstat, fstatat};

use super::content::Content;
use super::copy::is_sparse;
use super::omitted::{AS_IT_IS, Omitted, Treatment};
use super::place::Place;
use super::{MARKER, StageError, attributes, list};
use crate::root::{Directory, Identity, Kind, Root, RootError, Stat, join};

/// Compares the unfinished tree of `place` with `directories` of `root`; `unmade` are special files that are missing.
pub(super) fn compare(
    root: &Root,
    omitted: &Omitted,
    directories: &[Vec<u8>],
    marker: &str,
    place: &Place,
    unmade: &HashSet<Vec<u8>>,
) -> Result<(), StageError> {
    let mut comparer = Comparer { omitted, marker, place, unmade, same: HashMap::new(), content: Content::new() };
    for directory in directories {
        let source = root.directory(directory).map_err(StageError::Source)?;
        let copy = [place.top(), directory.clone()].concat();
        let copy = place.root().directory(&copy).map_err(|error| place.volume(error))?;
        Comparer::mode(directory, source.own_stat(), copy.own_stat(), AS_IT_IS)?;
        comparer.directory(&source, &copy, 0)?;
    }
    Ok(())
}

struct Comparer<'a> {
    omitted: &'a Omitted,
    marker: &'a str,
    place: &'a Place,
    unmade: &'a HashSet<Vec<u8>>,
    /// Files with several names: which file the copy of the first one is.
    same: HashMap<Identity, Identity>,
    content: Content,
}

impl Comparer<'_> {
    fn directory(&mut self, source: &Directory, copy: &Directory, depth: usize) -> Result<(), StageError> {
        let copied = list(copy).map_err(|error| self.place.volume(error))?;
        let mut copied: HashSet<Vec<u8>> = copied.into_iter().map(CString::into_bytes).collect();
        for name in list(source).map_err(StageError::Source)? {
            let path = join(source.path(), name.to_bytes());
            let Some(treatment) = self.omitted.treatment(&path) else { continue };
            if self.unmade.contains(&path) || depth == 0 && name.to_bytes() == MARKER.as_bytes() {
                continue;
            }
            if !copied.remove(name.to_bytes()) {
                return Err(differs(&path, "it is missing"));
            }
            self.entry(source, copy, &name, treatment, depth)?;
        }
        if depth == 0 {
            self.marker(source, copy)?;
            copied.remove(MARKER.as_bytes());
        }
        match copied.iter().next() {
            Some(name) => Err(differs(&join(source.path(), name), "the source does not have it")),
            None => Ok(()),
        }
    }

    fn marker(&self, source: &Directory, copy: &Directory) -> Result<(), StageError> {
        let name = CString::new(MARKER).unwrap_or_default();
        let mut text = Vec::new();
        let file = copy.file(&name).map_err(|error| self.place.volume(error))?;
        let read = file.take(self.marker.len() as u64 + 1).read_to_end(&mut text);
        if read.is_ok() && text == self.marker.as_bytes() {
            return Ok(());
        }
        Err(differs(&join(source.path(), MARKER.as_bytes()), "the marker is not whole"))
    }

    fn entry(
        &mut self,
        source: &Directory,
        copy: &Directory,
        name: &CStr,
        treatment: Treatment,
        depth: usize,
    ) -> Result<(), StageError> {
        let path = join(source.path(), name.to_bytes());
        let ours = source.stat(name).map_err(StageError::Source)?;
        let theirs = copy.stat(name).map_err(|error| self.place.volume(error))?;
        Self::mode(&path, &ours, &theirs, treatment)?;
        if ours.kind == Kind::Directory {
            let source = source.child(name).map_err(StageError::Source)?;
            let copy = copy.child(name).map_err(|error| self.place.volume(error))?;
            return self.directory(&source, &copy, depth + 1);
        }
        if ours.nlink > 1 {
            match self.same.insert(ours.id, theirs.id) {
                Some(first) if first == theirs.id => return Ok(()),
                Some(_) => return Err(differs(&path, "its names are not one file")),
                None => {}
            }
        }
        match ours.kind {
            // Nobody but root can read it, and nobody at all run it.
            Kind::File if treatment.without == 0o7777 => Ok(()),
            Kind::File => self.file(source, copy, name, &path),
            Kind::Symlink => {
                let target = source.read_link(name).map_err(StageError::Source)?;
                let copied = copy.read_link(name).map_err(|error| self.place.volume(error))?;
                if target == copied { Ok(()) } else { Err(differs(&path, "the link leads elsewhere")) }
            }
            Kind::Other | Kind::Directory => {
                let device = |directory: &Directory| {
                    fstatat(directory.as_fd(), name, AtFlags::AT_SYMLINK_NOFOLLOW).map(|stat| stat.st_rdev)
                };
                if device(source) == device(copy) { Ok(()) } else { Err(differs(&path, "another device")) }
            }
        }
    }

    fn file(&mut self, source: &Directory, copy: &Directory, name: &CStr, path: &[u8]) -> Result<(), StageError> {
        let ours = source.file(name).map_err(StageError::Source)?;
        let theirs = copy.file(name).map_err(|error| self.place.volume(error))?;
        let shown = || self.place.shown(&join(copy.path(), name.to_bytes()));
        let stat = fstat(&ours)
            .map_err(|errno| StageError::Source(RootError::Os { operation: "fstat", path: path.to_vec(), errno }))?;
        let copied = fstat(&theirs).map_err(|errno| StageError::Volume { operation: "fstat", path: shown(), errno })?;
        if stat.st_size != copied.st_size {
            return Err(differs(path, "its size"));
        }
        match self.content.same(&ours, &theirs, stat.st_size, is_sparse(&stat)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(differs(path, "its content")),
            Err((side, errno)) => Err(StageError::content(side, errno, path, shown())),
        }
    }

    /// Type and mode. A copy may have lost setuid and setgid, never gained anything.
    fn mode(path: &[u8], source: &Stat, copy: &Stat, treatment: Treatment) -> Result<(), StageError> {
        let kind = |stat: &Stat| stat.mode & nix::libc::S_IFMT;
        if kind(source) != kind(copy) {
            return Err(differs(path, "its type"));
        }
        if source.kind == Kind::Symlink {
            return Ok(());
        }
        let found = copy.mode & 0o7777;
        let (most, least) =
            (attributes::mode(source.mode, treatment, true), attributes::mode(source.mode, treatment, false));
        if found & !most == 0 && least & !found == 0 { Ok(()) } else { Err(differs(path, "its mode")) }
    }
}

fn differs(path: &[u8], what: &'static str) -> StageError {
    StageError::Differs { path: path.to_vec(), what }
}
