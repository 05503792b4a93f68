//! A report that nobody can read is none: exit 1, whatever the command; but `run` starts the app.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use crate::harness::container::Spec;
use crate::harness::init_app::eventually;
use crate::harness::tree::Tree;
use crate::harness::{command, rootfs, run};

/// How standard output is lost, and what is said of it.
const WAYS: [(&str, &str); 3] = [
    ("full", "No space left on device (ENOSPC)"),
    ("closed", "Bad file number (EBADF)"),
    ("nobody reads", "Broken pipe (EPIPE)"),
];

/// Every command that prints what it did, as it would end well; `ROOT` is a tree.
const COMMANDS: [&str; 17] = [
    "--help",
    "--version",
    "harden --help",
    "harden --root ROOT --remove none",
    "harden --root ROOT --remove none --format json",
    "harden --root ROOT --remove sh --dry-run",
    "verify --root ROOT -p ROOT/profile.toml",
    "scan --root ROOT",
    "scan --root ROOT --format json",
    "scan --root ROOT --print-baseline",
    "stage --root ROOT -p ROOT/profile.toml /data --to VOLUME",
    "install VOLUME",
    "profile list",
    "profile show shells",
    "profile check ROOT/profile.toml",
    "profile schema",
    "probe file ROOT/profile.toml",
];

/// `command` with its standard output lost.
fn losing(way: &str, command: &mut Command) -> Command {
    // Rust's own Command cannot close a descriptor of its child.
    let script = if way == "closed" { "exec \"$@\" >&-" } else { "exec \"$@\"" };
    let mut shell = Command::new("/bin/sh");
    shell.env_clear().args(["-c", script, "sh"]).arg(command.get_program()).args(command.get_args());
    match way {
        "full" => shell.stdout(File::options().write(true).open("/dev/full").unwrap()),
        "nobody reads" => {
            let (reader, writer) = nix::unistd::pipe().unwrap();
            drop(reader);
            shell.stdout(Stdio::from(writer))
        }
        _ => &mut shell,
    };
    shell
}

fn tree() -> Tree {
    let tree = Tree::new();
    tree.file("/bin/sh").file("/data/file");
    tree.file_with("/profile.toml", "schema = 1\nname = \"site\"\n[remove]\nnames = [\"none\"]\n");
    tree
}

fn arguments(text: &str, tree: &Tree, volume: &Tree) -> Vec<String> {
    let place = |tree: &Tree| tree.path().to_str().unwrap().to_owned();
    text.split(' ').map(|word| word.replace("ROOT", &place(tree)).replace("VOLUME", &place(volume))).collect()
}

#[test]
fn a_report_that_cannot_be_written_is_a_finding_whatever_the_command() {
    let tree = tree();
    for text in COMMANDS {
        let volume = Tree::new();
        let arguments = arguments(text, &tree, &volume);
        // As it is.
        let ran = run(command().args(&arguments)).exits(0);
        assert!(!ran.stdout.is_empty(), "{text}");
        for (way, says) in WAYS {
            let ran = run(losing(way, command().args(&arguments)).stderr(Stdio::piped())).says(says);
            assert_eq!((ran.code, ran.all().lines().count()), (1, 1), "{text}, {way}: {}", ran.all());
            assert!(ran.stderr.starts_with("lithify "), "{text}, {way}: {}", ran.stderr);
        }
        // Where all that is written is meant to be lost, nothing is.
        assert_eq!(run(command().args(&arguments).stdout(Stdio::null())).all(), "", "{text}");
    }
}

#[test]
fn what_failed_keeps_its_own_exit_code_and_silence_needs_no_reader() {
    let tree = tree();
    tree.file("/lib/libc.so.6");
    let volume = Tree::new();
    for (text, code) in [
        ("harden --root ROOT --remove /lib/*", 3),
        ("harden --root ROOT -p nonsense", 2),
        ("harden --nonsense", 2),
        ("profile check ROOT/nonsense.toml", 2),
        ("scan --root ROOT --fail-on all", 1),
        ("probe file ROOT/nonsense", 1),
        ("harden -q --root ROOT --remove none", 0),
        ("verify -q --root ROOT -p ROOT/profile.toml", 0),
        ("sleep 0", 0),
    ] {
        for (way, _) in WAYS {
            let ran = run(losing(way, command().args(arguments(text, &tree, &volume))).stderr(Stdio::piped()));
            assert_eq!(ran.code, code, "{text}, {way}: {}", ran.all());
        }
    }
}

