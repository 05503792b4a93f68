//! harden's mark, `/.lithify`: which files lithify itself changed or made after the container's start, so that nobody
//! takes them for drift. One line for each: when the kernel says that it was last changed, its inode, and its path. A
//! file that somebody changes later has another time, which no program can set. So a line excuses one change and none
//! that follows.

use std::collections::HashSet;
use std::ffi::CStr;
use std::fmt::Write;
use std::io::Read;
use std::os::fd::AsFd;

use nix::errno::Errno;

use crate::linux::error::errno;
use crate::linux::time::Time;
use crate::root::{Canonical, Kind, Root, RootError, Stat, details_of, os};

/// Its name in the root directory.
const NAME: &CStr = c".lithify";

/// Where it is.
pub const PATH: &[u8] = b"/.lithify";

/// The greatest size of a mark, in bytes: enough for some ten thousand files.
const MOST: u64 = 1024 * 1024;

/// The lines of a mark.
#[derive(Debug, Default)]
pub struct Mark {
    lines: HashSet<Vec<u8>>,
    /// When it was last written.
    written: Time,
}

/// Why a file at [`PATH`] is no mark, so that it excuses nothing.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// It cannot be looked at.
    #[error(transparent)]
    Unreadable(#[from] RootError),
    /// It is a link, a directory or a special file.
    #[error("it is a {0}, not a file")]
    Kind(&'static str),
    /// Somebody else than root and the owner of the root directory owns it.
    #[error("it belongs to uid {0}")]
    Owner(u32),
    /// It has another mode than a mark.
    #[error("its mode is {0:04o}, not 0644")]
    Mode(u32),
    /// It has other names, too.
    #[error("it has {0} names")]
    Names(u32),
    /// It has file capabilities.
    #[error("it has file capabilities")]
    Capabilities,
    /// It is larger than any mark.
    #[error("it is larger than 1 MiB")]
    Large,
    /// This line, counted from 1, is none of a mark.
    #[error("line {0} is not as lithify writes it")]
    Line(usize),
}

impl Mark {
    /// The mark of `root`; an empty one if there is none. Fails if a file is there that is no mark: only root, or who
    /// owns the root directory, can make one.
    pub fn read(root: &Root) -> Result<Self, MarkError> {
        let directory = root.directory(&Canonical::default())?;
        let stat = match directory.stat(NAME) {
            Err(error) if error.errno() == Errno::ENOENT => return Ok(Self::default()),
            stat => stat?,
        };
        if stat.kind != Kind::File {
            return Err(MarkError::Kind(stat.kind.name()));
        }
        let file = directory.file(NAME)?;
        let details = details_of(file.as_fd(), c"", PATH)?;
        accept(root, &details.stat)?;
        if !directory.capabilities(NAME, &file)?.is_empty() {
            return Err(MarkError::Capabilities);
        }
        let mut text = Vec::new();
        file.take(MOST + 1).read_to_end(&mut text).map_err(|error| os("read", PATH)(errno(&error)))?;
        if text.len() as u64 > MOST {
            return Err(MarkError::Large);
        }
        Ok(Self { written: details.changed, ..Self::parse(&text)? })
    }

    fn parse(text: &[u8]) -> Result<Self, MarkError> {
        let mut lines = HashSet::new();
        for (number, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
            match line.strip_suffix(b"\n").filter(|line| is_line(line)) {
                Some(line) => lines.insert(line.to_vec()),
                None => return Err(MarkError::Line(number + 1)),
            };
        }
        Ok(Self { lines, written: Time::default() })
    }

    /// Adds a line.
    pub(super) fn add(&mut self, path: &[u8], changed: Time, inode: u64) {
        self.lines.insert(line(path, changed, inode).into_bytes());
    }

    /// Whether there is none, or it says nothing.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether lithify wrote it, and before this time.
    pub fn is_older_than(&self, time: Time) -> bool {
        !self.is_empty() && self.written < time
    }

    /// Whether lithify was the last to change the file at `path`.
    pub fn holds(&self, path: &[u8], changed: Time, inode: u64) -> bool {
        !self.lines.is_empty() && self.lines.contains(line(path, changed, inode).as_bytes())
    }
}

/// Whether the file may be a mark: nobody but root and the owner of the root directory can have made or changed it.
fn accept(root: &Root, stat: &Stat) -> Result<(), MarkError> {
    if stat.kind != Kind::File {
        return Err(MarkError::Kind(stat.kind.name()));
    }
    if stat.uid != 0 && stat.uid != root.stat().uid {
        return Err(MarkError::Owner(stat.uid));
    }
    if stat.mode & 0o7777 != 0o644 {
        return Err(MarkError::Mode(stat.mode & 0o7777));
    }
    if stat.nlink != 1 {
        return Err(MarkError::Names(stat.nlink));
    }
    Ok(())
}

/// Appends lines to the mark of `root`, or makes it. Fails with `EEXIST` if the file there is no mark, and with `EFBIG` if
/// it would get too large for one.
pub fn append(root: &Root, lines: &[u8]) -> Result<(), RootError> {
    match Mark::read(root) {
        Err(MarkError::Unreadable(error)) => return Err(error),
        Err(_) => return Err(os("append", PATH)(Errno::EEXIST)),
        Ok(_) => {}
    }
    root.directory(&Canonical::default())?.append(NAME, lines, &|stat| {
        if accept(root, stat).is_err() {
            return Err(Errno::EEXIST);
        }
        if stat.size + lines.len() as u64 > MOST { Err(Errno::EFBIG) } else { Ok(()) }
    })
}

/// The line for the file at `path`, without its line feed. A shell that reads it finds no command: bytes other than
/// letters, digits and [`PLAIN`] become `\ooo`.
pub fn line(path: &[u8], changed: Time, inode: u64) -> String {
    let mut line = format!("{}.{:09} {inode} ", changed.seconds, changed.nanoseconds);
    for &byte in path {
        if is_plain(byte) {
            line.push(char::from(byte));
        } else {
            let _ = write!(line, "\\{byte:03o}");
        }
    }
    line
}

/// What stands for itself in a path.
const PLAIN: &[u8] = b"/._-+:,@%=";

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || PLAIN.contains(&byte)
}

