//! The profile that `--add` names.

use std::path::{Path, PathBuf};

use crate::profile::place::{Place, place};
use crate::profile::{Profile, ProfileError, SourceText, load_file};
use crate::text::escape::escape;

/// The tables that a run adds to.
const TABLES: [&str; 4] = ["keep", "verify.mounts", "verify.process", "confine"];

/// A profile that a run is joined to.
pub struct Earlier {
    /// Its file, a path of the caller.
    pub(super) path: PathBuf,
    /// Its text.
    pub(super) text: String,
    /// What it says, with its includes.
    pub(super) profile: Profile,
}

impl Earlier {
    /// Reads the profile at `path`, a path of the caller. Fails if it is not valid, or has a table that nothing can be
    /// added to.
    pub fn load(path: &Path) -> Result<Self, ProfileError> {
        let (profile, text) = load_file(path)?;
        for table in TABLES {
            // No profile has a key without a name.
            if let Place::Unusual(span) = place(&text, table, "") {
                let file = escape(path.as_os_str().as_encoded_bytes());
                let source = SourceText { file: &file, text: &text, quoted: true };
                let hint = format!("write [{table}] on a line of its own, and its keys on the lines below");
                return Err(source.error(span, format!("--add cannot add to [{table}] here"), Some(hint)));
            }
        }
        Ok(Self { path: path.to_path_buf(), text, profile })
    }
}
