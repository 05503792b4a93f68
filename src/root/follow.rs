//! Where a symbolic link leads, found with little work, because most links lead to a file without another link on the
//! way.

use std::ffi::CStr;

use nix::errno::Errno;

use super::{Canonical, Directory, Kind, Root, RootError, Stat, c_name, os};

/// Where a link leads.
pub struct Followed {
    /// What is known of the file there.
    pub target: Stat,
    /// The path of that file, if no other link is on the way.
    pub direct: Option<Canonical>,
}

impl Root {
    /// Follows the link `name` in `directory` to the file that it leads to.
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
        let target = self.resolve(&directory.join(name))?;
        Ok(Followed { target, direct: None })
    }
}

/// The path to which a link with this text in `directory` leads, if no other link is on the way. `None` if the text
/// cannot tell that: `..` follows a name, which may be a link, or the target must be a directory.
fn direct(directory: &Canonical, text: &[u8]) -> Option<Canonical> {
    let mut path = if text.first() == Some(&b'/') { Canonical::default() } else { directory.clone() };
    let mut named = false;
    for part in text.split(|&byte| byte == b'/') {
        named = match part {
            b"" | b"." => continue,
            b".." if named => return None,
            b".." => {
                path = path.parent().unwrap_or_default();
                false
            }
            _ => {
                path.push(part);
                true
            }
        }
    }
    (named && !text.ends_with(b"/") && !text.ends_with(b"/.")).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::path::canonical;

    #[test]
    fn what_the_text_alone_tells() {
        let tells =
            |directory: &str, text: &str| direct(&canonical(directory), text.as_bytes()).map(|path| path.to_string());
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
