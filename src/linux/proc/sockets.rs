//! `/proc/PID/net/tcp`, `tcp6`, `udp` and `udp6` (`proc_pid_net(5)`): where a process listens.

use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt;

use super::Task;

/// A socket that waits for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listening {
    /// TCP if `true`, else UDP.
    pub tcp: bool,
    /// The port's number.
    pub port: u16,
    /// Whether only this machine can reach it.
    pub loopback: bool,
}

/// The files, whether they are of TCP, and the state of a socket that waits: `TCP_LISTEN`, and `TCP_CLOSE` for a UDP socket
/// that is not connected.
const FILES: [(&str, bool, &str); 4] =
    [("net/tcp", true, "0A"), ("net/tcp6", true, "0A"), ("net/udp", false, "07"), ("net/udp6", false, "07")];

/// The sockets of the task that wait for somebody. Leaves out those of `seen`, and adds all of the task's to it. What
/// cannot be read is left out.
pub fn listening(task: Task, seen: &mut HashSet<u64>) -> Vec<Listening> {
    let descriptors = std::fs::read_dir(task.path("fd")).into_iter().flatten().flatten();
    let links = descriptors.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let inode = |link: std::path::PathBuf| {
        let inode = link.as_os_str().as_bytes().strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
        std::str::from_utf8(inode).ok()?.parse::<u64>().ok()
    };
    let own: Vec<u64> = links.filter_map(inode).filter(|inode| seen.insert(*inode)).collect();
    let mut found = Vec::new();
    for (file, tcp, state) in FILES.iter().filter(|_| !own.is_empty()) {
        let text = task.read(file).unwrap_or_default();
        for line in text.split(|&byte| byte == b'\n').skip(1) {
            let socket = parse(line).filter(|socket| socket.state == *state && own.contains(&socket.inode));
            found.extend(socket.map(|Socket { port, loopback, .. }| Listening { tcp: *tcp, port, loopback }));
        }
    }
    found
}

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
struct Socket<'a> {
    port: u16,
    loopback: bool,
    state: &'a str,
    inode: u64,
}

/// One line: number, local and remote address, state, queues, timer, retransmits, uid, timeout, inode. Addresses are in
/// words of 32 bits in the machine's byte order.
fn parse(line: &[u8]) -> Option<Socket<'_>> {
    let mut fields = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
    let (address, port) = fields.nth(1)?.split_once(':')?;
    let state = fields.nth(1)?;
    let inode = fields.nth(5)?.parse().ok()?;
    let word = |at: usize| u32::from_str_radix(address.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    let loopback = match address.len() {
        8 => word(0)?[0] == 127,
        32 => {
            let words = (word(0)?, word(8)?, word(16)?, word(24)?);
            let is_mapped = (words.0, words.1, words.2) == ([0; 4], [0; 4], [0, 0, 0xff, 0xff]);
            let is_one = (words.0, words.1, words.2, words.3) == ([0; 4], [0; 4], [0; 4], [0, 0, 0, 1]);
            is_one || is_mapped && words.3[0] == 127
        }
        _ => return None,
    };
    Some(Socket { port: u16::from_str_radix(port, 16).ok()?, loopback, state, inode })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_of_both_families() {
        let line = b"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0";
        let loopback = cfg!(target_endian = "little");
        assert_eq!(parse(line), Some(Socket { port: 8080, loopback, state: "0A", inode: 4711 }));
        let line = b"  11: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 12 1 0";
        assert_eq!(parse(line), Some(Socket { port: 80, loopback, state: "0A", inode: 12 }));
        assert_eq!(parse(b"  sl  local_address rem_address   st tx_queue"), None);
    }

    #[test]
    fn a_port_of_this_process() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let found = listening(Task::Own, &mut HashSet::new());
        assert!(found.contains(&Listening { tcp: true, port, loopback: true }), "{found:?}");
    }

    proptest! {
        #[test]
        fn never_panics(line: Vec<u8>) {
            parse(&line);
        }
    }
}
