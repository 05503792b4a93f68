//! `/proc/PID/mountinfo` (`proc_pid_mountinfo(5)`): parsing, and which mount covers a path.

use std::collections::HashMap;

use nix::errno::Errno;

use super::Task;

/// One mount: one line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Mount id, as in `statx(2)` and `fdinfo`.
    pub id: u64,
    /// Id of the mount that this one is mounted on.
    pub parent: u64,
    /// `major:minor` of the filesystem.
    pub device: Vec<u8>,
    /// The directory of the filesystem that is the root of this mount.
    pub root: Vec<u8>,
    /// The mount point, as a path below the root of the process that the file belongs to.
    pub point: Vec<u8>,
    /// The per-mount options. These say whether the mount is read-only; the filesystem's options do not.
    pub options: Vec<u8>,
    /// Whether it is in a group of mounts that tell each other what is mounted below them (`shared:N`).
    pub is_shared: bool,
    /// Filesystem type.
    pub filesystem: Vec<u8>,
    /// Device or other source. It may be empty.
    pub source: Vec<u8>,
    /// The options of the filesystem, such as the controllers of a hierarchy of control groups.
    pub filesystem_options: Vec<u8>,
}

impl Mount {
    /// Whether `option` is among the per-mount options.
    pub fn has(&self, option: &str) -> bool {
        has(&self.options, option)
    }

    /// Whether `option` is among the options of the filesystem.
    pub fn filesystem_has(&self, option: &str) -> bool {
        has(&self.filesystem_options, option)
    }

    /// Whether this mount is read-only by its own options.
    pub fn is_read_only(&self) -> bool {
        self.has("ro")
    }
}

fn has(options: &[u8], option: &str) -> bool {
    options.split(|&byte| byte == b',').any(|known| known == option.as_bytes())
}

/// Why the mounts are unknown.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum MountinfoError {
    /// The file cannot be read.
    #[error("/proc/{task}/mountinfo cannot be read: {}; mount proc on /proc", std::io::Error::from(*.errno))]
    Unreadable {
        /// Whose file.
        task: Task,
        /// The kernel's reason.
        errno: Errno,
    },
    /// It lists mounts, but not that of the root: this process is in a directory that is no mount point (`chroot(2)`).
    #[error("mountinfo does not list the mount of the root, as after a chroot")]
    NoRoot,
    /// This line, counted from 1, is not in the format.
    #[error("line {0} of mountinfo is not in the format of proc_pid_mountinfo(5)")]
    Format(usize),
}

/// All mounts of one mount namespace that a process can see.
#[derive(Debug, Default)]
pub struct Mounts {
    mounts: Vec<Mount>,
    by_id: HashMap<u64, usize>,
    /// The mount on top, by (parent, point).
    on: HashMap<(u64, Vec<u8>), usize>,
}

impl Mounts {
    /// Parses the whole file.
    pub fn parse(text: &[u8]) -> Result<Self, MountinfoError> {
        let mut mounts = Self::default();
        for (number, line) in text.split(|&byte| byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            let mount = parse_line(line).ok_or(MountinfoError::Format(number + 1))?;
            let index = mounts.mounts.len();
            mounts.by_id.insert(mount.id, index);
            mounts.on.insert((mount.parent, mount.point.clone()), index);
            mounts.mounts.push(mount);
        }
        Ok(mounts)
    }

