//! Probes: whether a port takes a connection, a URL answers, or a file exists. They are for health checks that must
//! work without a shell, `curl` and `nc`, and for `--wait-for`. There is no TLS and no DNS: hosts are literal addresses
//! or names of `/etc/hosts`.

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

/// What a probe checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Something listens on this port.
    Tcp(Endpoint),
    /// The server answers a GET with a status of 200 to 399, as for the kubelet's `httpGet`. Redirects are not
    /// followed.
    Http {
        /// Host and port.
        endpoint: Endpoint,
        /// Path and query.
        path: String,
    },
    /// The path, inside the root, leads to an existing file of any type.
    File(String),
}

/// Why a text is not a target.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TargetError {
    /// The form is not known.
    #[error("{0}: give tcp:HOST:PORT, http:URL or file:PATH")]
    Form(String),
    /// The text is not HOST:PORT.
    #[error("{0}: give HOST:PORT with a port of 1 to 65535, an IPv6 address in brackets, such as [::1]:8080")]
    Endpoint(String),
    /// A URL with another scheme, with a user name, or with spaces.
    #[error("{0}: give http://HOST[:PORT]/PATH; there is no TLS, so for https probe the port with tcp")]
    Url(String),
    /// The path is not absolute.
    #[error("{0}: give an absolute path")]
    Path(String),
}

/// Why a probe failed.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The name is not in `/etc/hosts`.
    #[error("{0} is not in /etc/hosts, and no DNS server is asked: give its address")]
    UnknownHost(String),
    /// The connection failed.
    #[error("{0}")]
    Connect(&'static str),
    /// The connection failed after it was established.
    #[error("it took the connection, and then: {0}")]
    Exchange(&'static str),
    /// The answer is not HTTP.
    #[error("it does not answer with an HTTP status line")]
    NotHttp,
    /// The status is not one of 200 to 399.
    #[error("it answers with status {0}")]
    Status(u16),
    /// The path does not lead to an existing file, or cannot be followed.
    #[error("{}", .0.errno().desc())]
    File(RootError),
}

impl Target {
    /// Parses `tcp:HOST:PORT`, `http:URL` (or the URL itself) or `file:PATH`.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        match text.split_once(':') {
            Some(("tcp", endpoint)) => Self::tcp(endpoint),
            Some(("http", rest)) if rest.starts_with("//") => Self::http(text),
            Some(("http", url)) => Self::http(url),
            Some(("file", path)) => Self::file(path),
            _ => Err(TargetError::Form(escape(text.as_bytes()))),
        }
    }

    /// Parses `HOST:PORT`, with a port of 1 to 65535.
    pub fn tcp(text: &str) -> Result<Self, TargetError> {
        let endpoint = Endpoint::parse(text, None);
        endpoint.map(Self::Tcp).ok_or_else(|| TargetError::Endpoint(escape(text.as_bytes())))
    }

    /// Parses `http://HOST[:PORT][/PATH]`. The scheme may be left out, and the default port is 80.
    pub fn http(text: &str) -> Result<Self, TargetError> {
        let error = || TargetError::Url(escape(text.as_bytes()));
        let rest = text.strip_prefix("http://").unwrap_or(text);
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).ok_or_else(error)?;
        // A request line cannot hold these bytes: no path can put header fields into the request.
        if path.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(error());
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let endpoint = Endpoint::parse(authority, Some(80)).ok_or_else(error)?;
        Ok(Self::Http { endpoint, path })
    }

    /// A probe of the file at `path`. Fails if `path` is not absolute.
    pub fn file(path: &str) -> Result<Self, TargetError> {
        if path.starts_with('/') {
            Ok(Self::File(path.to_owned()))
        } else {
            Err(TargetError::Path(escape(path.as_bytes())))
        }
    }

    /// Probes once, for at most `timeout`. Looks for files inside `root`, and for names in the `/etc/hosts` of this
    /// process.
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

/// Connects to the first address that takes the connection.
fn connect(endpoint: &Endpoint, deadline: Deadline) -> Result<TcpStream, ProbeError> {
    let mut reason = None;
    for address in endpoint.addresses()? {
        let timeout = deadline.remaining();
        if timeout.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&SocketAddr::new(address, endpoint.port), timeout) {
            // If nothing listens on a port of the ephemeral range, the kernel may connect this process to itself.
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

/// The kernel's reason, in words that stay the same from try to try.
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
