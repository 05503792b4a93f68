//! What a shell script reads with `.` or `source`, also in a loop.

use super::Wanted;
use crate::recognise::command_line::script::{command, commands};

/// What stands behind `.` and `source`. A variable stands for the value that the script gives it, or for what the `for` with
/// that variable names.
pub(super) fn sourced(text: &str) -> Vec<Wanted> {
    let commands = commands(text);
    let words: Vec<Vec<&str>> = commands.iter().map(|words| words.iter().map(String::as_str).collect()).collect();
    let values: Vec<(&str, &str)> = words.iter().flatten().filter_map(|word| assigned(word)).collect();
    let mut found = Vec::new();
    for words in &words {
        let ["." | "source", word, ..] = command(words) else { continue };
        let word = expanded(word, &values);
        if let Some(name) = variable(&word) {
            let loops = commands.iter().filter_map(|words| looped(words)).filter(|(looped, _)| is_one(name, looped));
            for item in loops.flat_map(|(_, items)| items) {
                let item = expanded(item, &values);
                // A `$` that is left stands for text that nobody knows.
                if item.starts_with('/') && !item.contains(['$', '`']) {
                    found.push(Wanted::All(item));
                }
            }
            continue;
        }
        let last = word.rsplit('/').next().unwrap_or_default().to_owned();
        let as_written = Some(word).filter(|word| word.starts_with('/'));
        found.push(Wanted::First(as_written.into_iter().chain(Some(last)).collect()));
    }
    found
}

/// Whether a script reads or starts what a loop of it goes through: the files of a directory that it names.
pub(in crate::learn) fn starts_what_it_finds(text: &str) -> bool {
    let commands = commands(text);
    let names: Vec<&str> = commands.iter().filter_map(|words| Some(looped(words)?.0)).collect();
    commands.iter().any(|words| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut words = command(&words);
        while let ["." | "source" | "exec" | "command" | "sh" | "bash", rest @ ..] = words {
            words = rest;
        }
        words.first().and_then(|word| variable(word)).is_some_and(|used| names.iter().any(|name| is_one(used, name)))
    })
}

/// The variable of a loop, and what it goes through: nothing if it reads that (`while read -r NAME`).
fn looped(words: &[String]) -> Option<(&str, Vec<&str>)> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let named = |name: &&str| !name.is_empty() && !name.starts_with('-');
    match command(&words) {
        ["for", name, "in", items @ ..] => Some((*name, items.to_vec())),
        ["read", rest @ ..] => Some((*rest.iter().rfind(|name| named(name))?, Vec::new())),
        _ => None,
    }
}

/// The variable that a word is, as a whole; empty if it stands in braces, of which the reader of scripts keeps no name.
fn variable(word: &str) -> Option<&str> {
    word.strip_prefix('$').filter(|name| is_name(name))
}

fn is_one(used: &str, name: &str) -> bool {
    used.is_empty() || used == name
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A variable and its value, if that is known from the text.
fn assigned(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    (!name.is_empty() && is_name(name) && !value.contains(['$', '`'])).then_some((name, value))
}

/// A word with the value of the variable with which it begins.
fn expanded(word: &str, values: &[(&str, &str)]) -> String {
    let known = word.strip_prefix('$').and_then(|rest| {
        let end = rest.bytes().position(|byte| !(byte.is_ascii_alphanumeric() || byte == b'_')).unwrap_or(rest.len());
        let (name, rest) = rest.split_at_checked(end)?;
        let (_, value) = values.iter().rfind(|(known, _)| *known == name)?;
        Some(format!("{value}{rest}"))
    });
    known.unwrap_or_else(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_read() {
        let first = |paths: &[&str]| Wanted::First(paths.iter().map(ToString::to_string).collect());
        let all = |glob: &str| Wanted::All(glob.to_owned());
        for (text, expected) in [
            (". ./env.sh", vec![first(&["env.sh"])]),
            ("if x; then source \"$HOME_OF_X\"/bin/env.sh; fi", vec![first(&["env.sh"])]),
            (". /etc/x/set", vec![first(&["/etc/x/set", "set"])]),
            ("FILE=/etc/x/set\n. \"$FILE\"", vec![first(&["/etc/x/set", "set"])]),
            (". $FILE", vec![]),
            ("for f in /etc/d/*.sh /etc/e; do . \"$f\"; done", vec![all("/etc/d/*.sh"), all("/etc/e")]),
            ("D=/etc/d\nfor f in \"$D\"/*.sh $X/*; do source ${f}; done", vec![all("/etc/d/*.sh")]),
            ("for f in /etc/d/*.sh; do echo \"$f\"; done; for g in /a; do . $h; done", vec![]),
        ] {
            assert_eq!(sourced(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_found_and_started() {
        for text in [
            "for f in /d/*; do \"$f\"; done",
            "find /d -type f | sort | while read -r f; do case $f in *.sh) . \"$f\";; esac; done",
            "for f in /d/*; do exec ${f} x; done",
            "for f in /d/*; do sh $f; done",
        ] {
            assert!(starts_what_it_finds(text), "{text}");
        }
        for text in ["for f in /d/*; do cat \"$f\"; done", "exec \"$@\"", "$run /d", "for f in /d; do . $g; done"] {
            assert!(!starts_what_it_finds(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "[a-c.$/=(){}\"'; \n]{0,40}") {
            sourced(&text);
            starts_what_it_finds(&format!("for a in /b; do\n{text}"));
        }
    }
}
