//! Everything below a directory, however deep: for rules and entries of `[keep]` that name one, and for `**`.

use std::ffi::CStr;

use super::rules::OnMatch;
use super::{Collector, Location};
use crate::linux::filesystem::is_left_out;
use crate::profile::pattern::Component;
use crate::root::{Canonical, Directory, Kind, RootError, Stat, Visitor, walk_below};

/// What is done with a name; of a directory it says whether to go on in it.
type Each<'v> = dyn FnMut(&mut Collector<'_>, Location<'_>, Stat) -> Result<bool, RootError> + 'v;

impl Collector<'_> {
    /// Calls `each` for everything below the directory at `path`, a directory before what it holds.
    pub(super) fn content(&mut self, path: &Canonical, each: &mut Each<'_>) -> Result<(), RootError> {
        let root = self.root;
        match root.directory(path) {
            Ok(directory) => walk_below(root, directory, (), &mut Content { collector: self, each }),
            Err(error) => self.unreadable(error),
        }
    }

    /// Calls `found` for what `rest` matches in the directory at `base` and in every one below it.
    pub(super) fn at_any_depth(
        &mut self,
        base: &Canonical,
        rest: &[Component],
        found: &mut OnMatch<'_>,
    ) -> Result<(), RootError> {
        let root = self.root;
        let one = match rest {
            [] => Some(&Component::AnyDepth),
            [component] => Some(component),
            _ => None,
        };
        if one.is_none() {
            self.expand_from(base, rest, found)?;
        }
        match root.directory(base) {
            Ok(directory) => walk_below(root, directory, (), &mut AnyDepth { collector: self, one, rest, found }),
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
        let stat = directory.stat(name)?;
        let further = (self.each)(self.collector, Location::new(directory, name.to_bytes()), stat)?;
        Ok(further && stat.kind == Kind::Directory)
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

struct AnyDepth<'c, 'a, 'p, 'f, 'v> {
    collector: &'c mut Collector<'a>,
    /// What the name itself must be, where nothing more follows.
    one: Option<&'p Component>,
    rest: &'p [Component],
    found: &'f mut OnMatch<'v>,
}

impl AnyDepth<'_, '_, '_, '_, '_> {
    fn look(&mut self, directory: &Directory, name: &CStr) -> Result<(), RootError> {
        if !self.one.is_some_and(|one| one.matches(name.to_bytes())) {
            return Ok(());
        }
        let stat = directory.stat(name)?;
        (self.found)(self.collector, Location::new(directory, name.to_bytes()), stat)
    }
}

impl Visitor for AnyDepth<'_, '_, '_, '_, '_> {
    type Look = ();

    fn entry(&mut self, directory: &Directory, (): (), name: &CStr, _: Kind) -> Result<(), RootError> {
        self.look(directory, name)
    }

    fn meet(&mut self, parent: &Directory, (): (), name: &CStr) -> Result<bool, RootError> {
        self.look(parent, name).map(|()| true)
    }

    fn enter(&mut self, parent: &Directory, (): (), _: &CStr, child: &Directory) -> Result<Option<()>, RootError> {
        // To remove, not into other mounts: what lies there is not removed anyway, and may be vast.
        let mount = child.own_stat().mount;
        let further = mount == parent.own_stat().mount
            || self.collector.allowed.contains(&mount)
            || self.collector.enters_mounts && !self.collector.root.filesystem_of(child).is_none_or(is_left_out);
        if further && self.one.is_none() {
            self.collector.expand_from(child.path(), self.rest, self.found)?;
        }
        Ok(further.then_some(()))
    }

    fn failed(&mut self, error: RootError) -> Result<(), RootError> {
        self.collector.unreadable(error)
    }
}
