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
        let failed = |what: &str, fix: &str| {
            let call = arguments.iter().take(2).copied().collect::<Vec<_>>().join(" ");
            Failure::Manifest(format!("kubectl {call}: {what}\n  fix: {fix}"))
        };
        let mut command = Command::new("kubectl");
        command.args(&self.flags).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child = command.spawn().map_err(|error| failed(&error.to_string(), "put kubectl into PATH"))?;
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
            // A kubectl that does not read says why.
            let _ = std::io::Write::write_all(&mut stdin, input.as_bytes());
        }
        let by_itself = || {
            let words = arguments.iter().flat_map(|word| [" ".to_owned(), quoted(word)]).collect::<String>();
            format!("what kubectl says; by itself it must work: {}{words}", self.shown())
        };
        let output = child.wait_with_output().map_err(|error| failed(&error.to_string(), &by_itself()))?;
        if !output.status.success() {
            return Err(failed(&said(&String::from_utf8_lossy(&output.stderr)), &by_itself()));
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

/// What kubectl says to a person, without what it logs beside that (`E1129 14:46:19.840439 ...`) and its warnings.
pub(crate) fn said(errors: &str) -> String {
    let is_log = |line: &str| {
        let (level, rest) = line.split_at_checked(1).unwrap_or_default();
        "IWEF".contains(level) && rest.len() > 4 && rest.bytes().take(4).all(|byte| byte.is_ascii_digit())
    };
    let lines = errors.trim().lines();
    let said: Vec<&str> = lines.filter(|line| !is_log(line) && !line.starts_with("Warning: ")).collect();
    if said.is_empty() { errors.trim().to_owned() } else { said.join("\n") }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubectl_logs_is_left_out() {
        let logged = "E1129 14:46:19.840439   21749 memcache.go:265] \"Unhandled Error\" err=\"...\"\n";
        let refused = "The connection to the server localhost:8080 was refused\n";
        assert_eq!(said(&format!("{logged}{logged}{refused}")), refused.trim());
        assert_eq!(said(&format!("Warning: batch/v1beta1 CronJob is deprecated\n{refused}")), refused.trim());
        assert_eq!(said(logged), logged.trim());
        assert_eq!(said("Error from server\nE1\n\nI am here\n"), "Error from server\nE1\n\nI am here");
    }
}
