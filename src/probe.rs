//! Probes: does a port answer, does a URL, is a file there? For health checks that survive the loss of the shell, `curl`
//! and `nc`, and for `--wait-for`. No TLS and no DNS: literal addresses, and names of `/etc/hosts`.

mod address;
mod http;

use std::fmt;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use nix::errno::Errno;

use crate::linux::deadline::Deadline;
use crate::root::{Root, RootError};
use crate::text::escape::escape;

use address::Endpoint;

/// What is probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Something listens there.
    Tcp(Endpoint),
    /// It answers a GET with a status of 200 to 399, as the kubelet's `httpGet` wants it; redirects are not followed.
    Http {
        /// Where to.
        endpoint: Endpoint,
        /// Path and query.
        path: String,
    },
    /// The path, inside the root, leads to something.
    File(String),
}

/// A target that is not one.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TargetError {
    /// The form is not known.
    #[error("{0}: give tcp:HOST:PORT, http:URL or file:PATH")]
    Form(String),
    /// HOST:PORT is neither a name nor an address with a port.
    #[error("{0}: give HOST:PORT with a port of 1 to 65535, an IPv6 address in brackets, such as [::1]:8080")]
    Endpoint(String),
    /// A URL with another scheme, user name or spaces.
    #[error("{0}: give http://HOST[:PORT]/PATH; there is no TLS, so for https probe the port with tcp")]
    Url(String),
    /// Not absolute.
    #[error("{0}: give an absolute path")]
    Path(String),
}

/// Why a probe failed.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// A name that is not known here.
    #[error("{0} is not in /etc/hosts, and no DNS server is asked: give its address")]
    UnknownHost(String),
    /// It takes no connection.
    #[error("{0}")]
    Connect(&'static str),
    /// The connection ended early.
    #[error("it took the connection, and then: {0}")]
    Exchange(&'static str),
    /// Not HTTP.
    #[error("it does not answer with an HTTP status line")]
    NotHttp,
    /// An error status.
    #[error("it answers with status {0}")]
    Status(u16),
    /// The file is not there.
    #[error("{}", .0.errno().desc())]
    File(RootError),
}

impl Target {
    /// `tcp:HOST:PORT`, `http:URL` (or the URL itself) or `file:PATH`.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        match text.split_once(':') {
            Some(("tcp", endpoint)) => Self::tcp(endpoint),
            Some(("http", rest)) if rest.starts_with("//") => Self::http(text),
            Some(("http", url)) => Self::http(url),
            Some(("file", path)) => Self::file(path),
            _ => Err(TargetError::Form(escape(text.as_bytes()))),
        }
    }

    /// `HOST:PORT`.
    pub fn tcp(text: &str) -> Result<Self, TargetError> {
        let endpoint = Endpoint::parse(text, None);
        endpoint.map(Self::Tcp).ok_or_else(|| TargetError::Endpoint(escape(text.as_bytes())))
    }

    /// `http://HOST[:PORT][/PATH]`; the scheme may be left out.
    pub fn http(text: &str) -> Result<Self, TargetError> {
        let error = || TargetError::Url(escape(text.as_bytes()));
        let rest = text.strip_prefix("http://").unwrap_or(text);
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).ok_or_else(error)?;
        // What cannot stand in a request line, so that nothing can be put into the request.
        if path.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(error());
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let endpoint = Endpoint::parse(authority, Some(80)).ok_or_else(error)?;
        Ok(Self::Http { endpoint, path })
    }

    /// An absolute path.
    pub fn file(path: &str) -> Result<Self, TargetError> {
        if path.starts_with('/') {
            Ok(Self::File(path.to_owned()))
        } else {
            Err(TargetError::Path(escape(path.as_bytes())))
        }
    }

    /// Probes once, for at most `timeout`. Files are looked for inside `root`, names in our own `/etc/hosts`.
    pub fn probe(&self, root: &Root, timeout: Duration) -> Result<(), ProbeError> {
        let deadline = Deadline::after(timeout);
        match self {
            Self::Tcp(endpoint) => connect(endpoint, deadline).map(drop),
            Self::Http { endpoint, path } => http::get(&connect(endpoint, deadline)?, endpoint, path, deadline),
            Self::File(path) => root.resolve(path.as_bytes()).map(drop).map_err(ProbeError::File),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(endpoint) => write!(f, "tcp:{endpoint}"),
            Self::Http { endpoint, path } => write!(f, "http://{endpoint}{path}"),
            Self::File(path) => write!(f, "file:{}", escape(path.as_bytes())),
        }
    }
}

