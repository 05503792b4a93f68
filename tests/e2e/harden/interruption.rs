//! Killed at any moment, the next run ends in the same state.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Command;

use crate::harness::tree::{Tree, dangling_links};
use crate::harness::{command, harden, lithify};

fn tree() -> Tree {
    let tree = Tree::new();
    tree.file("/bin/dash")
        .link("/bin/sh", "dash")
        .link("/usr/local/bin/x", "/bin/sh")
        .hard_link("/opt/hidden", "/bin/dash");
    tree.file("/opt/editor/vim.basic")
        .link("/etc/alternatives/vi", "/opt/editor/vim.basic")
        .link("/bin/vi", "/etc/alternatives/vi");
    tree.link("/home/edit", "/etc/alternatives/vi")
        .hard_link("/srv/v", "/opt/editor/vim.basic")
        .link("/bin/view", "/srv/v");
    tree.file("/opt/tool/bin/a").file("/opt/tool/b").link("/bin/a", "/opt/tool/bin/a").file("/bin/stays");
    tree
}

const ARGUMENTS: [&str; 8] = ["-p", "shells", "--remove", "vi", "--remove", "/opt/tool", "--remove", "touch"];

/// What a run that nobody interrupts leaves.
fn expected() -> BTreeMap<PathBuf, String> {
    let whole = tree();
    harden(whole.path(), ARGUMENTS).exits(0);
    whole.assert_gone(&["/bin/dash", "/bin/sh", "/usr/local/bin/x", "/opt/hidden", "/opt/tool", "/bin/a"]);
    whole.assert_gone(&[
        "/opt/editor/vim.basic",
        "/etc/alternatives/vi",
        "/bin/vi",
        "/home/edit",
        "/srv/v",
        "/bin/view",
    ]);
    whole.assert_there(&["/bin/stays", "/opt/editor"]);
    whole.manifest()
}

#[test]
fn at_every_deletion() {
    let expected = expected();
    let mut killed = 0;
    for nth in 1..40 {
        for (call, when) in [("unlinkat", "enter"), ("unlinkat", "exit"), ("statx", "exit")] {
            let tree = tree();
            // strace delivers the signal before the nth call takes effect, or, with a delay, right after it.
            let inject = match when {
                "enter" => format!("inject={call}:signal=KILL:error=EINTR:when={nth}"),
                _ => format!("inject={call}:signal=KILL:when={nth}"),
            };
            let status = Command::new("strace")
                .args(["-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject])
                .arg(lithify())
                .args(["harden", "--root"])
                .arg(tree.path())
                .args(ARGUMENTS)
                .env_clear()
                .status()
                .unwrap();
            killed += i32::from(!status.success());
            harden(tree.path(), ARGUMENTS).exits(0);
            assert_eq!(tree.manifest(), expected, "killed at {call} {nth} ({when})");
            assert!(dangling_links(tree.path()).is_empty());
        }
    }
    assert!(killed > 30, "only {killed} runs were killed");
}

#[test]
fn at_any_time() {
    let (expected, mut killed) = (expected(), 0);
    for delay in (0..4000).step_by(100) {
        let tree = tree();
        let mut child = command()
            .arg("harden")
            .arg("--root")
            .arg(tree.path())
            .args(ARGUMENTS)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_micros(delay));
        // It may have ended by itself: then there is nobody to kill.
        let _ = child.kill();
        killed += i32::from(child.wait().unwrap().signal().is_some());
        harden(tree.path(), ARGUMENTS).exits(0);
        assert_eq!(tree.manifest(), expected);
    }
    assert!(killed > 0, "every run had ended before it was killed");
}
