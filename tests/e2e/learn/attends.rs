//! What `learn` attends to while it looks at processes. strace(1) makes each of its looks slow, and tells the order.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use super::tree;
use crate::harness::init_app::eventually;
use crate::harness::tree::Tree;

/// How many processes there are. Each takes some 50 ms to be looked at.
const CROWD: usize = 100;

/// `learn` of such a crowd, in a process namespace of its own.
struct Slow {
    tree: Tree,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    log: tempfile::NamedTempFile,
    /// The pid of `learn`.
    own: String,
}

impl Slow {
    fn start(flags: &str) -> Self {
        let (tree, log) = (tree(), tempfile::NamedTempFile::new().unwrap());
        let script = format!(
            "mount -t proc proc \"$0/proc\"; strace -qq -o \"$1\" -e trace=openat,kill -e signal=none \
             -e inject=openat:delay_enter=10000 chroot \"$0\" /lithify learn --out /tmp/p.toml {flags} -- /bin/tasks crowd {CROWD}; exit"
        );
        let mut unshare = Command::new("unshare");
        unshare
            .args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", &script])
            .arg(tree.path())
            .arg(log.path());
        let mut child = unshare.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        let first_child = |pid: &str| {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
            children.split_whitespace().next().unwrap().to_owned()
        };
        let own = first_child(&first_child(&first_child(&child.id().to_string())));
        assert_eq!(fs::read_to_string(format!("/proc/{own}/comm")).unwrap(), "lithify\n");
        Self { tree, child, lines, log, own }
    }

    fn send(&self, signal: &str) {
        assert!(Command::new("/bin/kill").args([signal, &self.own]).status().unwrap().success());
    }

    fn line(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }

    /// The processes of which this file was opened, in the lines of the log that `part` takes.
    fn looked_at(&self, file: &str, part: impl Fn(&str) -> &str) -> BTreeSet<String> {
        let log = fs::read_to_string(self.log.path()).unwrap();
        let name = |line: &str| Some(line.split_once(", \"")?.1.split_once(file)?.0.to_owned());
        part(&log).lines().filter_map(name).collect()
    }

    fn profile(&self) -> PathBuf {
        self.tree.at("/tmp/p.toml")
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn signals_and_forks_of_the_app_do_not_wait_until_all_is_looked_at() {
    let mut slow = Slow::start("--for 1");
    eventually("it looks at what the crowd has mapped", || {
        (slow.looked_at("/maps\"", |log| log).len() > 2).then_some(())
    });
    // The app forks, and tells the next signal once that fork has returned.
    for (signal, line) in [("-USR2", "12"), ("-USR1", "10")] {
        slow.send(signal);
        assert_eq!(slow.line(), line);
    }
    eventually("the profile", || slow.profile().exists().then_some(()));
    let before = |log: &str| log.find(", SIGUSR1)").unwrap();
    let early = slow.looked_at("/maps\"", |log| &log[..before(log)]);
    let late = slow.looked_at("/maps\"", |log| &log[before(log)..]);
    assert!(late.difference(&early).count() > 0, "{} of {CROWD} were looked at before", early.len());
}

#[test]
fn a_signal_that_ends_the_app_waits_for_a_few_looks_only() {
    let mut slow = Slow::start("");
    slow.send("-TERM");
    assert_eq!(slow.line(), "15");
    // The app may be quicker than who writes the log.
    let ended = |log: &str| log.contains(", SIGTERM)");
    eventually("the signal in the log", || {
        let looked_at = slow.looked_at("/net/tcp\"", |log| if ended(log) { log } else { "" });
        (!looked_at.is_empty()).then_some(())
    });
    let before = slow.looked_at("/net/tcp\"", |log| &log[..log.find(", SIGTERM)").unwrap()]);
    assert!(!before.is_empty() && before.len() < CROWD / 2, "{} of {CROWD} were looked at before", before.len());
    assert_eq!(slow.child.wait().unwrap().code(), Some(0));
    assert!(slow.profile().exists());
}
