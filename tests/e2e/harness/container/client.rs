//! Clients in the same pod.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};

use super::Container;
use crate::harness::run;

impl Container {
    /// What an HTTP client in the same pod gets from its port 8080.
    #[track_caller]
    pub fn http(&self) -> String {
        self.http_at("8080/")
    }

    /// The same from another port and path.
    #[track_caller]
    pub fn http_at(&self, port_and_path: &str) -> String {
        let url = format!("http://127.0.0.1:{port_and_path}");
        let mut answer = String::new();
        self.wait("answer", || {
            let curl = ["-t", &self.pid(), "-n", "curl", "-sS", "--max-time", "20", &url];
            let ran = run(Command::new("nsenter").args(curl));
            answer = ran.stdout;
            ran.code == 0
        });
        answer
    }

    /// What its port answers to this request, up to a line feed, asked from within the same pod.
    #[track_caller]
    pub fn tcp(&self, port: u16, request: &str) -> String {
        let mut answer = String::new();
        self.wait("answer", || {
            let asked = self.ask(port, request.as_bytes(), b"\n");
            asked.map(|bytes| answer = String::from_utf8_lossy(&bytes).into_owned()).is_ok()
        });
        answer
    }

    /// What its port answers at once, up to this part of an answer or the end (at once if it is empty), asked from within the same pod.
    pub fn ask(&self, port: u16, request: &[u8], until: &[u8]) -> std::io::Result<Vec<u8>> {
        let network = fs::File::open(format!("/proc/{}/ns/net", self.pid()))?;
        let talk = || {
            setns(&network, CloneFlags::CLONE_NEWNET)?;
            let mut stream = TcpStream::connect(("127.0.0.1", port))?;
            stream.set_read_timeout(Some(Duration::from_secs(20)))?;
            stream.write_all(request)?;
            let (mut answer, mut part) = (Vec::new(), [0; 4096]);
            while !until.is_empty() && !answer.windows(until.len()).any(|bytes| bytes == until) {
                match stream.read(&mut part)? {
                    0 => break,
                    read => answer.extend_from_slice(&part[..read]),
                }
            }
            Ok(answer)
        };
        // On a thread of its own, whose network namespace ends with it.
        std::thread::scope(|scope| scope.spawn(talk).join().unwrap())
    }
}
