//! Turns the rows into arguments of clap.

use std::ffi::OsString;

use clap::builder::{BoolishValueParser, PossibleValue, PossibleValuesParser, ValueParser};
use clap::{Arg, ArgAction, Command};

use super::argument::{Argument, Kind};
use super::arguments::{Arguments, Subcommand};
use super::{Cli, Output};
use crate::text::{seconds, size};

/// The whole command line.
pub fn command() -> Command {
    filled(bare(), LAST, Output::ROWS, super::Command::SUBCOMMANDS)
}

/// The command line, without the subcommands that are not called if the first word is one: a container's start waits for
/// this.
fn command_for(words: &[OsString]) -> Command {
    let called = super::Command::SUBCOMMANDS.iter().position(|sub| words.get(1).is_some_and(|word| word == sub.name));
    let subcommands = called.and_then(|index| super::Command::SUBCOMMANDS.get(index..=index));
    filled(bare(), LAST, Output::ROWS, subcommands.unwrap_or(super::Command::SUBCOMMANDS))
}

fn bare() -> Command {
    // The usage names this program, and not what the caller says that it is.
    let command = Command::new("lithify").bin_name("lithify").max_term_width(110);
    command.version(env!("CARGO_PKG_VERSION")).about(env!("CARGO_PKG_DESCRIPTION"))
}

/// In the help of a subcommand, the flags that every command takes come last.
const LAST: usize = 500;

fn filled(
    mut command: Command,
    order: usize,
    rows: &'static [Argument],
    subcommands: &'static [Subcommand],
) -> Command {
    if !subcommands.is_empty() {
        command = command.subcommand_required(true).arg_required_else_help(true);
    }
    for (position, argument) in rows.iter().enumerate() {
        command = command.arg(arg(argument).display_order(order + position));
    }
    for sub in subcommands {
        let inner = Command::new(sub.name).about(sub.about.trim_start());
        command = command.subcommand(filled(inner, 0, sub.rows, sub.subcommands));
    }
    command
}

fn arg(argument: &'static Argument) -> Arg {
    let positional = argument.is_positional();
    let mut arg =
        Arg::new(argument.id()).help(argument.help.trim_start()).required(argument.required).global(argument.global);
    if !positional {
        arg = arg.long(argument.long);
    }
    if let Some(short) = argument.short {
        arg = arg.short(short);
    }
    if !argument.default_value.is_empty() {
        arg = arg.default_value(argument.default_value);
    }
    let (parser, many) = match argument.kind {
        Kind::Flag => (BoolishValueParser::new().into(), false),
        Kind::Text => (ValueParser::string(), false),
        Kind::Texts => (ValueParser::string(), true),
        Kind::Path => (ValueParser::path_buf(), false),
        Kind::Paths => (ValueParser::path_buf(), true),
        Kind::Seconds => (ValueParser::new(seconds::parse), false),
        Kind::Size => (ValueParser::new(size::parse), false),
        Kind::Rest => (ValueParser::os_string(), true),
        Kind::Choice(values) => {
            let values = values.iter().map(|(value, help)| PossibleValue::new(*value).help(help.trim_start()));
            (PossibleValuesParser::new(values).into(), false)
        }
    };
    // `LITHIFY_X=""` in a pod spec means that the variable is not set. clap does not get the variables of lists: their
    // values read them themselves.
    if !many && !argument.env.is_empty() && !std::env::var_os(argument.env).is_some_and(|value| value.is_empty()) {
        arg = arg.env(argument.env).hide_env(true);
    }
    arg = arg.value_parser(parser);
    if matches!(argument.kind, Kind::Flag) {
        return arg.action(ArgAction::SetTrue);
    }
    arg = arg.value_name(argument.value_name).last(matches!(argument.kind, Kind::Rest));
    if many {
        arg = arg.action(ArgAction::Append);
    }
    if many && positional { arg.num_args(1..) } else { arg }
}

impl Cli {
    /// Reads a command line, which begins with the program's name, and the variables that stand in for flags.
    pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let words: Vec<OsString> = words.into_iter().collect();
        let mut matches = command_for(&words).try_get_matches_from(words)?;
        // clap has already checked that everything required is there.
        Self::read(&mut matches).ok_or_else(|| clap::Error::new(clap::error::ErrorKind::MissingSubcommand))
    }

    fn read(matches: &mut clap::ArgMatches) -> Option<Self> {
        Some(Self { output: Output::read(matches)?, command: super::Command::read(matches)? })
    }
}
