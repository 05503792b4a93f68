//! What lies outside of the app's confinement, for attempts to reach: a socket and a process, made before this process
//! enters it.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use nix::errno::Errno;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;

use crate::linux::error::errno;
use crate::linux::sys;
use crate::profile::{Confine, Scope};

/// A socket and a process that no confined process may reach, as far as `[confine] scope` asks for that.
#[derive(Debug, Default)]
pub struct Outside {
    socket: Option<Result<(UnixListener, SocketAddr), Errno>>,
    process: Option<Result<i32, Errno>>,
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
        let process = self.process.ok_or(Errno::ESRCH)??;
        trying();
        sys::signal::send(process, 0)
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        if let Some(Ok(process)) = self.process {
            sys::process::kill(process);
        }
    }
}

/// A socket without a name in the filesystem, which listens.
fn socket() -> Result<(UnixListener, SocketAddr), Errno> {
    let name = format!("lithify-{}-{}", std::process::id(), crate::linux::sys::process::time_since_boot()?.as_nanos());
    let address = SocketAddr::from_abstract_name(name).map_err(|error| errno(&error))?;
    let listener = UnixListener::bind_addr(&address).map_err(|error| errno(&error))?;
    Ok((listener, address))
}

/// A process that only waits to be killed.
fn process() -> Result<i32, Errno> {
    if let Some(child) = sys::process::fork()? {
        return Ok(child.as_raw());
    }
    let _ = set_pdeathsig(Signal::SIGKILL);
    loop {
        nix::unistd::pause();
    }
}
