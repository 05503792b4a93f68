//! Errors of the standard library as the kernel's.

use std::io;

use nix::errno::Errno;

/// The kernel's reason; `EIO` where it gave none, as for a write of nothing.
pub fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(nix::libc::EIO))
}
