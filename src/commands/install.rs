//! `lithify install`: copies this program into a volume.

use std::ffi::OsString;
use std::path::Path;

use clap::error::ErrorKind;

use super::output::Output;
use crate::cli::{Cli, Command, Install};
use crate::linux::sys;
use crate::profile::{is_file, load};
use crate::recognise::inscription::{Kind, inscription};
use crate::recognise::only::{self, Line};
use crate::report::{Exit, install_advice, plural};
use crate::text::escape::escape;
use crate::text::json_line::json_line;
use crate::volume::install::{Installed, NAME, install as copy};

#[derive(serde::Serialize)]
struct Done<'a> {
    schema: u32,
    command: &'static str,
    version: &'static str,
    exit_code: u8,
    path: &'a str,
    changed: bool,
    notes: &'a [String],
}

pub(super) fn install(Install { directory, only }: &Install, output: &Output) -> Exit {
    let path = &escape(directory.join(NAME).as_os_str().as_encoded_bytes());
    let lines = match lines(only) {
        Ok(lines) => lines,
        Err(message) => {
            let hint = "correct the line; it is as for a shell, without the program: --only 'harden --wait-for-app --profile nginx'";
            return output.error("install", Exit::Usage, &message, Some(hint));
        }
    };
    let inscription = (!lines.is_empty()).then(|| inscription(Kind::Only, only::table(&lines)));
    match copy(directory, inscription.as_deref()) {
        Ok(installed) => {
            let detail = match installed {
                Installed::New(size) => format!("installed, {size} bytes"),
                Installed::Same => "the same is there already".to_owned(),
            };
            let mut text = format!("lithify install {path}: {detail}");
            if !lines.is_empty() {
                text.push_str("; it accepts ");
                text.push_str(&plural(lines.len(), "command line"));
            }
            text.push('\n');
            output.success("install", &text, &|notes| {
                let (version, changed) = (env!("CARGO_PKG_VERSION"), installed != Installed::Same);
                json_line(&Done { schema: 1, command: "install", version, exit_code: 0, path, changed, notes })
            })
        }
        Err(error) => output.error("install", Exit::Finding, &error.to_string(), Some(install_advice(&error))),
    }
}

/// The lines of `--only`, each once. The error says what is wrong with one of them.
fn lines(only: &[String]) -> Result<Vec<Line>, String> {
    let mut lines: Vec<Line> = Vec::new();
    for text in only {
        let wrong = |reason: &str| format!("--only {}: {reason}", escape(text.as_bytes()));
        let line = Line::new(text).map_err(wrong)?;
        check(&line).map_err(|reason| wrong(&reason))?;
        match lines.iter().find(|known| known.words == line.words) {
            Some(known) if known.variables != line.variables => {
                return Err(wrong("the same words are given with other variables"));
            }
            Some(_) => {}
            None => lines.push(line),
        }
    }
    if only::table(&lines).len() > only::MAX_TABLE {
        return Err(format!("--only: the command lines are longer than {} bytes", only::MAX_TABLE));
    }
    Ok(lines)
}

/// Fails if the copy could not do what a line says, or if the meaning of the line depends on where it is called.
fn check(line: &Line) -> Result<(), String> {
    sys::program::replace_variables(only::VARIABLES, &line.variables);
    let words = std::iter::once(NAME).chain(line.words.iter().map(String::as_str));
    let cli = match Cli::parse(words.map(OsString::from)) {
        Ok(cli) => cli,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => return Ok(()),
        Err(error) => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            return Err(escape(first.trim_start_matches("error: ").as_bytes()));
        }
    };
    let profiles = match &cli.command {
        Command::Harden(options) => &options.profiles,
        Command::Verify(options) => &options.profiles,
        Command::Stage(options) => &options.profiles,
        Command::Run(options) => &options.profiles,
        _ => return Ok(()),
    };
    // Those that are built in are the same in the copy.
    load(profiles.iter().map(String::as_str).filter(|name| !is_file(name))).map_err(|error| error.to_string())?;
    let file = |name: &&String| !name.starts_with('/') && is_file(name);
    let log = cli.output.log.as_deref().filter(|log| log.is_relative()).and_then(Path::to_str);
    match profiles.iter().find(file).map(String::as_str).or(log) {
        Some(path) => {
            Err(format!("{} is relative, and whoever calls the copy chooses its directory", escape(path.as_bytes())))
        }
        None => Ok(()),
    }
}
