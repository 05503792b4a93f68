//! Any text is a process's status, with what is missing left open.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lithify::linux::proc::status::Status;

fuzz_target!(|text: &str| {
    let _ = Status::parse(text);
});
