//! Any bytes are entries of passwd(5) and shadow(5); each names a part of its own line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lithify::recognise::accounts::{accounts, passwords, without_password};

fuzz_target!(|text: &[u8]| {
    let open = without_password(text);
    for account in accounts(text) {
        let line = &text[account.line.clone()];
        assert!(!line.contains(&b'\n') && line.ends_with(account.shell));
        assert!(line.trim_ascii_start().starts_with(account.name));
        account.login_shell();
        account.has_empty_password(&open);
    }
    assert_eq!(accounts(text).count(), passwords(text).count());
});
