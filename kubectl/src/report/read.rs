//! Reads records: each alone as `lithify verify --format json` prints it, several in a list or one after the other, or all of
//! a cluster as `kubectl lithify verify --format json` prints them.

use serde_json::Value;

use super::audited::{Audited, Outcome, Record, text};
use crate::failure::Failure;

/// The most bytes that are read.
const MOST: u64 = 1 << 30;

/// What a file says, or standard input for `-`.
pub(crate) fn file(path: &str) -> Result<Vec<Audited>, Failure> {
    let file = crate::input::name(path);
    let unreadable = |error: std::io::Error| {
        Failure::Manifest(format!(
            "{file}: cannot be read: {error}\n  fix: give a file of records, or - for standard input"
        ))
    };
    let bytes = crate::input::bytes(path, MOST).map_err(unreadable)?;
    records(&bytes).map_err(|reason| {
        Failure::Manifest(format!(
            "{file}: {reason}\n  fix: give what `lithify verify --format json` or `kubectl lithify verify --format json` printed"
        ))
    })
}

fn records(bytes: &[u8]) -> Result<Vec<Audited>, String> {
    let mut found = Vec::new();
    for value in serde_json::Deserializer::from_slice(bytes).into_iter::<Value>() {
        match value.map_err(|error| error.to_string())? {
            Value::Array(values) => {
                for value in &values {
                    found.extend(one(value)?);
                }
            }
            value => found.extend(one(&value)?),
        }
    }
    if found.is_empty() && bytes.iter().all(u8::is_ascii_whitespace) {
        return Err("nothing is in it".to_owned());
    }
    Ok(found)
}

/// The containers that one object is about.
fn one(value: &Value) -> Result<Vec<Audited>, String> {
    let Some(list) = value.get("pods").and_then(Value::as_array) else {
        return alone(value).map(|audited| vec![audited]);
    };
    if list.iter().any(|pod| !pod.get("containers").is_some_and(Value::is_array)) {
        return Err("a pod in it has no list of containers".to_owned());
    }
    Ok(pods(value))
}

/// The containers of the plugin's own list.
pub(crate) fn pods(document: &Value) -> Vec<Audited> {
    let items = |object: &Value, key: &str| object.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut found = Vec::new();
    for pod in &items(document, "pods") {
        let containers = items(pod, "containers");
        for container in &containers {
            found.push(Audited {
                namespace: text(pod, "namespace"),
                pod: text(pod, "name"),
                workload: workload(pod),
                node: text(pod, "node"),
                container: text(container, "name"),
                image: text(container, "image"),
                outcome: outcome(container),
            });
        }
    }
    found
}

/// What made the pod, as kubectl writes it.
fn workload(pod: &Value) -> String {
    let workload = pod.get("workload").unwrap_or(&Value::Null);
    let [kind, name] = ["kind", "name"].map(|key| text(workload, key));
    if name.is_empty() { name } else { format!("{}/{name}", kind.to_lowercase()) }
}

/// What came of a container of the plugin's own list.
fn outcome(container: &Value) -> Outcome {
    match text(container, "state").as_str() {
        "without" => Outcome::Without,
        "staged" => Outcome::Staged,
        _ => match container.get("report").and_then(Record::of) {
            Some(record) => Outcome::Verified(record),
            None => Outcome::Unverified {
                reason: text(container, "error"),
                fix: Some(text(container, "hint")).filter(|hint| !hint.is_empty()),
            },
        },
    }
}

/// A record without a list around it. It says itself where it was made.
fn alone(value: &Value) -> Result<Audited, String> {
    let outcome = match (Record::of(value), value.get("error")) {
        (Some(record), _) => Outcome::Verified(record),
        (None, Some(Value::String(_))) => Outcome::Unverified {
            reason: text(value, "error"),
            fix: Some(text(value, "hint")).filter(|hint| !hint.is_empty()),
        },
        _ => return Err("an object in it is no record of `verify`".to_owned()),
    };
    let record = value.get("record").unwrap_or(&Value::Null);
    let pod = [text(record, "pod"), text(record, "host"), text(value, "root")];
    Ok(Audited {
        namespace: text(record, "namespace"),
        pod: pod.into_iter().find(|name| !name.is_empty()).unwrap_or_default(),
        node: text(record, "node"),
        outcome,
        ..Audited::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let record =
            r#"{"command":"verify","checks":[{"id":"a","status":"fail"}],"record":{"pod":"p","namespace":"n"}}"#;
        for (text, count) in [
            (record.to_owned(), 1),
            (format!("{record}\n{record}\n"), 2),
            (format!("[{record},{record}] {record}"), 3),
            ("[]".to_owned(), 0),
            (
                format!(
                    r#"{{"pods":[{{"name":"p","namespace":"n","containers":[{{"name":"c","report":{record}}}]}}]}}"#
                ),
                1,
            ),
        ] {
            let found = records(text.as_bytes()).unwrap();
            assert_eq!(found.len(), count, "{text}");
            assert!(found.iter().all(|audited| audited.place() == "n/p" && audited.findings() == 1), "{found:?}");
        }
    }

    #[test]
    fn what_says_nothing_never_passes() {
        for text in [
            r#"{"command":"verify","error":"no such profile"}"#,
            r#"{"pods":[{"name":"p","containers":[{"name":"c"}]}]}"#,
            r#"{"pods":[{"name":"p","containers":[{"name":"c","report":{"error":"x"}}]}]}"#,
            r#"{"checks":[{"id":"a"}]}"#,
        ] {
            assert_eq!(records(text.as_bytes()).unwrap()[0].findings(), 1, "{text}");
        }
        for text in ["", " \n", "{}", "[1]", "{\"pods\":[{}]}", "{\"checks\":1}", "{", "no"] {
            assert!(records(text.as_bytes()).is_err(), "{text}");
        }
    }
}
