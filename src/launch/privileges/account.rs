//! `--user U[:G]`: users and groups of the target's own `/etc/passwd` and `/etc/group` (passwd(5), group(5)).
//!
//! Text that is not an id must not become 0 here, so ids are read strictly. A name beyond [`LIMIT`] is not found, and
//! the error says so.

use nix::unistd::getegid;

use crate::recognise::accounts::{Id, LIMIT, accounts, groups};
use crate::root::Root;
use crate::text::escape::escape;

/// The user that the app runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Home directory; `/` if the database names none.
    pub home: Vec<u8>,
}

/// An account that the databases of the root do not have.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum UnknownAccount {
    /// A user's name.
    #[error("/etc/passwd inside the root does not have the user {}", escape(.0.as_bytes()))]
    User(String),
    /// A group's name.
    #[error("/etc/group inside the root does not have the group {}", escape(.0.as_bytes()))]
    Group(String),
}

impl User {
    /// Parses `U`, `U:` or `U:G`. `U` is a name or a number. Without `G`, the user has its group and all groups that list
    /// it as a member. With `G`, a name or a number, it has only that group. A number that `/etc/passwd` does not have
    /// has, without `G`, the group of this process and no other, as with container runtimes.
    pub fn parse(root: &Root, text: &str) -> Result<Self, UnknownAccount> {
        let (user, given_group) = text.split_once(':').unwrap_or((text, ""));
        let users = root.read(b"/etc/passwd", LIMIT).unwrap_or_default();
        let number = Id(user.as_bytes()).strictly();
        let account = accounts(&users).find(|account| match number {
            Some(_) => account.uid.strictly() == number,
            None => account.name == user.as_bytes(),
        });
        let account = account.as_ref();
        let uid = number.or_else(|| account?.uid.strictly()).ok_or_else(|| UnknownAccount::User(user.to_owned()))?;
        let (gid, groups) = match (given_group, account.and_then(|account| account.gid.strictly())) {
            ("", Some(gid)) => (gid, member_of(root, account.map(|account| account.name).unwrap_or_default(), gid)),
            ("", None) => (getegid().as_raw(), vec![]),
            (name, _) => (group(root, name)?, vec![]),
        };
        let home = account.map(|account| account.home).filter(|home| !home.is_empty()).unwrap_or(b"/").to_vec();
        Ok(Self { uid, gid, groups, home })
    }
}

/// The id of a group, given by name or number.
pub(super) fn group(root: &Root, name: &str) -> Result<u32, UnknownAccount> {
    let text = root.read(b"/etc/group", LIMIT).unwrap_or_default();
    // The first line of that name, as for users: a later one is not taken for it.
    let named = || groups(&text).find(|group| group.name == name.as_bytes()).and_then(|group| group.gid.strictly());
    Id(name.as_bytes()).strictly().or_else(named).ok_or_else(|| UnknownAccount::Group(name.to_owned()))
}

/// The groups other than `own` that list `user`.
fn member_of(root: &Root, user: &[u8], own: u32) -> Vec<u32> {
    let text = root.read(b"/etc/group", LIMIT).unwrap_or_default();
    let listing = groups(&text).filter(|group| group.has_member(user));
    listing.filter_map(|group| group.gid.strictly()).filter(|gid| *gid != own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(passwd: &str, group: &str) -> (tempfile::TempDir, Root) {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("etc")).unwrap();
        std::fs::write(directory.path().join("etc/passwd"), passwd).unwrap();
        std::fs::write(directory.path().join("etc/group"), group).unwrap();
        let root = Root::open(directory.path()).unwrap();
        (directory, root)
    }

    #[test]
    fn names_numbers_and_groups() {
        let (_directory, root) = root(
            "root:x:0:0:root:/root:/bin/sh\nwww:x:33:34:www:/var/www:/bin/false\nbroken:x:\n",
            "www:x:34:\nssl:x:40:other,www\nweb:x:41:www\nmine:x:34:www\ntwice:x:\ntwice:x:42:\n",
        );
        let user = |text: &str| User::parse(&root, text);
        let www = User { uid: 33, gid: 34, groups: vec![40, 41], home: b"/var/www".to_vec() };
        assert_eq!((user("www"), user("33"), user("www:")), (Ok(www.clone()), Ok(www.clone()), Ok(www)));
        let given = User { uid: 33, gid: 40, groups: vec![], home: b"/var/www".to_vec() };
        assert_eq!((user("www:ssl"), user("33:40")), (Ok(given.clone()), Ok(given)));
        let unknown = User { uid: 65532, gid: 65532, groups: vec![], home: b"/".to_vec() };
        assert_eq!(user("65532:65532"), Ok(unknown.clone()));
        let own = User { gid: getegid().as_raw(), ..unknown };
        assert_eq!((user("65532"), user("65532:")), (Ok(own.clone()), Ok(own)));
        for (text, says) in [
            ("nobody", "the user nobody"),
            ("www:nogroup", "the group nogroup"),
            ("www:twice", "the group twice"),
            ("broken", "the user broken"),
            ("4294967295:1", "the user 4294967295"),
            ("", "the user "),
        ] {
            let error = user(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
