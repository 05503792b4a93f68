//! System calls that `--prove` tries and nothing else makes. None of them changes anything, even where it succeeds.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::null;

use nix::errno::Errno;
use nix::libc;

/// Maps the beginning of a file as the dynamic loader does, readable and executable (`mmap(2)`), and lets go of it.
pub fn map_executable(file: BorrowedFd<'_>) -> Result<(), Errno> {
    const LENGTH: usize = 4096;
    let may = libc::PROT_READ | libc::PROT_EXEC;
    // SAFETY: the kernel chooses a free address, nothing uses the mapping, and it ends here.
    unsafe {
        let address = libc::mmap(std::ptr::null_mut(), LENGTH, may, libc::MAP_PRIVATE, file.as_raw_fd(), 0);
        if address == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        libc::munmap(address, LENGTH);
    }
    Ok(())
}

/// Asks to load a module of no bytes (`init_module(2)`). The kernel looks at the caller first: `EPERM` from it, and
/// `ENOEXEC` where a real module would be loaded.
pub fn load_empty_module() -> Result<(), Errno> {
    // SAFETY: the image has no bytes, and the parameters are an empty C string.
    Errno::result(unsafe { libc::syscall(libc::SYS_init_module, null::<u8>(), 0usize, c"".as_ptr()) }).map(drop)
}

/// Asks for the context of a new mount of this filesystem (`fsopen(2)`, Linux 5.2), for which the kernel wants the same
/// rights as for a mount, and lets go of it.
pub fn open_filesystem(name: &CStr) -> Result<(), Errno> {
    // SAFETY: `name` is NUL-terminated.
    let context = Errno::result(unsafe { libc::syscall(libc::SYS_fsopen, name.as_ptr(), 0u32) })?;
    // SAFETY: the descriptor is new, and nothing else knows it.
    unsafe { libc::close(i32::try_from(context).unwrap_or(-1)) };
    Ok(())
}
