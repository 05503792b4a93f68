//! `/proc/PID/net/tcp`, `tcp6`, `udp` and `udp6` (`proc_pid_net(5)`): sockets that wait for somebody.

use std::net::Ipv6Addr;

/// A socket that takes connections, or datagrams from anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// TCP if `true`, else UDP.
    pub tcp: bool,
    /// Its port.
    pub port: u16,
    /// Whether its address is one of the loopback interface.
    pub loopback: bool,
    /// By this number, `/proc/PID/fd` names it.
    pub inode: u64,
}

/// The files, and whether they are of TCP.
pub(super) const FILES: [(&str, bool); 4] =
    [("net/tcp", true), ("net/tcp6", true), ("net/udp", false), ("net/udp6", false)];

/// The states of a TCP socket that listens, and of a UDP socket without a peer (`net/tcp_states.h`).
const LISTEN: &str = "0A";
const CLOSE: &str = "07";

/// Adds the sockets of one file that wait. Lines of another form are left out.
pub fn parse(text: &str, tcp: bool, found: &mut Vec<Waiting>) {
    found.extend(text.lines().skip(1).filter_map(|line| parse_line(line, tcp)));
}

/// One line: number, local address, remote address, state, four fields of queues and timers, user, timeout, inode.
fn parse_line(line: &str, tcp: bool) -> Option<Waiting> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (address, port) = fields.next()?.split_once(':')?;
    let (_, peer) = fields.next()?.split_once(':')?;
    let waits = fields.next()? == if tcp { LISTEN } else { CLOSE };
    let inode = fields.nth(5)?.parse().ok()?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let free = u16::from_str_radix(peer, 16).ok()? == 0;
    (waits && free && port != 0).then_some(Waiting { tcp, port, loopback: is_loopback(address)?, inode })
}

/// Whether an address is one of the loopback interface: words of 32 bits in hexadecimal, each in the byte order of this
/// machine.
fn is_loopback(address: &str) -> Option<bool> {
    let mut bytes = [0; 16];
    let words = address.as_bytes().chunks(8);
    for (word, place) in words.zip(bytes.chunks_mut(4)) {
        let word = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
        place.copy_from_slice(&word.to_ne_bytes());
    }
    match address.len() {
        8 => Some(bytes.first() == Some(&127)),
        32 => {
            let address = Ipv6Addr::from(bytes);
            Some(address.is_loopback() || address.to_ipv4_mapped().is_some_and(|address| address.is_loopback()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;
    use crate::linux::proc::{Proc, Task};
    use proptest::prelude::*;

    fn one(line: &str, tcp: bool) -> Option<(u16, bool, u64)> {
        parse_line(line, tcp).map(|socket| (socket.port, socket.loopback, socket.inode))
    }

    // The addresses are those of a little-endian machine.
    #[cfg(target_endian = "little")]
    #[test]
    fn lines() {
        let listens =
            "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0";
        assert_eq!(one(listens, true), Some((8080, true, 4711)));
        assert_eq!(one(listens, false), None);
        let connected = "   1: 0100007F:1F90 0100007F:0050 01 00000000:00000000 00:00000000 00000000  0 0 12 1 0";
        assert_eq!(one(connected, true), None);
        let six =
            "   2: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 13 1";
        assert_eq!(one(six, true), Some((80, true, 13)));
        let mapped =
            "   2: 0000000000000000FFFF00000100007F:0050 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 13 1";
        assert_eq!(one(mapped, true), Some((80, true, 13)));
        let any =
            "   3: 00000000000000000000000000000000:0035 00000000000000000000000000000000:0000 07 0:0 00:0 0 0 0 14 1";
        assert_eq!(one(any, false), Some((53, false, 14)));
        for line in ["", "x", "0: 1:1 2:2 0A 1 2 3 4 5 6", "0: 0100007F:FFFFF 0:0 0A 0:0 0 0 0 0 1"] {
            assert_eq!(one(line, true), None, "{line}");
        }
    }

    #[test]
    fn sockets_of_this_process() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("0.0.0.0:0").unwrap();
        let six = TcpListener::bind("[::]:0").unwrap();
        let found = Proc::open().and_then(|proc| proc.held(Task::Own, &proc.waiting(Task::Own))).unwrap();
        let seen = |tcp: bool, port: u16| {
            let found = found.iter().find(|socket| socket.tcp == tcp && socket.port == port);
            found.map(|socket| socket.loopback)
        };
        assert_eq!(seen(true, tcp.local_addr().unwrap().port()), Some(true));
        assert_eq!(seen(false, udp.local_addr().unwrap().port()), Some(false));
        assert_eq!(seen(true, six.local_addr().unwrap().port()), Some(false));
    }

    proptest! {
        #[test]
        fn never_panics(text: String, tcp: bool) {
            parse(&text, tcp, &mut Vec::new());
        }

        #[test]
        fn whatever_is_printed_is_read(octets: [u8; 4], port in 1u16.., inode: u64, tcp: bool) {
            let address = u32::from_ne_bytes(octets);
            let state = if tcp { LISTEN } else { CLOSE };
            let line = format!("  7: {address:08X}:{port:04X} 00000000:0000 {state} 0:0 00:0 0 0 0 {inode} 2 0");
            let expected = Waiting { tcp, port, loopback: octets[0] == 127, inode };
            prop_assert_eq!(parse_line(&line, tcp), Some(expected));
            prop_assert_eq!(parse_line(&line, !tcp), None);
        }
    }
}
