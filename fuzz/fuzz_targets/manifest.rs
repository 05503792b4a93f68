//! Any bytes are a manifest, and what is read of one is exactly what lithify writes, in order.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lithify::seal::{Reader, compare_paths};

fuzz_target!(|text: &[u8]| {
    let mut from = text;
    let Ok(mut reader) = Reader::new(&mut from) else { return };
    let mut last = Vec::new();
    while let Ok(Some(stated)) = reader.entry() {
        let mut line = Vec::new();
        stated.facts.write(&stated.path, &mut line);
        assert!(text.windows(line.len()).any(|part| part == line));
        assert!(compare_paths(&last, &stated.path).is_lt());
        assert!(stated.path.split(|&byte| byte == b'/').skip(1).all(|name| !name.is_empty() && name != b".."));
        last = stated.path;
    }
});
