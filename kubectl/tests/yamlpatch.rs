//! The plugin's edits against those of yamlpatch, which edits YAML in place as well. Where yamlpatch can make the change, both
//! texts must say the same. The second test shows the changes for which the plugin does not use it.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use yamlpatch::{Op, Patch, apply_yaml_patches};
use yamlpath::{Component, Document, Route};

/// A text as data, by another reader than the plugin's.
fn data(text: &str) -> Option<Value> {
    let mut value = serde_norway::Value::deserialize(serde_norway::Deserializer::from_str(text)).ok()?;
    value.apply_merge().ok()?;
    serde_json::to_value(value).ok()
}

fn patch(route: &[Component<'static>], operation: Op<'static>) -> Patch<'static> {
    Patch { route: Route::from(route.to_vec()), operation }
}

/// The patches that make `after` of `before`.
fn patches(before: &Value, after: &Value, route: &[Component<'static>], found: &mut Vec<Patch<'static>>) {
    let value = |value: &Value| yaml_serde::to_value(value).unwrap();
    let inner = |step: Component<'static>| [route, &[step]].concat();
    match (before, after) {
        (before, after) if before == after => {}
        (Value::Object(before), Value::Object(after)) => {
            for (key, new) in after {
                match before.get(key) {
                    None => found.push(patch(route, Op::Add { key: key.clone(), value: value(new) })),
                    Some(old) => patches(old, new, &inner(Component::Key(key.clone().into())), found),
                }
            }
            for key in before.keys().filter(|key| !after.contains_key(*key)) {
                found.push(patch(&inner(Component::Key(key.clone().into())), Op::Remove));
            }
        }
        (Value::Array(old), Value::Array(new)) if old.iter().all(Value::is_object) && old.len() <= new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                patches(old, new, &inner(Component::Index(index)), found);
            }
            for new in &new[old.len()..] {
                found.push(patch(route, Op::Append { value: value(new) }));
            }
        }
        _ => found.push(patch(route, Op::Replace(value(after)))),
    }
}

/// What yamlpatch makes of the change that the plugin makes.
#[derive(Debug, PartialEq)]
enum Outcome {
    /// The same data, and all comments are there.
    Same,
    /// Other data, and no error.
    OtherData,
    /// An error with this text in it.
    Error(String),
}

/// `None` where the plugin changes nothing.
#[track_caller]
fn outcome(text: &str, mode: &str, profile: &str) -> Option<Outcome> {
    let ours = kubectl_lithify::inject_text(text, mode, &[profile]).unwrap_or_else(|| panic!("refused:\n{text}"));
    let (before, after) = (data(text).unwrap(), data(&ours).unwrap());
    let mut found = Vec::new();
    patches(&before, &after, &[], &mut found);
    if found.is_empty() {
        return None;
    }
    let theirs = match apply_yaml_patches(&Document::new(text).unwrap(), &found) {
        Ok(document) => document.source().to_owned(),
        Err(error) => return Some(Outcome::Error(error.to_string())),
    };
    let comments = |text: &str| -> BTreeSet<String> {
        text.lines().filter_map(|line| line.find("# ").map(|at| line[at..].trim_end().to_owned())).collect()
    };
    assert_eq!(comments(&theirs), comments(&ours), "{theirs}");
    Some(if data(&theirs).as_ref() == Some(&after) { Outcome::Same } else { Outcome::OtherData })
}

/// Every document of every manifest in a folder that describes pods.
fn documents(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(documents(&path));
        } else if path.extension().is_some_and(|end| end == "yaml") {
            let text = fs::read_to_string(&path).unwrap();
            let documents = text.split("\n---\n").map(|document| format!("{}\n", document.trim_end()));
            found.extend(documents.filter(|document| document.contains("containers:") && data(document).is_some()));
        }
    }
    found
}

#[test]
fn both_make_the_same_of_every_manifest_where_yamlpatch_can() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut same = 0;
    for folder in ["tests/e2e/manifests", "../examples"] {
        for text in documents(&crate_folder.join(folder)) {
            // `stage` adds keys and items; the other modes also put maps into maps and change lists of words.
            if kubectl_lithify::inject_text(&text, "stage", &["nginx"]).is_none() {
                continue;
            }
            if let Some(outcome) = outcome(&text, "stage", "nginx") {
                assert_eq!(outcome, Outcome::Same, "{text}");
                same += 1;
            }
        }
    }
    assert!(same >= 5, "{same}");
}

const POD: &str = "kind: Pod\nmetadata:\n  name: x\nspec:\n  containers:\n  - name: app # a\n    image: app:1\n    command: [app] # it\n";

#[test]
fn what_yamlpatch_cannot_do() {
    assert_eq!(outcome(POD, "stage", "shells"), Some(Outcome::Same));
    // A map in a new map comes out beside it: `exec:` and `command:` in the same column.
    assert_eq!(outcome(POD, "probe", "shells"), Some(Outcome::OtherData));
    let replaced = |old: &str, new: &str| {
        assert!(POD.contains(old), "{old}");
        POD.replace(old, new)
    };
    for (text, mode, error) in [
        // A list in the place of another one or of nothing, and a new item in brackets.
        (POD.to_owned(), "run", "not valid YAML"),
        (replaced("spec:\n", "spec:\n  volumes:\n"), "stage", "not valid YAML"),
        (replaced("spec:\n", "spec:\n  volumes: []\n"), "stage", "flow sequence"),
        // Braces over several lines: also JSON as it is mostly written.
        (
            replaced("name: app # a\n    image: app:1\n    command: [app] # it\n", "{ name: app, # a\n      image: 'app:1', command: [app] }\n"),
            "stage",
            "multiline flow mapping",
        ),
        ("{\n  \"kind\": \"Pod\",\n  \"spec\": {\n    \"containers\": [{ \"name\": \"a\", \"image\": \"b\", \"command\": [\"c\"] }]\n  }\n}\n".to_owned(), "stage", "multiline flow mapping"),
    ] {
        match outcome(&text, mode, "shells") {
            Some(Outcome::Error(said)) => assert!(said.contains(error), "{said}:\n{text}"),
            other => panic!("{other:?}:\n{text}"),
        }
    }
    // It sees the first document of a stream alone.
    let second = Document::new(format!("kind: Service\n---\n{POD}")).unwrap();
    assert!(!second.query_exists(&Route::from(vec![Component::Key("spec".into())])));
    // It does not know that an anchor is shared: the plugin refuses to change one container of two.
    let shared = replaced(
        "command: [app] # it\n",
        "command: [app] # it\n    volumeMounts: &m\n    - { name: v, mountPath: /v }\n  - name: b\n    image: app:1\n    command: [app]\n    volumeMounts: *m\n",
    );
    assert_eq!(kubectl_lithify::inject_text(&shared, "stage", &["shells"]), None);
    let route = ["spec", "containers"]
        .map(|key| Component::Key(key.into()))
        .into_iter()
        .chain([Component::Index(0), Component::Key("volumeMounts".into())]);
    let value = yaml_serde::to_value(serde_json::json!({ "name": "w", "mountPath": "/w" })).unwrap();
    let document =
        apply_yaml_patches(&Document::new(shared).unwrap(), &[patch(&route.collect::<Vec<_>>(), Op::Append { value })])
            .unwrap();
    let changed = data(document.source()).unwrap();
    assert_eq!(changed["spec"]["containers"][1]["volumeMounts"][1]["name"], "w");
}
