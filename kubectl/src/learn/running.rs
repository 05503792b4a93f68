//! One of the pods of a workload that runs.

use serde_json::Value;

use crate::cli::Object;
use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::output::say;

/// The name of a pod of this object: itself, or of those that its selector names and that run the one that is ready, else
/// the newest.
pub(super) fn pod(cluster: &Cluster, object: &Object) -> Result<String, Failure> {
    if object.is_pod() {
        return Ok(object.name.clone());
    }
    let workload = cluster.get(&object.kind, &object.name)?;
    let Some(selector) = selector(workload.pointer("/spec/selector").unwrap_or(&Value::Null)) else {
        return Err(Failure::usage(
            format!("{object} has no selector, so it does not say which pods are its own"),
            "name one of its pods, or of a CronJob one of its Jobs; or learn from its manifest: kubectl lithify learn -f FILE",
        ));
    };
    let list = cluster.list("pods", &["--selector", &selector])?;
    let all = list.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut running: Vec<&Value> = all.iter().filter(|pod| runs(pod)).collect();
    running.sort_by_key(|pod| (is_ready(pod), text(pod, "/metadata/creationTimestamp").to_owned()));
    let Some(chosen) = running.last() else {
        let seen: Vec<String> = all.iter().take(5).map(|pod| format!("{} is {}", name(pod), state(pod))).collect();
        let seen = if seen.is_empty() { "it has none at all".to_owned() } else { seen.join(", ") };
        return Err(Failure::Manifest(format!(
            "{object} has no pod that runs: {seen}\n  fix: see kubectl describe {} {}; or learn from its manifest: kubectl lithify learn -f FILE",
            object.kind, object.name
        )));
    };
    let of = if running.len() == 1 { "the only one".to_owned() } else { format!("one of {}", running.len()) };
    say(&format!("note: of {object} the pod {} is taken, {of} that runs\n", name(chosen)));
    Ok(name(chosen).to_owned())
}

/// A selector as kubectl reads it: of labels alone, or with expressions. `None` for one that would name every pod.
fn selector(selector: &Value) -> Option<String> {
    let structured = ["matchLabels", "matchExpressions"].iter().any(|key| selector.get(key).is_some());
    let labels = if structured { selector.get("matchLabels").unwrap_or(&Value::Null) } else { selector };
    let mut parts = Vec::new();
    for (key, value) in labels.as_object().into_iter().flatten() {
        parts.push(format!("{key}={}", value.as_str()?));
    }
    for expression in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
        let key = text(expression, "/key");
        let values = expression.get("values").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let values = values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",");
        parts.push(match text(expression, "/operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => return None,
        });
    }
    (!parts.is_empty()).then(|| parts.join(","))
}

fn runs(pod: &Value) -> bool {
    pod.pointer("/metadata/deletionTimestamp").is_none() && text(pod, "/status/phase") == "Running"
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    conditions.into_iter().any(|condition| text(condition, "/type") == "Ready" && text(condition, "/status") == "True")
}

fn state(pod: &Value) -> &str {
    if pod.pointer("/metadata/deletionTimestamp").is_some() { "Terminating" } else { text(pod, "/status/phase") }
}

fn name(pod: &Value) -> &str {
    text(pod, "/metadata/name")
}

fn text<'a>(object: &'a Value, place: &str) -> &'a str {
    object.pointer(place).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors_as_kubectl_reads_them() {
        let expression = |operator: &str| json!({ "key": "tier", "operator": operator, "values": ["a", "b"] });
        for (written, read) in [
            (json!({ "matchLabels": { "app": "web", "b": "" } }), Some("app=web,b=")),
            (json!({ "app": "web" }), Some("app=web")),
            (
                json!({ "matchLabels": { "app": "web" }, "matchExpressions": [expression("NotIn")] }),
                Some("app=web,tier notin (a,b)"),
            ),
            (
                json!({ "matchExpressions": [expression("In"), expression("Exists"), expression("DoesNotExist")] }),
                Some("tier in (a,b),tier,!tier"),
            ),
            (json!({ "matchExpressions": [expression("Gt")] }), None),
            (json!({ "matchLabels": {} }), None),
            (json!({}), None),
            (Value::Null, None),
        ] {
            assert_eq!(selector(&written).as_deref(), read, "{written}");
        }
    }
}
