//! Pass 2, one walk through the tree: programs by class, bits to strip, and where pass 3 has to look again.

use std::collections::HashSet;
use std::ffi::CStr;
use std::rc::Rc;

use nix::errno::Errno;

use super::classes::Program;
use super::{Collector, Strippable};
use crate::harden::found::{Cause, Parent};
use crate::linux::filesystem::is_left_out;
use crate::profile::Sourced;
use crate::recognise::elf::LEAST_PROGRAM;
use crate::recognise::recogniser::{Recognised, Recogniser};
use crate::root::{Directory, Entry, Identity, Kind, RootError, Stat, Visitor, walk_tree};

/// What is looked at in a directory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Everything.
    All,
    /// Only links: another mount, where nothing is removed but links may lead to what is.
    Links,
}

/// A directory that holds links, or files with several names.
pub(super) struct Noted {
    /// Which.
    pub at: Rc<Parent>,
    /// What is looked at there.
    pub look: Look,
    /// Whether it holds files with several names.
    pub files: bool,
}

/// What the walk is for.
struct TreeWalk<'c, 'a> {
    collector: &'c mut Collector<'a>,
    /// Whether pass 3 follows.
    noting: bool,
    /// Whether each file is looked at; if not, those with several names are not noted.
    files: bool,
    /// For rules by class.
    recogniser: Option<Recogniser>,
    /// What that recognised, each by one of its names.
    programs: Vec<Program>,
    known: HashSet<Identity>,
}

impl Collector<'_> {
    /// Walks through the tree: the programs that `recogniser` knows. With `noting` also for pass 3, for which `files`
    /// finds those with several names.
    pub(super) fn survey(
        &mut self,
        noting: bool,
        files: bool,
        recogniser: Option<Recogniser>,
    ) -> Result<Vec<Program>, RootError> {
        let root = self.root;
        let (programs, known) = (Vec::new(), HashSet::new());
        let mut survey = TreeWalk { collector: self, noting, files, recogniser, programs, known };
        walk_tree(root, Look::All, &mut survey)?;
        Ok(survey.programs)
    }
}

impl TreeWalk<'_, '_> {
    /// Pass 3 has to look at this directory's links, or at its files, too.
    fn note(&mut self, directory: &Directory, look: Look, files: bool) {
        let id = directory.own_stat().id;
        match self.collector.noted.last_mut() {
            Some(last) if last.at.id == id => last.files |= files,
            _ => {
                let at = self.collector.parent(directory.path(), id);
                self.collector.noted.push(Noted { at, look, files });
            }
        }
    }

    fn file(&mut self, directory: &Directory, name: &CStr) -> Result<(), RootError> {
        let stat = directory.stat(name)?;
        if stat.nlink > 1 && self.noting {
            self.note(directory, Look::All, true);
        }
        self.collector.strip(directory, name, &stat)?;
        // What goes anyway need not be read.
        if stat.kind != Kind::File
            || self.collector.doomed(stat.id).is_some()
            || stat.nlink > 1 && self.known.contains(&stat.id)
        {
            return Ok(());
        }
        let Some(recogniser) = self.recogniser.as_mut() else { return Ok(()) };
        let Some((file, _)) = directory.program(name, &stat, LEAST_PROGRAM)? else { return Ok(()) };
        let found = match recogniser.recognise(&file, directory, name, &stat) {
            Ok((found, _)) => found,
            // It stays whatever it is.
            Err(error)
                if error.errno() == Errno::EFBIG
                    && self.collector.kept.reason(&directory.join(name), &stat).is_some() =>
            {
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if let Recognised::Program { by, known, .. } = found {
            self.known.insert(stat.id);
            let (path, parent) = (directory.path().clone(), *directory.own_stat());
            self.programs.push(Program { directory: path, name: name.to_bytes().to_vec(), parent, stat, by, known });
        }
        Ok(())
    }
}

impl Visitor for TreeWalk<'_, '_> {
    type Look = Look;

    fn entry(&mut self, directory: &Directory, look: Look, name: &CStr, kind: Kind) -> Result<(), RootError> {
        match kind {
            Kind::Symlink if self.noting => self.note(directory, look, false),
            Kind::File | Kind::Other if self.files && look == Look::All => return self.file(directory, name),
            _ => {}
        }
        Ok(())
    }

    fn enter(
        &mut self,
        parent: &Directory,
        look: Look,
        name: &CStr,
        child: &Directory,
    ) -> Result<Option<Look>, RootError> {
        let stat = child.own_stat();
        if look == Look::All && stat.mount == parent.own_stat().mount {
            self.collector.strip(parent, name, stat)?;
        }
        Ok(if self.collector.allowed.contains(&stat.mount) {
            Some(Look::All)
        } else if self.noting && !self.collector.root.filesystem_of(child).is_none_or(is_left_out) {
            Some(Look::Links)
        } else {
            None
        })
    }

    fn failed(&mut self, error: RootError) -> Result<(), RootError> {
        self.collector.unreadable(error)
    }
}

impl Collector<'_> {
    /// Notes what `[strip]` clears, except of what is kept. What goes is left out at the end, when that is known.
    fn strip(&mut self, directory: &Directory, name: &CStr, stat: &Stat) -> Result<(), RootError> {
        // A device has no bits to lend: everybody may write to /dev/null.
        if !matches!(stat.kind, Kind::File | Kind::Directory) {
            return Ok(());
        }
        let on = |flag: &Option<Sourced<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
        let entry = Entry::new(directory, name, *stat);
        let strip = &self.profile.strip;
        let sticky = stat.kind == Kind::Directory && stat.mode & 0o1000 != 0;
        let mut bits = 0;
        if on(&strip.setid) && stat.kind == Kind::File {
            bits |= stat.mode & 0o6000;
        }
        if on(&strip.world_writable) && !sticky {
            bits |= stat.mode & 0o002;
        }
        let capabilities =
            on(&strip.file_capabilities) && stat.kind == Kind::File && directory.has_capabilities(name, None)?;
        if bits == 0 && !capabilities {
            return Ok(());
        }
        if self.kept.reason(&entry.path(), stat).is_some() {
            return Ok(());
        }
        // A mount point, or a mount that was not meant.
        if stat.mount != directory.own_stat().mount || !self.allowed.contains(&stat.mount) {
            return Ok(());
        }
        let file = Rc::new(self.remembered(entry, 0, Cause::Strip));
        self.inventory.strippable.push(Strippable { file, bits, capabilities });
        Ok(())
    }
}
