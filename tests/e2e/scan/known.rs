//! `scan`: what is known already: baselines, and comparison with an earlier scan; and the form of the JSON.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::command::output::assert_valid;
use crate::harness::tree::Tree;
use crate::harness::{Ran, harden, rootfs, run_lithify};

fn scan(tree: &Tree, more: &[&str]) -> Ran {
    let root = tree.at("/r");
    run_lithify([&["scan", "--root", root.to_str().unwrap()], more].concat())
}

/// Two shells, one setuid file, one account.
fn tree() -> Tree {
    let tree = Tree::new();
    tree.program("/r/bin/bash").program("/r/bin/dash").link("/r/bin/sh", "dash").program("/r/bin/ping");
    passwd(&tree, "root:x:0:0::/:/bin/bash\n");
    fs::set_permissions(tree.at("/r/bin/ping"), fs::Permissions::from_mode(0o4755)).unwrap();
    tree
}

fn passwd(tree: &Tree, text: &str) {
    fs::create_dir_all(tree.at("/r/etc")).unwrap();
    fs::write(tree.at("/r/etc/passwd"), text).unwrap();
}

fn path(tree: &Tree, name: &str) -> String {
    tree.at(name).to_str().unwrap().to_owned()
}

#[test]
fn a_baseline_accepts_with_a_reason() {
    let tree = tree();
    let file = path(&tree, "/baseline.toml");
    tree.file_with(
        "/baseline.toml",
        "schema = 1\n[[accept]]\npath = \"/bin/*sh\"\nclass = \"shell\"\nreason = \"the entrypoint is a script\"\n\
        [[accept]]\npath = \"/bin/su\"\nclass = \"setuid\"\nreason = \"gone long ago\"\n",
    );
    scan(&tree, &["--fail-on", "shell"]).exits(1).says("FAIL scan shell: 2 found").says("/bin/bash, /bin/dash");
    let ran = scan(&tree, &["--fail-on", "shell", "--baseline", &file]).exits(0);
    ran.says("2 accepted").says(":6: nothing of class setuid is found at /bin/su any more").does_not_say("/bin/dash");
    scan(&tree, &["-v", "--baseline", &file]).exits(0).says("accepted: the entrypoint is a script");
    scan(&tree, &["-q", "--fail-on", "setuid,shell", "--baseline", &file])
        .exits(1)
        .says("FAIL scan setuid: 1 found, and --fail-on allows none: /bin/ping")
        .does_not_say("shell:");
    let found = scan(&tree, &["--format=json", "--baseline", &file]).exits(0).json();
    assert_valid("scan.schema.json", &found);
    assert!(
        found["programs"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|p| p["class"] == "shell")
            .all(|p| p["accepted"] == "the entrypoint is a script")
    );
    assert_eq!(found["counts"][0], serde_json::json!({"class": "shell", "count": 0, "accepted": 2}));
    // By variable, as everything.
    let mut command = crate::harness::command();
    command.env("LITHIFY_BASELINE", &file).args(["scan", "--fail-on", "shell", "--root", &path(&tree, "/r")]);
    crate::harness::run(&mut command).exits(0);
    // A new name of an accepted program is nothing new; a new program is.
    tree.program("/r/opt/zsh");
    scan(&tree, &["--fail-on", "shell", "--baseline", &file]).exits(1).says("shell: 1 found").says("/opt/zsh");
}

