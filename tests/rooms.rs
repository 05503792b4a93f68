//! The rooms of the house: which folder of `src/` may use which, and that no modules use each other in a circle. Read from
//! the sources: every path that begins with `crate::` or `super::`, in `use` lines and in code, outside comments and unit
//! tests.

#![allow(missing_docs, clippy::pedantic, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, iter};

/// The rooms of the core, from the bottom up: each uses only those before it.
const ROOMS: [&str; 19] = [
    "text",
    "linux",
    "root",
    "recognise",
    "profile",
    "target",
    "probe",
    "harden",
    "volume",
    "seal",
    "drift",
    "verify",
    "scan",
    "launch",
    "prove",
    "learn",
    "report",
    "cli",
    "commands",
];

/// A module path such as `["harden", "plan"]`, and the modules that it uses.
type House = BTreeMap<Vec<String>, BTreeSet<Vec<String>>>;

#[test]
fn the_core_uses_only_rooms_below() {
    let house = house("src");
    let mut known: Vec<&str> = house.keys().filter_map(|module| module.first()).map(String::as_str).collect();
    known.dedup();
    let mut rooms = ROOMS.to_vec();
    rooms.sort_unstable();
    assert_eq!(known, rooms, "the folders of src/ are the rooms, and each has its place in the order");
    let floor = |room: &str| ROOMS.iter().position(|other| *other == room);
    let mut upwards = Vec::new();
    for (module, uses) in &house {
        for used in uses.iter().filter(|used| !module.is_empty() && floor(&used[0]) > floor(&module[0])) {
            upwards.push(format!("{} uses {}", module.join("::"), used.join("::")));
        }
    }
    assert!(upwards.is_empty(), "these modules use a room above their own:\n{}", upwards.join("\n"));
}

#[test]
fn no_circle_in_the_core() {
    no_circle("src");
}

#[test]
fn no_circle_in_the_plugin() {
    no_circle("kubectl/src");
}

