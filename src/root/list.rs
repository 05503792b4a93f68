//! Listing a directory: the one loop over `getdents64(2)`, which goes on after an error if the caller wants that.

use std::ffi::{CStr, CString};
use std::ops::ControlFlow;

use super::{Directory, Kind, RootError};
use crate::linux::sys;

/// Called with each name and its type; or with an error if a type is unknown or no more names can be read. If it
/// returns an error, the listing ends.
pub type Each<'v> = dyn FnMut(Result<(&CStr, Kind), RootError>) -> Result<(), RootError> + 'v;

impl Directory {
    /// Calls `each` for every name except `.` and `..`. Nothing may be removed meanwhile, because a listing then skips
    /// names.
    pub fn list(&self, each: &mut Each<'_>) -> Result<(), RootError> {
        let mut ended = Ok(());
        let listed = sys::directory::list(self.as_fd(), &mut |name, kind| {
            let kind = match kind {
                nix::libc::DT_REG => Ok(Kind::File),
                nix::libc::DT_LNK => Ok(Kind::Symlink),
                nix::libc::DT_DIR => Ok(Kind::Directory),
                // The filesystem does not say.
                nix::libc::DT_UNKNOWN => self.stat(name).map(|stat| stat.kind),
                _ => Ok(Kind::Other),
            };
            ended = each(kind.map(|kind| (name, kind)));
            if ended.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        match listed {
            Ok(()) => ended,
            Err(errno) => each(Err(RootError::os("getdents64", self.path(), errno))),
        }
    }

    /// Every name in the directory.
    pub fn names(&self) -> Result<Vec<CString>, RootError> {
        let mut names = Vec::new();
        self.list(&mut |listed| {
            names.push(listed?.0.to_owned());
            Ok(())
        })?;
        Ok(names)
    }
}
