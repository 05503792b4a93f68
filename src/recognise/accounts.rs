//! passwd(5), shadow(5) and group(5): which users and groups exist, who may log in, and with what. This module only
//! turns text into entries.
//!
//! musl and glibc differ in what they take for an entry. Here, whatever either of them takes is an entry. Missing
//! fields are empty.

pub mod nologin;

use std::collections::HashSet;
use std::ops::Range;

use crate::root::InRoot;

/// The greatest number of bytes that is read of such a file, enough for 10,000 accounts.
pub const LIMIT: u64 = 1024 * 1024;

/// The id of a user or group, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id<'a>(pub &'a [u8]);

impl Id<'_> {
    /// Reads the id in favour of finding something, as musl's reader does, which accepts any number: an empty id is 0,
    /// and an id that is too large wraps around.
    pub fn loosely(self) -> Option<u32> {
        self.0.trim_ascii().iter().try_fold(0u32, |id, byte| {
            let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
            Some(id.wrapping_mul(10).wrapping_add(digit))
        })
    }

    /// Reads the id in favour of finding nothing: a field that is not an id must not become 0, and 4294967295 means "no
    /// change" to the kernel.
    pub fn strictly(self) -> Option<u32> {
        std::str::from_utf8(self.0).ok()?.parse().ok().filter(|id| *id < u32::MAX)
    }
}

/// One line of passwd(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account<'a> {
    /// Where its line lies in the text, without the newline. The line ends with the shell.
    pub line: Range<usize>,
    /// User name.
    pub name: &'a [u8],
    /// `x` if shadow(5) has the password; empty if there is none at all; else a hash, or a text that no hash can be.
    pub password: &'a [u8],
    /// User id.
    pub uid: Id<'a>,
    /// Group id.
    pub gid: Id<'a>,
    /// Home directory.
    pub home: &'a [u8],
    /// Login shell as written: everything after the sixth colon. See [`Account::login_shell`].
    pub shell: &'a [u8],
}

/// Programs, by file name, that end a login at once, or that do one thing and then end it (sync(8), and what Red Hat
/// and Alpine give to accounts of that name).
const NO_LOGIN: [&[u8]; 9] =
    [b"nologin", b"false", b"true", b"sync", b"halt", b"shutdown", b"poweroff", b"reboot", b"null"];

impl<'a> Account<'a> {
    /// The shell that a login gets: `/bin/sh` if the field is empty (passwd(5)); `None` if the shell lets nobody in,
    /// such as `/usr/sbin/nologin` or `/dev/null`.
    pub fn login_shell(&self) -> Option<&'a [u8]> {
        let shell = self.shell.trim_ascii();
        let name = InRoot(shell).name();
        if shell.is_empty() {
            Some(b"/bin/sh")
        } else if NO_LOGIN.contains(&name) {
            None
        } else {
            Some(shell)
        }
    }

    /// Whether a login asks for no password: the field is empty here, or it is `x` and the field in shadow(5) is empty.
    /// `shadow` is what [`without_password`] says of that file.
    pub fn has_empty_password(&self, shadow: &HashSet<&[u8]>) -> bool {
        match self.password {
            b"" => true,
            b"x" => shadow.contains(self.name),
            _ => false,
        }
    }
}

/// The entries of passwd(5). Empty lines and comments (which glibc's reader knows) are not entries.
pub fn accounts(text: &[u8]) -> impl Iterator<Item = Account<'_>> {
    lines(text).map(|(line, entry)| {
        let mut fields = entry.splitn(7, |&byte| byte == b':');
        let mut next = || fields.next().unwrap_or_default();
        let (name, password, uid, gid, _gecos, home, shell) = (next(), next(), next(), next(), next(), next(), next());
        Account { line, name, password, uid: Id(uid), gid: Id(gid), home, shell }
    })
}

/// One line of group(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    /// Group name.
    pub name: &'a [u8],
    /// Group id.
    pub gid: Id<'a>,
    /// Names of users, separated by commas.
    members: &'a [u8],
}

impl Group<'_> {
    /// Whether the group lists this user.
    pub fn has_member(&self, user: &[u8]) -> bool {
        self.members.split(|&byte| byte == b',').any(|member| member == user)
    }
}

/// The entries of group(5).
pub fn groups(text: &[u8]) -> impl Iterator<Item = Group<'_>> {
    lines(text).map(|(_, entry)| {
        let mut fields = entry.split(|&byte| byte == b':');
        let mut next = || fields.next().unwrap_or_default();
        let (name, _password, gid, members) = (next(), next(), next(), next());
        Group { name, gid: Id(gid), members }
    })
}

/// The id of the user or group named `name`: passwd(5) and group(5) both have it in their third field.
pub fn id_of(text: &[u8], name: &[u8]) -> Option<u32> {
    groups(text).filter(|entry| entry.name == name).find_map(|entry| entry.gid.strictly())
}