    /// Every mount, hidden ones too, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Mount> {
        self.mounts.iter()
    }

    /// The mount with this id.
    pub fn by_id(&self, id: u64) -> Option<&Mount> {
        self.mounts.get(*self.by_id.get(&id)?)
    }

    /// The mount that a canonical absolute path is on. `None` if the list does not reach up to `/`, such as after a
    /// `chroot(2)` into a directory that is not a mount point.
    pub fn covering(&self, path: &[u8]) -> Option<&Mount> {
        // The parent of the root's own mount is outside what the process can see.
        let base = self.mounts.iter().find(|mount| mount.point == b"/" && !self.has_listed_parent(mount))?;
        let mut current = self.top(base, b"/");
        let mut end = 0;
        for component in path.split(|&byte| byte == b'/').filter(|part| !part.is_empty()) {
            end = position_after(path, component, end);
            let prefix = path.get(..end)?;
            if let Some(index) = self.on.get(&(current.id, prefix.to_vec())) {
                current = self.top(self.mounts.get(*index)?, prefix);
            }
        }
        Some(current)
    }

    /// The visible mounts: those that no other mount hides.
    pub fn visible(&self) -> impl Iterator<Item = &Mount> {
        self.mounts.iter().filter(|mount| self.covering(&mount.point).is_some_and(|top| top.id == mount.id))
    }

    fn has_listed_parent(&self, mount: &Mount) -> bool {
        mount.parent != mount.id && self.by_id.contains_key(&mount.parent)
    }

    /// Several mounts can be stacked on one point. Only the last one is visible.
    fn top<'a>(&'a self, mount: &'a Mount, point: &[u8]) -> &'a Mount {
        let mut top = mount;
        // The loop is bounded, because a forged file could say that mounts are stacked in a circle.
        for _ in 0..self.mounts.len() {
            match self.on.get(&(top.id, point.to_vec())).and_then(|index| self.mounts.get(*index)) {
                Some(above) if above.id != top.id => top = above,
                _ => break,
            }
        }
        top
    }
}

fn position_after(path: &[u8], component: &[u8], from: usize) -> usize {
    let mut start = from;
    while path.get(start) == Some(&b'/') {
        start += 1;
    }
    start + component.len()
}

/// Exactly one space separates two fields. Any number of optional fields stand between the options and ` - `. The
/// source after the filesystem type may be empty.
fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|&byte| byte == b' ');
    let id = number(fields.next()?)?;
    let parent = number(fields.next()?)?;
    let device = fields.next()?.to_vec();
    let root = unescape(fields.next()?);
    let point = unescape(fields.next()?);
    let options = fields.next()?.to_vec();
    let mut is_shared = false;
    fields.by_ref().find(|field| {
        is_shared |= field.starts_with(b"shared:");
        *field == b"-"
    })?;
    let filesystem = unescape(fields.next()?);
    let source = unescape(fields.next().unwrap_or_default());
    let filesystem_options = fields.next().unwrap_or_default().to_vec();
    if point.first() != Some(&b'/') || filesystem.is_empty() || options.is_empty() {
        return None;
    }
    Some(Mount { id, parent, device, root, point, options, is_shared, filesystem, source, filesystem_options })
}

