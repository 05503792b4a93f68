//! The picture of the README: `docs/images/terminal.txt` is what a person types and what the terminal answers. Each command
//! is run again, on a real container, and each answer is compared; the picture is drawn of the same text.
//! `LITHIFY_BLESS=1` writes both anew.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::command::shown::numberless;
use crate::harness::docker::Docker;
use crate::harness::tree::Tree;
use crate::harness::{lithify, run};

const IMAGE: &str = "docker.io/library/nginx:1.28";
const TEXT: &str = "docs/images/terminal.txt";
const PICTURE: &str = "docs/images/terminal.svg";

const COLUMNS: usize = 84;
const LINE: usize = 19;
const TOP: usize = 58;

/// The commands and comments of a text, without the answers.
fn typed(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| line.starts_with("$ ") || line.starts_with('#') || line.is_empty())
}

/// What a terminal shows of these lines: each command with its answer.
fn played(lines: &str, work: &Path) -> String {
    let mut shown = String::new();
    for line in typed(lines) {
        shown.push_str(line);
        shown.push('\n');
        if let Some(command) = line.strip_prefix("$ ") {
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("{command} 2>&1")]).current_dir(work);
            shell.env_remove("DOCKER_HOST").env_remove("DOCKER_CONTEXT");
            shown.push_str(&run(&mut shell).stdout);
        }
    }
    shown
}

/// A window of a terminal with this text. It has its own background, so that it reads on a light page and on a dark one.
fn drawn(text: &str) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut rows = String::new();
    let mut at = TOP;
    for line in text.lines() {
        let (class, mut rest) = match line.get(..1) {
            Some("$") => ("typed", line),
            Some("#") => ("said", line),
            _ => ("answer", line),
        };
        loop {
            let end = rest.char_indices().nth(COLUMNS).map_or(rest.len(), |(end, _)| end);
            let (row, more) = rest.split_at(end);
            rows.push_str(&format!("<text x=\"18\" y=\"{at}\" class=\"{class}\">{}</text>\n", escaped(row)));
            at += LINE;
            if more.is_empty() {
                break;
            }
            rest = more;
        }
    }
    let height = at + 6;
    let of_whole = escaped(text).replace('"', "&quot;");
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {height}" width="760" height="{height}" role="img" aria-labelledby="t d">
<title id="t">A terminal: lithify hardens an nginx that runs</title>
<desc id="d">{of_whole}</desc>
<style>
text {{ font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre }}
.typed {{ fill: #f0f3f6; font-weight: 700 }}
.answer {{ fill: #b9c4d0 }}
.said {{ fill: #7cc0ff }}
</style>
<rect width="760" height="{height}" rx="9" fill="#161b22" stroke="#4b5563"/>
<g><circle cx="22" cy="20" r="6" fill="#ff5f57"/><circle cx="42" cy="20" r="6" fill="#febc2e"/><circle cx="62" cy="20" r="6" fill="#28c840"/></g>
{rows}</svg>
"##
    )
}

#[test]
fn of_the_readme_shows_what_happens() {
    let at = |path: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let work = Tree::new();
    work.directory("/dist");
    fs::copy(lithify(), work.at("/dist/lithify")).unwrap();
    let docker = Docker::with(&[IMAGE]);
    let volume = format!("{}:/lithify:ro", work.at("/dist").display());
    docker.client(["run", "-d", "--name", "web", "-p", "8080:80", "-v", &volume, IMAGE]).exits(0);
    assert!(docker.http("http://127.0.0.1:8080/").contains("Welcome to nginx!"));

    let known = fs::read_to_string(at(TEXT)).unwrap();
    let text = played(&known, work.path());
    // Its stop takes longer than all of this.
    docker.client(["rm", "--force", "web"]).exits(0);
    if std::env::var_os("LITHIFY_BLESS").is_some() {
        fs::write(at(TEXT), &text).unwrap();
        fs::write(at(PICTURE), drawn(&text)).unwrap();
        return;
    }
    // How many programs Debian's packages bring changes with them.
    assert_eq!(
        numberless(&known),
        numberless(&text),
        "{TEXT} is not what a terminal shows now: LITHIFY_BLESS=1 writes it"
    );
    assert_eq!(fs::read_to_string(at(PICTURE)).unwrap(), drawn(&known), "LITHIFY_BLESS=1 draws it");
}
