//! Text, JSON, `--log` and the termination message.

use std::fs;

use crate::harness::container::Spec;
use crate::harness::tree::Tree;
use crate::harness::{harden, rootfs, run_lithify};

fn schema(name: &str) -> serde_json::Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schema").join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

pub fn assert_valid(schema_name: &str, instance: &serde_json::Value) {
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler.add_resource("file:///schema.json", schema(schema_name)).unwrap();
    let index = compiler.compile("file:///schema.json", &mut schemas).unwrap();
    if let Err(error) = schemas.validate(instance, index) {
        panic!("{error:#}\n{instance:#}");
    }
}

#[test]
fn json_fits_its_schema_whatever_happens() {
    let tree = Tree::new();
    tree.file("/bin/dash").link("/bin/sh", "dash").file("/bin/bash");
    tree.file_with("/p.toml", "schema = 1\ninclude = [\"shells\"]\n[keep]\nnames = [\"bash\"]\n[verify.files]\nabsent = [\"/bin/dash\"]\npresent = [\"/none\"]\n[strip]\nsetid = true\n");
    let profile = tree.at("/p.toml");
    let profile = profile.to_str().unwrap();
    for (arguments, code) in [
        (["-p", profile, "--dry-run"].as_slice(), 0),
        (&["-p", profile], 1),
        (&["-p", profile, "-v"], 1),
        (&["--remove", "/p.toml", "--remove", "nothing"], 0),
        (&["-p", "nonsense"], 2),
    ] {
        let ran = harden(tree.path(), [&["--format", "json"], arguments].concat()).exits(code);
        let object = ran.json();
        assert_valid("report.schema.json", &object);
        assert_eq!(object["exit_code"], code);
        assert_eq!(ran.stdout.lines().count(), 1);
    }
    let refused = Tree::new();
    refused.file("/lib/libc.so.6");
    let object = harden(refused.path(), ["--format", "json", "--remove", "/lib/*"]).exits(3).json();
    assert_valid("report.schema.json", &object);
    assert_eq!(object["findings"][0]["id"], "refused");
    let verify =
        run_lithify(["verify", "--format", "json", "-p", "restricted", "--root", refused.path().to_str().unwrap()])
            .exits(1);
    assert_valid("report.schema.json", &verify.json());
}

#[test]
fn the_catalogue_of_checks() {
    let list = run_lithify(["verify", "--list-checks", "--format", "json"]).exits(0).json();
    assert_valid("checks.schema.json", &list);
    let text = run_lithify(["verify", "--list-checks"]).exits(0).stdout;
    for check in list.as_array().unwrap() {
        let name = check["id"].as_str().unwrap();
        assert!(text.contains(&format!("\n{name} (")) || text.starts_with(name), "{name}");
    }
    // The entries of a report have the same ids.
    let tree = Tree::new();
    let ran = run_lithify(["verify", "-p", "restricted", "--format", "json", "--root", tree.path().to_str().unwrap()]);
    let report = ran.json();
    assert_valid("report.schema.json", &report);
    for check in report["checks"].as_array().unwrap() {
        let row = list.as_array().unwrap().iter().find(|row| row["id"] == check["id"]).unwrap();
        assert_eq!(row["ids"], check["ids"]);
    }
}

#[test]
fn every_built_in_profile_fits_the_profile_schema() {
    assert_eq!(run_lithify(["profile", "schema"]).exits(0).json(), schema("profile.schema.json"));
    let profiles = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let mut seen = 0;
    let files = fs::read_dir(profiles).unwrap().map(|file| file.unwrap().path());
    for path in files.filter(|path| path.is_file()) {
        let table: toml::Table = fs::read_to_string(&path).unwrap().parse().unwrap();
        assert_valid("profile.schema.json", &serde_json::to_value(table).unwrap());
        run_lithify(["profile", "check", path.to_str().unwrap()]).exits(0);
        seen += 1;
    }
    let listed = run_lithify(["profile", "list"]).exits(0).stdout.lines().count();
    assert_eq!(seen, listed);
}

#[test]
fn the_schema_and_the_parser_know_the_same_keys() {
    fn keys(schema: &serde_json::Value, path: &str, out: &mut Vec<String>) {
        for (key, value) in schema["properties"].as_object().into_iter().flatten() {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            if value["properties"].is_object() {
                keys(value, &path, out);
            } else {
                out.push(path);
            }
        }
    }
    let mut known = Vec::new();
    keys(&schema("profile.schema.json"), "", &mut known);
    assert!(known.len() > 20, "{known:?}");
    let tree = Tree::new();
    for key in known.iter().filter(|key| *key != "schema") {
        // A value of a wrong type: a key that is known says what it wants, an unknown one that it is unknown.
        tree.file_with("/p.toml", &format!("schema = 1\n{key} = 1979-05-27\n"));
        run_lithify(["profile", "check", tree.at("/p.toml").to_str().unwrap()])
            .exits(2)
            .says("must be")
            .does_not_say("unknown key");
    }
}

