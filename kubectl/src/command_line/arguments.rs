//! Reads command lines of lithify by the same table of options that lithify uses.

use std::ops::Range;
use std::sync::LazyLock;

use clap::{Arg, Command};

use crate::names::LITHIFY;
use lithify::recognise::command_line::wrappers::file_name;

/// One option with its value, or one positional word.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    /// The option's long name; `--` for the rest after it; `None` for a positional word.
    pub(crate) option: Option<&'a str>,
    /// The value of an option or the positional word; empty for a flag.
    pub(crate) value: &'a str,
    /// The indices of its words.
    pub(crate) range: Range<usize>,
}

impl<'a> Part<'a> {
    /// The positional word: first the subcommand, then its operands.
    pub(crate) fn operand(&self) -> Option<&'a str> {
        self.option.is_none().then_some(self.value)
    }
}

static COMMAND: LazyLock<Command> = LazyLock::new(lithify::cli::command);

/// The parts of a command line, without the program's name.
pub(crate) fn parts<'a>(words: &[&'a str]) -> Vec<Part<'a>> {
    let mut levels = vec![&*COMMAND];
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at).copied() {
        let begin = at;
        at += 1;
        let known =
            |is: &dyn Fn(&Arg) -> bool| levels.iter().flat_map(|level| level.get_arguments()).find(|arg| is(arg));
        let (option, mut value) = if word == "--" {
            at = words.len();
            (Some("--"), None)
        } else if let Some(long) = word.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            let takes = known(&|arg| arg.get_long() == Some(name)).is_some_and(|arg| arg.get_action().takes_values());
            (Some(name), value.or((!takes).then_some("")))
        } else if let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            // Several flags may share a word, before an option with its value.
            let valued = letters.char_indices().find_map(|(at, letter)| {
                let arg = known(&|arg| arg.get_short() == Some(letter) && arg.get_action().takes_values())?;
                letters.get(at + letter.len_utf8()..).map(|rest| (arg.get_long().unwrap_or_default(), rest))
            });
            match valued {
                Some((name, rest)) => {
                    (Some(name), Some(rest.strip_prefix('=').unwrap_or(rest)).filter(|_| !rest.is_empty()))
                }
                None => (Some(letters), Some("")),
            }
        } else {
            let inner = levels.last().and_then(|level| level.find_subcommand(word));
            levels.extend(inner);
            (None, Some(word))
        };
        if value.is_none() && option != Some("--") {
            value = words.get(at).copied();
            at = (at + 1).min(words.len());
        }
        parts.push(Part { option, value: value.unwrap_or_default(), range: begin..at });
    }
    parts
}

/// Whether a program is lithify, in any directory.
pub(crate) fn is_lithify(program: &str) -> bool {
    file_name(program) == LITHIFY
}

/// The subcommand and its words, without the options before it. `None` for the words of another program.
pub(crate) fn call<'a>(words: &[&'a str]) -> Option<Vec<&'a str>> {
    let (program, words) = words.split_first()?;
    let begin =
        || parts(words).into_iter().find(|part| part.option.is_none()).map_or(words.len(), |part| part.range.start);
    is_lithify(program).then(|| words.get(begin()..).unwrap_or_default().to_vec())
}

