//! The change of a profile with which a refused plan is carried out: as a profile, ready to be saved, and as JSON.

use std::fmt::Write;

use serde::Serialize;

use crate::harden::plan::{Change, Keep};
use crate::profile::quote;
use crate::recognise::catalogue::{Class, Known};

/// A change in words and as TOML, as it ends a message. Each line of the TOML is indented, which TOML allows.
pub(crate) fn text(change: &Change) -> String {
    let mut out = "the smallest change with which this works, as tried just now on this root (save it as FILE.toml, and add -p FILE.toml):\n".to_owned();
    for line in toml(change).lines() {
        let _ = writeln!(out, "    {line}");
    }
    out
}

/// The profile that says the change. A comment above each entry says what that leaves to an intruder.
fn toml(change: &Change) -> String {
    let mut out = "schema = 1\n[keep]\npaths = [\n".to_owned();
    for Keep { entry, known } in &change.keep {
        let _ = write!(out, "  # leaves {}\n  {},\n", leaves(*known), quote(entry.as_str()));
    }
    out.push_str("]\n");
    out
}

/// What a program is to an intruder.
fn leaves(known: Option<Known>) -> String {
    let Some(known) = known else { return "nothing that scan knows as of use to an intruder".to_owned() };
    let kind = match known.class {
        Class::Shell => "a shell",
        Class::MultiCall => "many programs in one, most often with a shell",
        Class::Interpreter => "an interpreter",
        Class::PackageManager => "a package manager",
        Class::Downloader => "a downloader",
        Class::Network => "a network tool",
        Class::Compiler => "a compiler",
        Class::Debugger => "a debugger",
        Class::Privilege => "a program that raises privileges",
        Class::Editor => "an editor",
        Class::Launcher => "a launcher",
        Class::ContainerClient => "a client of the container runtime",
        Class::FileTool => "a file tool",
    };
    let uses: Vec<&str> = known.functions().collect();
    let uses = if uses.is_empty() { String::new() } else { format!(" ({})", uses.join(", ")) };
    format!("{kind}: whoever gets code to run can start it{uses}")
}

/// A change as JSON.
#[derive(Serialize)]
pub(super) struct Json {
    /// The profile.
    profile: String,
    leaves: Vec<Leaves>,
}

/// What one entry leaves.
#[derive(Serialize)]
struct Leaves {
    /// The entry of `[keep] paths`.
    entry: String,
    class: Option<&'static str>,
    functions: Vec<&'static str>,
}

impl Json {
    pub(super) fn new(change: &Change) -> Self {
        let leaves = change.keep.iter().map(|Keep { entry, known }| Leaves {
            entry: entry.as_str().to_owned(),
            class: known.map(|known| known.class.name()),
            functions: known.iter().flat_map(|known| known.functions()).collect(),
        });
        Self { profile: toml(change), leaves: leaves.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harden::plan::pattern_text;
    use crate::profile::load_text;
    use crate::recognise::catalogue::Catalogue;
    use crate::root::pattern::PathPattern;

    #[test]
    fn the_profile_is_valid_whatever_the_names_are() {
        let known = |name| Catalogue::default().exactly(name);
        let keep = |path: &str, known| Keep { entry: PathPattern::parse(path).unwrap(), known };
        let odd = pattern_text(b"/a b\"\\c\n[d");
        let names = ["/bin/sh", &odd, "/usr/bin/python3"];
        let change =
            Change { keep: vec![keep(names[0], known("sh")), keep(names[1], None), keep(names[2], known("python"))] };
        let text = text(&change);
        let profile: String = text.lines().skip(1).flat_map(|line| [line, "\n"]).collect();
        let profile = load_text("FILE", &profile).unwrap();
        let kept: Vec<String> = profile.keep.iter().map(|rule| rule.value.to_string()).collect();
        assert_eq!(kept.len(), 3, "{text}");
        assert!(text.contains("# leaves a shell: whoever gets code to run can start it"), "{text}");
        assert!(text.contains("# leaves an interpreter: ") && text.contains("# leaves nothing"), "{text}");
    }
}
