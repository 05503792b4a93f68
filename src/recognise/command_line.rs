//! The files that a command line needs to start: programs that it names or that these start, scripts, and the
//! interpreters of both.
//!
//! A launcher such as `tini` or `env` starts the command behind it. A shell starts the commands of its `-c`. An
//! entrypoint script with `"$@"` in it starts the command behind the script.

mod resolver;
pub mod script;
pub mod wrappers;

use crate::recognise::needs;
use crate::root::Root;

/// A command line and its surroundings.
#[derive(Clone, Debug, Default)]
pub struct CommandLine {
    /// Its words.
    pub words: Vec<String>,
    /// Its `PATH`, whose first hit counts. Without it, a program may be in any of the usual directories.
    pub path: Option<String>,
    /// Its working directory, absolute inside the root.
    pub directory: String,
    /// Whether a process has these words: the kernel has put the interpreter before a script.
    pub running: bool,
}

/// The role of a file in a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A program that keeps running.
    Program,
    /// A program that becomes another, such as `env` and `gosu`.
    Launcher,
    /// An interpreter that the `#!` line of a script names, other than a shell.
    Interpreter,
    /// A shell that runs a script. Most scripts end by becoming another program.
    Shell,
    /// The script of a shell.
    ShellScript,
    /// The script of another interpreter.
    Script,
    /// An ELF interpreter.
    Loader,
}

/// One file that a command line needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Its path inside the root, as the command or another file names it. It may be a link.
    pub path: Vec<u8>,
    /// What it is.
    pub role: Role,
    /// Whether the app needs it after its start, as far as the words tell.
    pub lasts: bool,
    /// The index of the file that needs it, and how; `None` for a file that the words name.
    pub by: Option<(usize, needs::Role)>,
}

/// The files of a command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// The files that it needs.
    pub needs: Vec<Need>,
    /// Words that must be programs, and are missing or cannot be told.
    pub missing: Vec<String>,
}

impl CommandLine {
    /// Splits a command line as a shell does, without expansions. `None` unless it is one command.
    pub fn split(text: &str) -> Option<Vec<String>> {
        let mut commands = script::commands(text);
        let words = commands.pop().filter(|words| words.first().is_some_and(|program| !program.is_empty()));
        words.filter(|_| commands.is_empty())
    }

    /// Finds the files that it needs. `search` holds the profile's directories for names.
    pub fn resolve(&self, root: &Root, search: &[&str]) -> Resolved {
        resolver::command(self, root, search)
    }
}

/// The file at `path` and the files that it needs to start. Empty if the file does not exist.
pub fn needs_of(root: &Root, path: &[u8], search: &[&str]) -> Vec<Need> {
    // A running process needs of its script only the interpreters.
    let line = CommandLine { running: true, ..CommandLine::default() };
    resolver::file(&line, root, search, path).needs
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn tree() -> (tempfile::TempDir, Root) {
        let directory = tempfile::tempdir().unwrap();
        for (path, content) in [
            ("usr/bin/dash", "\x7fELF"),
            ("usr/bin/python3.11", "\x7fELF"),
            ("usr/bin/env", "\x7fELF"),
            ("usr/bin/tini", "\x7fELF"),
            ("usr/bin/touch", "\x7fELF"),
            ("usr/bin/curl", "\x7fELF"),
            ("opt/bin/server", "\x7fELF"),
            ("entrypoint.sh", "#!/bin/sh\ncommand -v curl && curl x\ntouch y\nexec \"$@\"\n"),
            ("srv/app.py", "#!/usr/bin/env python3\n"),
        ] {
            let at = directory.path().join(path);
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            fs::write(&at, content).unwrap();
            fs::set_permissions(&at, fs::Permissions::from_mode(0o755)).unwrap();
        }
        symlink("usr/bin", directory.path().join("bin")).unwrap();
        symlink("dash", directory.path().join("usr/bin/sh")).unwrap();
        symlink("python3.11", directory.path().join("usr/bin/python3")).unwrap();
        let root = Root::open(directory.path()).unwrap();
        (directory, root)
    }

    fn line(text: &str, running: bool) -> CommandLine {
        let words = CommandLine::split(text).unwrap();
        CommandLine { words, path: Some("/opt/bin:/usr/bin".to_owned()), directory: "/srv".to_owned(), running }
    }

    /// The files that it needs, each with its role, and `+` for those that last.
    fn needs_of(root: &Root, line: &CommandLine) -> String {
        let needs = line.resolve(root, &[]).needs.into_iter().map(|need| {
            let lasts = if need.lasts { "+" } else { "" };
            format!("{} {:?}{lasts}", String::from_utf8_lossy(&need.path), need.role)
        });
        needs.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn roles() {
        let (_directory, root) = tree();
        for (text, expected) in [
            ("server -x", "/opt/bin/server Program+"),
            ("python3 app.py", "/usr/bin/python3 Program+, /srv/app.py Script+"),
            (
                "./app.py",
                "/srv/./app.py Script+, /usr/bin/env Launcher+, /usr/bin/python3 Interpreter+, /bin/python3 Interpreter+",
            ),
            ("tini -- env A=b server", "/usr/bin/tini Program+, /usr/bin/env Launcher+, /opt/bin/server Program+"),
            (
                "/entrypoint.sh server",
                "/entrypoint.sh ShellScript+, /bin/sh Shell+, /opt/bin/server Program+, /usr/bin/touch Program",
            ),
            ("sh -c 'touch x; exec server'", "/usr/bin/sh Shell+, /usr/bin/touch Program, /opt/bin/server Program+"),
            ("sh -c 'touch x; server'", "/usr/bin/sh Shell+, /usr/bin/touch Program, /opt/bin/server Program"),
            ("sh", "/usr/bin/sh Program+"),
            ("/lithify run --init -- server", "/opt/bin/server Program+"),
            ("nothing", ""),
        ] {
            assert_eq!(needs_of(&root, &line(text, false)), expected, "{text}");
        }
        // A process does not need the programs that its script has called.
        for (text, expected) in [
            ("sh /entrypoint.sh server", "/usr/bin/sh Shell+, /entrypoint.sh ShellScript+, /bin/sh Shell+"),
            ("sh -c 'touch x; exec server'", "/usr/bin/sh Shell+"),
        ] {
            assert_eq!(needs_of(&root, &line(text, true)), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_there() {
        let (_directory, root) = tree();
        for (text, expected) in [
            ("nothing", "nothing"),
            ("tini -- nothing x", "nothing"),
            ("/entrypoint.sh --flag", ""),
            ("env $APP", "$APP"),
            ("sh -c 'exec $APP'", "$APP"),
        ] {
            assert_eq!(line(text, false).resolve(&root, &[]).missing.join(" "), expected, "{text}");
        }
    }

    #[test]
    fn one_command() {
        let split = |text: &str| CommandLine::split(text).map(|words| words.join("|"));
        assert_eq!(split("nginx -g 'daemon off;'").as_deref(), Some("nginx|-g|daemon off;"));
        assert_eq!(split(" a  \"b c\" '' ").as_deref(), Some("a|b c|"));
        for text in ["", " ", "a; b", "a && b", "''", "a | b"] {
            assert_eq!(split(text), None, "{text}");
        }
    }
}
