//! One GET request (RFC 9112). Only the status line of the answer is read.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::address::Endpoint;
use super::{ProbeError, TIMED_OUT, describe};
use crate::linux::deadline::Deadline;

/// A status line is shorter than this.
const HEAD_BYTES: usize = 4096;

/// Sends the request. Succeeds for a status of 200 to 399, the kubelet's rule.
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

/// Removes interim answers (status 1xx), which come before the final answer. Returns whether the status line of the
/// final answer is complete.
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

/// The status of `HTTP/1.x NNN`; the reason phrase after it may hold any byte.
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
    use proptest::prelude::*;
    use std::net::TcpListener;
    use std::path::Path;

    /// What `httparse` takes for the status of an answer; `None` where it refuses the answer or lacks a part of its line.
    fn theirs(head: &[u8]) -> Option<u16> {
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut response = httparse::Response::new(&mut headers);
        response.parse(head).ok()?;
        response.code
    }

    proptest! {
        #![proptest_config(ProptestConfig { max_global_rejects: 10_000, ..ProptestConfig::default() })]

        /// `httparse` is stricter: it wants HTTP/1.0 or 1.1, a reason that is text, and valid header fields. What it takes
        /// has the same status here; the other way round a server that is nearly right is one that answers.
        #[test]
        fn what_httparse_takes_has_the_same_status(
            head in prop_oneof![
                "HTTP/1\\.[01] [0-9]{3}( [ -~]{0,12})?(\r\n|\n)([A-Za-z-]{1,8}: [ -~]{0,8}\r\n){0,3}\r\n",
                "HTTP/[0-9](\\.[0-9])? [0-9]{1,4} ?[ -~]{0,12}\r?\n?",
                "[HTP/1. 0-9\r\n]{0,24}",
            ],
            at in 0usize..40,
            byte: u8,
            change: bool,
        ) {
            let mut head = head.into_bytes();
            if let (true, Some(place)) = (change, head.get_mut(at)) {
                *place = byte;
            }
            let expected = theirs(&head);
            // Empty lines before the status line, which RFC 9112 lets a server of requests skip, are none of an answer.
            prop_assume!(expected.is_some() && !head.starts_with(b"\r") && !head.starts_with(b"\n"));
            prop_assert_eq!(status(&head), expected, "{:?}", String::from_utf8_lossy(&head));
        }

        /// And what has a status here is refused there for one of these reasons only.
        #[test]
        fn what_has_a_status_is_nearly_right(minor in 0u8..10, code in 0u16..1000, reason in "[ -~]{0,12}", end in "\r?\n") {
            let head = format!("HTTP/1.{minor} {code:03} {reason}{end}\r\n");
            prop_assert_eq!(status(head.as_bytes()), Some(code));
            if minor < 2 {
                prop_assert_eq!(theirs(head.as_bytes()), Some(code));
            }
        }
    }

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
