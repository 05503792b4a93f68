//! `[keep] only`: every executable that is not on the allow-list, and with `libraries = "closure"` every shared library
//! that nothing on it needs.

use std::ffi::CStr;

use super::{Cause, Collector, Location};
use crate::elf::{Elf, is_library_name, may_be_library};
use crate::root::{Directory, Identity, Kind, RootError, Visitor, walk_tree};

impl Collector<'_> {
    /// Adds every executable but lithify itself, what is kept, and shared libraries; of these those that are not needed,
    /// if the profile wants that.
    pub(super) fn others(&mut self) -> Result<(), RootError> {
        let Some(rule) = self.others_rule() else { return Ok(()) };
        let root = self.root;
        let own = crate::processes::own_program().ok();
        walk_tree(root, (), &mut Others { collector: self, rule, own })
    }
}

struct Others<'c, 'a> {
    collector: &'c mut Collector<'a>,
    rule: usize,
    own: Option<Identity>,
}

impl Visitor for Others<'_, '_> {
    type Look = ();

    fn entry(&mut self, directory: &Directory, (): (), name: &CStr, kind: Kind) -> Result<(), RootError> {
        if kind != Kind::File {
            return Ok(());
        }
        let stat = directory.stat(name)?;
        if stat.kind != Kind::File || stat.mount != directory.own_stat().mount || self.own == Some(stat.id) {
            return Ok(());
        }
        let at = Location::new(directory, name.to_bytes());
        let executable = stat.mode & 0o111 != 0;
        let goes = match &self.collector.needed {
            // A library needs no x bit to be loaded; and what is called one but is none is a program like others.
            Some(needed) => match self.collector.root.classify(&at.path())? {
                Some(Elf::Library) => !needed.contains_key(&stat.id),
                Some(Elf::Program { .. }) => executable,
                None => executable && !is_library_name(name.to_bytes()),
            },
            None if executable => {
                let content = self.collector.root.classify(&at.path()).unwrap_or_default();
                !may_be_library(name.to_bytes(), content.as_ref())
            }
            None => false,
        };
        if goes {
            self.collector.add(at, stat, self.rule, Cause::Rule);
        }
        Ok(())
    }

    fn enter(&mut self, _: &Directory, (): (), _: &CStr, child: &Directory) -> Result<Option<()>, RootError> {
        Ok(self.collector.allowed.contains(&child.own_stat().mount).then_some(()))
    }

    fn failed(&mut self, error: RootError) -> Result<(), RootError> {
        self.collector.unreadable(error)
    }
}
