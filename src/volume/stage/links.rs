//! Links in a staged tree that lead across the mounts which the app will have.

use crate::root::{Canonical, Root, RootError};

/// Links by where they lead.
#[derive(Debug, Default)]
pub struct Links {
    /// Out of the staged directories, within the image.
    pub outside: Vec<Canonical>,
    /// To another mount of this container, which the app's may not have.
    pub other_mounts: Vec<Canonical>,
}

impl Links {
    /// Looks where the link at `path` leads. One that leads nowhere is copied as it is.
    pub(super) fn look(&mut self, root: &Root, staged: &[Canonical], path: &Canonical) -> Result<(), RootError> {
        let place = match root.walk(path, true) {
            Ok(place) => place,
            // Behind a directory that this user may not enter: certainly out of what was copied.
            Err(error) if error.leads_nowhere() || error.errno() == nix::errno::Errno::EACCES => return Ok(()),
            Err(error) => return Err(error),
        };
        let inside = |path: &Canonical| staged.iter().any(|directory| path.is_within(directory));
        let crosses = !inside(&place.path) || place.links.iter().any(|link| link.last && !inside(&link.path));
        if !crosses {
            return Ok(());
        }
        let list = if place.stat.mount == root.stat().mount { &mut self.outside } else { &mut self.other_mounts };
        list.push(path.clone());
        Ok(())
    }
}
