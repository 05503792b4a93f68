//! Errors in a profile, with file, line, column, the source line and a hint.

use std::fmt;
use std::ops::Range;

use crate::text::escape::escape;

/// Why profiles could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The file cannot be read.
    #[error("{file}: cannot be read: {reason}")]
    Read {
        /// As given, escaped.
        file: String,
        /// The reason, and what to do about it.
        reason: String,
    },
    /// The text is not a valid profile.
    #[error("{0}")]
    Invalid(Box<Diagnostic>),
    /// `-p NAME` names no built-in profile.
    #[error("there is no built-in profile `{name}`{}; built in are: {known} (a file needs a `/` or ends in `.toml`)",
            suggestion.map(|s| format!(", did you mean `{s}`?")).unwrap_or_default())]
    UnknownBuiltin {
        /// As given, escaped.
        name: String,
        /// The most similar name.
        suggestion: Option<&'static str>,
        /// The names of all built-in profiles.
        known: String,
    },
    /// The value of a flag is not a valid rule.
    #[error("{flag} {value}: {reason}")]
    Argument {
        /// The flag.
        flag: &'static str,
        /// As given.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// One error at one place in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// File as given, or `built-in NAME`.
    pub file: String,
    /// Line and column, both from 1; columns count characters.
    pub position: (usize, usize),
    /// The line with the error, escaped and cut to 120 characters; empty if it must not be shown.
    pub source: String,
    /// How many characters are underlined; 0 if the line is not shown.
    pub width: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.position;
        write!(f, "{}:{line}:{column}: {}", self.file, self.message)?;
        if self.width > 0 {
            let number = line.to_string();
            write!(f, "\n  {number} | {}\n  {:2$} | ", self.source, "", number.len())?;
            write!(f, "{:1$}{2}", "", column - 1, "^".repeat(self.width))?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// The text of a file with its name, for diagnostics.
#[derive(Clone, Copy, Debug)]
pub struct SourceText<'a> {
    /// The name in messages.
    pub file: &'a str,
    /// The whole text.
    pub text: &'a str,
    /// Whether errors may show parts of the text.
    pub quoted: bool,
}

impl<'a> SourceText<'a> {
    /// The text of a file. Fails if `bytes` is not UTF-8.
    pub fn new(file: &'a str, bytes: &'a [u8], quoted: bool) -> Result<Self, ProfileError> {
        std::str::from_utf8(bytes).map(|text| Self { file, text, quoted }).map_err(|error| {
            let valid = error.valid_up_to();
            let byte = bytes.get(valid).copied().unwrap_or_default();
            let hint = Some("save the file as UTF-8".to_owned());
            let lossy = String::from_utf8_lossy(bytes);
            SourceText { file, text: &lossy, quoted }.error(
                valid..valid + 3,
                format!("byte 0x{byte:02x} is not UTF-8"),
                hint,
            )
        })
    }

    /// Fails unless `schema` is 1. `what` names the kind of file in the hint.
    pub(crate) fn check_schema(self, schema: Option<&toml::Spanned<u32>>, what: &str) -> Result<(), ProfileError> {
        match schema {
            Some(schema) if *schema.get_ref() == 1 => Ok(()),
            Some(schema) => {
                let message =
                    format!("schema {} is not known to lithify {}", schema.get_ref(), env!("CARGO_PKG_VERSION"));
                Err(self.error(schema.span(), message, Some("this version reads schema = 1".to_owned())))
            }
            None => {
                let empty = self.text.trim().is_empty();
                let message = if empty { "the file is empty" } else { "the key `schema` is missing" };
                Err(self.error(0..0, message, Some(format!("{what} begins with schema = 1"))))
            }
        }
    }

    /// An error with `message` at `span`, a range of bytes of the text.
    pub fn error(self, span: Range<usize>, message: impl Into<String>, hint: Option<String>) -> ProfileError {
        self.invalid(span, message.into(), hint)
    }

    fn invalid(self, span: Range<usize>, message: String, hint: Option<String>) -> ProfileError {
        let start = floor_boundary(self.text, span.start);
        let end = floor_boundary(self.text, span.end).max(start);
        let before = self.text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
        let column = self.text.get(line_start..start).unwrap_or_default().chars().count() + 1;
        let spanned = self.text.get(start..end).unwrap_or_default();
        let width = spanned.lines().next().unwrap_or_default().chars().count();
        // If the line is too long or has escaped characters, the columns may not match it: then one character is
        // underlined.
        let fits = column + width < 120 && line.chars().all(|c| escape(c.to_string().as_bytes()).len() == c.len_utf8());
        let source: String = line.chars().take(120).collect();
        let (file, position) = (self.file.to_owned(), (before.matches('\n').count() + 1, column));
        if !self.quoted {
            let message = "what stands here is not valid".to_owned();
            let hint = Some("a file is quoted only where its name ends in .toml: rename it to see more".to_owned());
            return ProfileError::Invalid(Box::new(Diagnostic {
                file,
                position,
                source: String::new(),
                width: 0,
                message,
                hint,
            }));
        }
        ProfileError::Invalid(Box::new(Diagnostic {
            file,
            position,
            source: escape(source.as_bytes()),
            width: if fits { width.max(1) } else { 1 },
            message,
            hint,
        }))
    }

    /// An error of the TOML parser.
    pub(crate) fn toml_error(self, error: &toml::de::Error) -> ProfileError {
        let raw = error.message().trim();
        self.error(error.span().unwrap_or(0..0), escape(raw.replace('\n', "; ").as_bytes()), None)
    }
}

/// Whether errors may quote a file of this name. An error in any other file would show its content, line by line, to a
/// user who may start lithify but may not read the file.
pub(crate) fn is_quoted(file: &str) -> bool {
    std::path::Path::new(file).extension().is_some_and(|extension| extension == "toml")
}

fn floor_boundary(text: &str, mut index: usize) -> usize {
    index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

/// The word of `known` that `word` was probably meant to be: one that starts with `word`, or one that differs in at
/// most a third of its letters.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let begun = |candidate: &str| word.len() > 3 && candidate.starts_with(word);
    known
        .iter()
        .copied()
        .map(|candidate| (if begun(candidate) { 0 } else { distance(word, candidate) }, candidate))
        .filter(|(distance, candidate)| *distance * 3 <= candidate.chars().count().max(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The Levenshtein distance; two neighbours that have changed places, as in `ngnix`, count as one. `-` and `_` are equal,
/// and so are upper and lower case.
fn distance(a: &str, b: &str) -> usize {
    let fold = |text: &str| -> Vec<char> {
        text.chars().take(64).map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
    };
    let (a, b) = (fold(a), fold(b));
    if is_swapped(&a, &b) {
        return 1;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (to, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let changed = diagonal + usize::from(from != to);
            diagonal = *cell;
            *cell = changed.min(diagonal + 1).min(left + 1);
            left = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

fn is_swapped(a: &[char], b: &[char]) -> bool {
    let mut differing = a.iter().zip(b).enumerate().filter(|(_, (from, to))| from != to);
    match (differing.next(), differing.next(), differing.next()) {
        (Some((at, first)), Some((next, second)), None) => {
            a.len() == b.len() && next == at + 1 && first == (second.1, second.0)
        }
        _ => false,
    }
}
