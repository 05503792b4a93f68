//! What the scenarios share: the built static binary, temporary trees, and real containers.

pub mod app;
pub mod builder;
pub mod cluster;
pub mod container;
pub mod docker;
pub mod init_app;
pub mod seccomp;
pub mod tree;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The static binary under test: `LITHIFY_BIN`, else where `just build` puts it.
pub fn lithify() -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/x86_64-unknown-linux-musl/release/lithify");
    let path = std::env::var_os("LITHIFY_BIN").map_or(default, PathBuf::from);
    assert!(path.is_file(), "{} is not there: run `just build` first", path.display());
    path
}

/// A root filesystem made by tests/rootfs.sh.
pub fn rootfs(name: &str) -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/rootfs");
    let path = std::env::var_os("LITHIFY_ROOTFS").map_or(default, PathBuf::from).join(name);
    assert!(path.is_dir(), "{} is not there: run tests/rootfs.sh first", path.display());
    path
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    fn new(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let code = output.status.code().unwrap_or_else(|| -output.status.signal().unwrap_or(0));
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let ran = Self { code, stdout: text(output.stdout), stderr: text(output.stderr) };
        assert!(!ran.stderr.contains("panicked at"), "a panic is always a bug: {ran:?}");
        ran
    }

    /// Both streams.
    pub fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.all());
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.all().contains(text), "expected {text:?} in:\n{}", self.all());
        self
    }

    #[track_caller]
    pub fn does_not_say(self, text: &str) -> Self {
        assert!(!self.all().contains(text), "unexpected {text:?} in:\n{}", self.all());
        self
    }

    /// What a command printed that may have failed or printed nothing.
    pub fn json_or_null(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or(serde_json::Value::Null)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.all()))
    }
}

pub fn run(command: &mut Command) -> Ran {
    Ran::new(command.output().unwrap_or_else(|error| panic!("{command:?}: {error}")))
}

/// With something on its standard input.
pub fn run_with(command: &mut Command, input: &str) -> Ran {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // A command that does not read is one that says why.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    Ran::new(child.wait_with_output().unwrap())
}

/// lithify on this machine, with arguments, and no `LITHIFY_*` from outside.
pub fn run_lithify<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ran {
    run(command().args(arguments))
}

pub fn command() -> Command {
    let mut command = Command::new(lithify());
    command.env_clear();
    command
}

/// `lithify harden --root ROOT` and further arguments.
pub fn harden<S: AsRef<std::ffi::OsStr>>(root: &Path, arguments: impl IntoIterator<Item = S>) -> Ran {
    run(command().arg("harden").arg("--root").arg(root).args(arguments))
}
