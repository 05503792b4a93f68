//! No module of the plugin or of the core's `recognise` uses a module that uses it, on any way. A parent and its own children
//! are apart: a folder's file gathers the names of the folder. Unlike `tests/rooms.rs`, this test follows names through such a
//! file to the module that defines them.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A module's path from the crate's root, such as `yaml::read`; empty for the root itself.
type Module = Vec<String>;

/// For each module the modules that it uses.
type Graph = BTreeMap<Module, BTreeSet<Module>>;

/// The code of each module of a crate, without comments and unit tests.
fn modules(source: &Path) -> BTreeMap<Module, String> {
    fn walk(folder: &Path, module: &Module, found: &mut BTreeMap<Module, String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let inner: Module = module.iter().cloned().chain([name.clone()]).collect();
            if path.is_dir() {
                walk(&path, &inner, found);
            } else if path.extension().is_some_and(|end| end == "rs") && name != "main" {
                let module = if name == "lib" { Module::new() } else { inner };
                found.insert(module, code(&fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(source, &Module::new(), &mut found);
    found
}

/// Without comments, and up to the unit tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = text.lines().map(|line| line.split("//").next().unwrap());
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The paths of a `use` tree, each as its segments: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn paths(tree: &str) -> Vec<Vec<String>> {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap();
        return vec![path.split("::").map(|segment| segment.trim().to_owned()).collect()];
    };
    let prefix: Vec<String> =
        tree[..open].split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for c in tree[open + 1..tree.rfind('}').unwrap()].chars() {
        match c {
            ',' if depth == 0 => parts.push(String::new()),
            c => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                parts.last_mut().unwrap().push(c);
            }
        }
    }
    let inner = parts.iter().filter(|part| !part.trim().is_empty()).flat_map(|part| paths(part));
    inner.map(|path| prefix.iter().cloned().chain(path).filter(|segment| segment != "self").collect()).collect()
}

/// The paths of `use` declarations, and those in the code that begin with `crate::` or `super::`.
fn used(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let uses = code.match_indices("use ").filter(|(at, _)| {
        let before = code[..*at].rsplit('\n').next().unwrap().trim();
        before.is_empty() || before.starts_with("pub")
    });
    for (at, _) in uses {
        let tree = code[at + 4..].split(';').next().unwrap();
        // A line of a string may also begin with this word.
        if tree.chars().all(|c| c.is_alphanumeric() || c.is_whitespace() || "_:{},*".contains(c)) {
            found.extend(paths(tree));
        }
    }
    for begin in ["crate::", "super::"] {
        for (at, _) in code.match_indices(begin) {
            let before = code[..at].chars().next_back();
            // A macro's `$crate::` is a use by whoever calls the macro.
            if before.is_none_or(|c| !c.is_alphanumeric() && !"_:$".contains(c)) {
                let path: String =
                    code[at..].chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect();
                found.push(path.trim_end_matches(':').split("::").map(str::to_owned).collect());
            }
        }
    }
    found
}

/// The graph of all modules below `source`.
fn graph(source: &Path) -> Graph {
    let modules = modules(source);
    // A `use` declaration brings a name into a module. Others take the name from there.
    let absolute = |module: &Module, path: &[String]| -> Option<Vec<String>> {
        let mut base = module.clone();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => (base, rest) = (Module::new(), &path[1..]),
            "self" => rest = &path[1..],
            "super" => {}
            first if modules.contains_key(&[module.as_slice(), &[first.to_owned()]].concat()) => {}
            _ => return None,
        }
        while rest.first().is_some_and(|segment| segment == "super") {
            base.pop()?;
            rest = &rest[1..];
        }
        Some(base.into_iter().chain(rest.iter().cloned()).collect())
    };
    let mut names: BTreeMap<(Module, String), Vec<String>> = BTreeMap::new();
    let mut all: BTreeMap<&Module, Vec<Vec<String>>> = BTreeMap::new();
    for (module, code) in &modules {
        let used: Vec<Vec<String>> = used(code).iter().filter_map(|path| absolute(module, path)).collect();
        for path in &used {
            names.insert((module.clone(), path.last().cloned().unwrap_or_default()), path.clone());
        }
        all.insert(module, used);
    }
    // The module that a path leads to, through names that another module has brought in.
    let resolve = |path: &[String]| -> Module {
        let mut path = path.to_vec();
        for _ in 0..8 {
            let length = (0..=path.len()).rev().find(|length| modules.contains_key(&path[..*length])).unwrap();
            let (module, rest) = (path[..length].to_vec(), path[length..].to_vec());
            let brought = rest.first().and_then(|name| names.get(&(module.clone(), name.clone())));
            match brought.filter(|brought| brought[..] != path[..=length]) {
                Some(brought) => path = brought.iter().chain(&rest[1..]).cloned().collect(),
                None => return module,
            }
        }
        panic!("{path:?} leads nowhere");
    };
    let mut graph = Graph::new();
    for (module, used) in all {
        let targets = used.iter().map(|path| resolve(path)).filter(|other| !is_family(module, other));
        graph.insert(module.clone(), targets.collect());
    }
    graph
}

/// Whether one module is the other or above it.
fn is_family(one: &Module, other: &Module) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// The same between the top files and folders.
fn tops(graph: &Graph) -> Graph {
    let mut tops = Graph::new();
    let top = |module: &Module| module.first().map(|top| vec![top.clone()]);
    for (module, used) in graph {
        let Some(from) = top(module) else { continue };
        let used = used.iter().filter_map(top).filter(|other| *other != from);
        tops.entry(from.clone()).or_default().extend(used);
    }
    tops
}

/// A circle, from a module back to itself.
fn circle(graph: &Graph) -> Option<Vec<String>> {
    fn visit<'a>(
        module: &'a Module,
        graph: &'a Graph,
        way: &mut Vec<&'a Module>,
        done: &mut BTreeSet<&'a Module>,
    ) -> Option<Vec<String>> {
        if let Some(begin) = way.iter().position(|known| *known == module) {
            return Some(way[begin..].iter().copied().chain([module]).map(|module| module.join("::")).collect());
        }
        if !done.insert(module) {
            return None;
        }
        way.push(module);
        let found = graph.get(module).into_iter().flatten().find_map(|used| visit(used, graph, way, done));
        way.pop();
        found
    }
    let mut done = BTreeSet::new();
    graph.keys().find_map(|module| visit(module, graph, &mut Vec::new(), &mut done))
}

