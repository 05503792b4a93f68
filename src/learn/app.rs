//! `[keep] app`: the command that was started, if a profile can name it.

use std::collections::HashSet;

use crate::recognise::command_line::CommandLine;
use crate::recognise::search_path::DEFAULT_SEARCH;
use crate::root::{Identity, Root};

/// What `[keep] app` can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum App {
    /// The app ran already.
    Unknown,
    /// Its words.
    Command(Vec<String>),
    /// A word is not UTF-8, or the first one is empty.
    Unwritable,
    /// A script of the command names these programs, which were not started. `[keep] app` protects what a script
    /// names, so a profile with both would be refused.
    Names(Vec<Vec<u8>>),
}

impl App {
    /// What to say of `command`, where `kept` holds the files of the allow-list and what they need.
    pub(super) fn of(root: &Root, command: &[Vec<u8>], kept: &HashSet<Identity>) -> Self {
        if command.is_empty() {
            return Self::Unknown;
        }
        let words: Vec<String> = command.iter().filter_map(|word| String::from_utf8(word.clone()).ok()).collect();
        if words.len() != command.len() || words.first().is_none_or(String::is_empty) {
            return Self::Unwritable;
        }
        let line = CommandLine { words: words.clone(), path: None, directory: "/".to_owned(), running: false };
        let resolved = line.resolve(root, &DEFAULT_SEARCH);
        let goes = |path: &Vec<u8>| root.resolve(path).is_ok_and(|stat| !kept.contains(&stat.id));
        let names: Vec<Vec<u8>> = resolved.needs.into_iter().map(|need| need.path).filter(goes).collect();
        if names.is_empty() { Self::Command(words) } else { Self::Names(names) }
    }
}
