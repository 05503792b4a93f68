//! Extended attributes (xattr(7)) of a name in a directory, with a final link not followed, and of open files.
//!
//! Before Linux 6.13 there is no `getxattrat`. The magic link of the directory's descriptor leads to just this
//! directory.

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;

use super::descriptor::magic_link;

/// Length of the attribute `name` of `file` in `directory`, in bytes; `ENODATA` if there is none.
pub fn length(directory: BorrowedFd<'_>, file: &CStr, name: &CStr) -> Result<usize, Errno> {
    get(directory, file, name, &mut [])
}

/// Length of the attribute `name` of an open file, in bytes; `ENODATA` if there is none.
pub fn length_of(file: BorrowedFd<'_>, name: &CStr) -> Result<usize, Errno> {
    // SAFETY: the string is NUL-terminated; with size 0 nothing is written.
    returned(unsafe { libc::fgetxattr(file.as_raw_fd(), name.as_ptr(), std::ptr::null_mut(), 0) })
}

/// Puts the value of the attribute `name` of an open file into `buffer` and returns its length; `ENODATA` if there is
/// none, `ERANGE` if it is longer than `buffer`.
pub fn get_of(file: BorrowedFd<'_>, name: &CStr, buffer: &mut [u8]) -> Result<usize, Errno> {
    let start = buffer.as_mut_ptr().cast();
    // SAFETY: the string is NUL-terminated; the kernel writes at most `buffer.len()` bytes into `buffer`.
    returned(unsafe { libc::fgetxattr(file.as_raw_fd(), name.as_ptr(), start, buffer.len()) })
}

/// Puts the value into `buffer` and returns its length; with an empty `buffer` returns only the length.
pub fn get(directory: BorrowedFd<'_>, file: &CStr, name: &CStr, buffer: &mut [u8]) -> Result<usize, Errno> {
    let (path, start) = (path(directory, file)?, buffer.as_mut_ptr().cast());
    // SAFETY: both strings are NUL-terminated; the kernel writes at most `buffer.len()` bytes into `buffer`.
    returned(unsafe { libc::lgetxattr(path.as_ptr(), name.as_ptr(), start, buffer.len()) })
}

/// Puts the names of all attributes of `file` into `buffer`, each followed by a NUL, and returns their length; with an
/// empty `buffer` returns only the length.
pub fn list(directory: BorrowedFd<'_>, file: &CStr, buffer: &mut [u8]) -> Result<usize, Errno> {
    let path = path(directory, file)?;
    // SAFETY: the string is NUL-terminated; the kernel writes at most `buffer.len()` bytes into `buffer`.
    returned(unsafe { libc::llistxattr(path.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) })
}

/// Sets the attribute `name` of `file` in `directory` to `value`.
pub fn set(directory: BorrowedFd<'_>, file: &CStr, name: &CStr, value: &[u8]) -> Result<(), Errno> {
    let path = path(directory, file)?;
    // SAFETY: both strings are NUL-terminated; the kernel reads `value.len()` bytes of `value`.
    let result = unsafe { libc::lsetxattr(path.as_ptr(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0) };
    Errno::result(result).map(drop)
}

/// Sets the attribute `name` of an open file to `value`.
pub fn set_of(file: BorrowedFd<'_>, name: &CStr, value: &[u8]) -> Result<(), Errno> {
    // SAFETY: the string is NUL-terminated; the kernel reads `value.len()` bytes of `value`.
    let result = unsafe { libc::fsetxattr(file.as_raw_fd(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0) };
    Errno::result(result).map(drop)
}

/// Removes the attribute of the file behind an `O_PATH` descriptor.
pub fn remove_of(file: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    let path = CString::new(magic_link(file)).map_err(|_| Errno::EINVAL)?;
    // SAFETY: both strings are NUL-terminated.
    Errno::result(unsafe { libc::removexattr(path.as_ptr(), name.as_ptr()) }).map(drop)
}

fn path(directory: BorrowedFd<'_>, file: &CStr) -> Result<CString, Errno> {
    let path = [magic_link(directory).as_bytes(), b"/", file.to_bytes()].concat();
    CString::new(path).map_err(|_| Errno::EINVAL)
}

fn returned(length: isize) -> Result<usize, Errno> {
    Errno::result(length).map(|length| usize::try_from(length).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_file_without_capabilities() {
        let directory = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(directory.path().join("file")).unwrap();
        let handle = std::fs::File::open(directory.path()).unwrap();
        let error = length(handle.as_fd(), c"file", c"security.capability").unwrap_err();
        assert!(matches!(error, Errno::ENODATA | Errno::EOPNOTSUPP), "{error}");
        assert_eq!(length_of(file.as_fd(), c"security.capability"), Err(error));
        assert_eq!(length(handle.as_fd(), c"none", c"security.capability"), Err(Errno::ENOENT));
    }
}
