//! `install --only`: what lies in a pod does what the pod's spec says, and is no tool for anything else.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use crate::harness::container::{Container, Spec};
use crate::harness::tree::{Tree, manifest};
use crate::harness::{Ran, command, lithify, rootfs, run, run_lithify};

const HARDEN: &str = "harden --wait-for-app --wait-timeout 60 --profile nginx";
const VERIFY: &str = "verify --profile nginx";

fn install(directory: &Path, lines: &[&str]) -> Ran {
    let only = lines.iter().flat_map(|line| ["--only", line]);
    run_lithify(["install", directory.to_str().unwrap()].into_iter().chain(only))
}

/// A volume with a copy that accepts these.
fn volume(lines: &[&str]) -> tempfile::TempDir {
    let volume = tempfile::tempdir().unwrap();
    fs::set_permissions(volume.path(), fs::Permissions::from_mode(0o755)).unwrap();
    install(volume.path(), lines).exits(0).says("installed").says(&format!("it accepts {} command line", lines.len()));
    volume
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

fn nginx(volume: &Path) -> Container {
    let container = Spec::new(&rootfs("nginx"), &["/docker-entrypoint.sh", "nginx", "-g", "daemon off;"])
        .without_lithify()
        .volume(volume, "/lithify", &["ro"])
        .start();
    assert_eq!(container.http(), "nginx answers\n");
    container
}

#[track_caller]
fn assert_refused(ran: Ran, attempt: &str) {
    assert_eq!(ran.code, 2, "{attempt}: {ran:?}");
    assert!(ran.stderr.starts_with("lithify accepts only these command lines here"), "{attempt}: {ran:?}");
    assert_eq!(ran.stdout, "", "{attempt}");
}

#[test]
fn the_command_lines_of_the_pod_work_and_nothing_else_does() {
    let volume = volume(&[HARDEN, VERIFY, "probe http http://127.0.0.1:8080/", "sleep 0"]);
    let container = nginx(volume.path());
    // What an intruder wants of it, with the tools that the image still has.
    fs::write(container.root().join("tmp/x.toml"), "schema = 1\n[remove]\npaths = [\"/etc/passwd\"]\n").unwrap();
    let before = manifest(container.root());
    let program = "/lithify/lithify";
    let attempts: [&[&str]; 38] = [
        &[program],
        &[program, "--help"],
        &[program, "-h"],
        &[program, "--version"],
        &[program, "help"],
        // Launcher, copier, deleter, lister, appender, reader.
        &[program, "run", "--profile", "nginx", "--", "/bin/sh", "-c", "id"],
        &[program, "run", "--user", "0:0", "--profile", "nginx", "--", "id"],
        &[program, "stage", "--profile", "shells", "/etc", "--to", "/tmp"],
        &[program, "harden", "--profile", "/tmp/x.toml"],
        &[program, "harden", "--profile", "shells", "--remove", "/etc/passwd"],
        &[program, "scan"],
        &[program, "verify", "--profile", "nginx", "--log", "/etc/passwd"],
        &[program, "--log", "/etc/passwd", "verify", "--profile", "nginx"],
        &[program, "profile", "check", "/etc/shadow"],
        &[program, "profile", "list"],
        &[program, "probe", "tcp", "10.0.0.1:22"],
        &[program, "probe", "http", "http://127.0.0.1:8080/other"],
        &[program, "sleep", "1"],
        &[program, "install", "/tmp"],
        &[program, "install", "/tmp", "--only", "scan"],
        // Almost an accepted line.
        &[program, "verify"],
        &[program, "verify", "--profile"],
        &[program, "verify", "--profile=nginx"],
        &[program, "verify", "-p", "nginx"],
        &[program, "verify", "--profile", "nginx", "-v"],
        &[program, "verify", "--profile", "nginx", ""],
        &[program, "verify", "--profile", "nginx", "--"],
        &[program, "verify --profile nginx"],
        &[program, "-q", "verify", "--profile", "nginx"],
        &[program, "--format", "json", "verify", "--profile", "nginx"],
        &[program, "harden", "--profile", "nginx", "--format", "json"],
        &[program, "verify", "--profile", "shells", "--format", "json"],
        &[program, "verify", "--profile", "nginx", "--format", "json", "--root", "/tmp"],
        // Another name, by the shell, a link, the kernel's own link, and a copy.
        &["/bin/bash", "-c", "exec -a verify /lithify/lithify scan"],
        &["/bin/bash", "-c", "exec -a '' /lithify/lithify scan"],
        &["/bin/bash", "-c", "exec 3</lithify/lithify; exec /proc/self/fd/3 scan"],
        &["/bin/bash", "-c", "cd /dev/shm && ln -s /lithify/lithify scan && PATH=/dev/shm scan scan"],
        &["/bin/bash", "-c", "cp /lithify/lithify /tmp/copy && /tmp/copy scan; code=$?; rm /tmp/copy; exit $code"],
    ];
    for attempt in attempts {
        assert_refused(container.exec(attempt), &format!("{attempt:?}"));
    }
    // Variables do not stand in for words, and add none.
    let variables = [
        "LITHIFY_PROFILE=shells",
        "LITHIFY_REMOVE=/etc/passwd",
        "LITHIFY_ROOT=/tmp",
        "LITHIFY_LOG=/etc/passwd",
        "LITHIFY_FORMAT=json",
        "LITHIFY_VERBOSE=true",
        "LITHIFY_ONLY=scan",
    ];
    let with = |line: &str| container.exec([&["/usr/bin/env"][..], &variables, &[program], &words(line)].concat());
    assert_refused(with("verify"), "variables");
    assert_refused(with("scan"), "variables");
    let plain = container.lithify(&words(VERIFY)).exits(1);
    assert_eq!(with(VERIFY).exits(1).stdout, plain.stdout);
    // It cannot be kept from reading what it accepts: a limit on open files, or a loader in its place.
    container
        .exec(["/bin/bash", "-c", "ulimit -n 0; exec /lithify/lithify scan"])
        .exits(3)
        .says("cannot read its own file")
        .says("fix: ");
    let loader = "/lib64/ld-linux-x86-64.so.2";
    let ran = container.exec([loader, program, "scan"]);
    assert!(ran.code != 0 && ran.stdout.is_empty(), "{ran:?}");
    assert_eq!(manifest(container.root()), before);
    assert!(container.termination_message().starts_with("lithify verify"), "{}", container.termination_message());

    // What the pod's spec says still works, as its probes call it.
    container.lithify(&words(HARDEN)).exits(0).says("removed");
    container.exec(["/bin/sh", "-c", "echo in"]).says("no such file");
    container.lithify(&words(VERIFY)).exits(0);
    // An audit asks for that as JSON.
    let record = container.lithify(&words("verify --profile nginx --format json")).exits(0).json();
    assert_eq!(record["profiles"].as_array().unwrap().last().unwrap(), "nginx");
    container.lithify(&words("probe http http://127.0.0.1:8080/")).exits(0);
    container.lithify(&words("sleep 0")).exits(0);
    container.lithify(&words(HARDEN)).exits(0).says("nothing to remove");
    assert_refused(container.lithify(&["scan"]), "after hardening");
    assert_eq!(container.http(), "nginx answers\n");
}

#[test]
fn an_entrypoint_starts_its_own_app_and_no_other() {
    let line = "run --profile nginx -- nginx -g 'daemon off;'";
    let volume = volume(&[line]);
    let command = ["/lithify/lithify", "run", "--profile", "nginx", "--", "nginx", "-g", "daemon off;"];
    let container = Spec::new(&rootfs("nginx"), &command)
        .without_lithify()
        .environment(&["PATH=/usr/sbin:/usr/bin", "LITHIFY_DRY_RUN=true", "LITHIFY_FALLBACK=warn"])
        .volume(volume.path(), "/lithify", &["ro"])
        .start();
    assert_eq!(container.http(), "nginx answers\n");
    container.exec(["/bin/sh", "-c", "echo in"]).says("no such file");
    for attempt in [
        &["run", "--profile", "nginx", "--", "nginx", "-g", "daemon off; user root;"][..],
        &["run", "--profile", "nginx", "--", "nginx", "-g", "daemon", "off;"],
        &["run", "--profile", "nginx", "--", "cat", "/etc/shadow"],
        &["run", "--profile", "nginx", "--", "nginx"],
    ] {
        assert_refused(container.lithify(attempt), &format!("{attempt:?}"));
    }
}

/// In a root of his own he says what `/proc/self/exe` is.
#[test]
fn another_root_shows_it_no_other_program() {
    let volume = volume(&[VERIFY]);
    let tree = Tree::new();
    tree.directory("/proc/self").directory("/tmp");
    fs::copy(volume.path().join("lithify"), tree.at("/program")).unwrap();
    fs::copy(lithify(), tree.at("/proc/self/exe")).unwrap();
    let ran = run(Command::new("chroot").arg(tree.path()).args(["/program", "profile", "list"]));
    ran.exits(3).says("cannot read its own file").does_not_say("nginx");
}

/// Who writes the pod's spec sees what is wrong in the init container, not in the probe.
#[test]
fn a_line_that_cannot_be_is_refused_when_it_is_installed() {
    let volume = tempfile::tempdir().unwrap();
    for (lines, text) in [
        (&["verify --profil nginx"][..], "unexpected argument '--profil'"),
        (&[VERIFY, "frobnicate"], "unrecognized subcommand 'frobnicate'"),
        (&[""], "there is no command in it"),
        (&["LITHIFY_PROFILE=nginx"], "there is no command in it"),
        (&["run -p nginx -- nginx -g 'daemon off;"], "a quote is not closed"),
        (&["verify \\"], "a backslash stands at its end"),
        (&["PATH=/tmp run -p nginx -- nginx"], "unrecognized subcommand 'PATH=/tmp'"),
        (&["harden --wait-for-app --profile ngnix"], "no built-in profile `ngnix`, did you mean `nginx`?"),
        (&["LITHIFY_PROFILE=shels verify"], "no built-in profile `shels`"),
        // The caller chooses the working directory.
        (&["harden --profile ./site.toml"], "./site.toml is relative"),
        (&["LITHIFY_PROFILE=nginx,site.toml verify"], "site.toml is relative"),
        (&["run -p site/x -- app"], "site/x is relative"),
        (&["run --log log -p nginx -- app"], "log is relative"),
        (
            &["LITHIFY_PROFILE=nginx verify", "LITHIFY_PROFILE=redis verify"],
            "the same words are given with other variables",
        ),
    ] {
        let only = lines.iter().flat_map(|line| ["--only", line]);
        let ran = run_lithify(["install", volume.path().to_str().unwrap()].into_iter().chain(only));
        ran.exits(2).says("--only").says(text).says("fix: ");
    }
    assert_eq!(fs::read_dir(volume.path()).unwrap().count(), 0);
}

#[test]
fn variables_are_those_that_are_inscribed() {
    let volume =
        volume(&["LITHIFY_PROFILE=shells LITHIFY_QUIET=true verify --root /proc/1/root", "profile show shells"]);
    let copy = volume.path().join("lithify");
    let container = nginx(volume.path());
    let verify = ["/lithify/lithify", "verify", "--root", "/proc/1/root"];
    let ran = container.exec(verify).exits(1).says("/usr/bin/dash").does_not_say("curl");
    let others = ["/usr/bin/env", "LITHIFY_PROFILE=network-tools", "LITHIFY_QUIET=false", "LITHIFY_VERBOSE=true"];
    assert_eq!(container.exec(others.iter().chain(&verify)).exits(1).stdout, ran.stdout);
    assert_refused(run(Command::new(&copy).arg("verify")), "other words");
    // On the machine of who installs, by a variable with a line on each of its lines.
    let other = tempfile::tempdir().unwrap();
    let lines = "\n  verify --profile 'nginx'\nLITHIFY_PROFILE=/site/a,/site/b verify\n\n";
    let ran = run(command().env("LITHIFY_ONLY", lines).arg("install").arg(other.path()));
    ran.exits(0).says("it accepts 2 command lines");
    let copy = other.path().join("lithify");
    run(Command::new(&copy).arg("verify")).exits(2).says("/site/a: cannot be read");
    // The command line wins.
    let ran = run(command().env("LITHIFY_ONLY", lines).arg("install").arg(other.path()).args(["--only", "scan"]));
    ran.exits(0).says("it accepts 1 command line");
    assert_refused(run(Command::new(&copy).arg("verify")), "by the variable");
}

/// Where it is called from does not matter.
#[test]
fn relative_paths_are_those_of_the_root() {
    let volume = volume(&["scan --root tmp/nothing/at/all", "scan --root ."]);
    let copy = volume.path().join("lithify");
    let tree = Tree::new();
    tree.directory("/tmp/nothing/at/all");
    let ran = run(Command::new(&copy).args(["scan", "--root", "tmp/nothing/at/all"]).current_dir(tree.path()));
    ran.exits(2).says("No such file");
}

#[test]
fn installing_again_changes_nothing_and_copies_keep_what_is_inscribed() {
    let volume = volume(&[HARDEN, VERIFY]);
    let copy = volume.path().join("lithify");
    assert_eq!(copy.metadata().unwrap().mode() & 0o7777, 0o555);
    let inode = copy.metadata().unwrap().ino();
    // Given twice it is accepted once.
    install(volume.path(), &[HARDEN, VERIFY, HARDEN]).exits(0).says("the same is there already");
    assert_eq!(copy.metadata().unwrap().ino(), inode);
    let inscribed = fs::read(&copy).unwrap();
    let program = fs::read(lithify()).unwrap();
    assert!(inscribed.starts_with(&program) && inscribed.len() < program.len() + 200);
    for (lines, same) in [(&[VERIFY, HARDEN][..], false), (&[HARDEN], false), (&[], false), (&[HARDEN, VERIFY], true)] {
        install(volume.path(), lines).exits(0).says("installed");
        assert_eq!(fs::read(&copy).unwrap() == inscribed, same, "{lines:?}");
        assert_eq!(fs::read_dir(volume.path()).unwrap().count(), 1);
    }
    // One that may install passes on what it accepts, or what it is told to.
    let other = tempfile::tempdir().unwrap();
    let at = other.path().to_str().unwrap();
    let again = format!("install {at}");
    let widen = format!("install {at} --only scan");
    install(volume.path(), &[&again, &widen]).exits(0);
    run(Command::new(&copy).args(words(&again))).exits(0);
    assert_eq!(fs::read(other.path().join("lithify")).unwrap(), fs::read(&copy).unwrap());
    run(Command::new(&copy).args(words(&widen))).exits(0).says("it accepts 1 command line");
    let ran = run(Command::new(other.path().join("lithify")).arg("--help"));
    assert_refused(ran, "the copy's copy");
    assert!(fs::read(other.path().join("lithify")).unwrap().starts_with(&program));
}

/// Tombstones are the plain program, whichever copy puts them there, so that every lithify knows them.
#[test]
fn tombstones_of_a_restricted_copy_are_known_to_all() {
    let tree = Tree::new();
    tree.program("/bin/dash").link("/bin/sh", "dash");
    tree.file_with("/site.toml", "schema = 1\ninclude = [\"shells\"]\n[remove]\nmethod = \"tombstone\"\n");
    let (root, profile) = (tree.path().to_str().unwrap(), tree.at("/site.toml").display().to_string());
    let harden = ["harden", "--root", root, "--profile", &profile];
    let verify = ["verify", "--root", root, "--profile", &profile];
    let volume = volume(&[&harden.join(" "), &verify.join(" ")]);
    let copy = volume.path().join("lithify");
    run(Command::new(&copy).args(harden)).exits(0).says("replaced by a tombstone");
    let buried = tree.manifest();
    run(Command::new(tree.at("/bin/sh")).args(["-c", "id"])).exits(127).says("removed from this container");
    for lithify in [&copy, &lithify()] {
        run(Command::new(lithify).args(harden)).exits(0).says("nothing to remove");
        run(Command::new(lithify).args(verify)).exits(0);
        assert_eq!(tree.manifest(), buried);
    }
    let found = run_lithify(["scan", "--root", root, "--format", "json"]).exits(0).json();
    assert!(!found.to_string().contains("\"shell\""), "{found}");
    // The other way round.
    let tree_of_plain = Tree::new();
    tree_of_plain.program("/bin/dash").link("/bin/sh", "dash");
    run_lithify(["harden", "--root", tree_of_plain.path().to_str().unwrap(), "--profile", &profile]).exits(0);
    assert_eq!(fs::read(tree_of_plain.at("/bin/sh")).unwrap(), fs::read(tree.at("/bin/sh")).unwrap());
}

/// Errors tell nobody what is in a file that is no profile.
#[test]
fn only_toml_files_are_quoted() {
    let tree = Tree::new();
    let secret = "root:$6$secret:19000:0\n";
    tree.file_with("/shadow", secret).file_with("/a.toml", "schema = 1\nbad key\n").link("/toml", "shadow");
    tree.file_with("/b.toml", "schema = 1\ninclude = [\"./shadow\"]\n")
        .file_with("/pairs", "schema = 1\nPASSWORD = \"x\"\n");
    fs::write(tree.at("/bytes"), b"secret\xff").unwrap();
    let path = |name: &str| tree.at(name).display().to_string();
    for name in ["/shadow", "/toml", "/b.toml", "/pairs", "/bytes"] {
        for arguments in [
            &["profile", "check", &path(name)][..],
            &["profile", "show", &path(name)],
            &["harden", "--root", tree.path().to_str().unwrap(), "-p", &path(name)],
            &["scan", "--root", tree.path().to_str().unwrap(), "--baseline", &path(name)],
            &["profile", "check", "--format", "json", &path(name)],
        ] {
            let ran = run_lithify(arguments).exits(2);
            assert!(!ran.all().contains("secret") && !ran.all().contains("PASSWORD"), "{arguments:?}: {ran:?}");
        }
    }
    run_lithify(["profile", "check", &path("/pairs")])
        .says(":2:1: what stands here is not valid")
        .says("ends in .toml");
    run_lithify(["profile", "check", &path("/a.toml")]).exits(2).says("2 | bad key");
}
