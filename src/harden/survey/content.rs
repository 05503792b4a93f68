//! Everything below a directory, however deep: for rules and entries of `[keep]` that name one.

use std::ffi::CStr;

use super::Collector;
use crate::root::{Canonical, Directory, Entry, Kind, RootError, Visitor, walk_below};

/// What is done with a name; of a directory it says whether to go on in it.
type Each<'v> = dyn FnMut(&mut Collector<'_>, Entry<'_>) -> Result<bool, RootError> + 'v;

impl Collector<'_> {
    /// Calls `each` for everything below the directory at `path`, a directory before what it holds.
    pub(super) fn content(&mut self, path: &Canonical, each: &mut Each<'_>) -> Result<(), RootError> {
        let root = self.root;
        match root.directory(path) {
            Ok(directory) => walk_below(root, directory, (), &mut Content { collector: self, each }),
            Err(error) => self.unreadable(error),
        }
    }
}

struct Content<'c, 'a, 'e, 'v> {
    collector: &'c mut Collector<'a>,
    each: &'e mut Each<'v>,
}

impl Content<'_, '_, '_, '_> {
    fn look(&mut self, directory: &Directory, name: &CStr) -> Result<bool, RootError> {
        let entry = directory.entry(name)?;
        let further = (self.each)(self.collector, entry)?;
        Ok(further && entry.stat.kind == Kind::Directory)
    }
}

impl Visitor for Content<'_, '_, '_, '_> {
    type Look = ();

    fn entry(&mut self, directory: &Directory, (): (), name: &CStr, _: Kind) -> Result<(), RootError> {
        self.look(directory, name).map(drop)
    }

    fn meet(&mut self, parent: &Directory, (): (), name: &CStr) -> Result<bool, RootError> {
        self.look(parent, name)
    }

    fn enter(&mut self, _: &Directory, (): (), _: &CStr, _: &Directory) -> Result<Option<()>, RootError> {
        Ok(Some(()))
    }

    fn failed(&mut self, error: RootError) -> Result<(), RootError> {
        self.collector.unreadable(error)
    }
}
