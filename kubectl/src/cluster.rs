//! kubectl, which knows the cluster.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::failure::Failure;

/// How kubectl is called.
pub(crate) struct Cluster {
    flags: Vec<String>,
}

impl Cluster {
    /// With kubectl's own flags of these names.
    pub(crate) fn new(context: Option<&String>, namespace: Option<&String>) -> Self {
        let flags = [("--context", context), ("--namespace", namespace)];
        let flags = flags.into_iter().filter_map(|(flag, value)| Some([flag.to_owned(), value?.clone()]));
        Self { flags: flags.flatten().collect() }
    }

    /// As a shell reads it.
    pub(crate) fn shown(&self) -> String {
        let flags = self.flags.iter().flat_map(|flag| [" ".to_owned(), quoted(flag)]);
        std::iter::once("kubectl".to_owned()).chain(flags).collect()
    }

    /// What kubectl prints. Fails with what it says.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String, Failure> {
        self.run_with(arguments, None)
    }

    /// The same with something on its standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: Option<&str>) -> Result<String, Failure> {
        let failed = |what: &str| {
            let what = what.trim_end();
            Failure::Manifest(format!("kubectl {}: {what}", arguments.first().copied().unwrap_or_default()))
        };
        let mut command = Command::new("kubectl");
        command.args(&self.flags).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child = command.spawn().map_err(|error| failed(&format!("{error}\n  fix: put kubectl into PATH")))?;
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
            // A kubectl that does not read says why.
            let _ = std::io::Write::write_all(&mut stdin, input.as_bytes());
        }
        let output = child.wait_with_output().map_err(|error| failed(&error.to_string()))?;
        if !output.status.success() {
            return Err(failed(&String::from_utf8_lossy(&output.stderr)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// An object.
    pub(crate) fn get(&self, kind: &str, name: &str) -> Result<Value, Failure> {
        self.list(kind, &[name])
    }

    /// What `kubectl get` finds of a kind, as it is told.
    pub(crate) fn list(&self, kind: &str, which: &[&str]) -> Result<Value, Failure> {
        let text = self.run(&[&["get", kind], which, &["-o", "json"]].concat())?;
        serde_json::from_str(&text)
            .map_err(|error| Failure::Manifest(format!("kubectl get {kind} {}: {error}", which.join(" "))))
    }
}

/// A word as a shell reads it.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=/.,:".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