/// Name and password field of each entry of shadow(5).
pub fn passwords(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    lines(text).map(|(_, entry)| {
        let mut fields = entry.split(|&byte| byte == b':');
        (fields.next().unwrap_or_default(), fields.next().unwrap_or_default())
    })
}

/// The users to whom shadow(5) gives an empty password.
pub fn without_password(text: &[u8]) -> HashSet<&[u8]> {
    passwords(text).filter(|(_, hash)| hash.is_empty()).map(|(name, _)| name).collect()
}

/// The lines that are an entry, without the blanks before the name. The range is that of the whole line.
fn lines(text: &[u8]) -> impl Iterator<Item = (Range<usize>, &[u8])> {
    let mut start = 0;
    text.split(|&byte| byte == b'\n')
        .map(move |line| {
            let range = start..start + line.len();
            start = range.end + 1;
            (range, line.trim_ascii_start())
        })
        .filter(|(_, entry)| entry.contains(&b':') && !entry.starts_with(b"#"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Name, uid, shell.
    type Entry = (&'static [u8], Option<u32>, Option<&'static [u8]>);

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/bash\n\
        # a:comment:0:0:::\n\
        daemon:*:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
        sync:*:4:65534:sync:/bin:/bin/sync\n\
        \n\
        app::101:101::/home/app:\n\
        \x20toor:!:00:0::/:/bin/sh:c\n\
        short::\n\
        odd:x:z:1:::/dev/null";

    #[test]
    fn who_may_log_in() {
        let shells: Vec<Entry> =
            accounts(PASSWD).map(|account| (account.name, account.uid.loosely(), account.login_shell())).collect();
        let expected: Vec<Entry> = vec![
            (b"root", Some(0), Some(b"/bin/bash".as_slice())),
            (b"daemon", Some(1), None),
            (b"sync", Some(4), None),
            (b"app", Some(101), Some(b"/bin/sh".as_slice())),
            (b"toor", Some(0), Some(b"/bin/sh:c".as_slice())),
            (b"short", Some(0), Some(b"/bin/sh".as_slice())),
            (b"odd", None, None),
        ];
        assert_eq!(shells, expected);
        let homes: Vec<&[u8]> = accounts(PASSWD).map(|account| account.home).take(2).collect();
        assert_eq!(homes, [b"/root".as_slice(), b"/usr/sbin"]);
    }

    #[test]
    fn a_password_is_empty_only_where_it_is_looked_for() {
        let shadow = b"root::19000:0:99999:7:::\ndaemon:*:1::::::\n";
        let empty = |shadow: &[u8]| -> Vec<Vec<u8>> {
            let shadow = without_password(shadow);
            accounts(PASSWD).filter(|account| account.has_empty_password(&shadow)).map(|a| a.name.to_vec()).collect()
        };
        assert_eq!(empty(shadow), [b"root".to_vec(), b"app".to_vec(), b"short".to_vec()]);
        assert_eq!(empty(b"root:!::"), [b"app".to_vec(), b"short".to_vec()]);
        assert_eq!(empty(b""), [b"app".to_vec(), b"short".to_vec()]);
    }

    #[test]
    fn ids_that_are_root_by_a_detour() {
        let (loosely, strictly) = (|text| Id(text).loosely(), |text| Id(text).strictly());
        assert_eq!([b"0".as_slice(), b"000", b"", b"4294967296"].map(loosely), [Some(0); 4]);
        assert_eq!([b"-1".as_slice(), b"0x", b"a"].map(loosely), [None; 3]);
        assert_eq!(loosely(b" 65534 "), Some(65534));
        assert_eq!([b"".as_slice(), b"4294967296", b"4294967295", b"-1", b" 0"].map(strictly), [None; 5]);
        assert_eq!(strictly(b"65534"), Some(65534));
    }

    #[test]
    fn groups_and_ids_by_name() {
        let text = b"root:x:0:\n#wheel:x:1:app\nwww:x:\nwww:x:33:app,web\n";
        let of_app: Vec<&[u8]> =
            groups(text).filter(|group| group.has_member(b"app")).map(|group| group.name).collect();
        assert_eq!(of_app, [b"www"]);
        assert_eq!((id_of(text, b"www"), id_of(text, b"wheel"), id_of(PASSWD, b"app")), (Some(33), None, Some(101)));
    }

    proptest! {
        #[test]
        fn a_line_ends_with_its_shell_and_begins_with_its_name(text in "([ a-z#:0-9/]{0,9}(\n|:)){0,30}") {
            let text = text.as_bytes();
            let mut end = 0;
            for account in accounts(text) {
                let line = &text[account.line.clone()];
                prop_assert!(account.line.start >= end && !line.contains(&b'\n'));
                prop_assert!(line.ends_with(account.shell));
                prop_assert!(line.trim_ascii_start().starts_with(account.name));
                end = account.line.end;
            }
        }

        #[test]
        fn never_panics(passwd: Vec<u8>, shadow: Vec<u8>) {
            for account in accounts(&passwd) {
                account.login_shell();
                account.has_empty_password(&without_password(&shadow));
            }
        }
    }
}