#[test]
fn a_pipe_that_is_full_for_a_while_gets_all_of_it() {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    use std::io::Read;
    let whole = run(command().args(["profile", "schema"])).exits(0).stdout;
    let (reader, writer) = nix::unistd::pipe().unwrap();
    // Of somebody who shares the pipe, as node does: smaller than the text, and non-blocking.
    fcntl(&writer, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    assert!(whole.len() > 8192, "{}", whole.len());
    let mut child = command().args(["profile", "schema"]).stdout(Stdio::from(writer)).spawn().unwrap();
    // It waits in poll(2): the pipe is full, and the text has not come to its end.
    eventually("it waits for room", || {
        let call = fs::read_to_string(format!("/proc/{}/syscall", child.id())).unwrap();
        call.starts_with(&format!("{} ", nix::libc::SYS_poll)).then_some(())
    });
    let mut text = String::new();
    File::from(reader).read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(text, whole);
}

#[test]
fn run_starts_the_app_and_notes_it_where_it_can() {
    let container = Spec::new(&rootfs("nginx"), &["/bin/sleep", "1000"]).start();
    for (redirection, says) in [("2>/dev/full", "ENOSPC"), ("2>&-", "EBADF")] {
        let script = format!(
            "exec /lithify/lithify run --remove tac --log /tmp/log -- /bin/sh -c 'echo the app >/tmp/app' {redirection}"
        );
        container.exec(["/bin/sh", "-c", script.as_str()]).exits(0);
        assert_eq!(fs::read_to_string(container.root().join("tmp/app")).unwrap(), "the app\n", "{redirection}");
        let note = "lithify run: the report could not be written to standard error: ";
        let log = fs::read_to_string(container.root().join("tmp/log")).unwrap();
        for text in [log, container.termination_message()] {
            assert!(text.contains(note) && text.contains(says), "{redirection}: {text}");
        }
        for file in ["tmp/app", "tmp/log"] {
            fs::remove_file(container.root().join(file)).unwrap();
        }
    }
    // What is written again is cleared again.
    container.lithify(&["harden", "--remove", "tac"]).exits(0);
    assert_eq!(container.termination_message(), "");
    container.exec(["/bin/sh", "-c", "/lithify/lithify harden --remove tac >/dev/full"]).exits(1);
    assert!(container.termination_message().starts_with("lithify harden: the report could not be written"));
}

#[test]
fn a_log_that_cannot_be_written_is_a_note_whatever_is_said() {
    let tree = tree();
    let volume = Tree::new();
    for (text, code) in [
        ("harden --root ROOT --remove none", 0),
        ("harden --root ROOT -p nonsense", 2),
        ("verify --root ROOT -p nonsense", 2),
        ("stage --root ROOT -p shells /none --to VOLUME", 1),
        ("stage --root ROOT -p shells /data --to VOLUME", 0),
        ("install VOLUME/none", 1),
        ("install VOLUME", 0),
        ("probe file ROOT/nonsense", 1),
        ("probe file ROOT/profile.toml", 0),
    ] {
        let arguments = arguments(&format!("{text} --log /dev/full"), &tree, &volume);
        let says = "--log /dev/full: No space left on device (os error 28)";
        run(command().args(&arguments)).exits(code).says(&format!("note: {says}\n"));
        let json = run(command().args(&arguments).arg("--format=json")).exits(code).json();
        assert!(json["notes"].as_array().unwrap().contains(&says.into()), "{text}: {json}");
    }
}

/// Who may write into the directory of the log must not choose which of root's files it is appended to.
#[test]
fn a_log_does_not_follow_a_link_of_another_user() {
    let container = Spec::new(&rootfs("nginx"), &["/bin/sleep", "1000"]).start();
    let root = container.root();
    let log = root.join("var/log/app.log");
    let harden = |log| container.lithify(&["harden", "--remove", "none", "--log", log]).exits(0);
    fs::write(root.join("etc/ld.so.preload"), "").unwrap();
    let read = || fs::read_to_string(root.join("etc/ld.so.preload")).unwrap();
    std::os::unix::fs::symlink("/etc/ld.so.preload", &log).unwrap();
    std::os::unix::fs::lchown(&log, Some(33), Some(33)).unwrap();
    harden("/var/log/app.log").says("note: --log /var/log/app.log: ");
    assert_eq!(read(), "");
    // One that root made is meant, as are the kernel's own.
    std::os::unix::fs::lchown(&log, Some(0), Some(0)).unwrap();
    for log in ["/var/log/app.log", "/proc/1/fd/2", "/proc/self/fd/2", "/dev/stderr"] {
        harden(log).does_not_say("note: --log");
    }
    assert!(read().starts_with("lithify harden"));
}
