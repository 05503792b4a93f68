//! `[keep] only`: every executable that is not on the allow-list.

use std::ffi::CStr;

use super::{Cause, Collector, Location};
use crate::elf::{Elf, is_library_name};
use crate::profile::Selector;
use crate::root::{Directory, Identity, Kind, RootError, Visitor, walk_tree};

impl Collector<'_> {
    /// Adds every executable but shared libraries, lithify itself, and what is kept.
    pub(super) fn others(&mut self) -> Result<(), RootError> {
        let Some(rule) = self.profile.remove.iter().position(|rule| rule.value == Selector::Others) else {
            return Ok(());
        };
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
        if kind != Kind::File || is_library_name(name.to_bytes()) {
            return Ok(());
        }
        let stat = directory.stat(name)?;
        let executable = stat.kind == Kind::File && stat.mode & 0o111 != 0;
        if !executable || stat.mount != directory.own_stat().mount || self.own == Some(stat.id) {
            return Ok(());
        }
        let at = Location::new(directory, name.to_bytes());
        if !matches!(self.collector.root.classify(&at.path()), Ok(Some(Elf::Library))) {
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
