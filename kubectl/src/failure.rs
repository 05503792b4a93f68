//! Why a command cannot do its work, and the exit code for it.

use crate::image::ImageError;
use lithify::profile::ProfileError;
use lithify::report::Exit;

/// Why a command cannot do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The options contradict each other or the manifest.
    #[error("{message}\n  fix: {fix}")]
    Usage { message: String, fix: String },
    /// A profile cannot be read.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A file cannot be read or written, or is no manifest.
    #[error("{0}")]
    Manifest(String),
    /// An image is not read.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The change would break the workload.
    #[error("{0}")]
    Refused(String),
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), fix: fix.into() }
    }

    pub(crate) fn exit(&self) -> Exit {
        if matches!(self, Self::Refused(_) | Self::Image(ImageError::Refused { .. })) {
            Exit::Refused
        } else {
            Exit::Usage
        }
    }
}
