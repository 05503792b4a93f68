//! The subcommands, one file each. They connect the other modules.

mod diff;
mod drop_in;
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

use clap::error::ErrorKind;

use crate::cli::drop_in::Name;
use crate::cli::{self, Cli, Command};
use crate::linux::stream::Stream;
use crate::linux::sys;
use crate::report::{CommandError, Exit};
use crate::text::escape::escape;

pub use seal::Spooled;

/// Parses the command line, does what it says, and prints the result. Returns the exit code.
pub fn main(arguments: Vec<OsString>) -> u8 {
    fault::catch();
    let accepted = match inscribed::accepted(&arguments) {
        Ok(accepted) => accepted,
        Err(code) => return code,
    };
    // A copy that accepts certain command lines goes by no other name.
    if let Some(name) = Name::of(&arguments).filter(|name| !accepted || *name == Name::Own) {
        let own = if name == Name::Own { 2 } else { 1 };
        return drop_in::run(name, arguments.get(own..).unwrap_or_default());
    }
    let cli = match Cli::parse(arguments) {
        Ok(cli) => cli,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            let output = output::Output::new(&cli::Output {
                format: cli::Format::Text,
                verbose: false,
                quiet: false,
                log: None,
            });
            return output.plain("--help", Exit::Ok, &error.to_string()).code();
        }
        Err(error) => {
            // The kubelet reads a probe's output from both streams.
            let text: String =
                error.to_string().lines().flat_map(|line| [escape(line.as_bytes()), "\n".into()]).collect();
            let _ = Stream::Error.write(&text);
            output::leave_message(&format!("lithify {text}"));
            return Exit::Usage.code();
        }
    };
    if !matches!(cli.command, Command::Run(_) | Command::Learn(_) | Command::Init(_)) {
        sys::start::release_signals();
    }
    // The process ends with it: it need not be freed.
    let cli: &'static Cli = Box::leak(Box::new(cli));
    if accepted {
        inscribed::enter(&cli.command);
    }
    let output = output::Output::new(&cli.output);
    // A probe that takes too long is killed, and the kubelet then shows none of its output. A process that runs out of
    // memory cannot say anything either.
    match &cli.command {
        Command::Harden(_) => output::leave_in_progress("harden"),
        Command::Verify(cli::Verify { list_checks: false, .. }) => output::leave_in_progress("verify"),
        Command::Stage(_) => output::leave_in_progress("stage"),
        _ => {}
    }
    let exit = match &cli.command {
        Command::Harden(options) => output.report("harden", harden::harden(options)),
        Command::Verify(options) if options.list_checks => verify::list(&output),
        Command::Verify(options) => output.report("verify", verify::verify(options)),
        Command::Scan(options) => scan::scan(options, &output),
        Command::Seal(options) => seal::seal(options, None, &output),
        Command::Diff(options) => diff::diff(options, &output),
        Command::Stage(options) => stage::stage(options, &output),
        Command::Run(options) => run::run(options, &output),
        Command::Init(options) => Exit::App(drop_in::run(Name::Own, &options.command)),
        Command::Learn(options) => learn::learn(options, &output),
        Command::Install(options) => install::install(options, &output),
        Command::Sleep(options) => sleep::sleep(options.time),
        Command::Probe(options) => probe::probe(options, &output),
        Command::Profile(command) => profile::profile(command, &output),
    };
    exit.code()
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
