//! Which security modules the kernel runs with. An error means that it cannot be told, never that there is none.

use std::io;

use nix::errno::Errno;
use nix::sys::statfs::{PROC_SUPER_MAGIC, SYSFS_MAGIC, statfs};

use super::error::errno;

/// Whether the kernel runs with `AppArmor`: its parameter `enabled` in sysfs says so. Fails if `/sys` is no sysfs.
pub fn has_apparmor() -> Result<bool, Errno> {
    if statfs("/sys")?.filesystem_type() != SYSFS_MAGIC {
        return Err(Errno::ENOENT);
    }
    match std::fs::read("/sys/module/apparmor/parameters/enabled") {
        Ok(text) => Ok(text.first() == Some(&b'Y')),
        // A kernel without it has no such module, and there are always others.
        Err(error) if error.kind() == io::ErrorKind::NotFound && std::fs::exists("/sys/module").unwrap_or(false) => {
            Ok(false)
        }
        Err(error) => Err(errno(&error)),
    }
}

/// Whether the kernel runs with `SELinux`: it has its filesystem then. Fails if `/proc` is no procfs.
pub fn has_selinux() -> Result<bool, Errno> {
    if statfs("/proc")?.filesystem_type() != PROC_SUPER_MAGIC {
        return Err(Errno::ENOENT);
    }
    let text = std::fs::read("/proc/filesystems").map_err(|error| errno(&error))?;
    Ok(text.split(u8::is_ascii_whitespace).any(|word| word == b"selinuxfs"))
}
