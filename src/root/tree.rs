//! Walking a whole tree by directory descriptors, parent before child.

use std::ffi::{CStr, CString};
use std::rc::Rc;

use nix::errno::Errno;

use super::{Directory, EntryKind, Kind, Root, RootError};
use crate::sys::DIRENT_BUFFER;

/// What is done on the way. `Look` is whatever the visitor wants to know of a directory when it sees its entries.
pub trait Visitor {
    /// Carried from a directory to its entries.
    type Look: Copy;

    /// An entry that is no directory.
    fn entry(&mut self, directory: &Directory, look: Self::Look, name: &CStr, kind: Kind) -> Result<(), RootError>;

    /// A directory, opened: how to look at it, or `None` not to enter it.
    fn enter(
        &mut self,
        parent: &Directory,
        look: Self::Look,
        name: &CStr,
        child: &Directory,
    ) -> Result<Option<Self::Look>, RootError>;

    /// Something could not be looked at; an error ends the walk.
    fn failed(&mut self, error: RootError) -> Result<(), RootError>;
}

struct Level<L> {
    directory: Rc<Directory>,
    look: L,
    /// Subdirectories still to visit.
    pending: Vec<CString>,
}

/// Walks through everything under `root`; at its deadline the walk ends with [`Failure::Late`](super::Failure::Late).
pub fn walk_tree<V: Visitor>(root: &Root, look: V::Look, visitor: &mut V) -> Result<(), RootError> {
    let mut buffer = vec![0; DIRENT_BUFFER];
    let mut levels = Vec::new();
    visit(root, Rc::new(root.directory(b"/")?), look, visitor, &mut buffer, &mut levels)?;
    while let Some(level) = levels.last_mut() {
        let Some(name) = level.pending.pop() else {
            levels.pop();
            continue;
        };
        let (parent, look) = (Rc::clone(&level.directory), level.look);
        if level.pending.is_empty() {
            // Closed before going down, so that a long chain of directories needs no more descriptors than a short one.
            levels.pop();
        }
        let child = match parent.child(&name) {
            Ok(child) => child,
            // No longer a directory.
            Err(error) if error.errno() == Errno::ELOOP => continue,
            Err(error) => {
                visitor.failed(error)?;
                continue;
            }
        };
        match visitor.enter(&parent, look, &name, &child) {
            Ok(Some(look)) => {
                drop(parent);
                visit(root, Rc::new(child), look, visitor, &mut buffer, &mut levels)?;
            }
            Ok(None) => {}
            Err(error) => visitor.failed(error)?,
        }
    }
    Ok(())
}

/// Looks at one directory's entries and puts its subdirectories on the list.
fn visit<V: Visitor>(
    root: &Root,
    directory: Rc<Directory>,
    look: V::Look,
    visitor: &mut V,
    buffer: &mut [u8],
    levels: &mut Vec<Level<V::Look>>,
) -> Result<(), RootError> {
    let mut pending = Vec::new();
    let listed = directory.for_each(buffer, |name, kind| {
        root.in_time()?;
        let kind = match kind {
            EntryKind::Known(kind) => Ok(kind),
            EntryKind::Unknown => directory.stat(name).map(|stat| stat.kind),
        };
        let result = match kind {
            Ok(Kind::Directory) => {
                pending.push(name.to_owned());
                Ok(())
            }
            Ok(kind) => visitor.entry(&directory, look, name, kind),
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => Ok(()),
            Err(error) => visitor.failed(error),
        }
    });
    root.in_time()?;
    if let Err(error) = listed {
        visitor.failed(error)?;
    }
    if !pending.is_empty() {
        levels.push(Level { directory, look, pending });
    }
    Ok(())
}