fn module(path: &str) -> Module {
    path.split("::").map(str::to_owned).collect()
}

#[test]
fn the_plugin_has_no_import_circle() {
    let graph = graph(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    // The graph has edges that come directly, through a folder's file, and by a path in the code.
    for (from, to) in [
        ("inject::stage", "checks::staged"),
        ("checks::mode", "command_line::calls"),
        ("command_line::calls", "command_line::arguments"),
        ("yaml::splice", "yaml::items"),
        ("lint::mounts", "names"),
    ] {
        assert!(graph[&module(from)].contains(&module(to)), "{from} -> {to} is not in {:?}", graph[&module(from)]);
    }
    assert_eq!(circle(&graph), None);
    assert_eq!(circle(&tops(&graph)), None);
}

#[test]
fn recognise_has_no_import_circle() {
    let mut graph = graph(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../src"));
    assert!(graph[&module("recognise::command_line")].contains(&module("recognise::needs")));
    graph.retain(|module, _| module.first().is_some_and(|top| top == "recognise"));
    assert!(graph.len() > 10, "{graph:?}");
    assert_eq!(circle(&graph), None);
}

#[test]
fn circles_are_found() {
    let source = tempfile::tempdir().unwrap();
    for (file, text) in [
        ("lib.rs", "mod a;\nmod b;\npub use a::one::One;\n"),
        ("a.rs", "mod one;\nmod two;\npub(crate) use two::{Two, x as y};\n"),
        ("a/one.rs", "use super::Two;\n"),
        (
            "a/two.rs",
            "// crate::a::one\nfn f() -> crate::b::c::D {}\n#[cfg(test)]\nmod tests {\n use crate::a::one;\n}\n",
        ),
        ("b.rs", "mod c;\n"),
        ("b/c.rs", "use std::{fs, io};\n"),
    ] {
        fs::create_dir_all(source.path().join(file).parent().unwrap()).unwrap();
        fs::write(source.path().join(file), text).unwrap();
    }
    let apart = graph(source.path());
    assert_eq!(apart[&module("a::one")], [module("a::two")].into());
    assert_eq!(apart[&module("a::two")], [module("b::c")].into());
    assert_eq!((circle(&apart), circle(&tops(&apart))), (None, None));
    // Through another folder's file, and in a tree of `use`.
    fs::write(source.path().join("b/c.rs"), "use crate::{\n    a::{self, one::{One}},\n};\n").unwrap();
    let around = graph(source.path());
    assert_eq!(circle(&around).unwrap(), ["a::one", "a::two", "b::c", "a::one"]);
    // Two folders that use each other through different files.
    fs::write(source.path().join("b/c.rs"), "").unwrap();
    fs::write(source.path().join("b/d.rs"), "use crate::a::two::X;\n").unwrap();
    let folders = graph(source.path());
    assert_eq!(circle(&folders), None);
    assert_eq!(circle(&tops(&folders)).unwrap(), ["a", "b", "a"]);
}
