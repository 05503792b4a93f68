//! The catalogue against what GTFOBins knows: how much of it is recognised, and whether both say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use lithify::recognise::catalogue::Catalogue;

use crate::harness::tree::{manifest, resolve};
use crate::harness::{rootfs, run_lithify};

/// Functions that start something of the intruder's.
const STRONG: [&str; 4] = ["bind-shell", "command", "reverse-shell", "shell"];

/// Servers, which mostly are the app itself: reading or writing a file is all that they lend. They are in no class, so
/// that a rule by class can never mean the app.
const LEFT_OUT: [&str; 5] = ["apache2", "apache2ctl", "mosquitto", "nginx", "redis"];

/// What only looks like one of them: the dynamic loader, which every program needs to start and which is a library to
/// scan; apt's methods, where `ssh` is a link to `rsh`, neither of which is the program of that name; a function of ksh,
/// whose file has an x bit but neither `#!` nor anything else that the kernel starts; and scripts for a program, which
/// are called as it is.
const NOT_MEANT: [&str; 6] = [
    "/usr/bin/ld.so",
    "/usr/lib/apt/methods/ssh",
    "/usr/share/ksh/functions/man",
    "/etc/cron.daily/",
    "/usr/lib/dpkg/methods/",
    "/usr/share/bug/",
];

fn facts() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let lines = include_str!("../../data/gtfobins.tsv").lines().filter(|line| !line.starts_with('#'));
    let facts: Vec<(&str, &str)> = lines.map(|line| line.split_once('\t').unwrap()).collect();
    assert!(facts.is_sorted(), "one name a line, in order");
    facts.into_iter().map(|(name, functions)| (name, functions.split(',').collect())).collect()
}

fn is_strong(functions: &BTreeSet<&str>) -> bool {
    STRONG.iter().any(|function| functions.contains(function))
}

#[test]
fn names_that_are_recognised() {
    let (facts, catalogue) = (facts(), Catalogue::default());
    assert!(facts.len() > 470);
    let known: BTreeSet<_> =
        facts.keys().filter(|name| catalogue.by_name(name.as_bytes()).is_some()).copied().collect();
    let strong: Vec<_> = facts.iter().filter(|(_, functions)| is_strong(functions)).map(|(name, _)| *name).collect();
    let strong_known = strong.iter().filter(|name| known.contains(*name)).count();
    println!("GTFOBins: {} of {} names recognised", known.len(), facts.len());
    println!("with shell, command, reverse-shell or bind-shell: {strong_known} of {}", strong.len());
    assert_eq!(strong_known, strong.len());
    let unknown: Vec<_> = facts.keys().filter(|name| !known.contains(*name)).copied().collect();
    assert_eq!(unknown, LEFT_OUT);
}

#[test]
fn the_table_has_the_same_functions() {
    let catalogue = Catalogue::default();
    let mut compared = 0;
    for (name, functions) in facts() {
        let Some(known) = catalogue.exactly(name) else { continue };
        assert_eq!(known.functions().collect::<BTreeSet<_>>(), functions, "{name}");
        compared += 1;
    }
    assert_eq!(compared, facts().len() - LEFT_OUT.len());
}

/// Names of executable files, and of links to them, in the whole tree: each with one path.
fn executables(root: &Path) -> BTreeMap<String, Vec<String>> {
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let entries = manifest(root);
    for path in entries.keys() {
        let Some(target) = resolve(root, &Path::new("/").join(path), 0) else { continue };
        let Some(line) = entries.get(target.strip_prefix("/").unwrap()) else { continue };
        let mode = line.split(' ').nth_back(1).unwrap();
        if line.starts_with("file of") && u32::from_str_radix(mode, 8).unwrap() & 0o111 != 0 {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            names.entry(name).or_default().push(format!("/{}", path.display()));
        }
    }
    names
}

#[test]
fn executables_of_debian_that_the_scan_finds() {
    let facts = facts();
    let (mut there, mut found, mut strong, mut missed) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), Vec::new());
    for tree in ["nginx", "httpd", "shells"] {
        let root = rootfs(tree);
        let scan = run_lithify(["scan", "--format", "json", "--root", root.to_str().unwrap()]).exits(0).json();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let mut seen = BTreeSet::new();
        for program in scan["programs"].as_array().unwrap() {
            seen.insert(text(&program["path"]));
            seen.extend(program["names"].as_array().unwrap().iter().map(text));
        }
        for (name, paths) in executables(&root) {
            let Some((name, functions)) = facts.get_key_value(name.as_str()) else { continue };
            for path in paths {
                if NOT_MEANT.iter().any(|known| path.starts_with(known)) {
                    continue;
                }
                there.insert(*name);
                if is_strong(functions) {
                    strong.insert(*name);
                }
                if seen.contains(&path) {
                    found.insert(*name);
                } else if !LEFT_OUT.contains(name) {
                    missed.push(format!("{tree}: {path}"));
                }
            }
        }
    }
    println!("GTFOBins: {} of its names are executables of these trees, {} found by scan", there.len(), found.len());
    let strong_found = strong.intersection(&found).count();
    println!("with shell, command, reverse-shell or bind-shell: {strong_found} of {}", strong.len());
    assert!(strong.len() > 50, "{strong:?}");
    assert_eq!(strong_found, strong.len());
    assert_eq!(missed, Vec::<String>::new());
}