#[test]
fn circles_and_paths_are_seen() {
    let code = "use crate::a::{b::{C, d}, self};\n// use crate::no;\nfn f() { super::g::h(crate::i) }\n#[cfg(test)]\nmod tests { use crate::no; }";
    let paths: Vec<String> = paths(code).iter().map(|path| path.join("::")).collect();
    assert_eq!(paths, ["crate::a::b::C", "crate::a::b::d", "crate::a", "super::g::h", "crate::i"]);
    let graph = |edges: &[(&'static str, &'static str)]| {
        let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in edges {
            graph.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        graph
    };
    assert_eq!(circle(&graph(&[("a", "b"), ("b", "c"), ("a", "c")])), None);
    assert_eq!(circle(&graph(&[("x", "a"), ("a", "b"), ("b", "c"), ("c", "a")])).unwrap(), ["a", "b", "c", "a"]);
}

/// In each folder the modules, each with all below it, use each other in one direction only.
#[track_caller]
fn no_circle(directory: &str) {
    let house = house(directory);
    let folders: BTreeSet<Vec<String>> = house.keys().flat_map(|module| prefixes(module)).collect();
    assert!(house.len() > 20, "{directory}: {} modules", house.len());
    let mut circles = Vec::new();
    for folder in folders {
        let child = |module: &[String]| module.strip_prefix(folder.as_slice())?.first().cloned();
        let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (module, uses) in &house {
            let Some(from) = child(module) else { continue };
            let to = uses.iter().filter_map(|used| child(used)).filter(|to| *to != from);
            graph.entry(from.clone()).or_default().extend(to);
        }
        if let Some(circle) = circle(&graph) {
            circles.push(format!("{directory}/{}: {}", folder.join("/"), circle.join(" -> ")));
        }
    }
    assert!(circles.is_empty(), "these modules use each other in a circle:\n{}", circles.join("\n"));
}

fn prefixes(module: &[String]) -> Vec<Vec<String>> {
    (0..module.len()).map(|length| module[..length].to_vec()).collect()
}

/// A circle, if there is one.
fn circle(graph: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    fn visit(
        graph: &BTreeMap<String, BTreeSet<String>>,
        at: &str,
        way: &mut Vec<String>,
        done: &mut BTreeSet<String>,
    ) -> bool {
        way.push(at.to_owned());
        if let Some(start) = way[..way.len() - 1].iter().position(|passed| passed == at) {
            way.drain(..start);
            return true;
        }
        if !done.contains(at) && graph.get(at).is_some_and(|next| next.iter().any(|to| visit(graph, to, way, done))) {
            return true;
        }
        done.insert(at.to_owned());
        way.pop();
        false
    }
    let mut done = BTreeSet::new();
    graph.keys().find_map(|start| {
        let mut way = Vec::new();
        visit(graph, start, &mut way, &mut done).then_some(way)
    })
}

/// Every module below a directory of sources, with the modules that it uses.
fn house(directory: &str) -> House {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let files = sources(&top);
    let module = |file: &PathBuf| -> Vec<String> {
        let mut names: Vec<String> = file
            .strip_prefix(&top)
            .unwrap()
            .with_extension("")
            .iter()
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        if matches!(names.last().map(String::as_str), Some("mod" | "lib" | "main")) {
            names.pop();
        }
        names
    };
    let modules: BTreeSet<Vec<String>> = files.iter().map(module).collect();
    let mut house = House::new();
    for file in &files {
        let here = module(file);
        let uses = paths(&fs::read_to_string(file).unwrap());
        let uses = uses.iter().filter_map(|path| {
            let supers = path.iter().take_while(|name| *name == "super").count();
            let base = if path[0] == "crate" { &[] } else { &here[..here.len().checked_sub(supers)?] };
            let rest = &path[supers.max(1)..];
            let whole: Vec<String> = base.iter().chain(rest).cloned().collect();
            // The rest names items of the deepest module.
            let mut known = (1..=whole.len()).rev().map(|length| whole[..length].to_vec());
            known.find(|prefix| modules.contains(prefix)).filter(|used| *used != here)
        });
        house.entry(here.clone()).or_default().extend(uses);
    }
    house
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Every path in some code that begins with `crate` or `super`, groups in braces taken apart.
fn paths(code: &str) -> Vec<Vec<String>> {
    let code = code.split("#[cfg(test)]\nmod ").next().unwrap();
    let lines = code.lines().map(|line| line.split("//").next().unwrap());
    let mut tokens: Vec<String> = Vec::new();
    for character in lines.flat_map(|line| line.chars().chain(iter::once('\n'))) {
        match tokens.last_mut() {
            Some(last) if is_name(character) && last.chars().all(is_name) => last.push(character),
            _ => tokens.push(character.to_string()),
        }
    }
    tokens.retain(|token| !token.trim().is_empty());
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let begins = matches!(tokens[at].as_str(), "crate" | "super");
        if begins && tokens.get(at + 1).is_some_and(|next| next == ":") {
            path(&tokens, &mut at, &mut Vec::new(), &mut found);
        } else {
            at += 1;
        }
    }
    found
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Reads a path, or a group of paths, that follows `before`.
fn path(tokens: &[String], at: &mut usize, before: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let token = |at: usize| tokens.get(at).map_or("", String::as_str);
    let length = before.len();
    loop {
        if token(*at) == "{" {
            *at += 1;
            while !matches!(token(*at), "}" | "") {
                path(tokens, at, before, found);
                if token(*at) == "," {
                    *at += 1;
                }
            }
            *at += 1;
            break;
        }
        if token(*at).chars().all(is_name) && !token(*at).is_empty() && token(*at) != "self" {
            before.push(token(*at).to_owned());
        }
        *at += 1;
        if token(*at) == "as" {
            *at += 2;
        }
        if token(*at) == ":" && token(*at + 1) == ":" {
            *at += 2;
            // `Vec::<T>` and `*` end a path.
            if token(*at).chars().all(is_name) || token(*at) == "{" {
                continue;
            }
            *at += 1;
        }
        found.push(before.clone());
        break;
    }
    before.truncate(length);
}
