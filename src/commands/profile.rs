//! `lithify profile`: list, show, check, schema.

use serde_json::{Value, json};

use super::output::Output;
use crate::builtin;
use crate::cli::Profile as Command;
use crate::profile::{ProfileError, load, to_json, to_toml};
use crate::report::Exit;

/// The schema that is also at `schema/profile.schema.json`.
const SCHEMA: &str = include_str!("../../schema/profile.schema.json");

pub(super) fn profile(command: &Command, output: &Output) -> Exit {
    match command {
        Command::List => list(output),
        Command::Show { profiles } => match load(profiles.iter().map(String::as_str)) {
            Ok(profile) => {
                output.plain(&if output.is_json() { format!("{}\n", to_json(&profile)) } else { to_toml(&profile) });
                Exit::Ok
            }
            Err(error) => invalid(output, &error),
        },
        Command::Check { files } => check(files, output),
        Command::Schema => {
            output.plain(SCHEMA);
            Exit::Ok
        }
    }
}

fn invalid(output: &Output, error: &ProfileError) -> Exit {
    output.error("profile", Exit::Usage, &error.to_string(), None)
}

fn list(output: &Output) -> Exit {
    let mut rows = Vec::new();
    for name in builtin::names() {
        match load([name]) {
            Ok(profile) => rows.push((name, profile.sources.last().map(|source| source.description.clone()).unwrap_or_default())),
            Err(error) => return invalid(output, &error),
        }
    }
    let text = if output.is_json() {
        let rows: Value = rows.iter().map(|(name, description)| json!({"name": name, "description": description})).collect();
        format!("{}\n", json!({"schema": 1, "profiles": rows}))
    } else {
        rows.iter().fold(String::new(), |text, (name, description)| text + &format!("{name:18} {description}\n"))
    };
    output.plain(&text);
    Exit::Ok
}

/// Checks every file, also after one that is not valid.
fn check(files: &[String], output: &Output) -> Exit {
    let mut exit = Exit::Ok;
    let mut text = String::new();
    let mut rows = Vec::new();
    for file in files {
        // A file, whatever it is called.
        let path = if file.contains('/') { file.clone() } else { format!("./{file}") };
        let error = load([path.as_str()]).err().map(|error| error.to_string());
        text.push_str(&match &error {
            Some(error) => format!("{error}\n"),
            None => format!("{}: valid\n", crate::escape::escape(file.as_bytes())),
        });
        if error.is_some() {
            exit = Exit::Usage;
        }
        rows.push(json!({"file": crate::escape::escape(file.as_bytes()), "valid": error.is_none(), "error": error}));
    }
    output.plain(&if output.is_json() { format!("{}\n", json!({"schema": 1, "exit_code": exit.code(), "files": rows})) } else { text });
    exit
}