/// The first address that takes the connection.
fn connect(endpoint: &Endpoint, deadline: Deadline) -> Result<TcpStream, ProbeError> {
    let mut reason = None;
    for address in endpoint.addresses()? {
        let timeout = deadline.remaining();
        if timeout.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&SocketAddr::new(address, endpoint.port), timeout) {
            // Where nobody listens on a port that the kernel may give to us, we can be connected to ourselves.
            Ok(stream) if stream.local_addr().ok() == stream.peer_addr().ok() => {
                reason = Some(Errno::ECONNREFUSED.desc());
            }
            Ok(stream) => return Ok(stream),
            Err(error) => reason = Some(describe(&error)),
        }
    }
    Err(ProbeError::Connect(reason.unwrap_or(TIMED_OUT)))
}

const TIMED_OUT: &str = "no answer in time";

/// The kernel's reason in words that stay the same from try to try.
fn describe(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock => TIMED_OUT,
        _ => error.raw_os_error().map_or("it failed", |errno| Errno::from_raw(errno).desc()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::path::Path;

    #[test]
    fn targets() {
        let shown = |text: &str| Target::parse(text).map(|target| target.to_string());
        assert_eq!(shown("tcp:127.0.0.1:80").unwrap(), "tcp:127.0.0.1:80");
        assert_eq!(shown("tcp:[::1]:80").unwrap(), "tcp:[::1]:80");
        assert_eq!(shown("http:localhost").unwrap(), "http://localhost:80/");
        assert_eq!(shown("http://localhost:81/a?b#c").unwrap(), "http://localhost:81/a?b");
        assert_eq!(shown("http:http://[::1]?x").unwrap(), "http://[::1]:80/?x");
        assert_eq!(shown("file:/run/ready").unwrap(), "file:/run/ready");
        for wrong in
            ["tcp:80", "tcp:a:0", "tcp::80", "tcp:a:65536", "tcp:::1:80", "udp:a:1", "x", "", "file:run", "tcp:a b:1"]
        {
            assert!(Target::parse(wrong).is_err(), "{wrong}");
        }
        for wrong in ["http:https://a/", "http://", "http://u@a/", "http://a/b c", "http://a/\r\nX: y", "http://a:b/"] {
            assert!(matches!(Target::parse(wrong), Err(TargetError::Url(_))), "{wrong}");
        }
    }

    #[test]
    fn a_port_that_listens_and_one_that_does_not() {
        let root = Root::open(Path::new("/")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = |address: SocketAddr| Target::tcp(&address.to_string()).unwrap();
        target(listener.local_addr().unwrap()).probe(&root, Duration::from_secs(60)).unwrap();
        // The port of a connection is nobody else's to listen on.
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let target = target(client.local_addr().unwrap());
        let error = target.probe(&root, Duration::from_secs(60)).unwrap_err();
        assert_eq!(error.to_string(), "Connection refused");
        assert_eq!(target.probe(&root, Duration::ZERO).unwrap_err().to_string(), TIMED_OUT);
    }

    #[test]
    fn files() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        let target = Target::file("/ready").unwrap();
        assert!(matches!(target.probe(&root, Duration::ZERO), Err(ProbeError::File(_))));
        std::fs::write(directory.path().join("ready"), "").unwrap();
        target.probe(&root, Duration::ZERO).unwrap();
    }
}
