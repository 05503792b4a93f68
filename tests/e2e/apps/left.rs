//! What is left for an intruder.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::list::App;
use crate::harness::attempts::works;
use crate::harness::container::Container;
use crate::harness::run_lithify;

/// Debian's shells, known by their content wherever they are, and ways to start a program that still work.
pub fn shells(app: &App, container: &Container, attempts: &[&[&str]]) -> Vec<String> {
    let image = app.spec().create();
    let shells = ["usr/bin/dash", "usr/bin/bash"].map(|path| fs::read(image.root().join(path)).unwrap());
    let mut left = Vec::new();
    find(container.root(), container.root(), &shells, &mut left);
    left.extend(attempts.iter().filter(|attempt| works(&container.enter(**attempt))).map(|attempt| attempt.join(" ")));
    left
}

fn find(root: &Path, directory: &Path, shells: &[Vec<u8>], left: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        let is = |shell: &Vec<u8>| shell.len() as u64 == metadata.len() && fs::read(&path).unwrap() == *shell;
        if metadata.is_dir() {
            find(root, &path, shells, left);
        } else if metadata.is_file() && shells.iter().any(is) {
            left.push(format!("/{}", path.strip_prefix(root).unwrap().display()));
        }
    }
}

/// The programs that `scan` recognises: class and path.
pub fn programs(container: &Container) -> BTreeSet<(String, String)> {
    let report = run_lithify(["scan", "--root", container.root().to_str().unwrap(), "--format", "json"]).json();
    let programs = report["programs"].as_array().unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    programs.iter().map(|program| (text(&program["class"]), text(&program["path"]))).collect()
}

/// What `scan` finds: class and path of programs and of what raises privileges or may be changed by anybody.
pub fn findings(container: &Container) -> BTreeSet<(String, String)> {
    const WEAKNESSES: [&str; 4] = ["setuid", "setgid", "file-capabilities", "world-writable"];
    let report = run_lithify(["scan", "--root", container.root().to_str().unwrap(), "--format", "json"]).json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let all = ["programs", "weaknesses"].iter().flat_map(|list| report[list].as_array().unwrap());
    let all = all.map(|finding| (text(&finding["class"]), text(&finding["path"])));
    let is_program = |class: &str| lithify::recognise::catalogue::Class::ALL.iter().any(|known| known.name() == class);
    all.filter(|(class, _)| is_program(class) || WEAKNESSES.contains(&class.as_str())).collect()
}
