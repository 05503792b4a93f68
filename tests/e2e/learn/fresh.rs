//! The learned profile, applied to a fresh container of the same image: the app works there, and nothing else is left.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{entry, list};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::command::output::assert_valid;
use crate::harness::container::Spec;
use crate::harness::tree::Tree;
use crate::harness::{Ran, rootfs};

/// An app that starts a program of its own only on some requests: it rotates what it wrote.
const SCRIPT: &str = "#!/bin/sh\nset -e\ncd /srv/data\nfor request in \"$@\"; do\n  case $request in\n    rotate) gzip -f log ;;\n    *) \
                      echo \"$request\" >log; cat log ;;\n  esac\ndone\n";

/// An image with that app.
fn image() -> Tree {
    let tree = Tree::new();
    tree.file_with("/srv/app.sh", SCRIPT).directory("/srv/data");
    fs::set_permissions(tree.at("/srv/app.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    tree
}

/// Runs lithify with these words to its end in a fresh container, in which `/profiles` is this directory.
fn lithify(image: &Tree, profiles: &Path, words: &[&str]) -> Ran {
    let words = [&["/lithify/lithify"], words].concat();
    let spec = Spec::new(&rootfs("python"), &words).layer(image.path()).volume(profiles, "/profiles", &["rw"]);
    spec.run().0
}

/// The profile of one run.
fn learn(image: &Tree, profiles: &Path, flags: &[&str], command: &[&str]) -> String {
    let out = "/profiles/learned.toml";
    lithify(image, profiles, &[&["learn", "--out", out], flags, &["--"], command].concat()).exits(0);
    fs::read_to_string(profiles.join("learned.toml")).unwrap()
}

#[test]
fn a_rare_program_is_likely_until_it_was_exercised() {
    let (image, profiles) = (image(), tempfile::tempdir().unwrap());
    let first = learn(&image, profiles.path(), &[], &["/srv/app.sh", "hello"]);
    assert!(entry(&first, "only", "/srv/app.sh").starts_with("the app"), "{first}");
    assert!(entry(&first, "only", "/usr/bin/cat").contains("by app.sh"), "{first}");
    assert!(first.contains("\n#   \"/usr/bin/gzip\", # named in /srv/app.sh\n"), "{first}");
    assert!(!list(&first, "only").iter().any(|line| line.contains("gzip")), "{first}");
    assert_eq!(first, learn(&image, profiles.path(), &[], &["/srv/app.sh", "hello"]), "the same run");
    // A second part of the app's tests joins the first.
    let add = ["--add", "/profiles/learned.toml"];
    let both = learn(&image, profiles.path(), &add, &["/srv/app.sh", "hello", "rotate"]);
    assert!(entry(&both, "only", "/usr/bin/gzip").ends_with("run 2"), "{both}");
    assert!(entry(&both, "only", "/usr/bin/cat").ends_with("runs 1, 2"), "{both}");
    assert!(!both.contains("#   \"/usr/bin/gzip\""), "{both}");
    assert_eq!(both, learn(&image, profiles.path(), &add, &["/srv/app.sh", "hello", "rotate"]), "the same run again");
}

#[test]
fn an_app_of_a_script_works_with_its_profile() {
    let (image, profiles) = (image(), tempfile::tempdir().unwrap());
    let text = learn(&image, profiles.path(), &[], &["/srv/app.sh", "hello", "rotate"]);
    // The volume of `--out` is not the app's.
    assert!(!text.contains("/profiles"), "{text}");
    let run = ["run", "--init", "-p", "/profiles/learned.toml", "--", "/srv/app.sh"];
    let ran = lithify(&image, profiles.path(), &[&run[..], &["hello", "rotate", "again"]].concat());
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "hello\nagain\n"), "{}\n{text}", ran.all());
    // In a build, where nothing runs yet, and lithify is root.
    let profile = profiles.path().join("build.toml");
    fs::write(&profile, text.split("\n[verify.process]").next().unwrap()).unwrap();
    let spec = Spec::new(&rootfs("python"), &["/lithify/lithify", "harden", "-p", "/profiles/build.toml"]);
    let container = spec.layer(image.path()).volume(profiles.path(), "/profiles", &["ro"]).create();
    container.run_to_end().exits(0);
    let root = container.root().to_path_buf();
    let found = crate::harness::run_lithify(["scan", "--format", "json", "--root", root.to_str().unwrap()]).json();
    let mut paths: Vec<&str> =
        found["programs"].as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    paths.dedup();
    let kept = |path: &&&str| !list(&text, "only").iter().any(|line| line.starts_with(&format!("\"{path}\"")));
    let rest: Vec<&&str> = paths.iter().filter(kept).collect();
    assert!(rest.is_empty() && !paths.is_empty(), "{rest:?} of {paths:?}\n{text}");
}

#[test]
fn python_imports_what_it_did_not_import_before() {
    let (image, profiles) = (Tree::new(), tempfile::tempdir().unwrap());
    let code = "import ssl, json, os; open('/srv/x', 'w').write('1'); print(os.getpid() > 0)";
    fs::create_dir(image.at("/srv")).unwrap();
    let text = learn(&image, profiles.path(), &[], &["/usr/bin/python3", "-c", code]);
    assert!(text.contains("\"/usr/lib/python3.11\", # where /usr/bin/python3.11 looks for modules"), "{text}");
    let other = "import ctypes, sqlite3, decimal, encodings.idna, csv; print(ctypes.sizeof(ctypes.c_int))";
    let run = ["run", "-p", "/profiles/learned.toml", "--", "/usr/bin/python3", "-c"];
    let ran = lithify(&image, profiles.path(), &[&run[..], &[other]].concat());
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "4\n"), "{}\n{text}", ran.all());
    // What was not learned cannot be started any more, and written only where it was.
    let intruder = "import subprocess, os\nfor try_ in (lambda: subprocess.run(['/bin/ls']), lambda: open('/etc/x', 'w')):\n try: try_()\n except OSError as error: print(error.errno)";
    let ran = lithify(&image, profiles.path(), &[&run[..], &[intruder]].concat());
    assert_eq!(ran.stdout, "2\n13\n", "{}\n{text}", ran.all());
}

