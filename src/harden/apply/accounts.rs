//! Rewrites passwd(5) without login shells, completely or not at all.

use std::ffi::{CStr, CString};
use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use nix::errno::Errno;

use crate::harden::plan::Action;
use crate::linux::error::errno;
use crate::linux::sys::xattr;
use crate::recognise::accounts::nologin::{with_login_shell, without_login_shells};
use crate::root::{Details, Directory, RootError, details_of, os};

/// Gives `shell` to every account of the file that has a login shell. The owner, mode and access control list of the
/// file stay. Returns what is known of the new file.
pub(super) fn rewrite(directory: &Directory, action: &Action, shell: &str) -> Result<Details, RootError> {
    let mut result = try_rewrite(directory, action, shell);
    for _ in 0..16 {
        // Another run at the same time took the name of the new file away, or a process has written to the old file.
        if !result.as_ref().is_err_and(|error| matches!(error.errno(), Errno::EMLINK | Errno::EAGAIN)) {
            break;
        }
        result = try_rewrite(directory, action, shell);
    }
    result
}

fn try_rewrite(directory: &Directory, action: &Action, shell: &str) -> Result<Details, RootError> {
    let fail = |errno| os("rewrite", &action.path())(errno);
    let io = |error: io::Error| fail(errno(&error));
    let name = CString::new(&*action.name).map_err(|_| fail(Errno::EINVAL))?;
    let mut old = directory.file(&name)?;
    let metadata = old.metadata().map_err(io)?;
    if (metadata.dev(), metadata.ino()) != (action.stat.id.dev, action.stat.id.ino) {
        return Err(fail(Errno::ESTALE));
    }
    let mut text = Vec::new();
    old.read_to_end(&mut text).map_err(io)?;
    let mut new = directory.draft()?;
    new.write_all(&without_login_shells(&text, shell)).map_err(io)?;
    std::os::unix::fs::fchown(&new, Some(metadata.uid()), Some(metadata.gid())).map_err(io)?;
    new.set_permissions(metadata.permissions()).map_err(io)?;
    copy_acl(directory, &name, &new).map_err(fail)?;
    new.sync_all().map_err(io)?;
    // Changes that a process has made since must not be lost.
    let state = |metadata: &Metadata| (metadata.len(), metadata.ctime(), metadata.ctime_nsec());
    if state(&old.metadata().map_err(io)?) != state(&metadata) {
        return Err(fail(Errno::EAGAIN));
    }
    directory.replace(&action.name, action.stat.id, action.stat.mount, &new)?;
    details_of(new.as_fd(), c"", directory.path())
}

/// Copies the access control list (acl(5)). Without it the mode would grant more: with a list, the group's bits are the
/// mask of the list.
fn copy_acl(directory: &Directory, name: &CStr, new: &File) -> Result<(), Errno> {
    const ACL: &CStr = c"system.posix_acl_access";
    let mut list = vec![0; 4096];
    match xattr::get(directory.as_fd(), name, ACL, &mut list) {
        Ok(length) => xattr::set_of(new.as_fd(), ACL, list.get(..length).unwrap_or_default()),
        Err(Errno::ENODATA | Errno::EOPNOTSUPP) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// Whether no account of the file has a login shell.
pub(super) fn are_locked(directory: &Directory, action: &Action) -> bool {
    let Ok(name) = CString::new(&*action.name) else { return false };
    let mut text = Vec::new();
    directory.file(&name).is_ok_and(|mut file| file.read_to_end(&mut text).is_ok())
        && with_login_shell(&text).next().is_none()
}
