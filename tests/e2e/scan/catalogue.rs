//! The catalogue: one list of names for scan and for the profiles, copies under other names, scripts that are only called
//! after a program, and what starts the app.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use lithify::recognise::catalogue::Catalogue;
use serde_json::Value;

use crate::harness::app::NGINX;
use crate::harness::container::Spec;
use crate::harness::tree::Tree;
use crate::harness::{harden, rootfs, run_lithify};

/// The programs that `scan` finds in `root`: path, name in the catalogue, and how it was recognised.
fn scan(root: &Path) -> BTreeSet<(String, String, String)> {
    let found = run_lithify(["scan", "--format=json", "--root", root.to_str().unwrap()]).exits(0).json();
    let text = |program: &Value, key: &str| program[key].as_str().unwrap().to_owned();
    let programs = found["programs"].as_array().unwrap().iter();
    programs.map(|program| (text(program, "path"), text(program, "program"), text(program, "by"))).collect()
}

/// A tree with a program of each name.
fn tree_of(names: &BTreeSet<String>) -> Tree {
    let tree = Tree::new();
    for name in names {
        tree.program(&format!("/usr/bin/{name}"));
    }
    tree
}

/// The names that a profile removes.
fn names_of(profile: &str) -> BTreeSet<String> {
    let shown = run_lithify(["profile", "show", profile, "--format=json"]).exits(0).json();
    let names = shown["remove"]["names"].as_array().unwrap().iter();
    names.map(|name| name["value"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn scan_finds_whatever_a_profile_removes_by_name() {
    for (profile, at_least) in [
        ("shells", 62),
        ("coreutils", 341),
        ("network-tools", 135),
        ("package-managers", 76),
        ("interpreters", 49),
        ("compilers", 43),
        ("setuid", 42),
        ("distroless", 738),
    ] {
        let names = names_of(profile);
        assert!(names.len() >= at_least, "{profile} removes {} names", names.len());
        let tree = tree_of(&names);
        let found: BTreeSet<String> = scan(tree.path()).into_iter().map(|(path, ..)| path).collect();
        let missed: Vec<_> = names.iter().filter(|name| !found.contains(&format!("/usr/bin/{name}"))).collect();
        assert!(missed.is_empty(), "{profile}: scan does not know {missed:?}");
        let root = tree.path().to_str().unwrap();
        run_lithify(["scan", "--fail-on=all", "--root", root]).exits(1);
        harden(tree.path(), ["--allow-host", "--app", "none", "-p", profile]).exits(0);
        run_lithify(["scan", "--fail-on=all", "--root", root]).exits(0).says("nothing of use");
    }
}

#[test]
fn distroless_removes_whatever_scan_knows() {
    let catalogue = Catalogue::default();
    // Not the loader, without which nothing starts.
    let names: BTreeSet<String> = catalogue.names().filter(|name| *name != "ld.so").map(str::to_owned).collect();
    assert!(names.len() > 1_900, "{}", names.len());
    let tree = tree_of(&names);
    tree.program("/usr/bin/app");
    harden(tree.path(), ["--allow-host", "--app", "none", "-p", "distroless"]).exits(0);
    let left: Vec<PathBuf> = fs::read_dir(tree.at("/usr/bin")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, [tree.at("/usr/bin/app")]);
}

/// Images start their app with them, so that a profile by name leaves them.
const INITS: [&str; 8] = ["tini", "dumb-init", "gosu", "su-exec", "s6-svscan", "execlineb", "runsvdir", "chpst"];

#[test]
fn what_starts_apps_goes_by_class_only() {
    let tree = Tree::new();
    for name in INITS {
        tree.program(&format!("/usr/bin/{name}"));
    }
    let paths = INITS.map(|name| format!("/usr/bin/{name}"));
    let paths = paths.each_ref().map(String::as_str);
    harden(tree.path(), ["--allow-host", "--app", "none", "-p", "shells", "-p", "coreutils", "-p", "nginx"]).exits(0);
    tree.assert_there(&paths);
    assert_eq!(scan(tree.path()).len(), INITS.len());
    tree.file_with("/site.toml", "schema = 1\ninclude = [\"distroless\"]\n[keep]\nnames = [\"tini\"]\n");
    harden(tree.path(), ["--allow-host", "--app", "none", "-p", tree.at("/site.toml").to_str().unwrap()]).exits(0);
    tree.assert_there(&paths[..1]);
    tree.assert_gone(&paths[1..]);
}

/// A program of the machine that the tests run on (tests/install.sh).
fn of_machine(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let mut found = std::env::split_paths(&path).map(|directory| directory.join(name));
    found.find(|path| path.is_file()).unwrap_or_else(|| panic!("{name} is not installed"))
}

fn copy(from: &Path, tree: &Tree, to: &str) {
    fs::create_dir_all(tree.at(to).parent().unwrap()).unwrap();
    fs::copy(from, tree.at(to)).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    fs::set_permissions(tree.at(to), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn an_init_that_the_app_runs_under_stays() {
    let layer = Tree::new();
    copy(&of_machine("tini-static"), &layer, "/usr/bin/tini");
    layer.program("/usr/bin/dumb-init").hard_link("/opt/init", "/usr/bin/tini");
    layer.file_with("/site.toml", "schema = 1\ninclude = [\"distroless\"]\n[keep]\nnames = [\"nginx\"]\n");
    let command = [&["/usr/bin/tini", "--"], NGINX.command].concat();
    let container = Spec::new(&rootfs("nginx"), &command).layer(layer.path()).start();
    NGINX.answers(&container);
    let there = |path: &str| container.root().join(path).exists();
    container.lithify(&["harden", "-p", "/site.toml"]).exits(0).says("/usr/bin/tini stays, because it starts the app");
    assert!(there("usr/bin/tini") && !there("usr/bin/dumb-init") && !there("usr/bin/dash"));
    container.lithify(&["verify", "-p", "/site.toml"]).exits(0);
    container.lithify(&["harden", "-p", "/site.toml"]).exits(0).says("nothing to remove");
    container.lithify(&["harden", "-p", "/site.toml", "--wait-for-app"]).exits(0);
    container.lithify(&["scan", "--fail-on=launcher"]).exits(1).says("/usr/bin/tini");
    NGINX.answers(&container);
    assert!(container.is_running());
    // And starts again.
    let again = Spec::new(container.root(), &command).start();
    NGINX.answers(&again);
    // What asks for it by name is refused as ever.
    again.lithify(&["harden", "--remove", "tini"]).exits(3).says("runs it");
    assert!(again.root().join("usr/bin/tini").exists());
    // And what is forced goes.
    let text = "schema = 1\ninclude = [\"./site.toml\"]\n[remove]\nforce = [\"/usr/bin/tini\"]\n";
    fs::write(again.root().join("forced.toml"), text).unwrap();
    again.lithify(&["harden", "-p", "/forced.toml"]).exits(0).says("goes by [remove] force");
    assert!(!again.root().join("usr/bin/tini").exists() && !again.root().join("opt/init").exists());
    NGINX.answers(&again);
}

#[test]
fn nor_does_run_take_the_init_of_its_command() {
    let layer = Tree::new();
    copy(&of_machine("tini-static"), &layer, "/usr/bin/tini");
    layer.file_with("/site.toml", "schema = 1\ninclude = [\"distroless\"]\n[keep]\nnames = [\"nginx\"]\n");
    let run = ["/lithify/lithify", "run", "-p", "/site.toml", "--", "tini", "-s", "--"];
    let container = Spec::new(&rootfs("nginx"), &[&run, NGINX.command].concat()).layer(layer.path()).start();
    NGINX.answers(&container);
    assert!(container.root().join("usr/bin/tini").exists() && !container.root().join("usr/bin/dash").exists());
}

#[test]
fn under_another_name() {
    let (nginx, shells, python) = (rootfs("nginx"), rootfs("shells"), rootfs("python"));
    let programs = [
        (nginx.join("usr/bin/find"), "find"),
        (nginx.join("usr/bin/xargs"), "xargs"),
        (nginx.join("usr/bin/env"), "env"),
        (nginx.join("usr/sbin/chroot"), "chroot"),
        (nginx.join("usr/bin/sed"), "sed"),
        (nginx.join("usr/bin/cat"), "coreutils-tool"),
        (nginx.join("usr/bin/timeout"), "coreutils-tool"),
        (shells.join("usr/bin/openssl"), "openssl"),
        (shells.join("usr/bin/ruby3.1"), "ruby"),
        (shells.join("bin/zsh"), "zsh"),
        (python.join("usr/bin/python3.11"), "python"),
        (of_machine("jq"), "jq"),
    ];
    let tree = Tree::new();
    let mut expected = BTreeSet::new();
    for (index, (from, program)) in programs.iter().enumerate() {
        let path = format!("/srv/app{index}");
        copy(from, &tree, &path);
        expected.insert((path, (*program).to_owned(), "content".to_owned()));
    }
    // One of the family that has kept its name is that one.
    copy(&nginx.join("usr/bin/sort"), &tree, "/srv/sort");
    expected.insert(("/srv/sort".to_owned(), "sort".to_owned(), "content".to_owned()));
    assert_eq!(scan(tree.path()), expected);
    harden(tree.path(), ["--allow-host", "--app", "none", "-p", "distroless"]).exits(0);
    assert_eq!(fs::read_dir(tree.at("/srv")).unwrap().count(), 0);
}

/// Where the shared library does the work, the program is little more than one call: Debian's node, swipl and expect, the
/// python of official images, execline. And what only looks like one of those that were taken for others.
#[test]
fn by_the_one_call_that_matters() {
    let tree = Tree::new();
    tree.directory("/srv");
    let compile = |path: &str, strings: &[&str]| {
        let body: String = strings.iter().map(|string| format!("puts(\"{string}\");")).collect();
        let source = format!("#include <stdio.h>\nint main(void) {{ {body} return 0; }}\n");
        fs::write(tree.at("/main.c"), source).unwrap();
        let mut gcc = std::process::Command::new("gcc");
        crate::harness::run(gcc.arg("-O0").arg("-o").arg(tree.at(path)).arg(tree.at("/main.c"))).exits(0);
    };
    for (path, strings) in [
        ("node", &["_ZN4node5StartEiPPc"] as &[&str]),
        ("swipl", &["PL_toplevel"]),
        ("expect", &["exp_interpret_cmdfilename"]),
        ("python", &["Py_BytesMain"]),
        ("foreground", &["libexecline.so.2.9"]),
        ("execlineb", &["invalid EXECLINE_STRICT value, unsetting it"]),
        ("bun", &["BUN_CONFIG_REGISTRY"]),
        ("deno", &["DENO_AUTH_TOKENS"]),
    ] {
        compile("/srv/app", strings);
        let expected = ("/srv/app".to_owned(), path.to_owned(), "content".to_owned());
        assert_eq!(scan(tree.path()), BTreeSet::from([expected]));
    }
    // mc knows zsh's variables; an app may embed Ruby.
    for strings in [&["ZSH_VERSION", "ZDOTDIR"] as &[&str], &["ruby_init_stack", "ruby_run_node"]] {
        compile("/srv/app", strings);
        assert_eq!(scan(tree.path()), BTreeSet::new(), "{strings:?}");
    }
}

#[test]
fn a_script_that_is_called_after_a_program_is_none() {
    let tree = Tree::new();
    let scripts = [
        "/usr/share/bug/zsh",
        "/usr/share/bug/vim/script",
        "/etc/cron.daily/dpkg",
        "/etc/init.d/cron",
        "/etc/network/if-up.d/ip",
    ];
    for path in scripts {
        tree.file_with(path, "#!/bin/sh\n");
    }
    tree.file_with("/opt/venv/bin/pip", "#!/opt/venv/bin/python3\n").file_with("/bin/which", "#!/bin/sh\n");
    // What the kernel starts without an interpreter is looked at everywhere.
    tree.program("/opt/curl");
    let found: Vec<String> = scan(tree.path()).into_iter().map(|(path, ..)| path).collect();
    assert_eq!(found, ["/bin/which", "/opt/curl", "/opt/venv/bin/pip"]);
}
