//! What the kernel refuses is explained: the reason, whose it is, and what to do.

use crate::harness::container::Spec;
use crate::harness::rootfs;
use crate::harness::tree::manifest;

const HARDEN: [&str; 3] = ["harden", "-p", "shells"];

#[test]
fn a_read_only_root() {
    let container = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"]).read_only().start();
    let ran = container
        .lithify(&HARDEN)
        .exits(1)
        .says("deleting and readOnlyRootFilesystem exclude each other")
        .says("bake the removal into the image")
        .says("stage");
    // One finding for all names, not one for each.
    assert_eq!(ran.stdout.matches("FAIL").count(), 1, "{}", ran.stdout);
    assert!(container.termination_message().contains("EROFS"));
    container.exec(["/bin/sh", "-c", "true"]).exits(0);
}

#[test]
fn another_user() {
    let container = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"]).user(65532, 65532).start();
    let before = manifest(container.root());
    container
        .lithify(&HARDEN)
        .exits(1)
        .says("uid 65532 (gid 65532) may not change this directory, which belongs to uid 0 (mode 0755) (EACCES)")
        .says("runAsUser: 0");
    assert_eq!(manifest(container.root()), before);
}

#[test]
fn some_fail_and_the_rest_goes_on() {
    let tree = crate::harness::tree::Tree::new();
    tree.file("/bin/sh").file("/sbin/bash").file("/usr/bin/dash");
    let chattr =
        |flag: &str| crate::harness::run(std::process::Command::new("chattr").arg(flag).arg(tree.at("/sbin/bash")));
    chattr("+i").exits(0);
    let ran = crate::harness::harden(tree.path(), ["-p", "shells"]);
    chattr("-i").exits(0);
    ran.exits(1)
        .says("FAIL remove /sbin/bash: could not remove: the kernel forbids it")
        .says("chattr -i")
        .says("2 names of 2 files removed");
    tree.assert_gone(&["/bin/sh", "/usr/bin/dash"]);
    tree.assert_there(&["/sbin/bash"]);
    crate::harness::harden(tree.path(), ["-p", "shells"]).exits(0);
}

/// Whatever the command then ends with: what was not done is not reported as done.
#[test]
fn a_refused_plan_reports_no_removal_in_any_command_and_format() {
    let container = Spec::new(&rootfs("nginx"), &["/bin/sleep", "1000"]).start();
    let remove = ["--remove", "sleep", "--remove", "tac", "--remove", "tail"];
    let after = ["--", "/bin/true"];
    let cases: [(&[&str], &[&str], i32); 5] = [
        (&["harden"], &[], 3),
        (&["harden", "--dry-run"], &[], 3),
        (&["run"], &after, 125),
        (&["run", "--fallback=fail"], &after, 125),
        (&["run", "--init"], &after, 125),
    ];
    for (command, rest, code) in cases {
        for format in ["text", "json"] {
            let arguments = [command, &["--format", format], remove.as_slice(), rest].concat();
            let ran = container.lithify(&arguments).exits(code).does_not_say(" removed");
            let message = container.termination_message();
            assert!(message.contains("refused; nothing was changed"), "{arguments:?}: {message}");
            assert!(!message.contains(" removed"), "{arguments:?}: {message}");
            if format == "text" {
                ran.says("REFUSED /usr/bin/sleep").says("refused; nothing was changed");
                continue;
            }
            let report: serde_json::Value = serde_json::from_str(ran.all().trim()).unwrap();
            let summary = &report["summary"];
            for count in ["removed", "disabled", "tombstoned", "denied", "stripped", "files"] {
                assert_eq!(summary[count], 0, "{arguments:?}: {summary}");
            }
            assert_eq!(report["exit_code"], code, "{arguments:?}");
            for action in report["actions"].as_array().unwrap() {
                assert_eq!(action["outcome"], "planned", "{arguments:?}: {action}");
            }
        }
    }
    for there in ["sleep", "tac", "tail"] {
        assert!(container.root().join("usr/bin").join(there).exists(), "{there}");
    }
}

#[test]
fn a_refusal_after_the_start_is_reported_as_what_it_ends_with() {
    // The shell of the app's own script, which it runs again and again, and a library that it has loaded.
    let container = Spec::new(&rootfs("nginx"), &["/bin/sleep", "1000"]).start();
    let remove = ["--remove", "tac", "--remove", "/lib/x86_64-linux-gnu/libc.so.6"];
    let app = ["--", "/usr/bin/tail", "-f", "/dev/null"];
    let ran = container.lithify(&[&["run", "--after-start", "--format", "json"], remove.as_slice(), &app].concat());
    let ran = ran.exits(1).does_not_say(" removed");
    let report: serde_json::Value = serde_json::from_str(ran.all().lines().next().unwrap()).unwrap();
    assert_eq!((&report["exit_code"], &report["summary"]["removed"]), (&1.into(), &0.into()), "{report}");
    assert_eq!(report["findings"][0]["id"], "refused", "{report}");
    assert!(container.root().join("usr/bin/tac").exists());
}
