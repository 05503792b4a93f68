//! What a program needs to start: its ELF interpreter, or the interpreter of its `#!` line. This module only reads.

use crate::recognise::elf::Elf;
use crate::recognise::search_path::DEFAULT_PATH;
use crate::recognise::search_path::DEFAULT_SEARCH;
use crate::root::{InRoot, Root};

/// How a program needs another file to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The ELF interpreter.
    Loader,
    /// The interpreter of the `#!` line.
    Interpreter,
    /// A program that a script calls.
    Called,
}

impl Role {
    /// The role in words, for messages.
    pub fn text(self) -> &'static str {
        match self {
            Self::Loader => "its ELF interpreter",
            Self::Interpreter => "the interpreter of its #! line",
            Self::Called => "a program that it calls",
        }
    }
}

/// What `program` (a path inside the root) needs to start, each with its role. The paths need not exist. A program that
/// env(1) looks for may lie in `search` and in the default directories.
pub fn needs(root: &Root, program: &[u8], search: &[&str]) -> Vec<(Vec<u8>, Role)> {
    let needed = match root.classify(program) {
        Ok(Some(Elf::Program { interpreter: Some(interpreter), .. })) => vec![(interpreter, Role::Loader)],
        Ok(Some(_)) | Err(_) => return Vec::new(),
        Ok(None) => script_interpreters(&root.read(program, 256).unwrap_or_default()),
    };
    let everywhere = |(path, role): (Vec<u8>, Role)| {
        let found = if path.contains(&b'/') { vec![path] } else { in_directories(&path, search) };
        found.into_iter().map(move |path| (path, role))
    };
    needed.into_iter().flat_map(everywhere).collect()
}

/// The interpreter of a `#!` line (execve(2)), and for `env NAME` the program that env will start.
pub fn script_interpreters(head: &[u8]) -> Vec<(Vec<u8>, Role)> {
    let Some(line) = head.strip_prefix(b"#!") else { return Vec::new() };
    let line = line.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let Some(interpreter) = words.next() else { return Vec::new() };
    let mut needed = vec![(interpreter.to_vec(), Role::Interpreter)];
    if interpreter.ends_with(b"/env") || interpreter.ends_with(b"/with-contenv") {
        // These include values of env's options, which are mostly not programs. In `-SPROGRAM` there is a program.
        let programs = words.filter_map(|word| match word.strip_prefix(b"--split-string=") {
            Some(program) => Some(program),
            None if word.starts_with(b"-") => word.splitn(2, |&byte| byte == b'S').nth(1),
            None => Some(word),
        });
        let programs = programs.filter(|word| !word.is_empty() && !word.contains(&b'='));
        needed.extend(programs.map(|program| (program.to_vec(), Role::Interpreter)));
    }
    needed
}

/// The paths at which a program of that name may lie: in `search` and in the default directories.
pub(crate) fn in_directories(name: &[u8], search: &[&str]) -> Vec<Vec<u8>> {
    let others = search.iter().copied().filter(|directory| !DEFAULT_SEARCH.contains(directory));
    DEFAULT_PATH.split(':').chain(others).map(|directory| InRoot(directory.as_bytes()).join(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_bang_lines() {
        let paths = |head: &[u8]| script_interpreters(head).into_iter().map(|(path, _)| path).collect::<Vec<_>>();
        assert_eq!(paths(b"#!/bin/sh -e\nx"), [b"/bin/sh".to_vec()]);
        for (line, programs) in [
            ("-S A=1 python3 -u", "python3"),
            ("-Spython3 -u", "python3"),
            ("-vSpython3", "python3"),
            ("--split-string=python3 -u", "python3"),
            ("-S -u HOME python3", "HOME python3"),
            ("-S nice -n 5 python3", "nice 5 python3"),
        ] {
            let all = paths(format!("#! /usr/bin/env {line}\n").as_bytes()).join(&b' ');
            assert_eq!(String::from_utf8(all).unwrap(), format!("/usr/bin/env {programs}"));
        }
        assert!(paths(b"#!\n").is_empty() && paths(b"\x7fELF").is_empty());
    }
}
