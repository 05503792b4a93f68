use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;
use crate::learn::observed::Role;
use crate::root::path::canonical;

/// Copies a file of this machine, links followed, to this path of the tree.
fn copy(tree: &Path, from: &str, to: &str) {
    let at = tree.join(to.trim_start_matches('/'));
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    fs::copy(from, at).unwrap();
}

/// Where this machine has the files of a dynamic program.
fn maps() -> Vec<String> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let paths = maps.lines().filter_map(|line| line.split_ascii_whitespace().nth(5));
    let mut paths: Vec<String> = paths.filter(|path| path.contains(".so")).map(str::to_owned).collect();
    paths.dedup();
    paths
}

/// A tree with `/usr/bin/NAME`, a dynamic program, and all that it needs.
fn tree(names: &[&str]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    symlink("usr/lib", directory.path().join("lib")).unwrap();
    symlink("usr/lib64", directory.path().join("lib64")).unwrap();
    for path in maps() {
        copy(
            directory.path(),
            &path,
            path.replacen("/lib", "/usr/lib", usize::from(!path.starts_with("/usr"))).as_str(),
        );
    }
    let loader = fs::canonicalize("/lib64/ld-linux-x86-64.so.2").unwrap();
    copy(directory.path(), loader.to_str().unwrap(), "/usr/lib64/ld-linux-x86-64.so.2");
    for name in names {
        copy(directory.path(), "/usr/bin/true", &format!("/usr/bin/{name}"));
    }
    directory
}

/// `[keep] paths` if these libraries were loaded by the program `/usr/bin/NAME`.
fn paths(tree: &Path, name: &str, libraries: &[String]) -> Vec<String> {
    let root = Root::open(tree).unwrap();
    let program = canonical(&format!("/usr/bin/{name}"));
    let by = vec![program.clone()];
    let mut libraries: Vec<Library> = libraries
        .iter()
        .map(|path| Library { path: root.walk(path.as_bytes(), true).unwrap().path, by: by.clone() })
        .collect();
    libraries.sort_by(|a, b| a.path.cmp(&b.path));
    let programs = vec![Program {
        path: program.clone(),
        links: vec![],
        roles: vec![Role::App],
        scripts: vec![],
        by: vec![],
        times: 1,
    }];
    let observed = Observed { programs, libraries, ..Observed::default() };
    let kept = vec![program.to_vec(), b"/lib64/ld-linux-x86-64.so.2".to_vec()];
    let ids = kept.iter().map(|path| root.resolve(path).unwrap().id).collect();
    let found = modules(&root, &kept, &ids, &observed).unwrap();
    assert!(found.closure);
    found
        .paths
        .iter()
        .map(|kept| match &kept.why {
            Why::Modules { seen, .. } => format!("{} {seen}", kept.path),
            Why::Loaded(_) => format!("{} alone", kept.path),
            Why::ReadBy(_) => format!("{} read", kept.path),
            _ => panic!(),
        })
        .collect()
}

const LIB: &str = "/usr/lib/x86_64-linux-gnu";

#[test]
fn the_closure_needs_no_entry() {
    let tree = tree(&["app"]);
    assert!(
        paths(tree.path(), "app", &[format!("{LIB}/libc.so.6"), "/lib64/ld-linux-x86-64.so.2".to_owned()]).is_empty()
    );
}

#[test]
fn directories_of_modules() {
    let tree = tree(&["app", "tool"]);
    let module = |path: &str| {
        copy(tree.path(), &format!("{LIB}/libm.so.6"), path);
        path.to_owned()
    };
    let seen = [
        // Known by its name, although only one was loaded.
        module(&format!("{LIB}/gconv/UTF-16.so")),
        module("/usr/share/app/modules/deep/a.so"),
        // Known by what it holds.
        module("/usr/lib/app/one.so"),
        // Alone, beside a program, and in the system's directory.
        module("/opt/app/lib/only.so"),
        module("/usr/bin/odd.so"),
        module(&format!("{LIB}/libodd.so")),
    ];
    module("/usr/lib/app/two.so");
    module("/usr/bin/odder.so");
    // A file without a sign of being executable is not at risk.
    fs::write(tree.path().join("usr/lib/locale-archive"), "x").unwrap();
    let seen = [&seen[..], &["/usr/lib/locale-archive".to_owned()]].concat();
    assert_eq!(
        paths(tree.path(), "app", &seen),
        [
            "/opt/app/lib/only.so alone",
            "/usr/bin/odd.so alone",
            "/usr/lib/app 1",
            "/usr/lib/x86_64-linux-gnu/gconv 1",
            "/usr/lib/x86_64-linux-gnu/libodd.so alone",
            "/usr/share/app/modules 1",
        ]
    );
}

#[test]
fn what_an_interpreter_reads() {
    let tree = tree(&["python3.11"]);
    for path in [
        "/usr/lib/python3.11/lib-dynload/_ssl.so",
        "/usr/lib/python3/dist-packages/x.so",
        "/usr/local/lib/python3.11/site-packages/y.so",
    ] {
        copy(tree.path(), &format!("{LIB}/libm.so.6"), path);
    }
    let seen = ["/usr/lib/python3.11/lib-dynload/_ssl.so".to_owned()];
    assert_eq!(
        paths(tree.path(), "python3.11", &seen),
        ["/usr/lib/python3 read", "/usr/lib/python3.11 read", "/usr/local/lib/python3.11 read"]
    );
}
