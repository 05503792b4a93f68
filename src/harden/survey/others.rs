//! `[keep] only`: every executable that is not on the allow-list, and with `libraries = "closure"` every shared library
//! that nothing on it needs.

use std::ffi::CStr;

use nix::errno::Errno;

use super::Collector;
use crate::harden::found::Cause;
use crate::recognise::elf::{self, Elf, may_be_library};
use crate::recognise::recogniser::{Recognised, RecognisedBy, Recogniser};
use crate::root::{Directory, Entry, Identity, Kind, RootError, Stat, Visitor, walk_tree};

impl Collector<'_> {
    /// Adds every executable but lithify itself, what is kept, and shared libraries; of these those that are not needed,
    /// if the profile wants that.
    pub(super) fn others(&mut self) -> Result<(), RootError> {
        let Some(rule) = self.others_rule() else { return Ok(()) };
        let root = self.root;
        let own = crate::linux::proc::own_program().ok();
        walk_tree(root, (), &mut Others { collector: self, rule, own, recogniser: None })
    }
}

struct Others<'c, 'a> {
    collector: &'c mut Collector<'a>,
    rule: usize,
    own: Option<Identity>,
    recogniser: Option<Recogniser>,
}

impl Others<'_, '_> {
    fn goes(&mut self, directory: &Directory, name: &CStr, stat: &Stat) -> Result<bool, RootError> {
        let executable = stat.mode & 0o111 != 0;
        let needed = self.collector.needed.as_ref().map(|needed| needed.contains_key(&stat.id));
        if !executable && (stat.size < elf::LEAST || needed == Some(true)) {
            return Ok(false);
        }
        let content = match directory.classify(name) {
            // A library needs no x bit to be loaded; else what nobody can read nobody can start.
            Err(error) if !executable && needed.is_none() && error.errno() == Errno::EACCES => None,
            Err(_) if executable && needed.is_none() => None,
            content => content?,
        };
        let is_library = may_be_library(name.to_bytes(), content.as_ref());
        Ok(match (content, needed) {
            (Some(Elf::Library), needed) => needed == Some(false),
            // What is called a library but is none is a program like others.
            (Some(Elf::Program { .. }), Some(_)) if executable => true,
            (None, _) => executable && !is_library,
            (Some(Elf::Program { .. }), needed) if is_library => needed == Some(false),
            // Without an x bit only the dynamic loader starts it, and of those that it does not only what is known is a tool
            // and no data, such as the kernel for a virtual machine.
            (Some(Elf::Program { dynamic, .. }), _) => executable || dynamic || self.is_known(directory, name, stat)?,
        })
    }

    /// Whether it is a program of the catalogue by its content.
    fn is_known(&mut self, directory: &Directory, name: &CStr, stat: &Stat) -> Result<bool, RootError> {
        let recogniser = self.recogniser.get_or_insert_with(|| Recogniser::new(self.collector.root.deadline()));
        match recogniser.recognise(&directory.file(name)?, directory, name, stat) {
            Ok((found, _)) => Ok(matches!(found, Recognised::Program { by: RecognisedBy::Content, .. })),
            // Too large to be searched: nothing starts it.
            Err(error) if error.errno() == Errno::EFBIG => Ok(false),
            Err(error) => Err(error),
        }
    }
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
        if self.goes(directory, name, &stat)? {
            self.collector.add(Entry::new(directory, name, stat), self.rule, Cause::Rule);
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
