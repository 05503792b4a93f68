//! A terminal, and a command on it as the leader of its session.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::openpty;

/// The side of the terminal that a person has.
pub struct Pty {
    master: File,
    said: String,
    child: Child,
}

impl Pty {
    /// Starts `command`, which leads a session with the terminal as its own.
    pub fn start(command: &[&str]) -> Self {
        let pty = openpty(None, None).unwrap();
        let slave = File::from(pty.slave);
        let mut setsid = Command::new("setsid");
        setsid.args(["--ctty", "--wait"]).args(command).env("PS1", "ready> ").env("TERM", "dumb");
        let stream = || slave.try_clone().unwrap();
        let child = setsid.stdin(stream()).stdout(stream()).stderr(stream()).spawn().unwrap();
        Self { master: pty.master.into(), said: String::new(), child }
    }

    /// Types `text`, then waits until the terminal has shown `answer` after that.
    #[track_caller]
    pub fn types(&mut self, text: &str, answer: &str) {
        self.said.clear();
        self.master.write_all(text.as_bytes()).unwrap();
        self.shows(answer);
    }

    /// Waits until the terminal shows `text`.
    #[track_caller]
    pub fn shows(&mut self, text: &str) {
        let start = Instant::now();
        while !self.said.contains(text) {
            assert!(start.elapsed() < Duration::from_secs(60), "not within 60 s: {text:?}: {:?}", self.said);
            let mut ready = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
            if poll(&mut ready, PollTimeout::from(1000u16)).unwrap() == 0 {
                continue;
            }
            let mut buffer = [0; 4096];
            let length = self.master.read(&mut buffer).unwrap_or(0);
            assert!(length > 0, "the terminal is closed before {text:?}: {:?}", self.said);
            self.said.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    }
}

impl Drop for Pty {
    /// The session ends with its terminal: the kernel sends SIGHUP.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
