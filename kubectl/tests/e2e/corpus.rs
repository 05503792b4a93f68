//! Manifests in every style that people write, made for this after the shapes that are met in the wild: what `inject` makes
//! of each is read, valid and stable, and leaves alone what it need not change.

use std::fs;
use std::path::{Path, PathBuf};

use boon::{Compiler, Schemas};
use serde_json::Value;

use super::{data, plugin};
use crate::ran::Ran;

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Name and text of each file, with both line ends.
fn corpus() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(project("tests/e2e/corpus")).unwrap() {
        let path = entry.unwrap().path();
        let (name, text) =
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap());
        all.push((format!("{name}, Windows"), text.replace('\n', "\r\n")));
        all.push((name, text));
    }
    assert!(all.len() >= 12, "{all:?}");
    all
}

/// Each mode; `--force` where a mode does not fit one of the containers.
const MODES: [&str; 4] = ["probe --force", "stage --force", "run --force", "auto"];

/// The documents of a text, byte for byte.
fn documents(text: &str) -> Vec<&str> {
    let mut documents = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("\n---") {
        documents.push(&rest[..at]);
        rest = &rest[at + 4..];
    }
    documents.push(rest);
    documents
}

/// Whether `inject` knows its kind.
fn is_workload(document: &str) -> bool {
    let kind = |value: &Value| value["kind"].as_str().is_some_and(|kind| ["Deployment", "Pod", "List"].contains(&kind));
    // A directive alone is no document to the other reader.
    !document.starts_with('%') && data(document).iter().any(kind)
}

/// Whether more may be put into the middle of a line: it has a collection in the flow style.
fn is_flow(line: &str) -> bool {
    line.contains(['{', '[', '}', ']'])
}

/// Whether `new` has all characters of `line` in their order.
fn has_all_of(new: &str, line: &str) -> bool {
    let mut rest = new.chars();
    line.chars().all(|wanted| rest.any(|other| other == wanted))
}

#[test]
fn what_is_injected_is_read_and_stays_and_keeps_what_was_there() {
    for (name, text) in corpus() {
        for mode in MODES {
            let inject = |text: &str| -> Ran { plugin(text, &format!("inject -p shells --mode {mode}")) };
            let ran = inject(&text);
            assert_eq!(ran.code, 0, "{name} {mode}: {}", ran.stderr);
            let injected = ran.stdout;
            assert_ne!(injected, text, "{name} {mode}");
            assert_eq!(inject(&injected).stdout, injected, "{name} {mode}: a second time");
            plugin(&injected, "lint -p shells").does_not_say("panicked");
            // By another reader.
            let (before, after) = (data(&text), data(&injected));
            assert_eq!(before.len(), after.len(), "{name} {mode}");
            // Lines stay in their order, but for those of a command and of a probe that is waited for.
            let mut lines = injected.lines();
            for line in text.lines() {
                let stays = |new: &str| new == line || is_flow(line) && has_all_of(new, line);
                let next = lines.clone().position(stays);
                let is_changed = [
                    "command",
                    "tcpSocket",
                    "httpGet",
                    "failureThreshold",
                    "startupProbe",
                    "volumeMounts",
                    "volumes",
                    "- /",
                    "/app,",
                ]
                .iter()
                .any(|part| line.contains(part));
                assert!(next.is_some() || is_changed, "{name} {mode}: {line:?} is gone:\n{injected}");
                if let Some(next) = next {
                    lines.nth(next);
                }
            }
            let comments = |text: &str| text.matches("# ").count();
            assert!(comments(&injected) >= comments(&text), "{name} {mode}");
            // What has no pod stays byte for byte.
            let (before, after) = (documents(&text), documents(&injected));
            assert_eq!(before.len(), after.len(), "{name} {mode}");
            for (before, after) in before.iter().zip(after).filter(|(before, _)| !is_workload(before)) {
                assert_eq!(*before, after, "{name} {mode}");
            }
        }
    }
}

/// All objects, with those of lists.
fn objects(text: &str) -> Vec<Value> {
    let list = |mut object: Value| match object["kind"].as_str() {
        Some("List") => object["items"].as_array_mut().unwrap().drain(..).collect(),
        _ => vec![object],
    };
    data(text).into_iter().filter(|object| !object.is_null()).flat_map(list).collect()
}

/// Against the schemas of the API, as strictly as the server is with unknown fields.
#[test]
fn what_is_injected_is_valid() {
    for version in ["1.33", "1.37"] {
        let directory = project(&format!("../target/fleet/kubernetes/v{version}.0-local-strict"));
        let read = |name: &str| -> Value {
            let text = fs::read_to_string(directory.join(name))
                .unwrap_or_else(|error| panic!("{name}: {error}: run tests/fleet/schemas.sh first"));
            serde_json::from_str(&text).unwrap()
        };
        let mut compiler = Compiler::new();
        compiler.add_resource("https://kubernetes.io/api/_definitions.json", read("_definitions.json")).unwrap();
        let mut schemas = Schemas::new();
        let kinds = [
            ("Pod", "pod-v1"),
            ("Deployment", "deployment-apps-v1"),
            ("StatefulSet", "statefulset-apps-v1"),
            ("DaemonSet", "daemonset-apps-v1"),
            ("CronJob", "cronjob-batch-v1"),
        ];
        let kinds = kinds.map(|(kind, name)| {
            let url = format!("file:///{name}.json");
            compiler.add_resource(&url, read(&format!("{name}.json"))).unwrap();
            (kind, compiler.compile(&url, &mut schemas).unwrap())
        });
        let mut seen = 0;
        for (name, text) in corpus().into_iter().filter(|(name, _)| !name.contains("Windows")) {
            let delivered = ["", "--deliver image-volume"];
            for (mode, deliver) in MODES.iter().flat_map(|mode| delivered.map(|deliver| (mode, deliver))) {
                let ran = plugin(&text, &format!("inject -p shells --mode {mode} {deliver} --harden-volumes")).exits(0);
                for mut object in objects(&ran.stdout) {
                    let kind = kinds.iter().find(|(kind, _)| object["kind"] == *kind);
                    let Some((_, schema)) = kind else { continue };
                    object.as_object_mut().unwrap().remove("x-common");
                    let judged = schemas.validate(&object, *schema);
                    // Options of mounts came with 1.37.
                    let is_too_new = version != "1.37" && object.to_string().contains("bindMountOptions");
                    assert!(
                        judged.is_ok() || is_too_new,
                        "{name} {mode} {version}: {:#}\n{object:#}",
                        judged.unwrap_err()
                    );
                    seen += 1;
                }
            }
        }
        assert!(seen >= 60, "{seen}");
    }
}

/// Ten megabytes, of which most is no workload.
#[test]
fn large_files() {
    let chart = fs::read_to_string(project("tests/e2e/corpus/chart.yaml")).unwrap();
    let config: String = (0..20_000).map(|line| format!("    line {line}: not a list of containers\n")).collect();
    let config = format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: big }}\ndata:\n  big: |\n{config}");
    let text = format!("{chart}{}", config.repeat(10_500_000 / config.len() + 1));
    assert!(text.len() > 10_000_000);
    let injected = super::inject(&text, "-p shells --mode auto");
    let small = super::inject(&chart, "-p shells --mode auto");
    assert!(injected.starts_with(&small) && injected[small.len()..] == text[chart.len()..]);
}
