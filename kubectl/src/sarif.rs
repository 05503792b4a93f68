//! Findings as SARIF 2.1.0 (OASIS Standard), which code scanning and its viewers read.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// What a finding breaks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rule {
    /// Its name, which never changes.
    pub(crate) id: String,
    /// What it asks for, in one sentence; empty if nobody says it.
    pub(crate) title: String,
    /// What mends it, whatever the finding; empty if nothing does.
    pub(crate) help: String,
    /// How standards call it.
    pub(crate) tags: BTreeSet<String>,
    /// From 0.0 to 10.0, as GitHub's code scanning sorts by it.
    pub(crate) severity: Option<&'static str>,
}

/// How bad a finding is (3.27.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Error,
    Warning,
    Note,
}

/// One finding.
#[derive(Clone, Debug)]
pub(crate) struct Result {
    /// The rule's id.
    pub(crate) rule: String,
    pub(crate) level: Level,
    pub(crate) message: String,
    pub(crate) place: Place,
    /// What makes it the same finding as an earlier one.
    pub(crate) same: Vec<String>,
}

/// Where a finding is.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// In a file: its path; line and column from 1, of the first character and behind the last.
    File { path: String, from: (usize, usize), to: (usize, usize) },
    /// In an object of the cluster, such as `shop/web-1/nginx`.
    Object(Vec<String>),
}

/// The log: one object on one line.
pub(crate) fn log(rules: &BTreeSet<Rule>, results: &[Result]) -> String {
    let driver = json!({
        "name": "kubectl-lithify",
        "version": env!("CARGO_PKG_VERSION"),
        "informationUri": env!("CARGO_PKG_REPOSITORY"),
        "rules": rules.iter().map(rule).collect::<Vec<_>>(),
    });
    let log = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": driver },
            "columnKind": "unicodeCodePoints",
            "results": results.iter().map(|finding| result(rules, finding)).collect::<Vec<_>>(),
        }],
    });
    format!("{log}\n")
}

fn rule(rule: &Rule) -> Value {
    let title = if rule.title.is_empty() { &rule.id } else { &rule.title };
    let mut said = json!({ "id": rule.id, "shortDescription": { "text": title } });
    let tags: Vec<&str> = std::iter::once("security").chain(rule.tags.iter().map(String::as_str)).collect();
    let properties = match rule.severity {
        Some(severity) => json!({ "tags": tags, "security-severity": severity }),
        None => json!({ "tags": tags }),
    };
    if let Value::Object(said) = &mut said {
        said.insert("properties".to_owned(), properties);
        said.extend((!rule.help.is_empty()).then(|| ("help".to_owned(), json!({ "text": rule.help }))));
    }
    said
}

fn result(rules: &BTreeSet<Rule>, finding: &Result) -> Value {
    let level = match finding.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    };
    let location = match &finding.place {
        Place::File { path, from, to } => json!({
            "physicalLocation": {
                "artifactLocation": { "uri": uri(path.split('/')) },
                "region": { "startLine": from.0, "startColumn": from.1, "endLine": to.0, "endColumn": to.1 },
            },
        }),
        // GitHub asks for a file and a line.
        Place::Object(names) => json!({
            "physicalLocation": {
                "artifactLocation": { "uri": uri(names.iter().map(String::as_str)) },
                "region": { "startLine": 1 },
            },
            "logicalLocations": [{ "fullyQualifiedName": names.join("/"), "kind": "resource" }],
        }),
    };
    let mut said = json!({
        "ruleId": finding.rule,
        "level": level,
        "message": { "text": finding.message },
        "locations": [location],
        "partialFingerprints": { "lithify/v1": fingerprint(&finding.same) },
    });
    let index = rules.iter().position(|rule| rule.id == finding.rule);
    if let Value::Object(said) = &mut said {
        said.extend(index.map(|index| ("ruleIndex".to_owned(), json!(index))));
    }
    said
}

fn fingerprint(words: &[String]) -> String {
    let mut hash = Sha256::new();
    for word in words {
        hash.update(word.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(16).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// A relative URI reference of these segments (RFC 3986). An absolute path keeps its first slash.
fn uri<'a>(segments: impl Iterator<Item = &'a str>) -> String {
    let encode = |segment: &str| {
        segment.bytes().fold(String::new(), |text, byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text + &char::from(byte).to_string(),
            _ => text + &format!("%{byte:02X}"),
        })
    };
    segments.map(encode).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_as_uri_references() {
        assert_eq!(uri("deploy/web app.yaml".split('/')), "deploy/web%20app.yaml");
        assert_eq!(uri("/a:b/ä?#".split('/')), "/a%3Ab/%C3%A4%3F%23");
    }

    #[test]
    fn words_are_told_apart() {
        let of = |words: &[&str]| fingerprint(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_ne!(of(&["a", "b"]), of(&["ab"]));
        assert_eq!(of(&["a", "b"]).len(), 32);
    }
}
