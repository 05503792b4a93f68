//! Walking a tree by directory descriptors, parent before child, however deep it is.

use std::ffi::{CStr, CString};
use std::rc::Rc;

use nix::errno::Errno;

use super::{Canonical, Directory, Identity, Kind, Root, RootError, os};

/// How many directories with something left to visit are held open. Those above are opened again when their turn comes.
pub(super) const OPEN: usize = 64;

/// What a visitor wants of a directory. The walk carries it from a directory to its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Everything.
    All,
    /// Everything, on a mount that lies below one of which only links are wanted.
    Beyond,
    /// Only links: another mount, where nothing is removed but links may lead to what is.
    Links,
}

/// What to do on the way.
pub trait Visitor {
    /// Called for an entry that is not a directory.
    fn entry(&mut self, directory: &Directory, look: Look, name: &CStr, kind: Kind) -> Result<(), RootError>;

    /// Called for a directory before it is opened. The result says whether to open it.
    fn meet(&mut self, _: &Directory, _: Look, _: &CStr) -> Result<bool, RootError> {
        Ok(true)
    }

    /// Called for an opened directory. The result says how to look at it; `None` means not to enter it.
    fn enter(
        &mut self,
        parent: &Directory,
        look: Look,
        name: &CStr,
        child: &Directory,
    ) -> Result<Option<Look>, RootError>;

    /// Called when something could not be looked at. If it returns an error, the walk ends.
    fn failed(&mut self, error: RootError) -> Result<(), RootError>;
}

struct Level {
    directory: Held,
    look: Look,
    /// Subdirectories still to visit.
    pending: Vec<CString>,
}

/// A directory to come back to.
pub(super) enum Held {
    Open(Rc<Directory>),
    /// The length of its path, which is the beginning of every path below it; and its identity.
    Closed(usize, Identity),
}

/// Walks through everything under `root`. At the deadline of `root` the walk ends with
/// [`Failure::Late`](super::Failure::Late).
pub fn walk_tree(root: &Root, visitor: &mut dyn Visitor) -> Result<(), RootError> {
    walk_below(root, root.directory(&Canonical::default())?, visitor)
}

/// As [`walk_tree`], for everything below `directory`.
pub fn walk_below(root: &Root, directory: Directory, visitor: &mut dyn Visitor) -> Result<(), RootError> {
    let mut levels = Vec::new();
    let mut below = None;
    visit(root, Rc::new(directory), Look::All, visitor, &mut levels)?;
    while let Some(level) = levels.last_mut() {
        let Some(name) = level.pending.pop() else {
            levels.pop();
            continue;
        };
        let look = level.look;
        let parent = match level.directory.take(below.as_deref()) {
            Ok(parent) => parent,
            Err(error) => {
                levels.pop();
                visitor.failed(error)?;
                continue;
            }
        };
        if level.pending.is_empty() {
            // The parent is closed before going down, so that a long chain of directories needs no more descriptors
            // than a short one.
            levels.pop();
            below = Some(Rc::clone(&parent));
        }
        match visitor.meet(&parent, look, &name) {
            Ok(true) => {}
            Ok(false) => continue,
            Err(error) => {
                visitor.failed(error)?;
                continue;
            }
        }
        let child = match parent.child(&name) {
            Ok(child) => child,
            // It is no longer a directory.
            Err(error) if error.errno() == Errno::ELOOP => continue,
            // Every command leaves such a mount out, and says so once.
            Err(error) if error.silent().is_some() => continue,
            Err(error) => {
                visitor.failed(error)?;
                continue;
            }
        };
        match visitor.enter(&parent, look, &name, &child) {
            Ok(Some(look)) => {
                drop(parent);
                visit(root, Rc::new(child), look, visitor, &mut levels)?;
            }
            Ok(None) => {}
            Err(error) => visitor.failed(error)?,
        }
    }
    Ok(())
}

impl Held {
    /// The directory. A closed one is opened by climbing up from `below`, a directory below it.
    pub(super) fn take(&mut self, below: Option<&Directory>) -> Result<Rc<Directory>, RootError> {
        match (&*self, below) {
            (Self::Open(directory), _) => return Ok(Rc::clone(directory)),
            (&Self::Closed(length, id), Some(below)) => *self = Self::Open(Rc::new(below.above(length, id)?)),
            (Self::Closed(..), None) => {}
        }
        match self {
            Self::Open(directory) => Ok(Rc::clone(directory)),
            Self::Closed(..) => Err(os("openat", b"/")(Errno::ESTALE)),
        }
    }

    pub(super) fn close(&mut self) {
        if let Self::Open(directory) = self {
            *self = Self::Closed(directory.path().len(), directory.own_stat().id);
        }
    }
}

/// Looks at one directory's entries and puts its subdirectories on the list.
fn visit(
    root: &Root,
    directory: Rc<Directory>,
    look: Look,
    visitor: &mut dyn Visitor,
    levels: &mut Vec<Level>,
) -> Result<(), RootError> {
    let mut pending = Vec::new();
    directory.list(&mut |listed| {
        root.in_time()?;
        let looked = listed.and_then(|(name, kind)| match kind {
            Kind::Directory => {
                pending.push(name.to_owned());
                Ok(())
            }
            kind => visitor.entry(&directory, look, name, kind),
        });
        looked.or_else(|error| visitor.failed(error))
    })?;
    root.in_time()?;
    if !pending.is_empty() {
        levels.push(Level { directory: Held::Open(directory), look, pending });
        if let Some(level) = levels.len().checked_sub(OPEN + 1).and_then(|far| levels.get_mut(far)) {
            level.directory.close();
        }
    }
    Ok(())
}
