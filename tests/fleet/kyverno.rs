//! Kyverno's policy of before 1.17, run as far as that can be without Kyverno: its selectors, the JMESPath of its conditions and lists, and
//! its patches, which kubectl merges.
//!
//! Not run: Kyverno itself, and so how it reads the policy. Its anchors are taken away by the two rules that its
//! documentation gives: `(key): value` is merged where the value is equal, `+(key): value` where there is no such key.

use serde_json::{Value, json};

use crate::cases::{self, labelled};
use crate::pods::pod;
use crate::policy::{Request, selects, validate};
use crate::{documents, kubectl, schema, strings};

const POLICY: &str = "examples/fleet/kyverno-clusterpolicy-deprecated.yaml";

/// The value of a JMESPath expression.
#[track_caller]
fn search(expression: &str, data: &Value) -> Value {
    let compiled = jmespath::compile(expression).unwrap_or_else(|error| panic!("{error}"));
    let data = jmespath::Variable::from_json(&data.to_string()).unwrap();
    let found = compiled.search(data).unwrap_or_else(|error| panic!("{error}"));
    serde_json::to_value(&*found).unwrap()
}

/// A text with `{{ expression }}` in it: alone the expression's own value, else part of a string.
#[track_caller]
fn substitute(text: &str, data: &Value) -> Value {
    let Some((before, rest)) = text.split_once("{{") else { return text.into() };
    let (expression, after) = rest.split_once("}}").unwrap();
    let value = search(expression.trim(), data);
    if before.is_empty() && after.is_empty() {
        return value;
    }
    format!("{before}{}{after}", value.as_str().unwrap()).into()
}

#[track_caller]
fn substituted(value: &Value, data: &Value) -> Value {
    match value {
        Value::String(text) => substitute(text, data),
        Value::Array(items) => items.iter().map(|item| substituted(item, data)).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), substituted(value, data))).collect(),
        other => other.clone(),
    }
}

/// All of `all`, and one of `any` where there is that.
#[track_caller]
fn hold(conditions: &Value, data: &Value) -> bool {
    let holds = |condition: &Value| {
        let key = substitute(condition["key"].as_str().unwrap(), data);
        match condition["operator"].as_str().unwrap() {
            "Equals" => key == condition["value"],
            "NotEquals" => key != condition["value"],
            "AnyNotIn" => !strings(&condition["value"]).contains(&key.as_str().unwrap().to_owned()),
            other => panic!("{other}"),
        }
    };
    conditions["all"].as_array().unwrap().iter().all(holds)
        && conditions["any"].as_array().is_none_or(|any| any.iter().any(holds))
}

/// Whether one of the resource filters fits a pod that is created.
fn filters(any: &Value, request: &Request) -> bool {
    any["any"].as_array().into_iter().flatten().any(|filter| {
        let resources = &filter["resources"];
        let namespace = &request.namespace["metadata"];
        let listed =
            |key: &str, value: &str| resources[key].is_null() || strings(&resources[key]).contains(&value.to_owned());
        listed("kinds", "Pod")
            && listed("operations", "CREATE")
            && listed("namespaces", namespace["name"].as_str().unwrap())
            && selects(&resources["selector"], &request.pod["metadata"]["labels"])
            && selects(&resources["namespaceSelector"], &namespace["labels"])
    })
}

/// A patch without its anchors, for what it is merged into. Conditions must hold: there is none here that chooses.
fn without_anchors(patch: &Value, into: &Value) -> Value {
    match patch {
        Value::Object(map) => {
            let entries = map.iter().filter_map(|(key, value)| {
                if let Some(key) = key.strip_prefix("+(").and_then(|key| key.strip_suffix(')')) {
                    return into[key].is_null().then(|| (key.to_owned(), value.clone()));
                }
                let key = key.strip_prefix('(').and_then(|key| key.strip_suffix(')')).unwrap_or(key);
                Some((key.to_owned(), without_anchors(value, &into[key])))
            });
            Value::Object(entries.collect())
        }
        Value::Array(items) => items
            .iter()
            .map(|item| {
                let name = if item["(name)"].is_null() { &item["name"] } else { &item["(name)"] };
                let same = into.as_array().into_iter().flatten().find(|other| other["name"] == *name);
                assert!(item["(name)"].is_null() || same.is_some(), "{item} anchors to nothing");
                without_anchors(item, same.unwrap_or(&Value::Null))
            })
            .collect(),
        other => other.clone(),
    }
}

