//! Commands that are run to their end, and what is expected of them; the plugin's tests use it, too.

use std::io::Write;
use std::process::{Command, Output, Stdio};

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
        assert!(
            !["panicked at", "a fault of its own"].iter().any(|bug| ran.stderr.contains(bug)),
            "a panic is always a bug: {ran:?}"
        );
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

    /// The change of the profile at the end of a refusal, as it is printed; empty if there is none.
    pub fn change(&self) -> String {
        let text = self.all();
        let lines = text.lines().skip_while(|line| !line.starts_with("the smallest change")).skip(1);
        lines.take_while(|line| line.starts_with("    ")).map(|line| format!("{line}\n")).collect()
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
