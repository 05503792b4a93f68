//! The command lines of the plugin that README and docs/ show are accepted.

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
