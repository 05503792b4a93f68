//! Any text is YAML, JSON or an error; each node lies in the text.
#![no_main]

use kubectl_lithify::yaml_ranges;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for range in yaml_ranges(text).unwrap_or_default() {
        assert!(text.get(range.clone()).is_some(), "{range:?}");
    }
});
