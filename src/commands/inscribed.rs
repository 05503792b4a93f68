//! What a copy with an inscription does before anything else. A tombstone answers. A copy that accepts certain command
//! lines refuses all others.

use std::ffi::OsString;

use super::options::DIGEST;
use super::{output, tombstone};
use crate::cli::drop_in::Name;
use crate::cli::{Cli, Command};
use crate::linux::proc::{OWN_PROGRAM, open_certainly_own_program};
use crate::linux::stream::Stream;
use crate::linux::sys;
use crate::recognise::inscription::{self, Kind};
use crate::recognise::only;
use crate::report::Exit;
use crate::text::escape::escape;

/// Returns `true` if the arguments are one of the accepted command lines, and `false` if this program accepts any.
/// Otherwise the error is the code to exit with. Sets lithify's variables to those of the accepted line.
pub(super) fn accepted(arguments: &[OsString]) -> Result<bool, u8> {
    let lines = match open_certainly_own_program().and_then(|program| inscription::read(&program)) {
        Ok(None) => return Ok(false),
        Ok(Some((Kind::Grave, table))) => {
            return Err(tombstone::answer(&crate::recognise::tombstone::parse(&table), arguments));
        }
        Ok(Some((Kind::Only, table))) => only::parse(&table),
        // The program may have an inscription. Whoever can hide it (a limit on open files is enough) must gain nothing.
        Err(error) => {
            let message = format!(
                "lithify cannot read its own file, {OWN_PROGRAM}, which may say what it accepts: {error}\n  \
                 fix: mount proc on /proc, and let everybody read the program (mode 0555)\n"
            );
            return Err(refuse(if starts_app(arguments) { Exit::RunFailed } else { Exit::Refused }, &message));
        }
    };
    if let Some(line) = lines.iter().find(|line| line.accepts(arguments)) {
        let mut variables = line.variables.clone();
        // A digest that the pod gives can only ask for more, and without it nothing would be checked.
        if let (Some(digest), false) = (std::env::var_os(DIGEST), variables.iter().any(|(name, _)| name == DIGEST)) {
            variables.push((DIGEST.to_owned(), digest.to_string_lossy().into_owned()));
        }
        sys::program::replace_variables(only::VARIABLES, &variables);
        return Ok(true);
    }
    let accepted: Vec<String> = lines.iter().map(|line| escape(line.text.as_bytes())).collect();
    let message = format!(
        "lithify accepts only these command lines here, word for word:\n  {}\n  \
         fix: add the command line to those of `install --only` in the init container\n",
        accepted.join("\n  ")
    );
    Err(refuse(Exit::Usage, &message))
}

/// Whether whoever waits takes the exit code for that of an app that this command line starts.
fn starts_app(arguments: &[OsString]) -> bool {
    let parsed = || Cli::parse(arguments.iter().cloned()).map(|cli| cli.command);
    Name::of(arguments).is_some() || matches!(parsed(), Ok(Command::Run(_) | Command::Learn(_)))
}

fn refuse(exit: Exit, message: &str) -> u8 {
    let _ = Stream::Error.write(message);
    // Any other caller must not write into the container's termination message.
    if std::process::id() == 1 {
        output::leave_message(message);
    }
    exit.code()
}

/// Changes to `/`, because the caller chooses the working directory, and so what a relative path means. `run` keeps the
/// directory and passes it on to the app.
pub(super) fn enter(command: &Command) {
    if !matches!(command, Command::Run(_)) {
        let _ = nix::unistd::chdir("/");
    }
}
