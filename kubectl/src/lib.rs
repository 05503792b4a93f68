//! The kubectl plugin: `kubectl lithify inject` puts lithify into manifests, `kubectl lithify lint` says what of a manifest
//! a profile would break. On a workstation or in CI: it reads files and profiles, and no cluster.
//!
//! ```text
//! manifest ─► nodes ─► workloads ─► checks ─► changes ─► text ─► read again and compared
//! ```

mod arguments;
mod calls;
mod checks;
mod cli;
mod diff;
mod finding;
mod inject;
mod inscribed;
mod lint;
mod manifest;
mod ours;
mod paths;
mod removed;
mod suggestion;
mod workload;
mod yaml;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;

use cli::Command;
use lithify::linux::stream::Stream;
use lithify::profile::ProfileError;
use lithify::report::Exit;
use manifest::Manifest;

/// Where the containers find lithify.
const PROGRAM: &str = "/lithify/lithify";

/// The mount point of the volume that holds it.
const MOUNT_POINT: &str = "/lithify";

/// The name of that volume, and of the init container that fills it.
const NAME: &str = "lithify";

/// How often a probe may be tried: the kubelet drops events of a pod that has too many different ones (`docs/waiting.md`).
const MOST_TRIES: u64 = 14;

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The command line asks for what cannot be.
    #[error("{message}\n  fix: {fix}")]
    Usage { message: String, fix: String },
    /// A profile.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A file cannot be read or written, or is no manifest.
    #[error("{0}")]
    Manifest(String),
    /// What was asked for would break the workload.
    #[error("{0}")]
    Refused(String),
}

impl Failure {
    fn usage(message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), fix: fix.into() }
    }

    fn exit(&self) -> Exit {
        if matches!(self, Self::Refused(_)) { Exit::Refused } else { Exit::Usage }
    }
}

/// Parses the command line, does what it says and prints the result; the exit codes are those of `docs/exit-codes.md`.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let (name, result) = match cli::parse(arguments) {
        Ok(Command::Inject(options)) => ("inject", inject::run(&options)),
        Ok(Command::Lint(options)) => ("lint", lint::run(&options)),
        Err(error) => {
            let _ = error.print();
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return ExitCode::from(if asked { Exit::Ok } else { Exit::Usage }.code());
        }
    };
    let exit = result.unwrap_or_else(|failure| {
        say(&format!("kubectl-lithify {name}: {failure}\n"));
        failure.exit()
    });
    ExitCode::from(exit.code())
}

/// To standard error: a manifest may go to standard output.
fn say(text: &str) {
    let _ = Stream::Error.write(text);
}

/// To standard output: whole, or it is an error.
fn print(text: &str) -> Result<(), Failure> {
    Stream::Output.write(text).map_err(|errno| {
        Failure::Manifest(format!(
            "standard output: cannot be written: {}\n  fix: what was printed is not complete, do not use it",
            errno.desc()
        ))
    })
}

/// What `inject` makes of a text in memory, for fuzzing: the new text, `None` where it is refused.
pub fn inject_text(text: &str, mode: &str, profiles: &[&str]) -> Option<String> {
    let options = cli::inject_options(mode, profiles)?;
    let manifest = Manifest::from_text("-", text.to_owned()).ok()?;
    inject::manifest(&manifest, &options).ok().map(|injected| injected.text)
}
