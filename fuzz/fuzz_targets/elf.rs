//! Any bytes are a program, a library, or neither; reads stay small.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let _ = lithify::recognise::elf::classify(|offset, length| {
        let start = usize::try_from(offset).ok()?.min(file.len());
        let end = start.saturating_add(length).min(file.len());
        file.get(start..end).map(<[u8]>::to_vec)
    });
});
