//! What `examples/fleet` does to a pod: the Kustomize component by kubectl, the policies by schema and by evaluating their
//! expressions as the API server and Kyverno do.

#![allow(
    missing_docs,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod cases;
mod expression;
mod kubectl;
mod kustomize;
mod kyverno;
mod kyverno_cel;
mod mutation;
mod patch;
mod pods;
mod policy;
mod schema;
mod types;
mod validation;

use std::path::{Path, PathBuf};

use serde_json::Value;

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The documents of a YAML file, with its anchors resolved.
fn documents(path: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(project(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    documents_of(&text)
}

fn documents_of(text: &str) -> Vec<Value> {
    use serde::Deserialize;
    serde_norway::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).unwrap_or_else(|error| panic!("{error} in {text}")))
        .filter(|document| !document.is_null())
        .collect()
}

/// The strings of an array; none of what is not there.
fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}
