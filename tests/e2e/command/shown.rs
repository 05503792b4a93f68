//! What a page shows of a program's output is what it prints: numbers may differ, and `...` stands for anything.

use std::fs;
use std::path::Path;

use crate::harness::container::Spec;
use crate::harness::{rootfs, run_lithify};

/// The block of a page that begins so.
fn block(page: &str, begins: &str) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page)).unwrap();
    let blocks = text.split("\n```").skip(1).step_by(2).filter_map(|block| Some(block.split_once('\n')?.1));
    let mut found = blocks.filter(|block| block.contains(begins));
    found.next().unwrap_or_else(|| panic!("{page} has no block with {begins:?}")).to_owned()
}

/// A text with 0 in place of each number.
pub fn numberless(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            digit if digit.is_ascii_digit() => {
                if !out.ends_with('0') {
                    out.push('0');
                }
            }
            other => out.push(other),
        }
    }
    out
}

/// Whether the parts of what is shown, between each `...`, stand in what was printed, in their order.
#[track_caller]
fn shows(shown: &str, printed: &str) {
    let typed = |line: &&str| !line.starts_with("$ ");
    let shown = shown.lines().filter(typed).map(|line| format!("{line}\n")).collect::<String>();
    let printed = numberless(printed);
    let mut rest = printed.as_str();
    for part in
        numberless(&shown).split("...").map(|part| part.trim_matches(' ')).filter(|part| !part.trim().is_empty())
    {
        let part = part.trim_matches('\n');
        let at = rest.find(part).unwrap_or_else(|| panic!("the page shows\n{part}\nand this was printed:\n{printed}"));
        rest = &rest[at + part.len()..];
    }
}

#[test]
fn what_scan_finds_and_what_is_gone() {
    let root = rootfs("nginx");
    let printed = run_lithify(["scan", "--root", root.to_str().unwrap()]).exits(0).stdout;
    shows(&block("scan.md", "$ lithify scan --root rootfs"), &printed.replace(root.to_str().unwrap(), "rootfs"));

    let work = tempfile::tempdir().unwrap();
    let container = Spec::new(&root, &["nginx", "-g", "daemon off;"]).volume(work.path(), "/work", &["ro"]).start();
    container.wait("run nginx", || container.is_running());
    fs::write(work.path().join("before.json"), container.lithify(&["scan", "--format", "json"]).exits(0).stdout)
        .unwrap();
    container.lithify(&["harden", "-p", "shells"]).exits(0);
    let printed = container.lithify(&["scan", "--compare", "/work/before.json"]).exits(0).stdout;
    shows(&block("scan.md", "--compare before.json"), &printed);
}

#[test]
fn what_a_refusal_leads_to() {
    let words = ["/lithify/lithify", "run", "--profile", "distroless", "--", "python3", "/srv/app.py"];
    let (ran, log) = Spec::new(&rootfs("python"), &words).run();
    shows(&block("profiles.md", "REFUSED"), &format!("{}{log}", ran.all()));
}

#[test]
fn what_cannot_be_removed() {
    let container = Spec::new(&rootfs("nginx"), &["sleep", "infinity"]).read_only().start();
    shows(&block("output.md", "FAIL remove"), &container.lithify(&["harden", "-p", "shells"]).exits(1).stdout);
}

#[test]
fn what_a_read_only_root_needs() {
    let httpd = "/usr/local/apache2/bin/httpd";
    let container = Spec::new(&rootfs("httpd"), &[httpd, "-DFOREGROUND"]).start();
    container.wait("write its pid", || container.root().join("usr/local/apache2/logs/httpd.pid").exists());
    shows(&block("diff.md", "$ kubectl exec deploy/web"), &container.lithify(&["diff"]).exits(0).stdout);
}

#[test]
fn what_has_drifted() {
    let work = tempfile::tempdir().unwrap();
    let profile = format!("schema = 1\n{}", block("state.md", "[verify.drift]"));
    fs::write(work.path().join("drift.toml"), profile).unwrap();
    let container = Spec::new(&rootfs("nginx"), &["sleep", "infinity"]).volume(work.path(), "/work", &["ro"]).start();
    container.exec(["cp", "/usr/bin/true", "/usr/bin/helper"]).exits(0);
    let printed = container.lithify(&["verify", "-p", "/work/drift.toml"]).exits(1).stdout;
    shows(&block("state.md", "FAIL drift.executables"), &printed);
}
