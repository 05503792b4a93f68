//! Types of the command line's fields: what clap is told about a value, and how it is read afterwards.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use clap::ArgMatches;

use super::argument::{Argument, Kind};
use crate::text::{seconds, size};

/// A type that a field of the command line may have.
pub(super) trait Value: Sized {
    const KIND: Kind;
    /// Whether a value is required if the row has no default.
    const REQUIRED: bool = false;

    /// Reads what was given. clap has already checked that it is there if required, and that it is valid.
    fn read(matches: &ArgMatches, argument: &Argument) -> Self;
}

impl Argument {
    /// Completes the row of a field of type `T` that has this comment.
    pub(super) const fn of<T: Value>(self, comment: &'static str) -> Self {
        let help = if comment.is_empty() { self.help } else { comment };
        let required = self.required || T::REQUIRED && self.default_value.is_empty();
        Self { help, kind: T::KIND, required, ..self }
    }
}

/// What was given, even if only by the variable or the default.
fn words(matches: &ArgMatches, argument: &Argument) -> Vec<OsString> {
    matches.get_raw(argument.id()).into_iter().flatten().map(OsStr::to_owned).collect()
}

/// One value. clap has already checked that it is text.
pub(super) fn one(matches: &ArgMatches, argument: &Argument) -> String {
    words(matches, argument).pop().and_then(|word| word.into_string().ok()).unwrap_or_default()
}

impl Value for bool {
    const KIND: Kind = Kind::Flag;

    fn read(matches: &ArgMatches, argument: &Argument) -> Self {
        matches.get_flag(argument.id())
    }
}

impl Value for String {
    const KIND: Kind = Kind::Text;
    const REQUIRED: bool = true;

    fn read(matches: &ArgMatches, argument: &Argument) -> Self {
        one(matches, argument)
    }
}

impl Value for PathBuf {
    const KIND: Kind = Kind::Path;
    const REQUIRED: bool = true;

    fn read(matches: &ArgMatches, argument: &Argument) -> Self {
        words(matches, argument).pop().unwrap_or_default().into()
    }
}

impl Value for Duration {
    const KIND: Kind = Kind::Seconds;
    const REQUIRED: bool = true;

    fn read(matches: &ArgMatches, argument: &Argument) -> Self {
        seconds::parse(&one(matches, argument)).unwrap_or_default()
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl Value for Size {
    const KIND: Kind = Kind::Size;
    const REQUIRED: bool = true;

    fn read(matches: &ArgMatches, argument: &Argument) -> Self {
        Self(size::parse(&one(matches, argument)).unwrap_or_default())
    }
}

impl<T: Value> Value for Option<T> {
    const KIND: Kind = T::KIND;

    fn read(matches: &ArgMatches, argument: &Argument) -> Self {
        matches.contains_id(argument.id()).then(|| T::read(matches, argument))
    }
}

/// The values of the flags, else those of the variable.
impl Value for Vec<String> {
    const KIND: Kind = Kind::Texts;

    fn read(matches: &ArgMatches, argument: &Argument) -> Self {
        let flags: Self = words(matches, argument).into_iter().filter_map(|word| word.into_string().ok()).collect();
        if argument.env.is_empty() || !flags.is_empty() {
            return flags;
        }
        let variable = std::env::var(argument.env).unwrap_or_default();
        if argument.lines { lines(&variable) } else { split_list(&variable) }
    }
}

impl Value for Vec<PathBuf> {
    const KIND: Kind = Kind::Paths;

    fn read(matches: &ArgMatches, argument: &Argument) -> Self {
        words(matches, argument).into_iter().map(PathBuf::from).collect()
    }
}

impl Value for Vec<OsString> {
    const KIND: Kind = Kind::Rest;

    fn read(matches: &ArgMatches, argument: &Argument) -> Self {
        words(matches, argument)
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
}

/// Splits at commas. Commas inside braces belong to a pattern.
fn split_list(text: &str) -> Vec<String> {
    let mut depth = 0usize;
    let parts = text.split(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// The type of a flag with a fixed choice of values. The comments of the values are their help.
macro_rules! choice {
    ($(#[doc = $about:literal])* $name:ident { $($(#[doc = $help:literal])* $word:literal => $value:ident,)* }) => {
        $(#[doc = $about])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name {
            $($(#[doc = $help])* $value,)*
        }

        impl Value for $name {
            const KIND: Kind =
                Kind::Choice(&[$(($word, concat!($($help),*))),*]);

            fn read(matches: &ArgMatches, argument: &Argument) -> Self {
                let word = one(matches, argument);
                let values = [$(($word, Self::$value)),*];
                let known = values.into_iter().find(|(known, _)| *known == word);
                known.map_or(values[0].1, |(_, value)| value)
            }
        }
    };
}

pub(super) use choice;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_from_the_environment() {
        assert_eq!(split_list("shells, nginx,,"), ["shells", "nginx"]);
        assert_eq!(split_list("/usr/bin/{vi,ex},touch"), ["/usr/bin/{vi,ex}", "touch"]);
        assert!(split_list("").is_empty());
        assert_eq!(lines("verify -p a,b\n \nprobe tcp :80\n"), ["verify -p a,b", "probe tcp :80"]);
    }
}
