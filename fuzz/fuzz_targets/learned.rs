//! Any text is a log with a learned profile in it, or without; the profile is one.
#![no_main]

use kubectl_lithify::profile_in_log;
use libfuzzer_sys::fuzz_target;
use lithify::profile::load_text;

fuzz_target!(|log: &str| {
    if let Some(profile) = profile_in_log(log) {
        assert!(load_text("learned.toml", &profile).is_ok());
    }
});