fn number(field: &[u8]) -> Option<u64> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// The kernel writes space, tab, newline, backslash and `#` as three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        if let (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..]) = (first, after) {
            out.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
            rest = tail;
        } else {
            out.push(first);
            rest = after;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_only(mounts: &Mounts, path: &str) -> bool {
        mounts.covering(path.as_bytes()).unwrap().is_read_only()
    }

    #[test]
    fn the_mounts_options_count_not_the_filesystems() {
        let text = b"217 141 0:80 / / ro,relatime - overlay overlay rw,lowerdir=/l\n219 217 0:83 / /tmp rw,nosuid - tmpfs tmpfs rw\n";
        let mounts = Mounts::parse(text).unwrap();
        assert!(read_only(&mounts, "/"));
        assert!(read_only(&mounts, "/usr/bin"));
        assert!(!read_only(&mounts, "/tmp/a/b"));
        assert!(read_only(&mounts, "/tmpx"));
        assert!(mounts.by_id(219).unwrap().has("nosuid"));
    }

    #[test]
    fn escapes_optional_fields_and_empty_source() {
        let text = b"1 0 8:1 / / rw shared:1 master:2 propagate_from:3 - ext4 /dev/sda1 rw\n2 1 0:9 /a\\040b\\134 /c\\011d\\012e rw - tmpfs  rw\n";
        let mounts = Mounts::parse(text).unwrap();
        let mount = mounts.by_id(2).unwrap();
        assert_eq!(mount.root, b"/a b\\");
        assert_eq!(mount.point, b"/c\td\ne");
        assert_eq!(mount.source, b"");
        let first = mounts.by_id(1).unwrap();
        assert_eq!((first.filesystem.as_slice(), first.is_shared, mount.is_shared), (b"ext4".as_slice(), true, false));
        assert!(mount.filesystem_has("rw") && !mount.filesystem_has("ro"));
    }

    #[test]
    fn stacked_and_hidden_mounts() {
        let text = b"1 0 0:1 / / rw - overlay o rw\n2 1 0:2 / /a rw - tmpfs t rw\n3 2 0:3 / /a/b ro - tmpfs t rw\n4 2 0:4 / /a ro - tmpfs t rw\n5 1 0:5 / / ro - overlay o rw\n";
        let mounts = Mounts::parse(text).unwrap();
        // 5 is stacked on the root and hides everything that was mounted before.
        assert_eq!(mounts.covering(b"/a/b").unwrap().id, 5);
        let visible: Vec<u64> = mounts.visible().map(|mount| mount.id).collect();
        assert_eq!(visible, [5]);
        let without_top = Mounts::parse(text.get(..text.len() - 34).unwrap()).unwrap();
        assert_eq!(without_top.covering(b"/a/b").unwrap().id, 4, "4 is stacked over 2 and hides 3");
    }

    #[test]
    fn bad_lines_are_named() {
        assert_eq!(Mounts::parse(b"1 0 0:1 / / rw - overlay o rw\nnonsense\n").unwrap_err(), MountinfoError::Format(2));
        assert_eq!(Mounts::parse(b"1 0 0:1 / / rw\n").unwrap_err(), MountinfoError::Format(1));
        assert!(Mounts::parse(b"").unwrap().covering(b"/").is_none());
    }

    #[test]
    fn ten_thousand_lines() {
        let mut text = String::from("1 0 0:1 / / ro - overlay o rw\n");
        for i in 2..10_002 {
            use std::fmt::Write;
            writeln!(text, "{i} 1 0:{i} / /m\\040{i} rw,noexec shared:{i} - tmpfs  rw").unwrap();
        }
        let mounts = Mounts::parse(text.as_bytes()).unwrap();
        assert_eq!(mounts.visible().count(), 10_001);
        assert_eq!(mounts.covering(b"/m 5000/x").unwrap().id, 5000);
    }

    proptest! {
        #[test]
        fn never_panics(text: Vec<u8>, path: Vec<u8>) {
            if let Ok(mounts) = Mounts::parse(&text) {
                mounts.covering(&path);
            }
        }

        #[test]
        fn circles_end(ids in proptest::collection::vec((0u64..4, 0u64..4), 0..8)) {
            let lines: Vec<String> =
                ids.iter().map(|(id, parent)| format!("{id} {parent} 0:1 / / rw - tmpfs t rw")).collect();
            let text = lines.join("\n");
            let mounts = Mounts::parse(text.as_bytes()).unwrap();
            mounts.covering(b"/a");
        }

        #[test]
        fn escaped_points_come_back(point in "/[ -~\t\n]{0,20}") {
            let escaped: String = point.bytes().map(|b| match b {
                b' ' | b'\t' | b'\n' | b'\\' => format!("\\{b:03o}"),
                b => char::from(b).to_string(),
            }).collect();
            let mounts = Mounts::parse(format!("7 1 0:1 / {escaped} rw - tmpfs t rw\n").as_bytes()).unwrap();
            prop_assert_eq!(&mounts.by_id(7).unwrap().point, point.as_bytes());
        }
    }
}