#[test]
fn a_first_baseline_accepts_all_that_is_there_and_nothing_else() {
    let tree = tree();
    let odd = ["/r/opt/[/bash", "/r/opt/a*b?/zsh", "/r/opt/{x,y}\\/nc", "/r/opt/\u{1}\"'/wget", "/r/opt/é\u{202e}/vim"];
    for path in odd {
        tree.program(path);
    }
    let file = path(&tree, "/baseline.toml");
    let write = |more: &[&str]| {
        let printed = scan(&tree, &[&["--print-baseline"], more].concat()).exits(0).stdout;
        fs::write(&file, &printed).unwrap();
        printed
    };
    let printed = write(&[]);
    assert_eq!(printed.matches("[[accept]]").count(), 2 + odd.len() + 3, "{printed}");
    let accepted = scan(&tree, &["--fail-on", "all", "--baseline", &file]).exits(0);
    accepted.says("nothing of use to an intruder, 10 accepted").does_not_say("any more");
    passwd(&tree, "root:x:0:0::/:/bin/bash\nevil:x:7:7::/:/bin/bash\n");
    tree.program("/r/opt/fish");
    let ran = scan(&tree, &["--fail-on", "all", "--baseline", &file]).exits(1);
    ran.says("FAIL scan shell: 1 found, and --fail-on allows none: /opt/fish\n").says("/etc/passwd (evil)\n");
    // Written again it keeps the reasons.
    fs::write(&file, printed.replace("as found, not reviewed yet", "reviewed")).unwrap();
    let again = write(&["--baseline", &file]);
    assert_eq!((again.matches("\"reviewed\"").count(), again.matches("not reviewed yet").count()), (10, 2), "{again}");
    scan(&tree, &["--fail-on", "all", "--baseline", &file]).exits(0);
}

#[test]
fn a_baseline_that_is_not_valid() {
    let tree = tree();
    let file = path(&tree, "/baseline.toml");
    for (text, says) in [
        ("schema = 1\n[[accept]]\npath = \"/b\"\nclass = \"setuid\"\n", ":2:1: `reason` is missing"),
        ("schema = 1\n[[accept]]\npath = \"/b\"\nclass = \"shel\"\nreason = \"x\"", ":4:9: there is no class `shel`"),
        ("schema = 1\n[[accept]]\npaths = \"/b\"\nclass = \"shell\"\nreason = \"x\"", "did you mean `path`?"),
        ("schema = 3\n", ":1:10: schema 3 is not known"),
    ] {
        fs::write(&file, text).unwrap();
        scan(&tree, &["--baseline", &file]).exits(2).says(&file).says(says);
    }
    fs::write(&file, b"schema = 1 # \xff").unwrap();
    scan(&tree, &["--baseline", &file]).exits(2).says("byte 0xff is not UTF-8");
    scan(&tree, &["--baseline", "/nonexistent"]).exits(2).says("/nonexistent: cannot be read: no such file");
}

#[test]
fn before_and_after() {
    let tree = tree();
    let (before, root) = (path(&tree, "/before.json"), tree.at("/r"));
    fs::write(&before, scan(&tree, &["--format=json"]).exits(0).stdout).unwrap();
    scan(&tree, &["--compare", &before]).exits(0).says("0 gone, 0 new, 6 left");
    harden(&root, ["--remove", "bash", "--remove", "dash"]).exits(0);
    tree.program("/r/opt/zsh");
    fs::set_permissions(tree.at("/r/opt/zsh"), fs::Permissions::from_mode(0o4755)).unwrap();
    let ran = scan(&tree, &["--compare", &before]).exits(0);
    let ran = ran.says("shell: 3 -> 1\n  gone  /bin/bash\n  gone  /bin/sh\n  gone  /bin/dash\n  new   /opt/zsh\n");
    let ran = ran.says("setuid: 1 -> 2\n  new   /opt/zsh\n  left  /bin/ping\n");
    ran.says("login-shell: 1 -> 0\n  gone  /etc/passwd (root)\n").says("4 gone, 2 new, 2 left among 2 executables\n");
    let found = scan(&tree, &["--format=json", "--compare", &before, "--fail-on=all"]).exits(1).json();
    assert_valid("scan.schema.json", &found);
    assert_eq!(found["failing"], serde_json::json!(["shell", "setuid"]), "what is left was known");
    assert_eq!(found["comparison"]["classes"][0], serde_json::json!({"class": "shell", "before": 3, "after": 1}));
    scan(&tree, &["-q", "--compare", &before, "--fail-on=setuid"])
        .exits(1)
        .says("FAIL scan setuid: 1 new, and --fail-on allows none: /opt/zsh\n");
    // A further name of a program that was there is new.
    let now = path(&tree, "/now.json");
    fs::write(&now, scan(&tree, &["--format=json"]).exits(0).stdout).unwrap();
    tree.link("/r/bin/health", "/opt/zsh");
    scan(&tree, &["--compare", &now, "--fail-on=shell"]).exits(1).says("new   /bin/health");
    for (text, says) in [("{", "is not JSON"), ("{}", "is not a result of lithify scan"), ("[1]", "is not a result")] {
        fs::write(&before, text).unwrap();
        scan(&tree, &["--compare", &before]).exits(2).says("--compare").says(&before).says(says);
    }
    let failed = scan(&tree, &["--format=json", "--fail-on=x"]).exits(2).stdout;
    fs::write(&before, failed).unwrap();
    scan(&tree, &["--compare", &before]).exits(2).says("that scan failed");
}

