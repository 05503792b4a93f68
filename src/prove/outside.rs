//! What lies outside of the app's confinement, for attempts to reach: a socket and a process, made before this process
//! enters it.

use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::pipe2;

use crate::linux::error::errno;
use crate::linux::sys;
use crate::profile::{Confine, Scope};

/// A socket and a process that no confined process may reach, as far as `[confine] scope` asks for that.
#[derive(Debug, Default)]
pub struct Outside {
    socket: Option<Result<(UnixListener, SocketAddr), Errno>>,
    process: Option<Result<Process, Errno>>,
}

/// A child that ends when this is dropped. It cannot be killed: whoever has entered the confinement may not.
#[derive(Debug)]
struct Process {
    pid: i32,
    /// The end of a pipe that only this process holds open.
    lives: Option<OwnedFd>,
}

impl Outside {
    /// Makes what `scope` needs, as the user that the app will be.
    pub fn of(confine: &Confine) -> Self {
        let asks = |wanted| confine.scope.iter().any(|scope| scope.value == wanted);
        Self { socket: asks(Scope::AbstractUnixSocket).then(socket), process: asks(Scope::Signal).then(process) }
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
