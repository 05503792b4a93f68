//! Any text is a pattern or an error; matching ends, whatever the name.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lithify::root::pattern::PathPattern;

fuzz_target!(|input: (&str, &[u8])| {
    if let Ok(pattern) = PathPattern::parse(input.0) {
        for component in pattern.components() {
            let _ = component.matches(input.1);
        }
    }
});
