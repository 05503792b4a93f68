//! `/proc/PID/maps` (`proc_pid_maps(5)`): which files a process has mapped.

use crate::linux::identity::Identity;

/// A file that a process has mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The file, as the kernel identifies it.
    pub id: Identity,
    /// Its path, as seen from the process's root; `None` if the file was deleted.
    pub path: Option<Vec<u8>>,
}

/// Every file that the text names, once.
pub fn parse(text: &[u8]) -> Vec<Mapping> {
    let mut files: Vec<Mapping> = Vec::new();
    for file in text.split(|&byte| byte == b'\n').filter_map(parse_line) {
        if !files.contains(&file) {
            files.push(file);
        }
    }
    files
}

/// Calls `visit` with each file that may be executed and has its path still: how the kernel identifies it, and its path.
pub fn executable(text: &[u8], visit: &mut dyn FnMut(Identity, &[u8])) {
    let may_execute = |line: &&[u8]| {
        let mut fields = line.split(|&byte| byte == b' ');
        fields.nth(1).is_some_and(|rights| rights.contains(&b'x'))
    };
    for line in text.split(|&byte| byte == b'\n').filter(may_execute) {
        if let Some(Mapping { id, path: Some(path) }) = parse_line(line) {
            visit(id, &path);
        }
    }
}

/// One line: addresses, rights, offset, device, inode, and after padding the path. The kernel escapes only line feeds
/// in the path.
fn parse_line(line: &[u8]) -> Option<Mapping> {
    let mut fields = line.splitn(6, |&byte| byte == b' ');
    let mut text = |skip| std::str::from_utf8(fields.nth(skip)?).ok();
    let (major, minor) = text(3)?.split_once(':')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    let dev = nix::sys::stat::makedev(number(major)?, number(minor)?);
    let ino = text(0)?.parse().ok().filter(|&ino| ino != 0)?;
    let path = fields.next()?.trim_ascii_start();
    let there = path.starts_with(b"/") && !path.ends_with(b" (deleted)");
    Some(Mapping { id: Identity { dev, ino }, path: there.then(|| path.to_vec()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::proc::{Task, own_program};
    use proptest::prelude::*;

    #[test]
    fn mappings() {
        let line = b"7f1-7f2 r-xp 00001000 fd:0a 42                         /usr/lib/a b.so.1";
        let id = Identity { dev: nix::sys::stat::makedev(0xfd, 10), ino: 42 };
        assert_eq!(parse_line(line), Some(Mapping { id, path: Some(b"/usr/lib/a b.so.1".to_vec()) }));
        assert_eq!(parse_line(b"7f1-7f2 r-xp 0 fd:0a 42  /x (deleted)"), Some(Mapping { id, path: None }));
        assert_eq!(parse_line(b"7f1-7f2 rw-p 00000000 00:00 0 [heap]"), None);
    }

    #[test]
    fn only_what_may_be_executed() {
        let text = b"7f1-7f2 r-xp 0 fd:0a 42  /usr/lib/a.so\n7f2-7f3 r--p 0 fd:0a 43  /usr/lib/x\n7f1-7f2 r-xp 0 fd:0a 44  /b (deleted)\n";
        let mut seen = Vec::new();
        executable(text, &mut |id, path| seen.push((id.ino, path.to_vec())));
        assert_eq!(seen, [(42, b"/usr/lib/a.so".to_vec())]);
    }

    // qemu-user shows a process's mappings without their files.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn this_program_is_among_what_it_maps() {
        let own = own_program().unwrap();
        assert!(Task::Own.mappings().unwrap().iter().any(|file| file.id == own && file.path.is_some()));
    }

    proptest! {
        #[test]
        fn never_panics(text: Vec<u8>) {
            parse(&text);
            executable(&text, &mut |_, _| {});
        }
    }
}
