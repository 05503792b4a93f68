//! System calls that `--prove` tries and nothing else makes. None of them changes anything, even where it succeeds.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
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

/// Maps one page of memory, and lets go of it: `ENOMEM` where this process may have no more.
pub fn map_page() -> Result<(), Errno> {
    const LENGTH: usize = 4096;
    // SAFETY: the kernel chooses a free address, nothing uses the mapping, and it ends here.
    unsafe {
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let address = libc::mmap(std::ptr::null_mut(), LENGTH, libc::PROT_READ, kind, -1, 0);
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

/// A TCP socket (`tcp(7)`).
pub fn tcp_socket() -> Result<OwnedFd, Errno> {
    // SAFETY: no memory is involved.
    let socket = Errno::result(unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: the descriptor is new, and nothing else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(socket) })
}

/// Binds a socket to this port of the loopback address (`bind(2)`). It does not listen, so nobody can connect to it.
pub fn bind(socket: BorrowedFd<'_>, port: u16) -> Result<(), Errno> {
    at_address(libc::SYS_bind, socket, [127, 0, 0, 1], port)
}

/// Asks to connect to this port (`connect(2)`) of an address of a group (multicast), to which TCP cannot connect: what the
/// kernel asks of the caller comes first, `ENETUNREACH` is the answer to who may connect, and no packet is ever sent.
pub fn connect(socket: BorrowedFd<'_>, port: u16) -> Result<(), Errno> {
    at_address(libc::SYS_connect, socket, [224, 0, 0, 1], port)
}

fn at_address(call: libc::c_long, socket: BorrowedFd<'_>, address: [u8; 4], port: u16) -> Result<(), Errno> {
    let address = libc::sockaddr_in {
        sin_family: libc::sa_family_t::try_from(libc::AF_INET).unwrap_or_default(),
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address) },
        sin_zero: [0; 8],
    };
    // SAFETY: the address is as long as is said. Neither call writes to it.
    Errno::result(unsafe { libc::syscall(call, socket.as_raw_fd(), &raw const address, size_of_val(&address)) })
        .map(drop)
}

/// Asks a device for the settings of a terminal (`TCGETS`, `ioctl_tty(2)`): changes nothing, and `ENOTTY` if it is none.
pub fn terminal_settings(device: BorrowedFd<'_>) -> Result<(), Errno> {
    // More than any architecture's `struct termios`.
    let mut settings = [0u8; 256];
    // SAFETY: the kernel writes no more than a `struct termios`.
    Errno::result(unsafe { libc::ioctl(device.as_raw_fd(), libc::TCGETS as _, settings.as_mut_ptr()) }).map(drop)
}
