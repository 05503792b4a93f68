//! What looks like a program's path or a command in the text of scripts, configuration and programs.

/// How long a string of a program may be.
const LONGEST: usize = 1024;

/// Functions of languages that start a command in the string that follows.
const CALLS: [&str; 11] = [
    "system",
    "popen",
    "Popen",
    "exec",
    "call",
    "check_call",
    "check_output",
    "run",
    "spawn",
    "execSync",
    "shell_exec",
];

/// Calls `each` with everything that reads as an absolute path: `/` and what can stand in a name.
pub(in crate::learn) fn paths(text: &[u8], each: &mut dyn FnMut(&[u8])) {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._+-@[".contains(byte);
    for word in text.split(|byte| !part(byte)) {
        if word.starts_with(b"/") {
            each(word.trim_ascii_end());
        }
    }
}

/// Calls `each` with every printable string of a program that ends with a NUL byte.
pub(in crate::learn) fn strings(content: &[u8], each: &mut dyn FnMut(&[u8])) {
    for string in content.split(|&byte| byte == 0) {
        let start = string.iter().rposition(|byte| !matches!(byte, b' '..=b'~' | b'\t' | b'\n')).map_or(0, |at| at + 1);
        let string = string.get(start..).unwrap_or_default();
        if (3..LONGEST).contains(&string.len()) {
            each(string);
        }
    }
}

/// Whether a string of a program reads as a command rather than as a sentence: a lower-case word, and behind it an
/// option, a path, a value to be filled in, or an operator of the shell.
pub(super) fn is_command(string: &str) -> bool {
    let mut words = string.split_ascii_whitespace();
    let Some(first) = words.next() else { return false };
    let name = first.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._+-".contains(&byte));
    name && words.any(|word| {
        word.len() > 1 && word.starts_with(['-', '/', '%', '\'', '$', '<', '>'])
            || matches!(word, "|" | "&&" | "||" | ">" | "<")
    })
}

/// Calls `each` with the commands that a script hands to a function such as `system("...")`.
pub(super) fn calls(text: &str, each: &mut dyn FnMut(&str)) {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('(') {
        rest = after;
        let name = before.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next().unwrap_or_default();
        if !CALLS.contains(&name) {
            continue;
        }
        let argument = after.trim_start_matches([' ', '\n', '[', 'f', 'r', 'b']);
        let Some(quote) = argument.chars().next().filter(|c| matches!(c, '"' | '\'' | '`')) else { continue };
        let string = argument.get(1..).and_then(|argument| argument.split(quote).next()).unwrap_or_default();
        if string.len() < LONGEST {
            each(string);
        }
    }
}

/// Calls `each` with the scripts in a configuration of logrotate(8).
pub(super) fn rotation(text: &str, each: &mut dyn FnMut(&str)) {
    const BEGINS: [&str; 5] = ["prerotate", "postrotate", "firstaction", "lastaction", "preremove"];
    let mut script: Option<String> = None;
    for line in text.lines() {
        match (line.trim(), &mut script) {
            (word, None) if BEGINS.contains(&word) => script = Some(String::new()),
            ("endscript", _) => script.take().iter().for_each(|script| each(script)),
            (_, Some(script)) => {
                script.push_str(line);
                script.push('\n');
            }
            _ => {}
        }
    }
}