#[test]
fn show_gives_a_profile_that_means_the_same() {
    let tree = Tree::new();
    for profile in ["nginx", "restricted", "setuid"] {
        let shown = run_lithify(["profile", "show", profile]).exits(0).stdout;
        assert!(shown.contains(&format!("# {profile}")), "{shown}");
        tree.file_with("/again.toml", &shown);
        let again = run_lithify(["profile", "show", "--format", "json", tree.at("/again.toml").to_str().unwrap()])
            .exits(0)
            .json();
        let first = run_lithify(["profile", "show", "--format", "json", profile]).exits(0).json();
        let values = |profile: &serde_json::Value| -> Vec<String> {
            let names = profile["remove"]["names"].as_array().unwrap();
            names.iter().map(|entry| entry["value"].to_string()).collect()
        };
        assert_eq!(values(&again), values(&first));
        for key in ["strip", "verify"] {
            let plain = |value: &serde_json::Value| {
                value
                    .to_string()
                    .replace(&format!("\"profile\":\"{profile}\""), "")
                    .replace("\"profile\":\"setuid\"", "")
                    .replace("\"profile\":\"leftovers\"", "")
            };
            assert_eq!(plain(&again[key]), plain(&first[key]), "{key}");
        }
    }
}

#[test]
fn the_log_and_the_termination_message() {
    let container = Spec::new(&rootfs("nginx"), &["/bin/sh", "-c", "sleep 1000; :"]).start();
    container.lithify(&["harden", "-p", "shells", "--log", "/proc/1/fd/2"]).exits(3);
    assert!(container.log().contains("REFUSED /usr/bin/dash"), "{}", container.log());
    assert!(container.termination_message().starts_with("lithify harden /: refused"));
    // Cleared by success; somebody else's message stays.
    container.lithify(&["harden", "--remove", "tac"]).exits(0);
    assert_eq!(container.termination_message(), "");
    container.exec(["/bin/sh", "-c", "echo the app said >/dev/termination-log"]).exits(0);
    container.lithify(&["harden", "-p", "shells"]).exits(3);
    container.lithify(&["harden", "--remove", "tac"]).exits(0);
    assert_eq!(container.termination_message(), "the app said\n");
    // So is a mistake of the command line, and it is no less replaced.
    container.exec(["/bin/sh", "-c", ": >/dev/termination-log"]).exits(0);
    container.lithify(&["harden", "--profiles", "shells"]).exits(2);
    let message = container.termination_message();
    assert!(message.starts_with("lithify error: unexpected argument '--profiles'"), "{message}");
    container.lithify(&["harden", "--help"]).exits(0);
    assert_eq!(container.termination_message(), message);
    container.lithify(&["harden", "--remove", "tac"]).exits(0);
    assert_eq!(container.termination_message(), "");
    // An unwritable log is a note.
    container
        .lithify(&["harden", "--remove", "tac", "--log", "/nonexistent/log"])
        .exits(0)
        .says("note: --log /nonexistent/log: No such file");
}

#[test]
fn quiet_and_verbose() {
    let tree = Tree::new();
    tree.file("/bin/sh").file("/bin/bash");
    assert_eq!(harden(tree.path(), ["-q", "--remove", "sh"]).exits(0).all(), "");
    let plain = harden(tree.path(), ["--remove", "bash"]).exits(0).all();
    assert_eq!(plain.lines().count(), 1, "{plain}");
    assert!(plain.contains("1 name of 1 file removed"), "{plain}");
}

#[test]
fn problems_come_first_and_one_summary_last() {
    let tree = Tree::new();
    tree.file("/bin/sh");
    tree.file_with("/p.toml", "schema = 1\n[remove]\nnames = [\"sh\"]\n[verify.files]\npresent = [\"/none\"]\n");
    let ran = harden(tree.path(), ["-v", "-p", tree.at("/p.toml").to_str().unwrap()]).exits(1);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines[0].starts_with("FAIL files.present /none"), "{lines:?}");
    assert!(lines.last().unwrap().starts_with("lithify harden "), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("lithify ")).count(), 1);
}
