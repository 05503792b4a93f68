//! The workflows are valid, run nothing that can change under them, and let nobody write into their scripts.

use std::process::Command;

use serde_json::Value;

use crate::{output, project, read, tool};

const ACTIONS: [&str; 1] = ["action.yml"];

fn workflows() -> Vec<String> {
    let entries = std::fs::read_dir(project().join(".github/workflows")).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| format!(".github/workflows/{}", entry.unwrap().file_name().to_str().unwrap())).collect();
    names.push("examples/ci/github.yml".to_owned());
    names
}

fn yaml(path: &str) -> Value {
    serde_norway::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every step of a workflow or an action.
fn steps(file: &Value) -> Vec<&Value> {
    let jobs = file["jobs"].as_object().into_iter().flat_map(|jobs| jobs.values());
    jobs.chain([&file["runs"]]).filter_map(|job| job["steps"].as_array()).flatten().collect()
}

#[test]
fn they_are_valid() {
    for (schema, files) in
        [("github-workflows.json", workflows()), ("github-actions.json", ACTIONS.map(str::to_owned).to_vec())]
    {
        let mut compiler = boon::Compiler::new();
        let text: Value = serde_json::from_slice(&std::fs::read(tool(schema)).unwrap()).unwrap();
        compiler.add_resource("schema.json", text).unwrap();
        let mut schemas = boon::Schemas::new();
        let schema = compiler.compile("schema.json", &mut schemas).unwrap();
        for file in files {
            schemas.validate(&yaml(&file), schema).unwrap_or_else(|error| panic!("{file}: {error:#}"));
        }
    }
}

#[test]
fn a_checker_finds_nothing() {
    let files = workflows();
    let mut command = Command::new(tool("zizmor"));
    command.args(["--offline", "--no-progress", "--persona", "pedantic", "--config", ".github/zizmor.yml"]);
    let (clean, said) = output(command.args(&files).args(ACTIONS).current_dir(project()));
    assert!(clean, "{said}");
}

#[test]
fn they_use_what_cannot_change_and_no_script_holds_what_others_say() {
    for file in workflows().iter().map(String::as_str).chain(ACTIONS) {
        let content = yaml(file);
        for step in steps(&content) {
            if let Some(uses) = step["uses"].as_str() {
                let (name, pin) = uses.split_once('@').unwrap();
                let is_pinned = pin.len() == 40 && pin.bytes().all(|byte| byte.is_ascii_hexdigit());
                let is_ours = name == "lithify/lithify" && pin == concat!("v", env!("CARGO_PKG_VERSION"));
                assert!(is_pinned || is_ours, "{file}: {uses}");
            }
            let script = step["run"].as_str().unwrap_or_default();
            assert!(!script.contains("${{"), "{file}: {script}");
            if step["uses"].as_str().is_some_and(|uses| uses.starts_with("actions/checkout@")) {
                assert_eq!(step["with"]["persist-credentials"], false, "{file}");
            }
        }
        if let Some(jobs) = content["jobs"].as_object() {
            // None for the whole, and for each job what it needs.
            assert_eq!(content["permissions"], serde_json::json!({}), "{file}");
            for (name, job) in jobs {
                assert!(job["permissions"].is_object() && job["timeout-minutes"].is_u64(), "{file}: {name}");
            }
        }
    }
    // What builds cannot publish, and what publishes builds nothing.
    let release = yaml(".github/workflows/release.yml");
    for (name, job) in release["jobs"].as_object().unwrap() {
        let writes = job["permissions"].as_object().unwrap().values().any(|permission| permission == "write");
        let scripts: String = job["steps"].as_array().unwrap().iter().filter_map(|step| step["run"].as_str()).collect();
        let builds = [".ci/run", "dist.sh", "cargo", "just"].iter().any(|program| scripts.contains(program));
        assert!(writes != builds, "{name}");
    }
}
