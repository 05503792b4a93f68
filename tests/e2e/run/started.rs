//! A command that lithify has started as the first process, with its output line by line.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Command, Stdio};

use nix::unistd::Pid;

use crate::harness::init_app::{app, eventually};
use crate::harness::lithify;

/// `run FLAGS -- app ARGUMENTS` as process 1 of a namespace of its own.
pub fn first(flags: &[&str], arguments: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]).arg(lithify());
    command.arg("run").args(flags).arg("--").arg(app()).args(arguments).stdin(Stdio::null());
    command
}

/// The same as a process like any other.
pub fn other(flags: &[&str], arguments: &[&str]) -> Command {
    let mut command = Command::new(lithify());
    command.arg("run").args(flags).arg("--").arg(app()).args(arguments).stdin(Stdio::null());
    command
}

/// A started command, its output line by line, and lithify's own pid.
pub struct Started {
    pub child: Child,
    pub lines: Lines<BufReader<ChildStdout>>,
    pub init: Pid,
}

impl Started {
    pub fn new(command: Command) -> Self {
        Self::named(command, "lithify")
    }

    /// The same for lithify by another name.
    pub fn named(mut command: Command, name: &str) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let own = Pid::from_raw(child.id().try_into().unwrap());
        let is_lithify =
            |pid: Pid| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim_end() == name);
        let init = eventually("lithify runs", || {
            if is_lithify(own) { Some(own) } else { children(own).into_iter().find(|pid| is_lithify(*pid)) }
        });
        Self { child, lines, init }
    }

    pub fn line(&mut self) -> String {
        self.lines.next().unwrap_or_else(|| panic!("no more output")).unwrap()
    }

    /// Sends any signal, also a real-time one.
    pub fn send(&self, signal: i32) {
        let status = Command::new("/bin/kill").arg(format!("-{signal}")).arg(self.init.to_string()).status().unwrap();
        assert!(status.success(), "kill -{signal}");
    }

    /// It is still there, and has nothing to do.
    #[track_caller]
    pub fn waits(&self) {
        eventually("lithify waits", || (state(self.init) == 'S').then_some(()));
    }

    /// It has stopped itself.
    #[track_caller]
    pub fn stops(&self) {
        eventually("lithify stops", || (state(self.init) == 'T').then_some(()));
    }

    pub fn code(mut self) -> i32 {
        let status = self.child.wait().unwrap();
        status.code().unwrap_or_else(|| -status.signal().unwrap())
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn children(pid: Pid) -> Vec<Pid> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().map(|pid| Pid::from_raw(pid.parse().unwrap())).collect()
}

pub fn state(pid: Pid) -> char {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().and_then(|rest| rest.chars().next()).unwrap_or('-')
}
