//! `--user U[:G]`: users and groups of the target's own `/etc/passwd` and `/etc/group` (passwd(5), group(5)).
//!
//! Read strictly, unlike `accounts`, which is to find whoever might log in: what is no id must not become 0 here.

use crate::root::Root;
use crate::text::escape::escape;

/// Larger databases are cut; a name beyond is then not found, and said so.
const LIMIT: u64 = 1024 * 1024;

/// Whom the app runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Home directory; `/` where the database has none.
    pub home: Vec<u8>,
}

impl User {
    /// `U` is a name or number, and brings its group and the groups that list it as a member; `U:G` has the group `G`, a
    /// name or number, and no other. A number that `/etc/passwd` does not have needs its group. Errors are sentences.
    pub fn parse(root: &Root, text: &str) -> Result<Self, String> {
        let (user, given_group) = text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group)));
        let users = root.read(b"/etc/passwd", LIMIT).unwrap_or_default();
        let number = id(user.as_bytes());
        let entry = lines(&users).find(|fields| match number {
            Some(uid) => fields.get(2).copied().and_then(id) == Some(uid),
            None => fields.first() == Some(&user.as_bytes()),
        });
        let field = |index: usize| entry.as_ref().and_then(|fields| fields.get(index).copied());
        let Some(uid) = number.or_else(|| field(2).and_then(id)) else {
            return Err(format!("/etc/passwd inside the root does not have the user {}", escape(user.as_bytes())));
        };
        let own_group = field(3).and_then(id);
        let (gid, groups) = match (given_group, own_group) {
            (Some(name), _) => (group(root, name)?, vec![]),
            (None, Some(gid)) => (gid, member_of(root, field(0).unwrap_or_default(), gid)),
            (None, None) => {
                return Err(format!(
                    "/etc/passwd inside the root does not have uid {uid}: give its group, too, as in {uid}:{uid}"
                ));
            }
        };
        Ok(Self { uid, gid, groups, home: field(5).filter(|home| !home.is_empty()).unwrap_or(b"/").to_vec() })
    }
}

/// The id of a group, given by name or number.
pub(super) fn group(root: &Root, name: &str) -> Result<u32, String> {
    if let Some(gid) = id(name.as_bytes()) {
        return Ok(gid);
    }
    let groups = root.read(b"/etc/group", LIMIT).unwrap_or_default();
    let found = lines(&groups).find(|fields| fields.first() == Some(&name.as_bytes()));
    found
        .and_then(|fields| fields.get(2).copied().and_then(id))
        .ok_or_else(|| format!("/etc/group inside the root does not have the group {}", escape(name.as_bytes())))
}

/// The groups but `own` whose fourth field lists `user`.
fn member_of(root: &Root, user: &[u8], own: u32) -> Vec<u32> {
    let groups = root.read(b"/etc/group", LIMIT).unwrap_or_default();
    let member = |fields: &Vec<&[u8]>| {
        fields.get(3).is_some_and(|members| members.split(|&byte| byte == b',').any(|member| member == user))
    };
    let mut ids: Vec<u32> =
        lines(&groups).filter(member).filter_map(|fields| fields.get(2).copied().and_then(id)).collect();
    ids.retain(|id| *id != own);
    ids
}

fn lines(text: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    text.split(|&byte| byte == b'\n').map(|line| line.split(|&byte| byte == b':').collect())
}

/// A decimal id; 4294967295 means "no change" to the kernel and is none.
fn id(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse().ok().filter(|id| *id < u32::MAX)
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
            "www:x:34:\nssl:x:40:other,www\nweb:x:41:www\nmine:x:34:www\n",
        );
        let user = |text: &str| User::parse(&root, text);
        let www = User { uid: 33, gid: 34, groups: vec![40, 41], home: b"/var/www".to_vec() };
        assert_eq!((user("www"), user("33")), (Ok(www.clone()), Ok(www)));
        let given = User { uid: 33, gid: 40, groups: vec![], home: b"/var/www".to_vec() };
        assert_eq!((user("www:ssl"), user("33:40")), (Ok(given.clone()), Ok(given)));
        let unknown = User { uid: 65532, gid: 65532, groups: vec![], home: b"/".to_vec() };
        assert_eq!(user("65532:65532"), Ok(unknown));
        for (text, says) in [
            ("nobody", "the user nobody"),
            ("65532", "65532:65532"),
            ("www:nogroup", "the group nogroup"),
            ("broken", "the user broken"),
            ("4294967295:1", "the user 4294967295"),
            ("www:", "the group "),
            ("", "the user "),
        ] {
            let error = user(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
