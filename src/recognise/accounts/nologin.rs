//! passwd(5) without login shells: the text with other shells, and everything else unchanged.

use super::{Account, accounts};

/// The accounts whose login gets a shell.
pub fn with_login_shell(text: &[u8]) -> impl Iterator<Item = Account<'_>> {
    accounts(text).filter(|account| account.login_shell().is_some())
}

/// `text` with `shell` as the shell of every account that has a login shell. Missing fields become empty fields.
pub fn without_login_shells(text: &[u8], shell: &str) -> Vec<u8> {
    const FIELDS_BEFORE: usize = 6;
    let mut new = Vec::with_capacity(text.len());
    let mut copied = 0;
    for account in with_login_shell(text) {
        let line = text.get(account.line.clone()).unwrap_or_default();
        let kept = line.len() - account.shell.len();
        new.extend_from_slice(text.get(copied..account.line.start + kept).unwrap_or_default());
        let colons = line.get(..kept).unwrap_or_default().iter().filter(|&&byte| byte == b':').count();
        new.resize(new.len() + FIELDS_BEFORE.saturating_sub(colons), b':');
        new.extend_from_slice(shell.as_bytes());
        copied = account.line.end;
    }
    new.extend_from_slice(text.get(copied..).unwrap_or_default());
    new
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_shells_change() {
        let before =
            b"# x\nroot:x:0:0:root:/root:/bin/bash\nwww:x:33:33::/:/usr/sbin/nologin\nold:x:1:1::/:\nshort:x:7\n";
        let after =
            "# x\nroot:x:0:0:root:/root:/n\nwww:x:33:33::/:/usr/sbin/nologin\nold:x:1:1::/:/n\nshort:x:7::::/n\n";
        assert_eq!(String::from_utf8(without_login_shells(before, "/n")).unwrap(), after);
        assert_eq!(without_login_shells(b"a:x:1:1::/:/bin/sh", "/n"), b"a:x:1:1::/:/n");
    }

    proptest! {
        #[test]
        fn nobody_has_a_login_shell_and_nobody_else_changes(text in "([ a-z#:0-9/]{0,9}(\n|:)){0,30}") {
            let new = without_login_shells(text.as_bytes(), "/usr/sbin/nologin");
            prop_assert_eq!(with_login_shell(&new).count(), 0);
            prop_assert_eq!(&without_login_shells(&new, "/usr/sbin/nologin"), &new);
            let who = |text: &[u8]| accounts(text).map(|a| (a.name.to_vec(), a.uid.0.to_vec(), a.home.to_vec())).collect::<Vec<_>>();
            prop_assert_eq!(who(&new), who(text.as_bytes()));
            prop_assert_eq!(new.iter().filter(|&&byte| byte == b'\n').count(), text.matches('\n').count());
        }
    }
}
