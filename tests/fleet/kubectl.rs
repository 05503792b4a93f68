//! kubectl without a cluster, as tests/fleet/kubectl.sh found it.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::project;

/// Its kustomize is the first (5.0) that makes a field in every container by one replacement. Debian's package is 1.20.
const OLDEST: u32 = 27;

fn kubectl() -> Command {
    let path = project("target/fleet/kubectl");
    assert!(path.exists(), "{} is not there: run tests/fleet/kubectl.sh first", path.display());
    Command::new(path)
}

fn version() -> u32 {
    let output = kubectl().args(["version", "--client", "-o", "json"]).output().unwrap();
    let version: Value = serde_json::from_slice(&output.stdout).unwrap();
    let minor = version["clientVersion"]["minor"].as_str().unwrap();
    minor.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

/// What `kubectl kustomize` builds of a directory, or its error.
pub fn kustomize(directory: &std::path::Path) -> Result<String, String> {
    let minor = version();
    assert!(
        minor >= OLDEST,
        "kubectl is 1.{minor}, and its kustomize cannot build examples/fleet: run tests/fleet/kubectl.sh, or put 1.{OLDEST} or newer first in PATH"
    );
    let output = kubectl().arg("kustomize").arg(directory).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// `kubectl patch --local`: kubectl's own strategic merge of a patch into an object.
pub fn strategic_merge(object: &Value, patch: &Value) -> Value {
    let mut child = kubectl()
        .args(["patch", "--local", "-f", "-", "--type", "strategic", "-o", "json", "--patch", &patch.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(object.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{patch}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
