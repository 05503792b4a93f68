//! Any bytes are a loader's cache; every path found is one of its strings.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lithify::recognise::libraries::cache;

fuzz_target!(|bytes: &[u8]| {
    let mut entries = 0_usize;
    cache::each(bytes, &mut |name, path| {
        entries += 1;
        assert!(!name.contains(&0) && !path.contains(&0));
    });
    assert!(entries <= bytes.len() / 12);
    let _ = cache::paths_of(bytes, b"libc.so.6");
});
