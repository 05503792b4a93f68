//! What is made from the sources: `docs/commands.md` from the command line's definitions, `docs/keys.md` from the schema of
//! profiles (which is made from the table of keys); and what is held equal to them: the codes of `docs/exit-codes.md`, the
//! first words of lines in `docs/output.md`, the built-in profiles in `docs/profiles.md`.

use std::fmt::Write as _;

use clap::{Arg, Command};
use lithify::report::Exit;
use serde_json::Value;

use super::page::{project, read};

#[track_caller]
fn is(path: &str, made: &str) {
    if std::env::var_os("LITHIFY_BLESS").is_some() {
        std::fs::write(project().join(path), made).unwrap();
        return;
    }
    assert!(std::fs::read_to_string(project().join(path)).unwrap_or_default() == made, "LITHIFY_BLESS=1 writes {path}");
}

/// Text of a definition as a cell of a table.
fn cell(text: &str) -> String {
    let text = text.replace('|', "\\|").replace('<', "&lt;");
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

fn flag(arg: &Arg, out: &mut String) {
    let names = arg.get_value_names().unwrap_or_default();
    let value = if arg.get_action().takes_values() { names.first().map(|name| name.as_str()) } else { None };
    let mut name = match (arg.get_short(), arg.get_long()) {
        (Some(short), Some(long)) => format!("-{short}, --{long}"),
        (_, Some(long)) => format!("--{long}"),
        _ => String::new(),
    };
    if let Some(value) = value {
        name = format!("{name} {value}");
    }
    let mut help = cell(&arg.get_help().map(ToString::to_string).unwrap_or_default());
    let values = arg.get_possible_values();
    if arg.get_action().takes_values() && !values.is_empty() {
        let of = |value: &clap::builder::PossibleValue| {
            let help = value.get_help().map(ToString::to_string).unwrap_or_default();
            format!("`{}`: {}", value.get_name(), help.to_lowercase().trim_end_matches('.'))
        };
        let values: Vec<String> = values.iter().map(of).collect();
        write!(help, ". {}", cell(&values.join("; "))).unwrap();
    }
    let default: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    let default = if default.is_empty() || !arg.get_action().takes_values() {
        String::new()
    } else {
        format!("`{}`", default[0])
    };
    // Every flag but `--allow-host` has one of its name; the parser of lists reads theirs itself.
    let variable = match arg.get_long() {
        Some(name) if name != "allow-host" => format!("`LITHIFY_{}`", name.replace('-', "_").to_uppercase()),
        _ => String::new(),
    };
    writeln!(out, "| `{}` | {help} | {default} | {variable} |", name.trim().replace('|', "\\|")).unwrap();
}

fn flags<'a>(args: impl Iterator<Item = &'a Arg>, out: &mut String) {
    let rows: Vec<&Arg> = args.filter(|arg| !["help", "version"].contains(&arg.get_id().as_str())).collect();
    if !rows.is_empty() {
        out.push_str("\n| flag | what it does | default | variable |\n| --- | --- | --- | --- |\n");
        rows.iter().for_each(|arg| flag(arg, out));
    }
}

fn subcommand(above: &str, command: &Command, out: &mut String) {
    let name = format!("{above} {}", command.get_name());
    write!(out, "\n## {name}\n\n{}.\n", cell(&command.get_about().unwrap().to_string())).unwrap();
    flags(command.get_arguments().filter(|arg| !arg.is_global_set() || name.starts_with("lithify probe")), out);
    command.get_subcommands().for_each(|inner| subcommand(&name, inner, out));
}

#[test]
fn every_command_and_flag() {
    let command = lithify::cli::command();
    let mut out = String::from(
        "# Commands\n\nEvery command and every flag, made from the definitions that `lithify --help` prints. \
         A flag can also be given by its variable; the command line wins. \
         What each command exits with: [exit codes](exit-codes.md).\n\n\
         ## For every command\n",
    );
    flags(command.get_arguments(), &mut out);
    command.get_subcommands().for_each(|inner| subcommand("lithify", inner, &mut out));
    is("docs/commands.md", &out);
}

