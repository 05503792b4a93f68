//! The system calls of Landlock (landlock(7)).

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;

/// The version of Landlock's interface in this kernel (landlock(7)).
pub fn version() -> Result<u32, Errno> {
    const LANDLOCK_CREATE_RULESET_VERSION: u32 = 1;
    let none = std::ptr::null::<u64>();
    // SAFETY: with this flag the kernel reads nothing.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, none, 0usize, LANDLOCK_CREATE_RULESET_VERSION) };
    Errno::result(version).map(|version| u32::try_from(version).unwrap_or(0))
}

/// A new Landlock ruleset that handles these rights to files.
pub fn ruleset(handled: u64) -> Result<OwnedFd, Errno> {
    // SAFETY: the attribute of the first version is this one number, readable and of the size given.
    let fd = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::from_ref(&handled), size_of_val(&handled), 0u32)
    };
    let fd = Errno::result(fd)?;
    let fd = i32::try_from(fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: a new descriptor (close-on-exec) that nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Allows `rights` on the file `at`; if it is a directory, on it and on everything beneath it.
pub fn allow(ruleset: BorrowedFd<'_>, at: BorrowedFd<'_>, rights: u64) -> Result<(), Errno> {
    const LANDLOCK_RULE_PATH_BENEATH: u32 = 1;
    // struct landlock_path_beneath_attr is packed: a u64 and an i32.
    let mut rule = [0u8; 12];
    let (allowed, parent) = rule.split_at_mut(8);
    allowed.copy_from_slice(&rights.to_ne_bytes());
    parent.copy_from_slice(&at.as_raw_fd().to_ne_bytes());
    let fd = ruleset.as_raw_fd();
    // SAFETY: `rule` is readable and laid out as the kernel's structure.
    let result =
        unsafe { libc::syscall(libc::SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, rule.as_ptr(), 0u32) };
    Errno::result(result).map(drop)
}

/// Confines this process and its future children by `ruleset`. It cannot be undone.
pub fn restrict_self(ruleset: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: integers only.
    let result = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0u32) };
    Errno::result(result).map(drop)
}
