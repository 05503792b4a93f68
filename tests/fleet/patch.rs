//! JSON patches, and that what comes out is still a pod to the API.

use serde_json::Value;

use crate::schema;

/// The pod after a JSON patch, which the schema of the API takes.
#[track_caller]
pub fn json(pod: &Value, operations: &Value) -> Value {
    let patch: json_patch::Patch = serde_json::from_value(operations.clone()).unwrap();
    let mut patched = pod.clone();
    json_patch::patch(&mut patched, &patch).unwrap_or_else(|error| panic!("{error}\n{operations}\n{pod}"));
    schema::kubernetes("1.37", &patched).unwrap_or_else(|error| panic!("{error}\n{patched:#}"));
    patched
}
