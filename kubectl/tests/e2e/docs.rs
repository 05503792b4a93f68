//! The command lines of the plugin that README and docs/ show are accepted, and `docs/kubectl-commands.md` is what its
//! `--help` prints; `LITHIFY_BLESS=1` writes it.

#[allow(dead_code)]
#[path = "../../../tests/docs/page.rs"]
mod page;
#[path = "../../../tests/docs/shell.rs"]
mod shell;

use std::process::Command;

#[test]
fn every_command_line_is_accepted() {
    let mut seen = 0;
    for name in page::all() {
        let blocks = page::parts(&page::read(&name)).1;
        for block in blocks.iter().filter(|block| ["sh", "bash", "console"].contains(&block.language.as_str())) {
            for words in shell::commands(&block.text) {
                if words.first().is_none_or(|word| word != "kubectl")
                    || words.get(1).is_none_or(|word| word != "lithify")
                {
                    continue;
                }
                // The flags before `--help` are read, and nothing is done.
                let mut plugin = Command::new(env!("CARGO_BIN_EXE_kubectl-lithify"));
                let ran = plugin.args(&words[2..]).arg("--help").output().unwrap();
                let said = String::from_utf8_lossy(&ran.stderr);
                assert!(ran.status.success(), "{name}:{}: {words:?}: {said}", block.line);
                seen += 1;
            }
        }
    }
    assert!(seen >= 20, "{seen}");
}

#[test]
fn the_page_of_its_commands_is_what_help_prints() {
    let help = |words: &[&str]| {
        crate::ran::run_with(super::command(words.iter().chain(&["--help"])).env("COLUMNS", "100"), "").stdout
    };
    let all = help(&[]);
    let (_, rest) = all.split_once("Commands:\n").unwrap();
    let names = rest.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split_whitespace().next());
    let mut page = String::from(
        "# Commands of the plugin\n\nWhat `kubectl lithify COMMAND --help` prints. \
         [kubectl lithify](kubectl.md) says how they work.\n",
    );
    for name in names.filter(|name| *name != "help") {
        page.push_str(&format!("\n## {name}\n\n```text\n{}\n```\n", help(&[name]).trim_end()));
    }
    let path = page::project().join("docs/kubectl-commands.md");
    if std::env::var_os("LITHIFY_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "LITHIFY_BLESS=1 writes docs/kubectl-commands.md");
}
