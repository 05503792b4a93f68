//! Any bytes are an archive of files or are refused, as a layer and as a whole root filesystem; nothing is made outside of
//! the temporary directory.
#![no_main]

use std::path::Path;

use kubectl_lithify::names_in_archive;
use libfuzzer_sys::fuzz_target;

/// What an entry that gets out of the temporary directory by its name would make.
const OUTSIDE: [&str; 2] = ["/escaped", "/tmp/escaped"];

fuzz_target!(|archive: &[u8]| {
    for is_layer in [true, false] {
        names_in_archive(archive, is_layer);
    }
    assert!(OUTSIDE.iter().all(|path| Path::new(path).symlink_metadata().is_err()));
});
