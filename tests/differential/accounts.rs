//! `recognise::accounts` against glibc, which reads the same file in a mount namespace of its own.

use std::fs;
use std::process::Command;

use lithify::recognise::accounts::accounts;

/// What getent(1) prints of the entries of a passwd(5): glibc's own reader, from the file alone.
fn theirs(passwd: &str) -> Vec<String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), passwd).unwrap();
    let script = "mount --bind \"$1\" /etc/passwd && exec getent -s files passwd";
    let printed = Command::new("unshare").args(["-m", "sh", "-c", script, "sh"]).arg(file.path()).output().unwrap();
    assert!(printed.status.success(), "{printed:?}");
    String::from_utf8(printed.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Lithify finds an entry where either of glibc and musl does. So each entry of glibc is there, in its order; that there
/// may be more is meant.
#[test]
fn every_entry_of_glibc_is_there() {
    let mut passwd =
        String::from("root:x:0:0:root:/root:/bin/bash\n\n# a:comment:0:0:::\n  # b:comment:0:0::/:/bin/sh\nno entry\n");
    for name in ["app", " blank", "a b", "\u{e9}", "1", "", "with#hash"] {
        for password in ["x", "", "!", "*"] {
            // Not what is larger than any uid: that is the largest to glibc, and wraps around to musl and here.
            for uid in ["0", "1000", "007", " 7", "4294967295", "", "z", "7z"] {
                for rest in [
                    ":100:gecos:/home:/bin/sh",
                    ":100:::",
                    ":100",
                    "",
                    ":z::/:/bin/sh",
                    ":1:g:/h:/bin/a:b",
                    ":1:::/bin/sh ",
                ] {
                    passwd += &format!("{name}:{password}:{uid}{rest}\n");
                }
            }
        }
    }
    passwd += "last:x:5:5::/:/bin/last";
    let expected = theirs(&passwd);
    assert!(expected.len() > 300 && expected.last().unwrap().starts_with("last:"), "{}", expected.len());
    let mut ours = accounts(passwd.as_bytes());
    for entry in &expected {
        let fields: Vec<&[u8]> = entry.splitn(7, ':').map(str::as_bytes).collect();
        let [name, password, uid, _, _, home, shell] = fields[..] else { panic!("{entry}") };
        let same = ours.any(|account| {
            let seen = (account.name, account.password, account.home, account.shell);
            seen == (name, password, home, shell)
                && account.uid.loosely().is_some_and(|id| id.to_string().as_bytes() == uid)
        });
        assert!(same, "not found: {entry}");
    }
    // What nobody takes for an entry is none here either.
    let names: Vec<_> = accounts(passwd.as_bytes()).map(|account| account.name).collect();
    assert!(!names.iter().any(|name| name.starts_with(b"#") || *name == b"no entry"));
}
