//! One archive of files is applied to the tree.

use std::collections::BTreeMap;
use std::io::Read;

use lithify::text::escape::escape;

use super::Image;
use super::archive::{Archive, Header, Kind};
use super::error::{Fault, ImageError};
use super::names::names;
use super::tree::{Inode, Node, target};

/// What a whiteout's name begins with, and the name by which a directory hides all that lower layers have in it (OCI
/// image specification, layer.md).
const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// What AUFS kept for itself.
const OF_AUFS: &[u8] = b".wh..wh.";

/// What an archive's entries mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// A whole root filesystem, as `docker export` writes it: every name is a file.
    Export,
    /// A layer of an image: some names hide what is below.
    Layer,
}

/// Applies an archive; `place` names it in errors.
pub(super) fn apply(source: impl Read, dialect: Dialect, image: &mut Image, place: &str) -> Result<(), ImageError> {
    // A layer's end is known by its digest, and some tools leave out the mark.
    let mut archive = Archive::new(source, image.limits, dialect == Dialect::Layer);
    while let Some(header) = archive.next().map_err(|fault| fault.in_place(place))? {
        let name = escape(&header.name);
        put(header, &mut archive, dialect, image).map_err(|fault| fault.in_place(&format!("{place}: {name}")))?;
    }
    Ok(())
}

/// Puts one entry into the tree, and its content into the spool.
fn put<R: Read>(header: Header, archive: &mut Archive<R>, dialect: Dialect, image: &mut Image) -> Result<(), Fault> {
    let Image { tree, spool, .. } = image;
    let layer = dialect == Dialect::Layer;
    let path = names(&header.name, layer)?;
    if let Some((last, above)) = path.split_last().filter(|(last, _)| layer && last.starts_with(WHITEOUT)) {
        let hidden = last.get(WHITEOUT.len()..).unwrap_or_default();
        return match hidden {
            _ if *last == OPAQUE => tree.hide_all(above),
            _ if last.starts_with(OF_AUFS) => Ok(()),
            b"" | b"." | b".." => Err(Fault::Hostile("is a whiteout of no name".to_owned())),
            hidden => tree.hide(above, hidden),
        };
    }
    let node = match &header.kind {
        Kind::Directory => Node::Directory(BTreeMap::new()),
        Kind::File(extent) => Node::File(spool.take(extent, archive)?),
        Kind::Symlink(text) if text.is_empty() || text.contains(&0) => {
            return Err(Fault::Hostile("is a link to no path".to_owned()));
        }
        Kind::Symlink(text) => Node::Symlink(text.clone()),
        Kind::Device { block, numbers } => Node::Device { block: *block, numbers: *numbers },
        // Of a hard link the header says only owner and mode.
        Kind::Fifo | Kind::HardLink(_) => Node::Fifo,
    };
    let inode = Inode { mode: header.mode, uid: header.uid, gid: header.gid, capability: header.capability, node };
    match &header.kind {
        Kind::HardLink(to) => tree.link(&path, &target(to, layer)?, inode),
        _ => tree.put(&path, inode),
    }
}
