//! Everything in `examples/fleet` against the schemas of the API, for each version that it is for, and Kyverno's.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

use crate::{documents, project};

thread_local! {
    /// By their file: the definitions of a version of the API are long.
    static COMPILED: RefCell<HashMap<String, (Schemas, SchemaIndex)>> = RefCell::default();
}

/// Judges by a schema with the definitions that it refers to, each under its address, and all that `read` makes once.
fn judge(at: &str, document: &Value, read: impl FnOnce() -> (Value, Vec<(String, Value)>)) -> Result<(), String> {
    COMPILED.with_borrow_mut(|compiled| {
        let (schemas, schema) = compiled.entry(at.to_owned()).or_insert_with(|| {
            let mut compiler = Compiler::new();
            let (schema, definitions) = read();
            for (url, definitions) in definitions {
                compiler.add_resource(&url, definitions).unwrap();
            }
            let url = format!("file://{}", project(at).display());
            compiler.add_resource(&url, schema).unwrap();
            let mut schemas = Schemas::new();
            let schema = compiler.compile(&url, &mut schemas).unwrap_or_else(|error| panic!("{at}: {error:#}"));
            (schemas, schema)
        });
        schemas.validate(document, *schema).map_err(|error| format!("{error:#}"))
    })
}

fn read(at: &str) -> Value {
    let text = fs::read_to_string(project(at))
        .unwrap_or_else(|error| panic!("{at}: {error}: run tests/fleet/schemas.sh first"));
    serde_json::from_str(&text).unwrap()
}

/// Judges a built-in kind as strictly as the server does with unknown fields.
pub fn kubernetes(version: &str, document: &Value) -> Result<(), String> {
    let (group, version_of_api) = {
        let api = document["apiVersion"].as_str().unwrap();
        api.split_once('/').map_or(("", api), |(group, version)| (group.split('.').next().unwrap(), version))
    };
    let kind = document["kind"].as_str().unwrap().to_lowercase();
    let names = [kind.as_str(), group, version_of_api];
    let name = names.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("-");
    let directory = format!("target/fleet/kubernetes/v{version}.0-local-strict");
    let at = format!("{directory}/{name}.json");
    judge(&at, document, || {
        let definitions = read(&format!("{directory}/_definitions.json"));
        (read(&at), vec![("https://kubernetes.io/api/_definitions.json".to_owned(), definitions)])
    })
}

/// Objects that list their fields have no others, as in a structural schema.
fn strict(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if map.contains_key("properties") {
                map.entry("additionalProperties").or_insert(Value::Bool(false));
            }
            map.values_mut().for_each(strict);
        }
        Value::Array(items) => items.iter_mut().for_each(strict),
        _ => {}
    }
}

pub fn kyverno(document: &Value) -> Result<(), String> {
    let at = "target/fleet/kyverno.json";
    judge(at, document, || {
        let mut schema = read(at);
        strict(&mut schema);
        (schema, Vec::new())
    })
}

/// By the schema of one of Kyverno's kinds in `policies.kyverno.io/v1`.
pub fn kyverno_cel(kind: &str, document: &Value) -> Result<(), String> {
    let at = format!("target/fleet/kyverno-{kind}.json");
    judge(&at, document, || {
        let mut schema = read(&at);
        strict(&mut schema);
        (schema, Vec::new())
    })
}

#[test]
fn the_validating_policies_are_valid_since_they_are_stable() {
    for document in documents("examples/fleet/validating-admission-policy.yaml") {
        for version in ["1.30", "1.32", "1.34", "1.37"] {
            kubernetes(version, &document).unwrap_or_else(|error| panic!("{version}: {error}"));
        }
    }
}

#[test]
fn the_mutating_policies_are_valid_as_stable_and_as_beta() {
    for document in documents("examples/fleet/mutating-admission-policy.yaml") {
        for version in ["1.36", "1.37"] {
            kubernetes(version, &document).unwrap_or_else(|error| panic!("{version}: {error}"));
        }
        let mut beta = document.clone();
        beta["apiVersion"] = "admissionregistration.k8s.io/v1beta1".into();
        for version in ["1.34", "1.35"] {
            kubernetes(version, &beta).unwrap_or_else(|error| panic!("{version}: {error}"));
        }
    }
}

#[test]
fn the_cluster_policy_is_valid() {
    for document in documents("examples/fleet/kyverno-clusterpolicy-deprecated.yaml") {
        kyverno(&document).unwrap();
    }
}

/// Also those that the tests' own cluster is too old for, or runs by an older API.
#[test]
fn every_example_is_valid_today() {
    let names =
        fs::read_dir(project("examples")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let manifests: Vec<_> = names.filter(|name| name.ends_with(".yaml") && name != "compose.yaml").collect();
    assert!(manifests.len() >= 11, "{manifests:?}");
    for name in manifests {
        for document in documents(&format!("examples/{name}")) {
            for version in ["1.35", "1.37"] {
                kubernetes(version, &document).unwrap_or_else(|error| panic!("{name}, {version}: {error}"));
            }
        }
    }
}

/// The schemas find mistakes: in a name, a type, and a choice.
#[test]
fn mistakes_are_found() {
    let policy = &documents("examples/fleet/mutating-admission-policy.yaml")[0];
    let mut with = policy.clone();
    with["spec"]["mutation"] = with["spec"]["mutations"].take();
    assert!(kubernetes("1.37", &with).unwrap_err().contains("mutation"));
    with = policy.clone();
    with["spec"]["variables"][0]["expression"] = 1.into();
    kubernetes("1.37", &with).unwrap_err();

    let policy = &documents("examples/fleet/kyverno-clusterpolicy-deprecated.yaml")[0];
    with = policy.clone();
    with["spec"]["rules"][0]["mutatee"] = with["spec"]["rules"][0]["mutate"].take();
    assert!(kyverno(&with).unwrap_err().contains("mutatee"));
    with = policy.clone();
    with["spec"]["rules"][0]["match"]["any"] = "Pod".into();
    kyverno(&with).unwrap_err();
}
