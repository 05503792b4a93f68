//! What somebody gives to read: a file, or standard input.

use std::fs::File;
use std::io::{self, Read};

use lithify::text::escape::escape;

/// What messages call it.
pub(crate) fn name(path: &str) -> String {
    match path {
        "-" => "standard input".to_owned(),
        "" => "''".to_owned(),
        path => escape(path.as_bytes()),
    }
}

/// The bytes of the file at `path`, which may be a pipe, or of standard input for `-`; no more than `most` of them.
pub(crate) fn bytes(path: &str, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path == "-" {
        io::stdin().lock().take(most).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
