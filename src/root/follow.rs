//! Where a symbolic link leads, with as little work as that takes: most lead to a file without another link on the way.

use std::ffi::CStr;

use nix::errno::Errno;

use super::{Directory, Kind, Root, RootError, Stat, c_name, join, os};

/// Where a link leads.
pub struct Followed {
    /// What is there.
    pub target: Stat,
    /// The canonical path of that, where no other link is on the way.
    pub direct: Option<Vec<u8>>,
}

impl Root {
    /// Follows the link `name` in `directory`.
    pub fn follow(&self, directory: &Directory, name: &CStr) -> Result<Followed, RootError> {
        let text = directory.read_link(name)?;
        if let Some(direct) = direct(directory.path(), &text) {
            let stat = if text.contains(&b'/') {
                self.stat_at(&direct)
            } else {
                directory.stat(&c_name(&text).map_err(os("statx", &direct))?)
            };
            match stat {
                Ok(target) if target.kind != Kind::Symlink => return Ok(Followed { target, direct: Some(direct) }),
                Err(error) if error.errno() != Errno::ELOOP => return Err(error),
                // Another link.
                _ => {}
            }
        }
        let target = self.resolve(&join(directory.path(), name.to_bytes()))?;
        Ok(Followed { target, direct: None })
    }
}

/// The canonical path that a link with this text in `directory` (canonical) leads to, if no other link is on the way.
/// `None` where that cannot be told from the text: `..` after a name, which may be a link, and what must be a directory.
fn direct(directory: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    let mut path = if text.first() == Some(&b'/') || directory == b"/" { Vec::new() } else { directory.to_vec() };
    let mut named = false;
    for part in text.split(|&byte| byte == b'/') {
        named = match part {
            b"" | b"." => continue,
            b".." if named => return None,
            b".." => {
                path.truncate(path.iter().rposition(|&byte| byte == b'/').unwrap_or(0));
                false
            }
            _ => {
                path.push(b'/');
                path.extend_from_slice(part);
                true
            }
        }
    }
    (named && !text.ends_with(b"/") && !text.ends_with(b"/.")).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_text_alone_tells() {
        let tells = |directory: &str, text: &str| {
            direct(directory.as_bytes(), text.as_bytes()).map(|path| String::from_utf8(path).unwrap())
        };
        for (directory, text, path) in [
            ("/usr/bin", "dash", "/usr/bin/dash"),
            ("/usr/bin", "./dash", "/usr/bin/dash"),
            ("/usr/bin", "../sbin//x", "/usr/sbin/x"),
            ("/usr/bin", "../../../../x", "/x"),
            ("/usr/bin", "/etc/alternatives/awk", "/etc/alternatives/awk"),
            ("/usr/bin", "/../a/./b", "/a/b"),
            ("/", "usr/bin", "/usr/bin"),
            ("/", "../x", "/x"),
        ] {
            assert_eq!(tells(directory, text).as_deref(), Some(path), "{text} in {directory}");
        }
        for text in ["a/../b", "a/", "a/.", "a/..", ".", "..", "/", "../..", ""] {
            assert_eq!(tells("/usr/bin", text), None, "{text}");
        }
    }
}
