//! `method = "tombstone"`: what stands in place of a removed command.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use crate::harness::container::Spec;
use crate::harness::tree::Tree;
use crate::harness::{Ran, command, harden, lithify, rootfs, run, run_lithify};

const PROFILE: &str = "schema = 1\nname = \"site\"\ninclude = [\"shells\"]\n[remove]\nmethod = \"tombstone\"\nnames = [\"vi\"]\npaths = [\"/opt/tool\"]\n";

fn tree() -> Tree {
    let tree = Tree::new();
    tree.file("/bin/dash").link("/bin/sh", "dash").link("/usr/local/bin/x", "/bin/sh").hard_link("/opt/x", "/bin/dash");
    tree.file("/opt/editor/vim.basic").link("/etc/alternatives/vi", "/opt/editor/vim.basic");
    tree.link("/bin/vi", "/etc/alternatives/vi").file("/opt/tool/bin/a").file("/bin/stays");
    fs::write(tree.at("/site.toml"), PROFILE).unwrap();
    tree
}

const STONES: [&str; 6] = ["/bin/dash", "/bin/sh", "/usr/local/bin/x", "/opt/x", "/opt/editor/vim.basic", "/bin/vi"];

fn bury(tree: &Tree) -> Ran {
    harden(tree.path(), ["-p".as_ref(), tree.at("/site.toml").as_os_str()])
}

fn start(path: &Path) -> Ran {
    run(Command::new(path).args(["-c", "echo pwned"]).env_clear())
}

/// Every removed command is a tombstone, everything else as it should be, and nothing is left lying about.
#[track_caller]
fn assert_buried(tree: &Tree, context: &str) {
    for path in STONES {
        let at = tree.at(path);
        let metadata = fs::symlink_metadata(&at).unwrap_or_else(|error| panic!("{path}: {error}, {context}"));
        assert!(metadata.is_file() && metadata.mode() & 0o7777 == 0o555, "{path}, {context}");
        let ran = start(&at);
        assert!(ran.code == 127 && ran.stderr.contains("removed from this container"), "{path}: {ran:?}, {context}");
    }
    tree.assert_gone(&["/etc/alternatives/vi", "/opt/tool"]);
    tree.assert_there(&["/bin/stays"]);
    let pending: Vec<_> =
        tree.manifest().into_keys().filter(|path| path.to_string_lossy().contains("pending")).collect();
    assert!(pending.is_empty(), "{pending:?}, {context}");
}

#[test]
fn commands_are_replaced_by_one_file_and_directories_go() {
    let tree = tree();
    bury(&tree).exits(0).says("6 names replaced by a tombstone").says("removed");
    assert_buried(&tree, "first run");
    let inodes: std::collections::BTreeSet<u64> =
        STONES.iter().map(|path| fs::metadata(tree.at(path)).unwrap().ino()).collect();
    assert_eq!(inodes.len(), 1, "one file for all names");
    let before = tree.manifest();
    bury(&tree).exits(0).says("nothing to remove");
    harden(tree.path(), ["-p", "shells"]).exits(0).says("nothing to remove");
    assert_eq!(tree.manifest(), before);
    run_lithify([
        "verify".as_ref(),
        "--root".as_ref(),
        tree.path().as_os_str(),
        "-p".as_ref(),
        tree.at("/site.toml").as_os_str(),
    ])
    .exits(0);
}

#[test]
fn it_says_what_was_removed_by_which_rule() {
    let tree = tree();
    bury(&tree).exits(0);
    let link = tree.at("/bin/anything");
    fs::hard_link(tree.at("/bin/sh"), &link).unwrap();
    start(&tree.at("/bin/vi"))
        .exits(127)
        .says("/bin/vi: removed")
        .says("profile site: names \"vi\"")
        .says("kubectl debug");
    start(&tree.at("/bin/sh")).says("profile shells: names \"sh\"").says("uid 0 tried to run").says("-c echo pwned");
    start(&link).exits(127).says("removed from this container");
    // As the interpreter of a script, and with hostile arguments.
    fs::write(tree.at("/script"), format!("#!{}\n", tree.at("/bin/sh").display())).unwrap();
    fs::set_permissions(tree.at("/script"), fs::Permissions::from_mode(0o755)).unwrap();
    start(&tree.at("/script")).exits(127).says("names \"sh\"");
    let ran = run(Command::new(tree.at("/bin/sh")).arg("\n\x1b[2Jlithify tombstone: uid 1").arg("x".repeat(100_000)));
    let lines = ran.stderr.lines().count();
    assert!(lines == 3 && ran.stderr.len() < 4096 && !ran.stderr.contains('\x1b'), "{ran:?}");
}

#[test]
fn what_only_looks_like_a_tombstone_is_what_it_is() {
    let tree = tree();
    bury(&tree).exits(0);
    // A shell with the end of a tombstone appended, in its mode, and of its very length.
    let stone = fs::read(tree.at("/bin/sh")).unwrap();
    let program = fs::metadata(lithify()).unwrap().len() as usize;
    let mut shell = fs::read(rootfs("nginx").join("usr/bin/bash")).unwrap();
    shell.resize(program, 0);
    shell.extend_from_slice(&stone[program..]);
    for path in ["/bin/bash", "/opt/healthd"] {
        fs::write(tree.at(path), &shell).unwrap();
        fs::set_permissions(tree.at(path), fs::Permissions::from_mode(0o555)).unwrap();
    }
    let scan = run_lithify(["scan".as_ref(), "--root".as_ref(), tree.path().as_os_str()]).exits(0);
    scan.says("/opt/healthd").says("6 tombstones");
    bury(&tree).exits(0);
    assert_eq!(start(&tree.at("/bin/bash")).exits(127).stdout, "");
}

