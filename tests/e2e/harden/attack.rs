//! What somebody who got in tries. Every attempt is shown to succeed before hardening, so that its failure afterwards
//! means something.
//!
//! Out of scope: a program that the intruder brings along, in a file made afterwards or in memory (memfd_create(2)).
//! Where nothing can be deleted any more, a read-only root and `noexec` on what is writable are the answer.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::harness::app::{App, HTTPD, NGINX, PYTHON};
use crate::harness::attempts::{ANYWHERE, ECHO, LOADER, PREPARED, works};
use crate::harness::container::Container;
use crate::harness::rootfs;

/// Tried one by one.
fn attempts() -> impl Iterator<Item = &'static &'static [&'static str]> {
    ANYWHERE.iter().chain(PREPARED)
}

/// What a name is tried with when nothing but the name is known.
const VARIANTS: &[&[&str]] = &[
    &["-c", ECHO],
    &["sh", "-c", ECHO],
    &["-qc", ECHO, "/dev/null"],
    &["printf", "pw%sned", ""],
    &["5", "printf", "pw%sned", ""],
    &["-e", "print 'pw' . 'ned'"],
    &["-c", "print('pw' + 'ned')"],
    &["BEGIN { print \"pw\" \"ned\" }"],
    &["-n", "1e echo pw''ned", "/etc/hostname"],
];

