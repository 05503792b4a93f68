//! The names in a directory: `getdents64(2)`.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;

/// Calls `each` with every name in `directory` except `.` and `..`, and with its `DT_*` type (`getdents64(2)`). Stops
/// when `each` breaks off.
pub fn list(directory: BorrowedFd<'_>, each: &mut dyn FnMut(&CStr, u8) -> ControlFlow<()>) -> Result<(), Errno> {
    let mut buffer = MaybeUninit::<[u8; 32 * 1024]>::uninit();
    loop {
        let (start, length) = (buffer.as_mut_ptr().cast::<u8>(), size_of_val(&buffer));
        // SAFETY: the kernel writes at most `length` bytes, which is how long `buffer` is.
        let read = unsafe { libc::syscall(libc::SYS_getdents64, directory.as_raw_fd(), start, length) };
        let read = usize::try_from(Errno::result(read)?).unwrap_or(0).min(length);
        if read == 0 {
            return Ok(());
        }
        // SAFETY: the kernel has written that many bytes; nothing else has written there.
        let entries = unsafe { std::slice::from_raw_parts(start, read) };
        for (name, kind) in dirents(entries).filter(|(name, _)| *name != c"." && *name != c"..") {
            if each(name, kind).is_break() {
                return Ok(());
            }
        }
    }
}

/// Name and type of each `struct linux_dirent64`.
fn dirents(mut bytes: &[u8]) -> impl Iterator<Item = (&CStr, u8)> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(bytes.get(16..18)?.try_into().ok()?));
        let entry = (CStr::from_bytes_until_nul(bytes.get(19..length)?).ok()?, *bytes.get(18)?);
        bytes = bytes.get(length..)?;
        Some(entry)
    })
}
