//! `lithify profile`: list, show, check, schema.

use serde::Serialize;

use super::output::Output;
use crate::cli::Profile as Command;
use crate::profile::builtin;
use crate::profile::{ProfileError, load, schema, to_json, to_toml};
use crate::report::{Exit, ids_of_key};
use crate::text::json_line::json_line;

pub(super) fn profile(command: &Command, output: &Output) -> Exit {
    match command {
        Command::List(_) => list(output),
        Command::Show(show) => match load(show.profiles.iter().map(String::as_str)) {
            Ok(profile) => {
                let shown = if output.is_json() { to_json } else { to_toml };
                let shown = shown(&profile, &ids_of_key);
                output.plain("profile", Exit::Ok, &shown)
            }
            Err(error) => invalid(output, &error),
        },
        Command::Check(options) => check(&options.files, output),
        Command::Schema(_) => output.plain("profile", Exit::Ok, &schema()),
    }
}

fn invalid(output: &Output, error: &ProfileError) -> Exit {
    output.error("profile", Exit::Usage, &error.to_string(), None)
}

#[derive(Serialize)]
struct Listed {
    name: &'static str,
    description: String,
}

fn list(output: &Output) -> Exit {
    let mut profiles = Vec::new();
    for name in builtin::names() {
        match load([name]) {
            Ok(profile) => {
                let description = profile.sources.last().map(|source| source.description.clone()).unwrap_or_default();
                profiles.push(Listed { name, description });
            }
            Err(error) => return invalid(output, &error),
        }
    }
    let text = if output.is_json() {
        json_line(&profiles)
    } else {
        profiles.iter().fold(String::new(), |text, row| text + &format!("{:18} {}\n", row.name, row.description))
    };
    output.plain("profile", Exit::Ok, &text)
}

#[derive(Serialize)]
struct Checked {
    file: String,
    valid: bool,
    error: Option<String>,
}

/// Checks every file, even after one that is not valid.
fn check(files: &[String], output: &Output) -> Exit {
    let mut exit = Exit::Ok;
    let mut text = String::new();
    let mut rows = Vec::new();
    for name in files {
        // Always a file, whatever its name is.
        let path = if name.contains('/') { name.clone() } else { format!("./{name}") };
        let error = load([path.as_str()]).err().map(|error| error.to_string());
        let file = crate::text::escape::escape(name.as_bytes());
        if error.is_some() {
            exit = Exit::Usage;
        }
        text.push_str(&error.clone().unwrap_or_else(|| format!("{file}: valid")));
        text.push('\n');
        rows.push(Checked { file, valid: error.is_none(), error });
    }
    output.plain("profile", exit, &if output.is_json() { json_line(&rows) } else { text })
}
