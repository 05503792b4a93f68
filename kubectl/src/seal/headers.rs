//! The files of the spool as the headers of the image describe them: nobody but root can give a file another owner, a
//! capability, or a device its number.

use crate::image::{Node, Tree};
use lithify::root::{Canonical, RootError};
use lithify::seal::{Facts, FileType, View};

/// What the headers say.
pub(super) struct Headers<'t> {
    pub(super) tree: &'t Tree,
}

impl View for Headers<'_> {
    fn view(&mut self, path: &Canonical, facts: Facts) -> Result<Option<Facts>, RootError> {
        Ok(self.tree.at(path.names()).map(|inode| {
            let facts = Facts { uid: inode.uid, gid: inode.gid, ..facts };
            match &inode.node {
                Node::Symlink(_) => facts,
                Node::Device { block, numbers } => {
                    let kind = if *block { FileType::Block } else { FileType::Char };
                    Facts { kind, mode: inode.mode, device: *numbers, ..facts }
                }
                Node::File(_) => Facts { mode: inode.mode, capability: inode.capability.clone(), ..facts },
                Node::Directory(_) | Node::Fifo => Facts { mode: inode.mode, ..facts },
            }
        }))
    }
}
