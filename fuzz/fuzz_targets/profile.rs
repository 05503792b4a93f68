//! Any text is a profile or an error; a profile's effective form is a profile again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lithify::profile::{load_text, to_toml};

fuzz_target!(|text: &str| {
    // Files that the text includes are not part of the input.
    if text.contains("include") {
        return;
    }
    if let Ok(profile) = load_text("fuzz.toml", text) {
        let shown = to_toml(&profile, &|_| String::new());
        if let Err(error) = load_text("shown.toml", &shown) {
            panic!("{error}\n{shown}");
        }
    }
});