/// Whether [`line`] may have written this path.
fn is_path(path: &[u8]) -> bool {
    let mut rest = path.strip_prefix(b"/");
    while let Some([byte, after @ ..]) = rest {
        rest = match after {
            _ if is_plain(*byte) => Some(after),
            [b'0'..=b'3', b'0'..=b'7', b'0'..=b'7', after @ ..] if *byte == b'\\' => Some(after),
            _ => None,
        };
    }
    rest.is_some()
}

/// Whether [`line`] may have written this.
fn is_line(line: &[u8]) -> bool {
    let mut fields = line.splitn(3, |&byte| byte == b' ');
    let mut next = || fields.next().unwrap_or_default();
    let (time, inode, path) = (next(), next(), next());
    let is_number = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let time = time.strip_prefix(b"-").unwrap_or(time);
    let point = time.len().saturating_sub(10);
    let (seconds, nanoseconds) = time.split_at_checked(point).unwrap_or_default();
    is_number(seconds) && nanoseconds.strip_prefix(b".").is_some_and(is_number) && is_number(inode) && is_path(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_line_excuses_one_state_of_one_file() {
        let changed = Time { seconds: 1_700_000_000, nanoseconds: 7 };
        let mark = Mark::parse(b"1700000000.000000007 42 /usr/bin/a\\040b\n").unwrap();
        assert!(mark.holds(b"/usr/bin/a b", changed, 42));
        assert!(!mark.holds(b"/usr/bin/a", changed, 42));
        assert!(!mark.holds(b"/usr/bin/a b", changed, 43));
        assert!(!mark.holds(b"/usr/bin/a b", Time { nanoseconds: 8, ..changed }, 42));
        assert!(!Mark::default().holds(b"/usr/bin/a b", changed, 42));
    }

    #[test]
    fn what_is_no_mark_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let (path, root) = (directory.path().join(".lithify"), || Root::open(directory.path()).unwrap());
        let why = || Mark::read(&root()).map(|_| ()).unwrap_err().to_string();
        assert!(Mark::read(&root()).unwrap().is_empty(), "none is there");
        for (text, line) in [
            ("1.000000001 2 /x\nrubbish\n", 2),
            ("1.000000001 2 /x", 1),
            ("1.1 2 /x\n", 1),
            ("\n", 1),
            ("1.000000001 2 /x; ls\n", 1),
            ("1.000000001 2 /x\\40\n", 1),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(why(), format!("line {line} is not as lithify writes it"), "{text:?}");
            // A file of the image's own stays as it is.
            assert_eq!(append(&root(), b"1.000000001 2 /y\n").unwrap_err().errno(), Errno::EEXIST);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o664)).unwrap();
        assert_eq!(why(), "its mode is 0664, not 0644");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o4755)).unwrap();
        assert_eq!(why(), "its mode is 4755, not 0644");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        std::fs::hard_link(&path, directory.path().join("other")).unwrap();
        assert_eq!(why(), "it has 2 names");
        assert_eq!(append(&root(), b"x\n").unwrap_err().errno(), Errno::EEXIST);
        std::fs::remove_file(directory.path().join("other")).unwrap();
        std::fs::write(&path, vec![b'\n'; 1024 * 1024 + 1]).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(why(), "it is larger than 1 MiB");
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert_eq!(why(), "it is a symlink, not a file");
    }

    proptest! {
        #[test]
        fn every_line_is_read_again(path: Vec<u8>, seconds: i64, nanoseconds in 0u32..1_000_000_000, ino: u64) {
            let path = [b"/".as_slice(), &path].concat();
            let changed = Time { seconds, nanoseconds };
            let mark = Mark::parse(format!("{}\n", line(&path, changed, ino)).as_bytes()).unwrap();
            prop_assert!(mark.holds(&path, changed, ino));
        }

        #[test]
        fn any_text_is_taken(text: Vec<u8>) {
            let _ = Mark::parse(&text);
        }
    }
}
