//! The subcommands, one file each. They connect the other modules.

mod diff;
mod fault;
mod harden;
mod inscribed;
mod install;
mod learn;
mod options;
mod output;
mod probe;
mod profile;
mod run;
mod scan;
mod seal;
mod sleep;
mod stage;
mod tombstone;
mod verify;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::cli::{self, Cli, Command};
use crate::linux::stream::Stream;
use crate::report::{CommandError, Exit};

pub use seal::Spooled;

/// Parses the command line, does what it says, and prints the result. Returns the exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    fault::catch();
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let accepted = match inscribed::accepted(&arguments) {
        Ok(accepted) => accepted,
        Err(code) => return code,
    };
    let cli = match Cli::parse(arguments) {
        Ok(cli) => cli,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            let output = output::Output::new(&cli::Output {
                format: cli::Format::Text,
                verbose: false,
                quiet: false,
                log: None,
            });
            return ExitCode::from(output.plain("--help", Exit::Ok, &error.to_string()).code());
        }
        Err(error) => {
            // The kubelet reads a probe's output from both streams.
            let _ = Stream::Error.write(&error.to_string());
            output::leave_message(&format!("lithify {error}"));
            return ExitCode::from(Exit::Usage.code());
        }
    };
    // The process ends with it: it need not be freed.
    let cli: &'static Cli = Box::leak(Box::new(cli));
    if accepted {
        inscribed::enter(&cli.command);
    }
    let output = output::Output::new(&cli.output);
    // A probe that takes too long is killed, and the kubelet then shows none of its output. A process that runs out of
    // memory cannot say anything either.
    if let Command::Harden(_) | Command::Verify(_) | Command::Stage(_) = cli.command {
        output::leave_message(
            "lithify was killed before it was done: unless the app itself ended then, raise the probe's timeoutSeconds or the container's CPU limit; after OOMKilled, its memory limit\n",
        );
    }
    let exit = match &cli.command {
        Command::Harden(options) => output.report("harden", harden::harden(options)),
        Command::Verify(options) => output.report("verify", verify::verify(options)),
        Command::Scan(options) => scan::scan(options, &output),
        Command::Seal(options) => seal::seal(options, None, &output),
        Command::Diff(options) => diff::diff(options, &output),
        Command::Stage(options) => stage::stage(options, &output),
        Command::Run(options) => run::run(options, &output),
        Command::Learn(options) => learn::learn(options, &output),
        Command::Install(options) => install::install(options, &output),
        Command::Sleep(options) => sleep::sleep(options.time),
        Command::Probe(options) => probe::probe(options, &output),
        Command::Profile(command) => profile::profile(command, &output),
    };
    ExitCode::from(exit.code())
}

/// `lithify seal` with these arguments, the program's name first, for an image whose files lie in the directory that
/// `--root` names. Prints the result. Returns the exit code.
pub fn seal_image(arguments: impl IntoIterator<Item = OsString>, image: Spooled<'_>) -> Exit {
    match Cli::parse(arguments) {
        Ok(Cli { command: Command::Seal(options), output }) => {
            seal::seal(&options, Some(image), &output::Output::new(&output))
        }
        Ok(_) => Exit::Usage,
        Err(error) => {
            let _ = Stream::Error.write(&error.to_string());
            Exit::Usage
        }
    }
}