/// The app's container, with what somebody has prepared.
fn prepared(app: App) -> Container {
    let container = app.start();
    let at = |path: &str| container.root().join(path.trim_start_matches('/'));
    for directory in ["/opt/parts", "/var/lib/app"] {
        fs::create_dir_all(at(directory)).unwrap();
    }
    fs::copy(at("/usr/bin/dash"), at("/var/tmp/healthd")).unwrap();
    let mut worker = fs::read(at("/usr/bin/bash")).unwrap();
    worker.extend_from_slice(b"appended");
    fs::write(at("/var/lib/app/worker"), worker).unwrap();
    fs::copy(rootfs("alpine").join("bin/busybox"), at("/opt/busybox.old")).unwrap();
    fs::write(at("/var/tmp/word"), "ned\n").unwrap();
    for (path, script) in [
        ("/var/tmp/script", "#!/var/tmp/healthd\necho pwned\n"),
        ("/tmp/sh-script", "#!/bin/sh\necho pwned\n"),
        ("/tmp/perl-script", "#!/usr/bin/perl\nprint 'pwned'\n"),
        ("/tmp/env-script", "#!/usr/bin/env -S bash -e\necho pwned\n"),
        ("/opt/parts/part", "#!/bin/sh\necho pwned\n"),
        ("/opt/parts/compress", "#!/bin/sh\necho pwned >&2\nexec cat\n"),
    ] {
        fs::write(at(path), script).unwrap();
        fs::set_permissions(at(path), fs::Permissions::from_mode(0o755)).unwrap();
    }
    for path in ["/var/lib/app/worker", "/opt/busybox.old"] {
        fs::set_permissions(at(path), fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(at("/var/tmp/healthd"), fs::Permissions::from_mode(0o755)).unwrap();
    // Made inside: a copied-up file and its hard link share one inode there.
    container.exec(["ln", "/usr/bin/dash", "/opt/.x"]).exits(0);
    container.exec(["ln", "-s", "/var/tmp/healthd", "/opt/link"]).exits(0);
    container.exec(["ln", "-s", "busybox.old", "/opt/ash"]).exits(0);
    container
}

/// Every name of every shell, multi-call program and interpreter that scan tells, with each variant that works.
pub fn by_every_name(container: &Container) -> Vec<Vec<String>> {
    let found = container.lithify(&["scan", "--format", "json"]).exits(0).json();
    let mut working = Vec::new();
    // Path of each program that is a shell or interpreter by its content, and whether one of its names worked.
    let mut shells: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for program in found["programs"].as_array().unwrap() {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let class = text(&program["class"]);
        let is_shell = ["shell", "multi-call", "interpreter"].contains(&class.as_str());
        if !is_shell {
            continue;
        }
        let mut names = vec![text(&program["path"])];
        names.extend(program["names"].as_array().unwrap().iter().map(text));
        for name in &names {
            for variant in VARIANTS {
                let attempt: Vec<String> =
                    [name.as_str()].iter().chain(variant.iter()).map(ToString::to_string).collect();
                let ran = container.enter(&attempt);
                if ran.code == -9 {
                    // Waits for a terminal, such as getty.
                    break;
                }
                if works(&ran) {
                    if program["by"] == "content" {
                        shells.entry(names[0].clone()).or_default().insert(name.clone());
                    }
                    working.push(attempt);
                }
            }
        }
        // None that is known by its content may be left untried: each of its names must have worked.
        if program["by"] == "content" {
            let tried = shells.entry(names[0].clone()).or_default();
            assert!(names.iter().all(|name| tried.contains(name)), "{names:?} are no attack even before: {tried:?}");
        }
    }
    assert!(shells.len() >= 4, "{shells:?} {working:?}");
    working
}

/// All attempts before and after hardening by `profile`; the app goes on. With `keeps`, programs that stay on purpose.
fn withstands(app: App, profile: &str, stays: &[&str]) {
    let container = prepared(app);
    let tried = attempts().map(|attempt| (attempt, container.enter(*attempt)));
    let idle: Vec<_> = tried.filter(|(_, ran)| !works(ran)).collect();
    assert!(idle.is_empty(), "no attacks even before: {idle:#?}");
    let mut named = by_every_name(&container);
    assert!(named.len() >= 17, "{named:?}");
    println!("{}: {} attempts and {} by names succeed before hardening", app.tree, attempts().count(), named.len());

    // One prepared alike, in which no attempt has left a process behind that the app would be taken to run.
    drop(container);
    let container = prepared(app);
    App::harden(&container, profile, "site").exits(0);
    // What fails from here on does not do so because nothing could be started at all.
    container.enter([LOADER, "--version"]).exits(0).says("ld.so");

    let tried = attempts().map(|attempt| (attempt, container.enter(*attempt)));
    let working: Vec<_> = tried.filter(|(_, ran)| ran.code == 0 || works(ran)).collect();
    assert!(working.is_empty(), "still work: {working:#?}");
    named.retain(|attempt| !stays.contains(&attempt[0].as_str()));
    let tried = named.iter().map(|attempt| (attempt, container.enter(attempt)));
    let working: Vec<_> = tried.filter(|(_, ran)| ran.code == 0 || works(ran)).collect();
    assert!(working.is_empty(), "still work: {working:#?}");
    container.lithify(&["verify", "-p", "/var/tmp/site.toml"]).exits(0);
    app.lives_on(&container);
}

const DISTROLESS: &str = "include = [\"distroless\"]";

fn closure(app: App) -> String {
    format!("[keep]\nonly = [\"{}\"]\npaths = [{}]\nlibraries = \"closure\"", app.only, app.paths)
}

#[test]
fn nginx_by_distroless() {
    withstands(NGINX, DISTROLESS, &[]);
}

#[test]
fn nginx_by_the_allow_list() {
    withstands(NGINX, &closure(NGINX), &[]);
}

#[test]
fn httpd_by_distroless() {
    withstands(HTTPD, DISTROLESS, &[]);
}

#[test]
fn httpd_by_the_allow_list() {
    withstands(HTTPD, &closure(HTTPD), &[]);
}

const PYTHON_STAYS: [&str; 2] = ["/usr/bin/python3", "/usr/bin/python3.11"];

#[test]
fn python_by_distroless() {
    withstands(PYTHON, &format!("{DISTROLESS}\n[keep]\npaths = [\"/usr/bin/python3\"]"), &PYTHON_STAYS);
}

#[test]
fn python_by_the_allow_list() {
    withstands(PYTHON, &closure(PYTHON), &PYTHON_STAYS);
}

/// An app's own language stays: who can run it can do what it can. But there is nothing else for it to start.
#[test]
fn python_keeps_python_and_nothing_to_start_with_it() {
    let container = prepared(PYTHON);
    let starts = [
        "import os; os.system(\"echo pw''ned\")",
        "import subprocess; subprocess.run(['printf', 'pw%sned', ''])",
        "import pty; pty.spawn(['/bin/sh', '-c', \"echo pw''ned\"])",
        "import os; os.execl('/opt/.x', 'x', '-c', \"echo pw''ned\")",
    ];
    for code in starts {
        let ran = container.exec(["python3", "-c", code]);
        assert!(works(&ran), "no attack even before: {code}: {ran:?}");
    }
    App::harden(&container, &closure(PYTHON), "site").exits(0);
    for code in starts {
        let ran = container.exec(["python3", "-c", code]);
        assert!(!works(&ran), "{code} still works: {ran:?}");
    }
    assert!(works(&container.exec(["python3", "-c", "print('pw' + 'ned')"])), "the app's language stays");
}
