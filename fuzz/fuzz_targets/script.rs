//! Any bytes are a script: what its `#!` line names is in that line, and its commands are read to the end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lithify::recognise::command_line::script;
use lithify::recognise::needs::script_interpreters;

fuzz_target!(|text: &[u8]| {
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    for (program, _) in script_interpreters(text) {
        assert!(!program.is_empty() && line.windows(program.len()).any(|part| part == program));
    }
    for words in script::commands(&String::from_utf8_lossy(text)) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let _ = script::command(&words);
    }
});
