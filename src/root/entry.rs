//! One name in a directory, and what is there.

use std::ffi::CStr;

use super::{Canonical, Directory, RootError, Stat};

/// One name in a directory.
#[derive(Clone, Copy)]
pub struct Entry<'d> {
    /// Where the directory is.
    pub directory: &'d Canonical,
    /// What is known of the directory.
    pub parent: &'d Stat,
    /// The name.
    pub name: &'d [u8],
    /// What is known of the file. For a link, of the link itself.
    pub stat: Stat,
}

impl<'d> Entry<'d> {
    /// The entry `name` of `directory`, with what is known of it.
    pub fn new(directory: &'d Directory, name: &'d CStr, stat: Stat) -> Self {
        Self { directory: directory.path(), parent: directory.own_stat(), name: name.to_bytes(), stat }
    }

    /// Where it is.
    pub fn path(&self) -> Canonical {
        self.directory.join(self.name)
    }
}

impl Directory {
    /// Looks at `name`, with a link not followed.
    pub fn entry<'d>(&'d self, name: &'d CStr) -> Result<Entry<'d>, RootError> {
        self.stat(name).map(|stat| Entry::new(self, name, stat))
    }
}
