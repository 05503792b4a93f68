//! Links in a staged tree that lead across the mounts that the app will have.

use crate::root::{Canonical, Root, RootError};

/// Links, grouped by where they lead.
#[derive(Debug, Default)]
pub struct Links {
    /// They lead out of the staged directories, but stay in the image.
    pub outside: Vec<Canonical>,
    /// They lead to another mount of this container, which the app may not have.
    pub other_mounts: Vec<Canonical>,
}

impl Links {
    /// Looks where the link at `path` leads. A link that leads nowhere is copied as it is.
    pub(super) fn look(&mut self, root: &Root, staged: &[Canonical], path: &Canonical) -> Result<(), RootError> {
        let place = match root.walk(path, true) {
            Ok(place) => place,
            // It leads into a directory that this user may not enter, so certainly out of what was copied.
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
