//! Any words are a command line or a mistake; only words that clap prints itself are printed.
#![no_main]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use libfuzzer_sys::fuzz_target;
use lithify::cli::Cli;

fuzz_target!(|text: &[u8]| {
    let words = text.split(|&byte| byte == b'\n').map(|word| OsString::from_vec(word.to_vec()));
    if let Err(error) = Cli::parse(std::iter::once("lithify".into()).chain(words)) {
        assert!(!error.to_string().is_empty());
    }
});
