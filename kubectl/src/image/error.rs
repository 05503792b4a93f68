//! Why an image is not read.

use std::io;
use std::path::Path;

use lithify::text::escape::escape;

/// Why an image is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImageError {
    /// The file of the image, or what was spooled, cannot be read or written.
    #[error("{path}: {operation}: {error}\n  fix: {fix}")]
    Io { path: String, operation: &'static str, error: io::Error, fix: &'static str },
    /// It is no image, or a part is missing.
    #[error("{place}: {reason}\n  fix: {fix}")]
    Broken { place: String, reason: String, fix: &'static str },
    /// It would be unsafe or endless to read, or no runtime could have made such files.
    #[error("refused: {place}: {reason}\n  fix: {fix}")]
    Refused { place: String, reason: String, fix: &'static str },
    /// The options do not say which image, or say one that is not there.
    #[error("{message}\n  fix: {fix}")]
    Choice { message: String, fix: String },
}

/// What helps where an archive is not whole.
const EXPORT_AGAIN: &str = "export the image again, and compare the size of the file where it was copied";

/// What helps where an archive is not what runtimes make.
const NOT_OURS: &str = "no tool that exports images writes this: do not run this image, and ask where it comes from";

impl ImageError {
    pub(super) fn broken(place: &str, reason: impl Into<String>) -> Self {
        Self::Broken { place: place.to_owned(), reason: reason.into(), fix: EXPORT_AGAIN }
    }

    pub(super) fn hostile(place: &str, reason: impl Into<String>) -> Self {
        Self::Refused { place: place.to_owned(), reason: reason.into(), fix: NOT_OURS }
    }

    pub(super) fn limit(place: &str, reason: impl Into<String>, fix: &'static str) -> Self {
        Self::Refused { place: place.to_owned(), reason: reason.into(), fix }
    }

    /// For a file in the spool.
    pub(super) fn spool(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = escape(path.as_os_str().as_encoded_bytes());
        let fix = "what is spooled takes as much room as the image: name a directory that has it with TMPDIR";
        move |error| Self::Io { path, operation, error, fix }
    }
}

/// What is wrong, where the place is said by who knows it.
#[derive(Debug)]
pub(super) enum Fault {
    Broken(String),
    Hostile(String),
    Limit(String, &'static str),
    /// An error that knows its place.
    Placed(ImageError),
}

impl From<ImageError> for Fault {
    fn from(error: ImageError) -> Self {
        Self::Placed(error)
    }
}

impl Fault {
    pub(super) fn in_place(self, place: &str) -> ImageError {
        match self {
            Self::Broken(reason) => ImageError::broken(place, reason),
            Self::Hostile(reason) => ImageError::hostile(place, reason),
            Self::Limit(reason, fix) => ImageError::limit(place, reason, fix),
            Self::Placed(error) => error,
        }
    }
}
