//! Man pages and completions, made of the definitions by which the programs read their command lines.

use clap::Command;
use clap_complete::{Shell, generate};
use clap_mangen::Man;

use crate::archive::File;

/// All of them, by their paths below a prefix such as `/usr` or `/usr/local`.
pub(crate) fn files() -> Vec<File> {
    let mut files = Vec::new();
    for command in [lithify::cli::command(), kubectl_lithify::command()] {
        let name = command.get_name().to_owned();
        for (shell, path) in [
            (Shell::Bash, format!("share/bash-completion/completions/{name}")),
            (Shell::Zsh, format!("share/zsh/site-functions/_{name}")),
            (Shell::Fish, format!("share/fish/vendor_completions.d/{name}.fish")),
        ] {
            let mut content = Vec::new();
            generate(shell, &mut command.clone(), &name, &mut content);
            files.push(File { path, mode: 0o644, content });
        }
        pages(command, &name, &mut files);
    }
    files
}

/// The page of a command, and those of its subcommands, such as `lithify-probe-tcp.1`.
fn pages(command: Command, name: &str, files: &mut Vec<File>) {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    add(&command, name, files);
}

fn add(command: &Command, name: &str, files: &mut Vec<File>) {
    for sub in command.get_subcommands() {
        add(sub, &format!("{name}-{}", sub.get_name()), files);
    }
    let mut content = Vec::new();
    let manual = Man::new(command.clone()).title(name.to_uppercase()).source(env!("CARGO_PKG_VERSION"));
    // Writing to memory does not fail.
    let _ = manual.render(&mut content);
    files.push(File { path: format!("share/man/man1/{name}.1"), mode: 0o644, content });
}
