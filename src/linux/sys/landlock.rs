//! The system calls of Landlock (landlock(7)).

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;

/// What a ruleset restricts: `struct landlock_ruleset_attr`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handled {
    /// The rights to files (`handled_access_fs`).
    pub files: u64,
    /// The rights to TCP ports (`handled_access_net`).
    pub ports: u64,
    /// What is not reached outside of the domain (`scoped`).
    pub scoped: u64,
}

/// The version of Landlock's interface in this kernel (landlock(7)).
pub fn version() -> Result<u32, Errno> {
    const LANDLOCK_CREATE_RULESET_VERSION: u32 = 1;
    let none = std::ptr::null::<u64>();
    // SAFETY: with this flag the kernel reads nothing.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, none, 0usize, LANDLOCK_CREATE_RULESET_VERSION) };
    Errno::result(version).map(|version| u32::try_from(version).unwrap_or(0))
}

/// A new Landlock ruleset that handles this. A kernel that does not know a field fails unless the field is 0.
pub fn ruleset(handled: &Handled) -> Result<OwnedFd, Errno> {
    // SAFETY: the structure is readable, of the size given, and has no padding. Older kernels know its beginning, and
    // take the rest if it is 0.
    let fd = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::from_ref(handled), size_of_val(handled), 0u32)
    };
    let fd = Errno::result(fd)?;
    let fd = i32::try_from(fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: a new descriptor (close-on-exec) that nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Allows `rights` on the file `at`; if it is a directory, on it and on everything beneath it.
pub fn allow(ruleset: BorrowedFd<'_>, at: BorrowedFd<'_>, rights: u64) -> Result<(), Errno> {
    const LANDLOCK_RULE_PATH_BENEATH: u32 = 1;
    // struct landlock_path_beneath_attr is packed: a u64 and an i32. The kernel reads nothing behind that.
    let [a, b, c, d] = at.as_raw_fd().to_ne_bytes();
    add_rule(ruleset, LANDLOCK_RULE_PATH_BENEATH, [rights.to_ne_bytes(), [a, b, c, d, 0, 0, 0, 0]])
}

/// Allows `rights` on a TCP port. The port 0 stands for those that the kernel gives out by itself.
pub fn allow_port(ruleset: BorrowedFd<'_>, port: u16, rights: u64) -> Result<(), Errno> {
    const LANDLOCK_RULE_NET_PORT: u32 = 2;
    // struct landlock_net_port_attr: two u64.
    add_rule(ruleset, LANDLOCK_RULE_NET_PORT, [rights.to_ne_bytes(), u64::from(port).to_ne_bytes()])
}

fn add_rule(ruleset: BorrowedFd<'_>, kind: u32, rule: [[u8; 8]; 2]) -> Result<(), Errno> {
    // SAFETY: `rule` is readable, and as long as the longest of the kernel's structures.
    let result = unsafe { libc::syscall(libc::SYS_landlock_add_rule, ruleset.as_raw_fd(), kind, rule.as_ptr(), 0u32) };
    Errno::result(result).map(drop)
}

/// Confines this process and its future children by `ruleset`. It cannot be undone. `flags` are those of
/// `landlock_restrict_self(2)`.
pub fn restrict_self(ruleset: BorrowedFd<'_>, flags: u32) -> Result<(), Errno> {
    // SAFETY: integers only.
    let result = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), flags) };
    Errno::result(result).map(drop)
}