#[test]
fn json_has_the_profile_and_fits_its_schema() {
    let (image, profiles) = (image(), tempfile::tempdir().unwrap());
    let words = ["learn", "--format", "json", "--out", "/profiles/p.toml", "--", "/srv/app.sh", "hello"];
    let ran = lithify(&image, profiles.path(), &words).exits(0);
    let line = ran.stderr.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("{}", ran.all()));
    let json: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_valid("learn.schema.json", &json);
    assert_eq!(json["profile"], fs::read_to_string(profiles.path().join("p.toml")).unwrap(), "{json:#}");
    assert_eq!(json["likely"][0]["path"], "/usr/bin/gzip", "{json:#}");
}

/// nginx starts as root and changes its workers' user.
#[test]
fn a_server_answers_with_its_profile_and_every_check_holds() {
    let profiles = tempfile::tempdir().unwrap();
    let start = |words: &[&str]| {
        let app = ["--", "/usr/sbin/nginx", "-g", "daemon off;"];
        let spec = Spec::new(&rootfs("nginx"), &[&["/lithify/lithify"], words, &app].concat());
        let container = spec.volume(profiles.path(), "/profiles", &["rw"]).runtime_default().start();
        assert!(container.http().contains("nginx answers"), "{}", container.log());
        container
    };
    let learning = start(&["learn", "--out", "/profiles/p.toml"]);
    kill(Pid::from_raw(learning.pid().parse().unwrap()), Signal::SIGTERM).unwrap();
    learning.wait_until_it_ends();
    let text = fs::read_to_string(profiles.path().join("p.toml")).unwrap();
    let container = start(&["run", "--init", "-p", "/profiles/p.toml"]);
    container.lithify(&["verify", "-p", "/profiles/p.toml"]).exits(0);
    let found = container.lithify(&["scan", "--format", "json"]).json();
    let rest = found["programs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| !text.contains(one["path"].as_str().unwrap()))
        .count();
    assert_eq!(rest, 0, "{found:#}\n{text}");
    // As a probe beside an app that runs.
    let spec = Spec::new(&rootfs("nginx"), &["/usr/sbin/nginx", "-g", "daemon off;"]);
    let probed = spec.volume(profiles.path(), "/profiles", &["ro"]).runtime_default().start();
    assert!(probed.http().contains("nginx answers"));
    probed.lithify(&["harden", "--wait-for-app", "-p", "/profiles/p.toml"]).exits(0);
    assert!(probed.http().contains("nginx answers"));
}

/// What no program is started for: in a loop over a directory, from standard input, and what another language requires.
#[test]
fn scripts_that_scripts_read_are_there_in_the_next_container() {
    let (image, profiles) = (Tree::new(), tempfile::tempdir().unwrap());
    let app = "#!/bin/sh\nfor f in /hooks.d/*.sh; do . \"$f\"; done\nsh </srv/input.sh\nexec perl /srv/app.pl\n";
    for (path, text, mode) in [
        ("/srv/app.sh", app, 0o755),
        ("/hooks.d/10.sh", "echo of a loop\n", 0o755),
        ("/srv/input.sh", "echo of input\n", 0o755),
        ("/srv/app.pl", "$| = 1;\nrequire '/srv/lib/part.pl';\nuse lib '/srv/lib';\nuse Part;\n", 0o644),
        ("/srv/lib/part.pl", "print qq(of perl\\n); 1", 0o755),
        ("/srv/lib/Part.pm", "print qq(of a module\\n); 1", 0o755),
    ] {
        image.file_with(path, text);
        fs::set_permissions(image.at(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    let text = learn(&image, profiles.path(), &[], &["/srv/app.sh"]);
    for (path, why) in [
        ("/hooks.d/10.sh", "a script that /srv/app.sh reads"),
        ("/srv/input.sh", "a script that /usr/bin/dash ran"),
        ("/srv/lib/part.pl", "a script that /srv/app.pl reads"),
        ("/srv/lib/Part.pm", "a script that /srv/app.pl reads"),
    ] {
        assert!(entry(&text, "only", path).starts_with(why), "{text}");
    }
    let run = ["run", "--init", "-p", "/profiles/learned.toml", "--", "/srv/app.sh"];
    let ran = lithify(&image, profiles.path(), &run).exits(0);
    assert_eq!(ran.stdout, "of a loop\nof input\nof a module\nof perl\n", "{}\n{text}", ran.all());
}

#[test]
fn another_mode_or_owner_is_no_reason_to_write_there() {
    let (image, profiles) = (image(), tempfile::tempdir().unwrap());
    let script = "chmod 700 /usr/bin/xargs; chown 1 /usr/bin/who; echo x >/srv/data/new; echo y >>/etc/hostname";
    let text = learn(&image, profiles.path(), &[], &["/bin/sh", "-c", script]);
    entry(&text, "writable", "/srv/data");
    assert!(!list(&text, "writable").iter().any(|line| line.starts_with("\"/usr")), "{text}");
    assert!(!list(&text, "write").iter().any(|line| line.starts_with("\"/usr")), "{text}");
}
