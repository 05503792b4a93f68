//! Any bytes are a program, a library, or neither; what they need is read without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let read = |offset, length| {
        let start = usize::try_from(offset).ok()?.min(file.len());
        let end = start.saturating_add(length).min(file.len());
        file.get(start..end).map(<[u8]>::to_vec)
    };
    let dynamic = lithify::recognise::elf::Dynamic::read(read);
    // What is no ELF file for one is none for the other.
    assert!(dynamic.is_none() || lithify::recognise::elf::classify(read).is_some());
});
