//! What lies outside of the app's confinement, for attempts to reach: a socket and a process, made before this process
//! enters it; and what is refused there, too.

use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::pipe2;

use super::attempt::{End, Tried};
use super::child::{Child, Kind, attempt};
use super::list::Listed;
use crate::linux::error::errno;
use crate::linux::sys;

/// A socket and a process that no confined process may reach, as far as they are wanted for that.
#[derive(Debug, Default)]
pub struct Outside {
    socket: Option<Result<(UnixListener, SocketAddr), Errno>>,
    process: Option<Result<Process, Errno>>,
    /// Why nobody may bind a socket to the port that is tried: a seccomp filter, say.
    pub(super) bind: Option<Errno>,
    /// Why nobody may connect to it: a route that prohibits it, say.
    pub(super) connect: Option<Errno>,
}

/// A child that ends when this is dropped. It cannot be killed: whoever has entered the confinement may not.
#[derive(Debug)]
struct Process {
    pid: i32,
    /// The end of a pipe that only this process holds open.
    lives: Option<OwnedFd>,
}

impl Outside {
    /// Makes what is needed for what is listed, as the user that the app will be.
    pub fn of(listed: &Listed) -> Self {
        let mut outside = Self::default();
        for wanted in &listed.wanted {
            let tried = &wanted.tried;
            let refused = || match attempt(Kind::Call, listed.deadline, &|| true, &mut |child| at_port(child, tried)) {
                End::Refused(errno) => Some(errno),
                _ => None,
            };
            match tried {
                Tried::AbstractSocket => outside.socket = Some(socket()),
                Tried::Signal => outside.process = Some(process()),
                Tried::Bind(_) => outside.bind = refused(),
                Tried::Connect(_) => outside.connect = refused(),
                _ => {}
            }
        }
        outside
    }

    /// Connects to the socket. `trying` is called right before that.
    pub(super) fn connect(&self, trying: &dyn Fn()) -> Result<(), Errno> {
        let (_, address) = self.socket.as_ref().ok_or(Errno::ENOENT)?.as_ref().map_err(|errno| *errno)?;
        trying();
        UnixStream::connect_addr(address).map(drop).map_err(|error| errno(&error))
    }

    /// Asks whether a signal may be sent to the process (`kill(2)` with 0, which sends none).
    pub(super) fn signal(&self, trying: &dyn Fn()) -> Result<(), Errno> {
        let process = self.process.as_ref().ok_or(Errno::ESRCH)?.as_ref().map_err(|errno| *errno)?;
        trying();
        sys::signal::send(process.pid, 0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.lives.take());
        sys::process::await_end(&[self.pid]);
    }
}

/// Binds a new socket to the port, or connects it.
pub(super) fn at_port(child: &Child, tried: &Tried) -> Result<(), Errno> {
    let socket = sys::attempt::tcp_socket()?;
    child.is_trying();
    match tried {
        Tried::Bind(port) => sys::attempt::bind(socket.as_fd(), *port),
        Tried::Connect(port) => sys::attempt::connect(socket.as_fd(), *port),
        _ => Ok(()),
    }
}

/// A socket without a name in the filesystem, which listens.
fn socket() -> Result<(UnixListener, SocketAddr), Errno> {
    let name = format!("lithify-{}-{}", std::process::id(), crate::linux::sys::process::time_since_boot()?.as_nanos());
    let address = SocketAddr::from_abstract_name(name).map_err(|error| errno(&error))?;
    let listener = UnixListener::bind_addr(&address).map_err(|error| errno(&error))?;
    Ok((listener, address))
}

/// A process that only waits for its end.
fn process() -> Result<Process, Errno> {
    let (end, lives) = pipe2(OFlag::O_CLOEXEC)?;
    if let Some(child) = sys::process::fork()? {
        return Ok(Process { pid: child.as_raw(), lives: Some(lives) });
    }
    let _ = set_pdeathsig(Signal::SIGKILL);
    drop(lives);
    sys::descriptor::close_all_but(&end, &end);
    // Nobody writes: it returns at the end of the pipe.
    while nix::unistd::read(&end, &mut [0]) == Err(Errno::EINTR) {}
    sys::process::end(0)
}
