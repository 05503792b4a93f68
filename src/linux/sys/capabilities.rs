//! Capability sets of this process (capabilities(7)).

use nix::errno::Errno;
use nix::libc;

/// Sets the permitted, effective and inheritable set of this process to `mask` (`capset(2)`), all at once.
pub fn set(mask: u64) -> Result<(), Errno> {
    const VERSION_3: u32 = 0x2008_0522;
    let header = [VERSION_3, 0];
    let [low, high] = [mask & 0xffff_ffff, mask >> 32].map(|half| u32::try_from(half).unwrap_or(0));
    let data = [low, low, low, high, high, high];
    // SAFETY: the arrays are laid out as struct __user_cap_header_struct and two struct __user_cap_data_struct.
    let result = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) };
    Errno::result(result).map(drop)
}

/// Takes the capability of this number out of the bounding set.
pub fn drop_bounding(number: u32) -> Result<(), Errno> {
    prctl(libc::PR_CAPBSET_DROP, number.into(), 0)
}

/// Puts the capability of this number into the ambient set. The permitted and the inheritable set must hold it
/// (capabilities(7)).
pub fn raise_ambient(number: u32) -> Result<(), Errno> {
    const RAISE: libc::c_ulong = 2;
    prctl(libc::PR_CAP_AMBIENT, RAISE, number.into())
}

/// Empties the ambient set.
pub fn clear_ambient() -> Result<(), Errno> {
    const CLEAR_ALL: libc::c_ulong = 4;
    prctl(libc::PR_CAP_AMBIENT, CLEAR_ALL, 0)
}

fn prctl(option: i32, first: libc::c_ulong, second: libc::c_ulong) -> Result<(), Errno> {
    let none: libc::c_ulong = 0;
    // SAFETY: the options used here take integers only.
    Errno::result(unsafe { libc::prctl(option, first, second, none, none) }).map(drop)
}

/// Sets and locks `SECBIT_NOROOT` (capabilities(7)): user 0 and setuid programs of user 0 gain no capability.
pub fn lock_no_root() -> Result<(), Errno> {
    const SECBIT_NOROOT_AND_LOCKED: libc::c_ulong = 0b11;
    // SAFETY: integers only.
    let bits = Errno::result(unsafe { libc::prctl(libc::PR_GET_SECUREBITS) })?;
    let bits = libc::c_ulong::try_from(bits).unwrap_or(0) | SECBIT_NOROOT_AND_LOCKED;
    prctl(libc::PR_SET_SECUREBITS, bits, 0)
}