/// What values a key takes, by its schema.
fn values(schema: &Value) -> String {
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ");
    }
    if let Some(value) = schema.get("const") {
        return format!("`{value}`");
    }
    for any in ["oneOf", "anyOf"] {
        if let Some(of) = schema[any].as_array() {
            return of.iter().map(values).collect::<Vec<_>>().join(" or ");
        }
    }
    match schema["type"].as_str() {
        Some("array") if schema["items"].get("enum").is_some() => {
            let words = schema["items"]["enum"].as_array().unwrap();
            format!("list of {}", words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "))
        }
        Some("array") => format!("list of {}s", values(&schema["items"])),
        Some("boolean") => "`true` or `false`".to_owned(),
        Some(kind) => kind.to_owned(),
        None => String::new(),
    }
}

fn table(name: &str, schema: &Value, out: &mut String) {
    let properties = schema["properties"].as_object().unwrap();
    let (tables, keys): (Vec<_>, Vec<_>) = properties.iter().partition(|(_, value)| value.get("properties").is_some());
    if !name.is_empty() {
        write!(out, "\n## [{name}]\n\n{}.\n", schema["description"].as_str().unwrap()).unwrap();
    }
    if !keys.is_empty() {
        out.push_str("\n| key | what it says | values |\n| --- | --- | --- |\n");
        for (key, schema) in keys {
            let help = cell(schema["description"].as_str().unwrap_or_default());
            writeln!(out, "| `{key}` | {help} | {} |", cell(&values(schema))).unwrap();
        }
    }
    for (key, schema) in tables {
        let full = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
        table(&full, schema, out);
    }
}

#[test]
fn every_key_of_a_profile() {
    let schema: Value = serde_json::from_str(&read("schema/profile.schema.json")).unwrap();
    let mut out = String::from(
        "# Keys of a profile\n\nEvery key, made from [the schema](../schema/profile.schema.json) that \
         `lithify profile schema` prints. [Profiles](profiles.md) says what they mean together, with an example of all.\n",
    );
    table("", &schema, &mut out);
    is("docs/keys.md", &out);
}

#[test]
fn every_exit_code() {
    let page = read("docs/exit-codes.md");
    for exit in [Exit::Ok, Exit::Finding, Exit::Usage, Exit::Refused, Exit::NotYet] {
        assert!(page.contains(&format!("\n| {} | ", exit.code())), "{exit:?} is not in the table");
    }
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit()).count();
    assert_eq!(rows, 5, "a code that lithify does not have");
    for exit in [Exit::RunFailed, Exit::CannotExecute, Exit::NotFound, Exit::Signal(0)] {
        assert!(page.contains(&exit.code().to_string()), "{exit:?} is not named");
    }
}

/// The words in code of the first cells of a page's table that has this head.
fn first_cells(page: &str, head: &str) -> Vec<String> {
    let text = read(page);
    let rows = text.lines().skip_while(|line| !line.starts_with(head)).skip(2).take_while(|line| line.starts_with('|'));
    rows.flat_map(|row| {
        let cell = row.split(" | ").next().unwrap();
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn every_built_in_profile() {
    let mut known: Vec<_> = lithify::profile::builtin::names().map(str::to_owned).collect();
    let mut told = first_cells("docs/profiles.md", "| profile | what it is |");
    known.sort();
    told.sort();
    assert_eq!(told, known);
}

/// What a line of a report begins with stands in the sources that make reports.
#[test]
fn every_first_word_of_a_line() {
    let mut sources = String::new();
    for entry in std::fs::read_dir(project().join("src/report")).unwrap().flatten() {
        sources += &std::fs::read_to_string(entry.path()).unwrap_or_default();
    }
    let words = first_cells("docs/output.md", "| word | meaning |");
    assert!(words.len() > 15, "{words:?}");
    for word in words {
        let word = word.trim_start_matches("lithify harden: ").trim_start_matches("would ").trim_end_matches(':');
        assert!(
            sources.contains(&format!("\"{word}")) || sources.contains(&format!("  {word}: ")),
            "{word} is printed nowhere"
        );
    }
}
