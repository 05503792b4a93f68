//! The files of a container image, from an archive: what `docker export` and its like give, an OCI archive, or what
//! `docker save` gives. Nothing of it is trusted: the tree is built in memory, by names, and only content is written, under
//! names of our own. Directories and links come into being at the end, when the tree is known.
//!
//! ```text
//! file ─► members ─► layers ─► tree and contents ─► spool
//! ```

mod archive;
mod compression;
mod docker;
mod error;
mod layer;
mod limits;
mod members;
mod names;
mod oci;
mod platform;
mod source;
mod spool;
mod tree;

use std::io::BufReader;

pub(crate) use error::ImageError;
pub(crate) use limits::Limits;
pub(crate) use platform::Platform;
pub(crate) use spool::Spool;
pub(crate) use tree::{Node, Tree};

use layer::Dialect;
use members::Members;
use source::Source;

/// The files of an image: what the headers say, and the contents.
pub(crate) struct Image {
    pub(crate) tree: Tree,
    pub(crate) spool: Spool,
    limits: Limits,
}

/// Reads an image from a file, or from standard input for `-`. `spooling` is called with the directory of the spool, as
/// soon as there is one.
pub(crate) fn read(
    path: &str,
    platform: Option<&Platform>,
    limits: Limits,
    spooling: &dyn Fn(&std::path::Path),
) -> Result<Image, ImageError> {
    let source = Source::open(path, limits)?;
    let members = Members::of(&source)?;
    let mut image = Image { tree: Tree::new(limits), spool: Spool::new(limits)?, limits };
    spooling(image.spool.directory());
    let layers = if oci::is_layout(&members) {
        oci::layers(&members, platform)?
    } else if let Some(saved) = docker::Saved::read(&members) {
        saved.layers(&members, platform)?
    } else {
        if platform.is_some() {
            return Err(ImageError::Choice {
                message: format!(
                    "{}: --platform chooses from several images, and this is one root filesystem",
                    source.name
                ),
                fix: "leave it out".to_owned(),
            });
        }
        let place = "the archive".to_owned();
        layer::apply(BufReader::with_capacity(1 << 17, source.whole()?), Dialect::Export, &mut image, &place)?;
        return Ok(image);
    };
    for layer in layers {
        let place = format!("layer {}", layer.name);
        let content = compression::reader(members.open(&layer.member)?).map_err(|error| error.in_place(&place))?;
        image.tree.next_layer();
        layer::apply(content, Dialect::Layer, &mut image, &place)?;
    }
    Ok(image)
}

/// How many inodes a single archive makes.
pub(crate) fn names_in_archive(archive: &[u8], is_layer: bool) -> Result<usize, ImageError> {
    let limits = Limits::new(1 << 20, 1 << 24);
    let mut image = Image { tree: Tree::new(limits), spool: Spool::new(limits)?, limits };
    let dialect = if is_layer { Dialect::Layer } else { Dialect::Export };
    layer::apply(archive, dialect, &mut image, "the archive")?;
    image.spool.build(&image.tree)?;
    Ok(image.tree.name_counts().len())
}

#[cfg(test)]
mod tests;