/// The pod with a patch merged into it, which the schema of the API takes.
#[track_caller]
fn merged(pod: &Value, patch: &Value, data: &Value) -> Value {
    let merged = kubectl::strategic_merge(pod, &without_anchors(&substituted(patch, data), pod));
    schema::kubernetes("1.37", &merged).unwrap_or_else(|error| panic!("{error}\n{merged:#}"));
    merged
}

/// The pod as the rules leave it, one after the other.
#[track_caller]
pub fn mutate(pod: &Value, namespace: &[(&str, &str)]) -> Value {
    mutate_in(pod, "shop", namespace)
}

#[track_caller]
fn mutate_in(pod: &Value, name: &str, namespace: &[(&str, &str)]) -> Value {
    let mut request = Request::new(pod, name, namespace);
    for rule in documents(POLICY)[0]["spec"]["rules"].as_array().unwrap() {
        if !filters(&rule["match"], &request) || filters(&rule["exclude"], &request) {
            continue;
        }
        let mut data = json!({ "request": { "namespace": name, "object": request.pod } });
        for entry in rule["context"].as_array().into_iter().flatten() {
            // What the API server would answer.
            assert_eq!(
                substitute(entry["apiCall"]["urlPath"].as_str().unwrap(), &data),
                format!("/api/v1/namespaces/{name}")
            );
            let value = search(entry["apiCall"]["jmesPath"].as_str().unwrap(), &request.namespace);
            data[entry["name"].as_str().unwrap()] = value;
        }
        if !hold(&rule["preconditions"], &data) {
            continue;
        }
        let mutate = &rule["mutate"];
        if !mutate["patchStrategicMerge"].is_null() {
            request.pod = merged(&request.pod, &mutate["patchStrategicMerge"], &data);
        }
        for each in mutate["foreach"].as_array().into_iter().flatten() {
            // Of the pod as the one before left it.
            let now = json!({ "request": { "namespace": name, "object": request.pod } });
            for element in search(each["list"].as_str().unwrap(), &now).as_array().unwrap() {
                let mut data = data.clone();
                data["element"] = element.clone();
                if hold(&each["preconditions"], &data) {
                    request.pod = merged(&request.pod, &each["patchStrategicMerge"], &data);
                }
            }
        }
    }
    request.pod
}

/// Conditions and patches do what the MutatingAdmissionPolicy does, on the same pods, by their label or their namespace's.
#[test]
fn it_does_what_the_mutating_policy_does() {
    let namespace = [("lithify.dev/profile", "shells")];
    let mut injected = 0;
    for case in cases::all() {
        let mut plain = case.pod.clone();
        plain["metadata"].as_object_mut().unwrap().remove("labels");
        for (pod, labels) in [(&case.pod, &[][..]), (&plain, &namespace[..]), (&plain, &[])] {
            let after = sorted(mutate(pod, labels));
            let request = Request::new(pod, "shop", labels);
            let expected = sorted(crate::policy::mutate("examples/fleet/mutating-admission-policy.yaml", request));
            assert_eq!(after, expected, "{pod:#}");
            injected += usize::from(after != sorted(pod.clone()));
            // A second time changes nothing.
            assert_eq!(sorted(mutate(&after, labels)), after);
        }
        assert_eq!(mutate_in(&case.pod, "kube-system", &namespace), case.pod);
    }
    assert!(injected >= 30, "{injected}");
}

/// The order in these lists is how kubectl merges, and means nothing.
fn sorted(mut pod: Value) -> Value {
    let sort = |list: &mut Value| {
        if let Some(items) = list.as_array_mut() {
            items.sort_by_key(|item| item["name"].to_string());
        }
    };
    if let Some(volumes) = pod["spec"].get_mut("volumes") {
        sort(volumes);
    }
    for container in pod["spec"]["containers"].as_array_mut().unwrap() {
        for list in ["volumeMounts", "env"] {
            container.get_mut(list).map(sort);
        }
    }
    pod
}

#[test]
fn what_it_makes_is_what_is_demanded() {
    let after = mutate(&labelled(pod(&[("web", json!({})), ("worker", json!({}))]), "nginx"), &[]);
    let demand = [("lithify.dev/demand", "enforce")];
    assert_eq!(validate("examples/fleet/validating-admission-policy.yaml", &Request::new(&after, "shop", &demand)), []);
}
