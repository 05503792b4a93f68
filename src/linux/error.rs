//! Errors of the standard library as errors of the kernel.

use std::io;

use nix::errno::Errno;

/// The kernel's reason; `EIO` if the kernel gave none, such as for a write of zero bytes.
pub fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(nix::libc::EIO))
}
