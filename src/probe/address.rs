//! The host and port of a probe: an address, or a name of `/etc/hosts` (hosts(5)).

use std::fmt;
use std::io::Read;
use std::net::{IpAddr, Ipv6Addr};

use super::ProbeError;
use crate::text::escape::escape;

/// How many bytes of `/etc/hosts` are read.
const HOSTS_BYTES: u64 = 1024 * 1024;

/// Host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A name or an IPv4 address, or an IPv6 address without brackets.
    host: String,
    pub(super) port: u16,
}

impl Endpoint {
    /// Parses `HOST:PORT` or `[IPv6]:PORT`. The port may be left out if there is a default port.
    pub(super) fn parse(text: &str, default_port: Option<u16>) -> Option<Self> {
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, port) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        } else {
            let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
            if host.is_empty() || !host.bytes().all(plain) {
                return None;
            }
            (host, port)
        };
        let port = port.map_or(default_port, |port| port.parse().ok()).filter(|port| *port != 0)?;
        Some(Self { host: host.to_owned(), port })
    }

    /// The addresses of the host, in the order of `/etc/hosts`. Fails if the name is not there.
    pub(super) fn addresses(&self) -> Result<Vec<IpAddr>, ProbeError> {
        if let Ok(address) = self.host.parse() {
            return Ok(vec![address]);
        }
        let mut text = Vec::new();
        if let Ok(file) = std::fs::File::open("/etc/hosts") {
            // A part that could not be read names no host.
            let _ = file.take(HOSTS_BYTES).read_to_end(&mut text);
        }
        let found = look_up(&String::from_utf8_lossy(&text), &self.host);
        if found.is_empty() { Err(ProbeError::UnknownHost(escape(self.host.as_bytes()))) } else { Ok(found) }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

fn look_up(hosts: &str, name: &str) -> Vec<IpAddr> {
    let line = |line: &str| {
        let mut words = line.split('#').next()?.split_ascii_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|known| known.eq_ignore_ascii_case(name)).then_some(address)
    };
    hosts.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_etc_hosts() {
        let hosts =
            "# none\n127.0.0.1\tlocalhost ip4 # db\n::1 localhost ip6-localhost\nnonsense db\n10.0.0.7 DB.local db\n";
        let found = |name: &str| look_up(hosts, name).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(found("localhost"), ["127.0.0.1", "::1"]);
        assert_eq!(found("db"), ["10.0.0.7"]);
        assert_eq!(found("db.LOCAL"), ["10.0.0.7"]);
        assert!(found("127.0.0.1").is_empty() && found("none").is_empty());
    }

    #[test]
    fn an_unknown_name_is_said() {
        let endpoint = Endpoint::parse("nobody.invalid:1", None).unwrap();
        assert!(endpoint.addresses().unwrap_err().to_string().contains("no DNS server is asked"));
    }
}
