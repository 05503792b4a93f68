//! One GET request (RFC 9112), of whose answer only the status line is read.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::address::Endpoint;
use super::{ProbeError, TIMED_OUT, describe};
use crate::linux::deadline::Deadline;

/// A status line is shorter than this.
const HEAD_BYTES: usize = 4096;

/// Succeeds for status 200 to 399, the kubelet's rule.
pub(super) fn get(
    mut stream: &TcpStream,
    endpoint: &Endpoint,
    path: &str,
    deadline: Deadline,
) -> Result<(), ProbeError> {
    let failed = |error: std::io::Error| ProbeError::Exchange(describe(&error));
    let version = env!("CARGO_PKG_VERSION");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {endpoint}\r\nUser-Agent: lithify/{version}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    stream.set_write_timeout(Some(left(deadline)?)).map_err(failed)?;
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut head = Vec::new();
    let mut buffer = [0; 512];
    while head.len() < HEAD_BYTES && !skip_interim(&mut head) {
        stream.set_read_timeout(Some(left(deadline)?)).map_err(failed)?;
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => head.extend_from_slice(buffer.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    match status(&head).ok_or(ProbeError::NotHttp)? {
        200..=399 => Ok(()),
        status => Err(ProbeError::Status(status)),
    }
}

/// Takes away answers of status 1xx, which come before the one that counts; whether that one's status line is there.
fn skip_interim(head: &mut Vec<u8>) -> bool {
    while status(head).is_some_and(|status| status / 100 == 1 && status != 101) {
        let Some(end) = head.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return false };
        head.drain(..end + 4);
    }
    head.contains(&b'\n')
}

fn left(deadline: Deadline) -> Result<Duration, ProbeError> {
    let left = deadline.remaining();
    if left.is_zero() { Err(ProbeError::Exchange(TIMED_OUT)) } else { Ok(left) }
}

/// `HTTP/1.x NNN`; the reason behind it may hold any byte.
fn status(head: &[u8]) -> Option<u16> {
    let mut words = head.split(|&byte| byte == b'\n').next()?.splitn(3, |&byte| byte == b' ');
    let mut word = || std::str::from_utf8(words.next()?).ok();
    word()?.strip_prefix("HTTP/1.")?;
    let code = word()?.trim_end_matches('\r');
    (code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit())).then(|| code.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Target;
    use crate::root::Root;
    use std::net::TcpListener;
    use std::path::Path;

    #[test]
    fn status_lines() {
        assert_eq!(status(b"HTTP/1.1 204 No Content\r\nX: y"), Some(204));
        assert_eq!(status(b"HTTP/1.0 500\n"), Some(500));
        assert_eq!(status(b"HTTP/1.1 200\r\n"), Some(200));
        // A reason in Latin-1, as RFC 9112 lets a server have it.
        assert_eq!(status(b"HTTP/1.1 200 pr\xeat\r\n"), Some(200));
        for wrong in
            [b"".as_slice(), b"HTTP/2 200", b"HTTP/1.1 20", b"HTTP/1.1 2000 x", b"SSH-2.0-x", b"HTTP/1.1\xff 200"]
        {
            assert_eq!(status(wrong), None);
        }
    }

    /// What a GET for `/ready` gets from a server that answers so; and the request.
    fn exchange(answer: &'static [u8], timeout: Duration) -> (Result<(), ProbeError>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(answer).unwrap();
            if answer.is_empty() {
                // Says nothing for as long as the other side waits.
                let _ = stream.read(&mut [0]);
            }
            String::from_utf8(request[..length].to_vec()).unwrap()
        });
        let root = Root::open(Path::new("/")).unwrap();
        let result = Target::http(&format!("127.0.0.1:{port}/ready")).unwrap().probe(&root, timeout);
        (result, server.join().unwrap())
    }

    #[test]
    fn answers() {
        let long = Duration::from_secs(60);
        let (result, request) = exchange(b"HTTP/1.1 200 OK\r\n\r\n", long);
        result.unwrap();
        assert!(request.starts_with("GET /ready HTTP/1.1\r\nHost: 127.0.0.1:"), "{request}");
        assert!(request.ends_with("\r\nConnection: close\r\n\r\n"), "{request}");
        exchange(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", long).0.unwrap();
        exchange(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 \r\n\r\nHTTP/1.1 200 OK\r\n", long)
            .0
            .unwrap();
        let late = exchange(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\n", long).0;
        assert!(matches!(late, Err(ProbeError::Status(503))), "{late:?}");
        assert!(matches!(exchange(b"HTTP/1.1 404 Not Found\r\n", long).0, Err(ProbeError::Status(404))));
        assert!(matches!(exchange(b"HTTP/1.1 101 x\r\n", long).0, Err(ProbeError::Status(101))));
        assert!(matches!(exchange(b"220 mail\r\n", long).0, Err(ProbeError::NotHttp)));
        let (result, _) = exchange(b"", Duration::from_secs(1));
        assert_eq!(result.unwrap_err().to_string(), "it took the connection, and then: no answer in time");
    }
}