/// The command and the args of a container, with these values of an option in place of its own. A new option stands
/// behind the profiles, else behind the subcommand. The words after `--` stay.
pub(crate) fn with_option(lists: &[Vec<&str>; 2], option: &str, values: &[String]) -> [Vec<String>; 2] {
    let (words, border) = (lists.concat(), lists[0].len());
    // Without the program's name.
    let parts = parts(words.get(1..).unwrap_or_default());
    let of = |name: &str| -> Vec<Range<usize>> {
        let those = parts.iter().filter(|part| part.option == Some(name));
        those.map(|part| part.range.start + 1..part.range.end + 1).collect()
    };
    let before = of(option);
    let subcommand = parts.iter().find(|part| part.option.is_none()).map_or(0, |part| part.range.start + 1);
    let behind = of("profile").last().map_or(subcommand, |range| range.end.saturating_sub(1));
    let (beside, place) = before.first().map_or((behind, behind + 1), |range| (range.start, range.start));
    let mut out = [Vec::new(), Vec::new()];
    let [command, args] = &mut out;
    for at in 0..=words.len() {
        if at == place.min(words.len()) {
            let list = if beside < border { &mut *command } else { &mut *args };
            list.extend(values.iter().flat_map(|value| [format!("--{option}"), value.clone()]));
        }
        if let Some(word) = words.get(at).filter(|_| !before.iter().any(|range| range.contains(&at))) {
            let list = if at < border { &mut *command } else { &mut *args };
            list.push((*word).to_owned());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        text.split_whitespace().collect()
    }

    #[test]
    fn parts_as_lithify_reads_them() {
        let read = |text| -> Vec<(Option<&str>, &str)> {
            parts(&words(text)).into_iter().map(|part| (part.option, part.value)).collect()
        };
        assert_eq!(
            read("-v --format json stage -pa -p b -p=c --profile=d --root / /usr/bin -qp e --to /x"),
            [
                (Some("v"), ""),
                (Some("format"), "json"),
                (None, "stage"),
                (Some("profile"), "a"),
                (Some("profile"), "b"),
                (Some("profile"), "c"),
                (Some("profile"), "d"),
                (Some("root"), "/"),
                (None, "/usr/bin"),
                (Some("profile"), "e"),
                (Some("to"), "/x"),
            ]
        );
        assert_eq!(
            read("probe --timeout 2 tcp :80"),
            [(None, "probe"), (Some("timeout"), "2"), (None, "tcp"), (None, ":80")]
        );
        assert_eq!(read("run --init -- sh -p x"), [(None, "run"), (Some("init"), ""), (Some("--"), "")]);
        assert_eq!(read("stage --to"), [(None, "stage"), (Some("to"), "")]);
        assert_eq!(read("- -ä --no=x"), [(None, "-"), (Some("ä"), ""), (Some("no"), "x")]);
    }

    #[test]
    fn the_call_begins_with_the_subcommand() {
        assert_eq!(call(&words("/lithify/lithify run -- app")), Some(words("run -- app")));
        assert_eq!(call(&words("lithify -v --log /x --format=json -q verify -p a")), Some(words("verify -p a")));
        assert_eq!(call(&words("/bin/lithify")), Some(vec![]));
        assert_eq!(call(&words("/lithify/other run")), None);
        assert_eq!(call(&[]), None);
    }

    #[test]
    fn profiles_are_replaced_where_they_stand() {
        let profiles = ["a".to_owned(), "b".to_owned()];
        let with = |command: &str, args: &str| {
            with_option(&[words(command), words(args)], "profile", &profiles).map(|list| list.join(" "))
        };
        let ab = "--profile a --profile b";
        assert_eq!(with("/l harden --wait-for-app --profile x -p y", "")[0], format!("/l harden --wait-for-app {ab}"));
        assert_eq!(with("/l run --profile=x -- sh -p z", "")[0], format!("/l run {ab} -- sh -p z"));
        assert_eq!(with("/l verify", "")[0], format!("/l verify {ab}"));
        assert_eq!(with("/l -v --log /x verify --root /", "")[0], format!("/l -v --log /x verify {ab} --root /"));
        assert_eq!(with("/l run -px -- app", "-p z"), [format!("/l run {ab} -- app"), "-p z".to_owned()]);
        assert_eq!(with("/l", "run -p x -- app"), ["/l".to_owned(), format!("run {ab} -- app")]);
        assert_eq!(with("/l", "run -- app"), ["/l".to_owned(), format!("run {ab} -- app")]);
        assert_eq!(with("/l run", "-p x -- app"), ["/l run".to_owned(), format!("{ab} -- app")]);
        assert_eq!(with("/l run", "-- app"), [format!("/l run {ab}"), "-- app".to_owned()]);
        assert_eq!(with("/l run -p", "x -- app"), [format!("/l run {ab}"), "-- app".to_owned()]);
    }

    #[test]
    fn a_digest_stands_behind_the_profiles() {
        let with = |command: &str, args: &str| {
            with_option(&[words(command), words(args)], "digest", &["D".to_owned()]).map(|list| list.join(" "))
        };
        assert_eq!(with("/l run -p a --profile=b -- app", "")[0], "/l run -p a --profile=b --digest D -- app");
        assert_eq!(with("/l harden --digest x -p a", "")[0], "/l harden --digest D -p a");
        assert_eq!(with("/l run --init", "-- app --digest x"), ["/l run --digest D --init", "-- app --digest x"]);
        assert_eq!(with("/l", "run -pa --digest=x -- app"), ["/l", "run -pa --digest D -- app"]);
    }
}