#[test]
fn json_fits_its_schema_on_real_trees() {
    let tree = Tree::new();
    let (before, baseline) = (path(&tree, "/before.json"), path(&tree, "/baseline.toml"));
    for name in ["nginx", "httpd", "shells", "alpine"] {
        let root = rootfs(name);
        let scan = |more: &[&str]| run_lithify([&["scan", "--root", root.to_str().unwrap()], more].concat());
        let found = scan(&["--format=json"]).exits(0);
        assert_eq!(found.stdout.lines().count(), 1);
        assert_valid("scan.schema.json", &found.json());
        fs::write(&before, &found.stdout).unwrap();
        fs::write(&baseline, scan(&["--print-baseline"]).exits(0).stdout).unwrap();
        let all = ["--format=json", "--fail-on=all", "--baseline", &baseline, "--compare", &before];
        let found = scan(&all).exits(0).json();
        assert_valid("scan.schema.json", &found);
        assert_eq!(found["comparison"]["new"], serde_json::json!([]));
        assert!(!found["comparison"]["left"].as_array().unwrap().is_empty());
        assert!(found["counts"].as_array().unwrap().iter().all(|count| count["count"] == 0), "{}", found["counts"]);
        let without = scan(&["--format=json", "--fail-on=all"]).exits(1).json();
        assert_valid("scan.schema.json", &without);
    }
    let error = run_lithify(["scan", "--format=json", "--root", "/nonexistent"]).exits(2).json();
    assert_valid("scan.schema.json", &error);
    let unverified =
        run_lithify(["scan", "--format=json", "--fail-on=app-writable", "--root", tree.path().to_str().unwrap()]);
    assert_valid("scan.schema.json", &unverified.exits(1).json());
}

#[test]
fn a_class_with_many_findings_does_not_hide_the_others() {
    let root = rootfs("nginx");
    let lines = |more: &[&str]| -> Vec<String> {
        let ran = run_lithify([&["scan", "--root", root.to_str().unwrap()], more].concat()).exits(0);
        ran.stdout.lines().map(str::to_owned).collect()
    };
    let (short, long) = (lines(&[]), lines(&["-v"]));
    let count = |lines: &[String], class: &str| {
        let rest = lines.iter().skip_while(|line| !line.starts_with(&format!("{class} ("))).skip(1);
        rest.take_while(|line| line.starts_with("  ")).count()
    };
    assert_eq!(count(&short, "shell"), 2);
    assert_eq!(count(&short, "file-tool"), 41, "{short:?}");
    assert!(short.iter().any(|line| line.ends_with(" more; -v shows them")), "{short:?}");
    assert!(count(&long, "file-tool") > 90, "{long:?}");
    assert!(
        !short.iter().any(|line| line.contains("; lends ")) && long.iter().any(|line| line.contains("; lends shell"))
    );
    assert!(short.last().unwrap().starts_with("lithify scan "), "{short:?}");
}

#[test]
fn the_log_gets_the_result_and_quiet_says_failures_only() {
    let tree = tree();
    let log = path(&tree, "/log");
    assert_eq!(scan(&tree, &["-q", "--log", &log]).exits(0).all(), "");
    let ran = scan(&tree, &["-q", "--fail-on=setuid", "--log", &log]).exits(1);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("FAIL scan setuid: 1 found") && lines[2].starts_with("lithify scan "), "{lines:?}");
    assert_eq!(fs::read_to_string(&log).unwrap(), ran.stdout);
}
