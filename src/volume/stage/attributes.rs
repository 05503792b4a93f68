//! Owner, mode, extended attributes and times of a copy. If the kernel refuses what only root may set, a note says so.

use std::ffi::CStr;
use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::stat::{FileStat, UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, fchownat};

use super::omitted::Treatment;
use crate::linux::sys::file::chmod;
use crate::linux::sys::xattr;
use crate::root::Directory;
use crate::text::escape::escape;

pub(super) const SETID: u32 = 0o6000;

/// One file, by its directory and name. If the name is a link, it is not followed.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) directory: BorrowedFd<'a>,
    pub(super) name: &'a CStr,
}

impl<'a> At<'a> {
    pub(super) fn new(directory: &'a Directory, name: &'a CStr) -> Self {
        Self { directory: directory.as_fd(), name }
    }
}

/// Sets attributes, and counts the extended attributes that could not be copied.
#[derive(Default)]
pub(super) struct Attributes {
    /// Extended attributes by name and reason, with the number of files.
    refused: Vec<(String, &'static str, u32)>,
}

impl Attributes {
    /// Gives `copy` the attributes of `source`, except those that `treatment` takes away. `stat` describes `source`.
    /// The times are set last. Set those of a directory after its content. An error names the system call.
    pub(super) fn set(
        &mut self,
        source: At<'_>,
        stat: &FileStat,
        copy: At<'_>,
        treatment: Treatment,
    ) -> Result<(), (&'static str, Errno)> {
        let link = stat.st_mode & nix::libc::S_IFMT == nix::libc::S_IFLNK;
        let (uid, gid) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
        let owned = match fchownat(copy.directory, copy.name, Some(uid), Some(gid), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(()) => true,
            // Only root may give files away, and only to ids of its user namespace.
            Err(Errno::EPERM | Errno::EINVAL) => false,
            Err(errno) => return Err(("chown", errno)),
        };
        // Set before the mode, because the mode may forbid it to the owner. Setting the mode clears none of them.
        self.extended(source, copy, treatment).map_err(|errno| ("setxattr", errno))?;
        if !link {
            let wanted = mode(stat.st_mode, treatment, owned);
            chmod(copy.directory, copy.name, wanted).map_err(|errno| ("chmod", errno))?;
        }
        let (accessed, modified) =
            (TimeSpec::new(stat.st_atime, stat.st_atime_nsec), TimeSpec::new(stat.st_mtime, stat.st_mtime_nsec));
        utimensat(copy.directory, copy.name, &accessed, &modified, UtimensatFlags::NoFollowSymlink)
            .map_err(|errno| ("utimensat", errno))
    }

    fn extended(&mut self, source: At<'_>, copy: At<'_>, treatment: Treatment) -> Result<(), Errno> {
        let length = match xattr::list(source.directory, source.name, &mut []) {
            Ok(0) | Err(Errno::EOPNOTSUPP) => return Ok(()),
            Ok(length) => length,
            Err(errno) => {
                self.refuse(b"all", errno);
                return Ok(());
            }
        };
        let mut names = vec![0; length];
        let filled = xattr::list(source.directory, source.name, &mut names)?;
        names.truncate(filled);
        for name in names.split_inclusive(|&byte| byte == 0) {
            let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
            if name == c"security.capability" && !treatment.capabilities {
                continue;
            }
            let value = xattr::length(source.directory, source.name, name).and_then(|length| {
                let mut value = vec![0; length];
                let filled = xattr::get(source.directory, source.name, name, &mut value)?;
                value.truncate(filled);
                Ok(value)
            });
            match value.and_then(|value| xattr::set(copy.directory, copy.name, name, &value)) {
                Ok(()) => {}
                Err(errno @ (Errno::ENOSPC | Errno::EDQUOT | Errno::EIO | Errno::EROFS)) => return Err(errno),
                Err(errno) => self.refuse(name.to_bytes(), errno),
            }
        }
        Ok(())
    }

    fn refuse(&mut self, name: &[u8], errno: Errno) {
        let (name, reason) = (escape(name), errno.desc());
        match self.refused.iter_mut().find(|known| known.0 == name && known.1 == reason) {
            Some(known) => known.2 += 1,
            None => self.refused.push((name, reason, 1)),
        }
    }

    /// Notes for people on what could not be copied.
    pub(super) fn notes(&self) -> Vec<String> {
        let note = |(name, reason, count): &(String, &str, u32)| {
            format!("the extended attribute {name} of {count} files was not copied: {reason}")
        };
        self.refused.iter().map(note).collect()
    }
}

/// The mode of a copy. If it is not `owned` by the owner of its source, it belongs to another user. It must not run as
/// that user, so it loses setuid and setgid. That user was among the others before, so the owner also gets the rights
/// of the others.
pub(super) fn mode(source: u32, treatment: Treatment, owned: bool) -> u32 {
    let mode = source & 0o7777 & !treatment.without;
    if owned { mode } else { mode & !SETID | (mode & 0o007) << 6 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setid_bits_need_their_owner() {
        let all = Treatment { without: 0, capabilities: true };
        assert_eq!(mode(0o104_755, all, true), 0o4755);
        assert_eq!(mode(0o104_755, all, false), 0o755);
        assert_eq!((mode(0o100_655, all, false), mode(0o040_055, all, false)), (0o755, 0o555));
        assert_eq!(mode(0o106_777, Treatment { without: 0o6002, ..all }, true), 0o775);
    }
}
