//! The kubectl plugin. `kubectl lithify inject` puts lithify into manifests; `kubectl lithify lint` reports which parts
//! of a manifest a profile would break; `kubectl lithify seal` states the files of an image by one digest; `kubectl lithify learn` learns
//! the profile of an app in a cluster; `kubectl lithify verify` asks every container with lithify whether what was asked for
//! holds, and `kubectl lithify report` makes a page or SARIF of the answers. The plugin runs on a workstation or in CI: it
//! reads files and profiles, and contacts a cluster, by kubectl, only for `learn --apply`, `verify`, what is called by a name in place of a file, and `inject --deliver auto`.
//!
//! ```text
//! manifest ─► nodes ─► workloads ─► checks ─► changes ─► text ─► read again and compared
//! ```

mod advise;
mod checks;
mod cli;
mod cluster;
mod command_line;
mod failure;
mod image;
mod inject;
mod input;
mod interrupt;
mod learn;
mod lint;
mod manifest;
mod names;
mod output;
mod report;
mod sarif;
mod seal;
mod verify;
mod yaml;

use std::ffi::OsString;
use std::ops::Range;
use std::process::ExitCode;

use clap::error::ErrorKind;

use cli::Command;
use lithify::report::Exit;
use manifest::Manifest;

/// Parses the command line, runs its subcommand and prints the result. `docs/exit-codes.md` lists the exit codes.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let (name, result) = match cli::parse(arguments) {
        Ok(Command::Advise(options)) => ("advise", advise::run(&options)),
        Ok(Command::Inject(options)) => ("inject", inject::run(&options)),
        Ok(Command::Learn(options)) => ("learn", learn::run(&options)),
        Ok(Command::Lint(options)) => ("lint", lint::run(&options)),
        Ok(Command::Report(options)) => ("report", report::run(&options)),
        Ok(Command::Seal(options)) => ("seal", seal::run(&options)),
        Ok(Command::Verify(options)) => ("verify", verify::run(&options)),
        Err(error) => {
            let _ = error.print();
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return ExitCode::from(if asked { Exit::Ok } else { Exit::Usage }.code());
        }
    };
    let exit = result.unwrap_or_else(|failure| {
        output::say(&format!("kubectl-lithify {name}: {failure}\n"));
        failure.exit()
    });
    ExitCode::from(exit.code())
}

/// The whole command line, of which man pages and completions are made.
pub fn command() -> clap::Command {
    cli::command()
}

/// Injects into a text in memory, for tests and fuzzing. `None` means that `inject` refuses the text.
pub fn inject_text(text: &str, mode: &str, profiles: &[&str]) -> Option<String> {
    // Most texts of a fuzzer end here.
    let manifest = Manifest::from_text("-", text.to_owned()).ok()?;
    let options = cli::inject_options(mode, profiles)?;
    inject::manifest(&manifest, &options).ok().map(|injected| injected.text)
}

/// Where the nodes of a text lie in it, for fuzzing. `None` means that the text is neither YAML nor JSON.
pub fn yaml_ranges(text: &str) -> Option<Vec<Range<usize>>> {
    let documents = yaml::read(text).ok()?;
    let mut pending: Vec<_> = documents.iter().map(|document| &document.root).collect();
    let mut ranges = Vec::new();
    while let Some(node) = pending.pop() {
        ranges.push(node.range.clone());
        pending.extend(node.items());
        pending.extend(node.entries().iter().map(|entry| &entry.value));
    }
    Some(ranges)
}

/// The profile in a container's log, for fuzzing. `None` means that there is none.
pub fn profile_in_log(log: &str) -> Option<String> {
    learn::profile_in_log(log).ok()
}

/// How many names are in an archive of files, a layer of an image or a whole root filesystem, for fuzzing. `None` means that
/// the archive is refused. Its contents lie in a temporary directory meanwhile.
pub fn names_in_archive(archive: &[u8], is_layer: bool) -> Option<usize> {
    image::names_in_archive(archive, is_layer).ok()
}
