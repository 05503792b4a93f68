//! Any text is a manifest or an error; what was injected stays as it is when it is injected again.
#![no_main]

use kubectl_lithify::inject_text;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // One mode for each text, so that three times as many are tried.
    let mode = ["probe", "stage", "run"][text.len() % 3];
    if let Some(once) = inject_text(text, mode, &["shells"]) {
        let twice = inject_text(&once, mode, &["shells"]);
        assert_eq!(twice.as_deref(), Some(once.as_str()), "{mode}");
    }
});