#[test]
fn killed_at_every_step_the_next_run_completes_it() {
    let mut killed = 0;
    for call in ["openat", "linkat", "renameat", "unlinkat", "copy_file_range", "write", "fchmod"] {
        for (nth, effect) in (1..24).flat_map(|nth| [(nth, "signal=KILL:error=EINTR"), (nth, "signal=KILL")]) {
            let tree = tree();
            let inject = format!("inject={call}:{effect}:when={nth}");
            let status = Command::new("strace")
                .args(["-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject])
                .arg(lithify())
                .args(["harden", "--root"])
                .arg(tree.path())
                .arg("-p")
                .arg(tree.at("/site.toml"))
                .env_clear()
                .status()
                .unwrap();
            if status.success() {
                break;
            }
            killed += 1;
            bury(&tree).exits(0);
            assert_buried(&tree, &inject);
        }
    }
    assert!(killed > 40, "only {killed} runs were killed");
}

#[test]
fn two_runs_at_once_end_well() {
    for _ in 0..20 {
        let tree = tree();
        let spawn = || {
            let mut child = command();
            child.arg("harden").arg("--root").arg(tree.path()).arg("-p").arg(tree.at("/site.toml"));
            child.stdout(std::process::Stdio::piped()).spawn().unwrap()
        };
        for child in [spawn(), spawn()] {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        }
        assert_buried(&tree, "two at once");
    }
}

#[test]
fn without_unnamed_files_and_without_room() {
    // A filesystem that has no O_TMPFILE: the call that makes the draft is the last openat before the first linkat.
    let traced = |tree: &Tree, inject: &[&str]| {
        let trace = tree.at("/trace");
        // In a pid namespace of its own: each process that is seen costs calls.
        let mut strace = Command::new("unshare");
        strace
            .args(["--pid", "--fork", "--mount-proc", "strace", "-qq"])
            .arg("-o")
            .arg(&trace)
            .args(["-e", "trace=openat,renameat"])
            .args(inject);
        strace.arg(lithify()).args(["harden", "--root"]).arg(tree.path()).arg("-p").arg(tree.at("/site.toml"));
        (run(strace.env_clear()), fs::read_to_string(trace).unwrap())
    };
    let (_, trace) = traced(&tree(), &[]);
    let nth = 1 + trace
        .lines()
        .filter(|line| line.starts_with("openat("))
        .position(|line| line.contains("O_TMPFILE"))
        .unwrap();
    let tree = tree();
    let (ran, trace) = traced(&tree, &["-e", &format!("inject=openat:error=EOPNOTSUPP:when={nth}")]);
    assert!(trace.contains("INJECTED"), "{trace}");
    ran.exits(0);
    fs::remove_file(tree.at("/trace")).unwrap();
    assert_buried(&tree, "without O_TMPFILE");

    // Too small for a tombstone: the command stays, and that is a finding with a way out.
    let small = Tree::new();
    let script = format!(
        "mount -t tmpfs -o size=64k tmpfs {0} && mkdir {0}/bin && echo x >{0}/bin/sh && chmod 755 {0}/bin/sh && \
         {1} harden --allow-host --root {0} -p {2}; code=$?; ls -A {0}/bin; exit $code",
        small.path().display(),
        lithify().display(),
        tree.at("/site.toml").display(),
    );
    let ran = run(Command::new("unshare").args(["-m", "sh", "-c", &script])).exits(1);
    let ran = ran.says("no room for the tombstone (ENOSPC)").says("method = \"delete\"");
    assert!(ran.stdout.ends_with("\nsh\n"), "nothing but the command is there: {ran:?}");
}

#[test]
fn in_a_container_the_attempt_is_in_its_log() {
    let directory = Tree::new();
    fs::write(directory.at("site.toml"), PROFILE).unwrap();
    let container = Spec::new(&rootfs("nginx"), &["/usr/sbin/nginx", "-g", "daemon off;"])
        .volume(directory.path(), "/site", &["ro"])
        .start();
    container.http();
    container.exec(["sh", "-c", "echo pwned"]).exits(0).says("pwned");
    container.lithify(&["harden", "-p", "/site/site.toml"]).exits(0).says("replaced by a tombstone");
    for shell in ["sh", "/bin/sh", "bash", "dash", "rbash"] {
        container
            .exec([shell, "-c", "echo pwned; id"])
            .exits(127)
            .says("removed from this container")
            .does_not_say("pwned\n");
    }
    let log = container.log();
    assert!(
        log.contains(
            "lithify tombstone: uid 0 tried to run /bin/sh, from outside this container: /bin/sh -c echo pwned; id"
        ),
        "{log}"
    );
    // Another user may not write the first process's log, and is told itself.
    container
        .exec(["/usr/bin/setpriv", "--reuid=33", "--clear-groups", "/bin/sh", "-c", "echo pwned"])
        .exits(127)
        .says("uid 33 tried to run /bin/sh");
    container.lithify(&["harden", "-p", "/site/site.toml"]).exits(0).says("nothing to remove");
    container.lithify(&["verify", "-p", "/site/site.toml"]).exits(0);
    container.lithify(&["scan", "--fail-on", "shell"]).exits(0).says("tombstones of removed commands");
    container.http();
}
