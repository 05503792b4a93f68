//! Standard output and standard error.

use crate::failure::Failure;
use lithify::linux::stream::Stream;

/// Writes to standard error: a manifest may go to standard output.
pub(crate) fn say(text: &str) {
    let _ = Stream::Error.write(text);
}

/// Writes the whole text to standard output, or fails.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    Stream::Output.write(text).map_err(|errno| {
        Failure::Manifest(format!(
            "standard output: cannot be written: {}\n  fix: what was printed is not complete, do not use it",
            errno.desc()
        ))
    })
}
