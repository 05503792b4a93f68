//! `[keep] only` on real apps, with all libraries and with those that are needed: what is left, and that the app goes on
//! and starts again.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::harness::app::{App, HTTPD, NGINX, PYTHON, REDIS};
use crate::harness::container::Container;
use crate::harness::tree::dangling_links;

/// Executable files, and everything that is ELF, below `root` on its mount, with their sizes.
fn code(root: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    let mut pending = vec![root.to_path_buf()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            if metadata.is_dir() {
                pending.push(path);
            } else if metadata.is_file() {
                let elf = fs::read(&path).unwrap().starts_with(b"\x7fELF");
                if elf || metadata.permissions().mode() & 0o111 != 0 && metadata.size() > 0 {
                    found.push((path.strip_prefix(root).unwrap().to_path_buf(), metadata.size()));
                }
            }
        }
    }
    found
}

fn is_library(path: &Path) -> bool {
    path.to_str().unwrap().contains(".so")
}

fn figures(what: &str, left: &[(PathBuf, u64)]) {
    let libraries = left.iter().filter(|(path, _)| is_library(path)).count();
    let bytes: u64 = left.iter().map(|(_, size)| size).sum();
    println!("{what}: {} programs and scripts, {libraries} libraries, {bytes} bytes", left.len() - libraries);
}

fn hardened(app: App, libraries: &str) -> (Container, Vec<(PathBuf, u64)>) {
    let container = app.start();
    let dangling = dangling_links(container.root());
    let profile = format!("[keep]\nonly = [\"{}\"]\npaths = [{}]\nlibraries = \"{libraries}\"", app.only, app.paths);
    App::harden(&container, &profile, "site").exits(0);
    assert_eq!(dangling_links(container.root()).len(), dangling.len(), "{:?}", dangling_links(container.root()));
    container.lithify(&["verify", "-p", "/var/tmp/site.toml"]).exits(0).says("1 check holds");
    container.lithify(&["harden", "-p", "/var/tmp/site.toml"]).exits(0).says("nothing to remove");
    app.lives_on(&container);
    let left = code(container.root());
    (container, left)
}

/// What the system's own loader says that the app's program needs, and what is kept with a directory: paths in its tree.
fn loaders_view(app: App) -> BTreeSet<PathBuf> {
    let container = app.start();
    let root = container.root();
    let loader = "/lib64/ld-linux-x86-64.so.2";
    let mut kept: Vec<String> = vec![app.command[0].to_owned()];
    let directory = app.paths.trim_matches('"').trim_start_matches('/');
    if !directory.is_empty() {
        let inside = code(&root.join(directory));
        let modules = inside.iter().filter(|(path, _)| is_library(path));
        kept.extend(modules.map(|(path, _)| format!("/{directory}/{}", path.display())));
    }
    let mut list = vec!["sh", "-c", "l=$1; shift; for f; do \"$l\" --list \"$f\" || exit 1; done", "sh", loader];
    list.extend(kept.iter().map(String::as_str));
    let listed = container.exec(list).exits(0).stdout;
    let named = listed.split_whitespace().filter(|word| word.starts_with('/'));
    let mut paths: Vec<&str> = named.chain(kept.iter().skip(1).map(String::as_str)).chain([loader]).collect();
    paths.sort_unstable();
    paths.dedup();
    assert!(paths.iter().any(|path| path.ends_with("/libc.so.6")), "{listed}");
    paths.insert(0, "realpath");
    container.exec(paths).exits(0).stdout.lines().map(|path| PathBuf::from(&path[1..])).collect()
}

fn proof(app: App) {
    let before = code(&crate::harness::rootfs(app.tree));
    figures(&format!("{} before", app.tree), &before);
    let (container, all) = hardened(app, "all");
    drop(container);
    figures(&format!("{} allow-list", app.tree), &all);
    let (container, needed) = hardened(app, "closure");
    figures(&format!("{} allow-list, libraries = \"closure\"", app.tree), &needed);

    // No program but those on the list, and what is kept with a directory.
    let programs = |left: &[(PathBuf, u64)]| -> Vec<String> {
        let list = left.iter().map(|(path, _)| path.to_str().unwrap().to_owned());
        list.filter(|path| !path.contains(".so") && !path.starts_with("usr/lib/python3.11/")).collect()
    };
    assert_eq!(programs(&all).len(), 1, "{:?}", programs(&all));
    assert_eq!(programs(&all), programs(&needed));
    // Every library that there was with "all"; with "closure" each that is left is one that somebody needs.
    let count = |left: &[(PathBuf, u64)]| left.iter().filter(|(path, _)| is_library(path)).count();
    assert_eq!(count(&all), count(&before));
    assert!(count(&needed) < count(&all) / 2, "{} of {}", count(&needed), count(&all));
    let left: BTreeSet<PathBuf> = needed.iter().map(|(path, _)| path.clone()).filter(|path| is_library(path)).collect();
    let mut expected = loaders_view(app);
    // What glibc loads by itself.
    expected.extend(
        left.iter()
            .filter(|path| {
                let name = path.file_name().unwrap().to_str().unwrap();
                name == "libgcc_s.so.1" || name.starts_with("libnss_")
            })
            .cloned(),
    );
    assert_eq!(left, expected);
    let shells = container.lithify(&["scan", "--format", "json"]).exits(0).json();
    let left = shells["programs"].as_array().unwrap();
    assert_eq!(left.len(), usize::from(app.interpreter), "{left:?}");
}

#[test]
fn nginx() {
    proof(NGINX);
}

#[test]
fn httpd() {
    proof(HTTPD);
}

#[test]
fn redis() {
    proof(REDIS);
}

#[test]
fn python() {
    proof(PYTHON);
}
