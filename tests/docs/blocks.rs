//! Every block of code of a page is valid: shells read it, and it is YAML, a profile, or a command line that is accepted.
//! The command lines of the plugin are tested beside it (`kubectl/tests/e2e/docs.rs`), what a program prints in
//! `tests/e2e/command/shown.rs`, `kubernetes::failures` and `kubernetes::state`.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::page::{Block, all, parts, read};
use super::shell::commands;

const SUBCOMMANDS: [&str; 13] = [
    "harden", "verify", "scan", "seal", "diff", "run", "init", "learn", "stage", "install", "sleep", "probe", "profile",
];

/// A shell reads this without a complaint.
fn shell_reads(shell: &str, text: &str) -> Result<(), String> {
    let mut child = Command::new(shell).arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let ran = child.wait_with_output().unwrap();
    if ran.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&ran.stderr).into_owned()) }
}

/// The calls of lithify among the commands of a shell's text, also as what a container starts with.
fn calls(text: &str) -> Vec<Vec<String>> {
    let call = |words: Vec<String>| {
        let name = words.iter().position(|word| word == "lithify" || word.ends_with("/lithify"))?;
        if name > 0 && words[name - 1] == "kubectl" {
            return None;
        }
        let command = words[name..].iter().position(|word| SUBCOMMANDS.contains(&word.as_str()))?;
        Some(std::iter::once("lithify".to_owned()).chain(words[name + command..].iter().cloned()).collect())
    };
    commands(text).into_iter().filter_map(call).collect()
}

fn accepted(call: &[String]) -> Result<(), String> {
    let words = call.iter().map(Into::into);
    lithify::cli::Cli::parse(words).map(drop).map_err(|error| format!("{call:?}: {error}"))
}

/// What is wrong with a block.
fn wrong(block: &Block) -> Result<(), String> {
    let text = &block.text;
    match block.language.as_str() {
        "sh" | "bash" => {
            shell_reads(&block.language, text)?;
            calls(text).iter().try_for_each(|call| accepted(call))
        }
        "console" => {
            let typed: String =
                text.lines().filter(|line| line.starts_with("$ ")).map(|line| format!("{line}\n")).collect();
            calls(&typed).iter().try_for_each(|call| accepted(call))
        }
        "yaml" => {
            let documents = serde_norway::Deserializer::from_str(text);
            for document in documents {
                <serde_norway::Value as serde::Deserialize>::deserialize(document)
                    .map_err(|error| error.to_string())?;
            }
            Ok(())
        }
        "toml" if text.contains("[[accept]]") => {
            text.parse::<toml::Table>().map(drop).map_err(|error| error.to_string())
        }
        "toml" => {
            let head = if text.contains("schema = 1") { "" } else { "schema = 1\n" };
            // A file of the reader's.
            let text = text.replace(", \"./team.toml\"", "");
            lithify::profile::load_text("block", &format!("{head}{text}")).map(drop).map_err(|error| error.to_string())
        }
        "json" => {
            serde_json::from_str::<serde_json::Value>(&text.replace(", ...", "")).map(drop).map_err(|e| e.to_string())
        }
        // `RUN [...]` of it: `command::examples`.
        "dockerfile" | "text" => Ok(()),
        other => Err(format!("a block of {other:?}: nothing validates it")),
    }
}

#[test]
fn each_is_valid() {
    let (mut found, mut seen) = (Vec::new(), 0);
    for page in all() {
        for block in parts(&read(&page)).1 {
            seen += 1;
            if let Err(error) = wrong(&block) {
                found.push(format!("{page}:{}: {error}", block.line));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(seen > 70, "{seen}");
}

/// The scripts that pages tell a reader to run are there.
#[test]
fn each_script_that_is_named_is_there() {
    for page in all() {
        for block in parts(&read(&page)).1.iter().filter(|block| block.language == "sh") {
            for word in block.text.split_whitespace().filter(|word| word.ends_with(".sh") && !word.starts_with("./")) {
                assert!(super::page::project().join(word).exists(), "{page}: {word}");
            }
        }
    }
}
