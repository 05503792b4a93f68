//! The expressions of the policies have types that fit, before anything is evaluated, as the API server checks them.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{project, strings};

/// What check_types.py says of a file of policies, or its error.
fn types(policies: &str) -> Result<Vec<Value>, String> {
    let python = project("target/fleet/venv/bin/python");
    let mut child = Command::new(&python)
        .arg(project("tests/fleet/check_types.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}: run tests/fleet/schemas.sh first", python.display()));
    child.stdin.take().unwrap().write_all(policies.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        return Ok(serde_json::from_slice(&output.stdout).unwrap());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn policies(name: &str) -> String {
    fs::read_to_string(project(&format!("examples/fleet/{name}-admission-policy.yaml"))).unwrap()
}

#[test]
fn conditions_messages_and_patches_have_their_types() {
    let mut seen = 0;
    for name in ["mutating", "validating"] {
        for policy in types(&policies(name)).unwrap() {
            for (kind, expected) in [("bool", "BOOL"), ("string", "STRING"), ("patch", "LIST<MAP<STRING, DYN>>")] {
                for found in strings(&policy[kind]) {
                    assert_eq!(found, expected, "{name}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen >= 15, "{seen}");
}

#[test]
fn a_wrong_type_is_found() {
    for (that, this) in [
        ("'/spec/containers/' + string(i) + '/volumeMounts/-'", "'/spec/containers/' + i + '/volumeMounts/-'"),
        ("variables.delivered ?", "variables.image ?"),
        ("size(variables.places) == 0", "size(variables.place) == 0"),
    ] {
        let text = policies("mutating");
        assert!(text.contains(that), "{that}");
        let error = types(&text.replace(that, this)).unwrap_err();
        assert!(error.contains("no matching overload") || error.contains("undeclared reference"), "{error}");
    }
}
