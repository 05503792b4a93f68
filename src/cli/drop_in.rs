//! The command lines of tini, dumb-init and catatonit, for what calls one of them and finds lithify in its place. Their
//! flags are read as getopt(3) reads them, up to the first word that is none.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use crate::launch::duties::{Duties, Leads};
use crate::launch::signal_map;
use crate::text::seconds;

/// Whose command line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// `lithify init`: the flags of all three, and lithify's own behaviour.
    Own,
    Tini,
    DumbInit,
    Catatonit,
}

/// The names by which it is called.
const NAMES: [(&str, Name); 6] = [
    ("tini", Name::Tini),
    ("tini-static", Name::Tini),
    ("docker-init", Name::Tini),
    ("dumb-init", Name::DumbInit),
    ("catatonit", Name::Catatonit),
    ("podman-init", Name::Catatonit),
];

#[derive(Clone, Copy)]
enum Flag {
    Help,
    Version,
    License,
    Verbose,
    WarnOfReaping,
    Group,
    Adopt,
    ParentDeath,
    ExitZero,
    Single,
    Rewrite,
    Pause,
}

/// One flag: its letter, its long form, and whether it takes a value.
type Row = (Flag, u8, &'static str, bool);

const TINI: &[Row] = &[
    (Flag::Help, b'h', "", false),
    (Flag::License, b'l', "", false),
    (Flag::Verbose, b'v', "", false),
    (Flag::WarnOfReaping, b'w', "", false),
    (Flag::Group, b'g', "", false),
    (Flag::Adopt, b's', "", false),
    (Flag::ParentDeath, b'p', "", true),
    (Flag::ExitZero, b'e', "", true),
];

const DUMB_INIT: &[Row] = &[
    (Flag::Help, b'h', "help", false),
    (Flag::Version, b'V', "version", false),
    (Flag::Verbose, b'v', "verbose", false),
    (Flag::Single, b'c', "single-child", false),
    (Flag::Rewrite, b'r', "rewrite", true),
];

const CATATONIT: &[Row] = &[
    (Flag::Help, b'h', "", false),
    (Flag::Version, b'V', "version", false),
    (Flag::License, b'L', "", false),
    (Flag::Group, b'g', "", false),
    (Flag::Pause, b'P', "", false),
];

/// What a command line asks for.
pub(crate) enum Asked {
    Start(Box<DropIn>),
    Help,
    Version,
    License,
}

/// An app, and how to attend to it.
pub(crate) struct DropIn {
    pub(crate) name: Name,
    pub(crate) duties: Duties,
    /// The number of a signal.
    pub(crate) parent_death: Option<u8>,
    pub(crate) verbosity: u8,
    pub(crate) warns_of_reaping: bool,
    /// Starts nothing, and waits for SIGTERM or SIGINT.
    pub(crate) pauses: bool,
    pub(crate) command: Vec<OsString>,
}

/// What is wrong with a command line.
pub(crate) enum Wrong {
    /// No such flag: as written.
    Unknown(Vec<u8>),
    /// A flag without its value.
    NoValue(u8),
    /// What a flag or a variable cannot mean.
    Value(&'static str, Vec<u8>),
    /// What `-r` cannot mean.
    Rewrite,
    NoCommand,
}

impl Name {
    /// By the file name of the first word, or by `init` after it.
    pub(crate) fn of(words: &[OsString]) -> Option<Self> {
        let called = words.first().and_then(|word| Path::new(word).file_name())?;
        let known = NAMES.iter().find(|(name, _)| called == *name).map(|(_, name)| *name);
        known.or_else(|| words.get(1).is_some_and(|word| word == "init").then_some(Self::Own))
    }

    fn rows(self) -> impl Iterator<Item = &'static Row> {
        let tables: &[&'static [Row]] = match self {
            Self::Own => &[TINI, DUMB_INIT, CATATONIT],
            Self::Tini => &[TINI],
            Self::DumbInit => &[DUMB_INIT],
            Self::Catatonit => &[CATATONIT],
        };
        tables.iter().flat_map(|table| table.iter())
    }

    fn duties(self) -> Duties {
        let mut duties = Duties { adopts: matches!(self, Self::Own | Self::Catatonit), ..Duties::default() };
        match self {
            Self::DumbInit => {
                (duties.leads, duties.group, duties.suspends) = (Leads::Session, true, true);
                // A session that nobody continues is not stopped by these.
                for signal in STOPS {
                    duties.signals.set(signal, 19);
                }
            }
            Self::Catatonit => {
                for signal in STOPS {
                    duties.signals.set(signal, 0);
                }
            }
            Self::Own | Self::Tini => {}
        }
        duties
    }
}

/// SIGTSTP, SIGTTIN and SIGTTOU.
const STOPS: [u8; 3] = [20, 21, 22];

/// The signals of dumb-init: from 1 to 31.
const LAST: u8 = 31;

/// Reads the words after the program's name, and the variables.
pub(crate) fn read(name: Name, words: &[OsString]) -> Result<Asked, Wrong> {
    let mut asked = DropIn {
        name,
        duties: name.duties(),
        parent_death: None,
        verbosity: u8::from(name == Name::Tini),
        warns_of_reaping: false,
        pauses: false,
        command: Vec::new(),
    };
    // The only long one of tini, if it stands alone.
    if name == Name::Tini && words.len() == 1 && words.first().is_some_and(|word| word == "--version") {
        return Ok(Asked::Version);
    }
    let mut single = false;
    let mut rewritten = [false; 32];
    let mut rest = words.iter();
    let mut next = rest.next();
    while let Some(word) = next.map(|word| word.as_bytes()).filter(|word| word.len() > 1 && word.starts_with(b"-")) {
        next = rest.next();
        if word == b"--" {
            break;
        }
        let mut letters = word.get(1..).unwrap_or_default();
        while let Some((letter, behind)) = letters.split_first() {
            let (row, value) = if word.starts_with(b"--") {
                let long = word.get(2..).unwrap_or_default();
                let end = long.iter().position(|byte| *byte == b'=').unwrap_or(long.len());
                let (start, value) = long.split_at(end);
                letters = &[];
                (name.rows().find(|row| row.2.as_bytes().starts_with(start) && end > 0), value.get(1..))
            } else {
                letters = behind;
                (name.rows().find(|row| row.1 == *letter), Some(behind).filter(|behind| !behind.is_empty()))
            };
            let Some((flag, letter, _, takes)) = row else { return Err(Wrong::Unknown(word.to_vec())) };
            let value = match (takes, value) {
                (false, _) => b"",
                (true, Some(value)) => value,
                (true, None) => next.ok_or(Wrong::NoValue(*letter))?.as_bytes(),
            };
            if *takes {
                if !word.starts_with(b"--") && letters.is_empty() || !word.contains(&b'=') && word.starts_with(b"--") {
                    next = rest.next();
                }
                letters = &[];
            }
            let text = std::str::from_utf8(value).unwrap_or_default();
            match flag {
                Flag::Help => return Ok(Asked::Help),
                Flag::Version => return Ok(Asked::Version),
                Flag::License => return Ok(Asked::License),
                Flag::Verbose => asked.verbosity = asked.verbosity.saturating_add(1).min(7),
                Flag::WarnOfReaping => asked.warns_of_reaping = true,
                Flag::Group => asked.duties.group = true,
                Flag::Adopt => asked.duties.adopts = true,
                Flag::Pause => asked.pauses = true,
                Flag::Single => single = true,
                Flag::ParentDeath => {
                    let signal = signal_map::number(text).ok_or(Wrong::Value("-p", value.to_vec()))?;
                    asked.parent_death = Some(signal);
                }
                Flag::ExitZero => {
                    let code = text.parse().map_err(|_| Wrong::Value("-e", value.to_vec()))?;
                    asked.duties.exit_codes.set(code, 0);
                }
                Flag::Rewrite => {
                    let (from, to) = rewrite(text).ok_or(Wrong::Rewrite)?;
                    asked.duties.signals.set(from, to);
                    if let Some(slot) = rewritten.get_mut(usize::from(from)) {
                        *slot = true;
                    }
                }
            }
        }
    }
    asked.command = next.cloned().into_iter().chain(rest.cloned()).collect();
    if asked.command.is_empty() && !asked.pauses {
        return Err(Wrong::NoCommand);
    }
    variables(&mut asked, &mut single)?;
    if single && name == Name::DumbInit {
        (asked.duties.leads, asked.duties.group) = (Leads::Nothing, false);
        for signal in STOPS.into_iter().filter(|signal| !rewritten.get(usize::from(*signal)).is_some_and(|set| *set)) {
            asked.duties.signals.set(signal, signal);
        }
    }
    Ok(Asked::Start(Box::new(asked)))
}

/// `FROM:TO`, each a number; 0 for none.
fn rewrite(text: &str) -> Option<(u8, u8)> {
    let (from, to) = text.split_once(':')?;
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    ((1..=LAST).contains(&from) && to <= LAST).then_some((from, to))
}

/// Their variables, and those of lithify that say more.
fn variables(asked: &mut DropIn, single: &mut bool) -> Result<(), Wrong> {
    let variable = |name: &str| std::env::var_os(name).map(OsString::into_vec);
    if matches!(asked.name, Name::Own | Name::Tini) {
        asked.duties.adopts |= variable("TINI_SUBREAPER").is_some();
        asked.duties.group |= variable("TINI_KILL_PROCESS_GROUP").is_some();
        if let Some(level) = variable("TINI_VERBOSITY") {
            // What is no number is 0, as for atoi(3).
            asked.verbosity = String::from_utf8_lossy(&level).trim().parse().unwrap_or(0).min(7);
        }
    }
    if asked.name == Name::DumbInit {
        *single |= variable("DUMB_INIT_SETSID").as_deref() == Some(b"0");
        asked.verbosity |= u8::from(variable("DUMB_INIT_DEBUG").as_deref() == Some(b"1"));
    }
    for name in ["LITHIFY_SIGNAL", "LITHIFY_EXIT_CODE", "LITHIFY_GRACE", "LITHIFY_PROCESS_GROUP"] {
        let Some(value) = variable(name).filter(|value| !value.is_empty()) else { continue };
        let text = String::from_utf8_lossy(&value).into_owned();
        let each = || text.split(',').map(str::trim).filter(|text| !text.is_empty());
        let duties = &mut asked.duties;
        let valid = match name {
            "LITHIFY_SIGNAL" => each().all(|text| duties.signals.add(text).is_ok()),
            "LITHIFY_EXIT_CODE" => each().all(|text| duties.exit_codes.add(text).is_ok()),
            "LITHIFY_GRACE" => {
                duties.grace = seconds::parse(&text).ok();
                duties.grace.is_some()
            }
            _ => {
                duties.group |= ["true", "1", "yes", "on"].contains(&text.as_str());
                true
            }
        };
        if !valid {
            return Err(Wrong::Value(name, value));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn start(name: Name, words: &[&str]) -> Option<DropIn> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        match read(name, &words) {
            Ok(Asked::Start(start)) => Some(*start),
            _ => None,
        }
    }

    #[test]
    fn by_whose_name_it_is_called() {
        let of = |words: &[&str]| Name::of(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(of(&["/sbin/tini", "--", "x"]), Some(Name::Tini));
        assert_eq!(of(&["docker-init"]), Some(Name::Tini));
        assert_eq!(of(&["/usr/bin/dumb-init"]), Some(Name::DumbInit));
        assert_eq!(of(&["/x/catatonit", "-P"]), Some(Name::Catatonit));
        assert_eq!(of(&["lithify", "init", "x"]), Some(Name::Own));
        assert_eq!(of(&["lithify", "run", "init"]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn flags_end_where_the_command_begins() {
        let tini = start(Name::Tini, &["-vvg", "-e143", "-e", "0", "-p", "SIGTERM", "-s", "--", "app", "-v"]).unwrap();
        assert_eq!((tini.verbosity, tini.parent_death, tini.command.len()), (3, Some(15), 2));
        assert!(tini.duties.group && tini.duties.adopts && tini.duties.exit_codes.of(143) == 0);
        let tini = start(Name::Tini, &["sh", "-c", "--", "x"]).unwrap();
        assert_eq!(tini.command, ["sh", "-c", "--", "x"]);
        let dumb = start(Name::DumbInit, &["--rew=15:2", "-r", "20:0", "--rewrite", "1:3", "-vc", "app"]).unwrap();
        let passed = |signal| dumb.duties.signals.passed_on(signal);
        assert_eq!([passed(15), passed(20), passed(1), passed(21)], [Some(2), None, Some(3), Some(21)]);
        assert!(!dumb.duties.group && dumb.command == ["app"]);
        let dumb = start(Name::DumbInit, &["app"]).unwrap();
        assert_eq!(dumb.duties.signals.passed_on(20), Some(19));
        assert!(start(Name::Catatonit, &["-P"]).unwrap().pauses);
        assert!(start(Name::Own, &["-c", "-s", "-r", "1:2", "app"]).is_some());
        for (name, words) in [
            (Name::Tini, &["-z", "app"][..]),
            (Name::Tini, &["-e", "256", "app"]),
            (Name::Tini, &["-p"]),
            (Name::Tini, &["--version", "app"]),
            (Name::Tini, &[]),
            (Name::DumbInit, &["-r", "15:32", "app"]),
            (Name::DumbInit, &["--"]),
            (Name::Catatonit, &["-v", "app"]),
        ] {
            assert!(start(name, words).is_none(), "{words:?}");
        }
    }

    proptest! {
        #[test]
        fn any_words_are_read_or_refused(words in proptest::collection::vec("-{0,2}[a-zA-Z=:0-9]{0,4}", 0..6)) {
            let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
            for name in [Name::Own, Name::Tini, Name::DumbInit, Name::Catatonit] {
                if let Ok(Asked::Start(start)) = read(name, &words) {
                    prop_assert!(start.pauses || words.ends_with(&start.command));
                }
            }
        }
    }
}
