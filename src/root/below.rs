//! Everything below a directory, however deep.

use std::ffi::CStr;

use super::{Canonical, Directory, Entry, Kind, Look, Root, RootError, Visitor, walk_below};

/// Called with each entry (a directory before its entries), or with the error for something that could not be looked
/// at. The result for a directory says whether to go on in it. If it returns an error for an error, the walk ends.
pub type EachBelow<'v> = dyn FnMut(Result<Entry<'_>, RootError>) -> Result<bool, RootError> + 'v;

impl Root {
    /// Calls `each` for everything below the directory at `path`.
    pub fn everything_below(&self, path: &Canonical, each: &mut EachBelow<'_>) -> Result<(), RootError> {
        match self.directory(path) {
            Ok(directory) => walk_below(self, directory, &mut Below(each)),
            Err(error) => each(Err(error)).map(drop),
        }
    }
}

struct Below<'e, 'v>(&'e mut EachBelow<'v>);

impl Below<'_, '_> {
    fn look(&mut self, directory: &Directory, name: &CStr) -> Result<bool, RootError> {
        let entry = directory.entry(name)?;
        let further = (self.0)(Ok(entry))?;
        Ok(further && entry.stat.kind == Kind::Directory)
    }
}

impl Visitor for Below<'_, '_> {
    fn entry(&mut self, directory: &Directory, _: Look, name: &CStr, _: Kind) -> Result<(), RootError> {
        self.look(directory, name).map(drop)
    }

    fn meet(&mut self, parent: &Directory, _: Look, name: &CStr) -> Result<bool, RootError> {
        self.look(parent, name)
    }

    fn enter(&mut self, _: &Directory, _: Look, _: &CStr, _: &Directory) -> Result<Option<Look>, RootError> {
        Ok(Some(Look::All))
    }

    fn failed(&mut self, error: RootError) -> Result<(), RootError> {
        (self.0)(Err(error)).map(drop)
    }
}
