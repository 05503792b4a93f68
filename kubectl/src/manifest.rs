//! A file of manifests.

pub(crate) mod finding;
pub(crate) mod paths;
pub(crate) mod timing;
pub(crate) mod workload;

use std::ops::Range;

use crate::failure::Failure;
use crate::input;
use crate::yaml::{self, Document};
use lithify::profile::{ProfileError, SourceText};

/// The most bytes that are read.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The text and the documents of a file.
pub(crate) struct Manifest {
    /// The name of the file, for messages.
    pub(crate) file: String,
    pub(crate) text: String,
    pub(crate) documents: Vec<Document>,
}

impl Manifest {
    /// Reads a file, or standard input for `-`.
    pub(crate) fn read(path: &str) -> Result<Self, Failure> {
        let file = input::name(path);
        let unreadable = |error: std::io::Error| {
            Failure::Manifest(format!(
                "{file}: cannot be read: {error}\n  fix: give the file of a manifest, or - for standard input"
            ))
        };
        // The file may be a pipe: `-f <(kustomize build)`.
        let bytes = input::bytes(path, MAX_BYTES).map_err(unreadable)?;
        if bytes.len() as u64 == MAX_BYTES {
            return Err(Failure::Manifest(format!(
                "{file}: {MAX_BYTES} bytes and more are no manifest\n  fix: give the file of a manifest"
            )));
        }
        match SourceText::new(&file, &bytes, true) {
            Ok(source) => Self::from_text(&file, source.text.to_owned()),
            Err(error) => Err(Failure::Manifest(with_fix(&error))),
        }
    }

    /// Reads what kubectl printed as JSON.
    pub(crate) fn of_kubectl(name: &str, text: &str) -> Result<Self, Failure> {
        Self::from_text(name, yaml::printable(text))
    }

    /// Reads the documents of a text.
    pub(crate) fn from_text(file: &str, text: String) -> Result<Self, Failure> {
        match yaml::read(&text) {
            Ok(documents) => Ok(Self { file: file.to_owned(), text, documents }),
            Err(error) => {
                let unread = Self { file: file.to_owned(), text, documents: Vec::new() };
                Err(Failure::Manifest(unread.point(
                    error.range,
                    &error.message,
                    "correct it here: what is not read for sure is refused, also where kubectl might take it",
                )))
            }
        }
    }

    /// A message with its place: file, line, column, the line itself, and the fix.
    pub(crate) fn point(&self, range: Range<usize>, message: &str, fix: &str) -> String {
        let source = SourceText { file: &self.file, text: &self.text, quoted: true };
        with_fix(&source.error(range, message, Some(fix.to_owned())))
    }
}

/// What is wrong with a text, as the plugin says it.
fn with_fix(error: &ProfileError) -> String {
    match error {
        ProfileError::Invalid(diagnostic) => diagnostic.to_string().replace("\n  hint: ", "\n  fix: "),
        other => other.to_string(),
    }
}
