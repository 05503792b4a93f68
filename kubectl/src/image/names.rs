//! Names in archives.

use super::error::Fault;

/// The longest name in a directory (`NAME_MAX`).
const LONGEST_NAME: usize = 255;

/// The longest path, without the NUL at its end (`PATH_MAX`).
pub(super) const LONGEST_PATH: usize = 4095;

/// The names of a path in an archive, from the root on; none for the root itself. `absolute` says whether the path may
/// begin with a slash: tools that make layers write that, and runtimes take it as if it were not there.
pub(super) fn names(path: &[u8], absolute: bool) -> Result<Vec<&[u8]>, Fault> {
    let hostile = |what: &str| Err(Fault::Hostile(format!("its name {what}")));
    if path.starts_with(b"/") && !absolute {
        return hostile("is absolute");
    }
    if path.len() > LONGEST_PATH {
        return hostile("is longer than a path can be (4095 bytes)");
    }
    let mut names = Vec::new();
    for name in path.split(|&byte| byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => return hostile("has `..` in it"),
            name if name.contains(&0) => return hostile("has a NUL byte in it"),
            name if name.len() > LONGEST_NAME => return hostile("has a part longer than 255 bytes"),
            name => names.push(name),
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        let read = |path: &[u8], absolute| {
            names(path, absolute).map(|names| String::from_utf8_lossy(&names.join(&b'|')).into_owned())
        };
        for (path, expected) in [("./", ""), ("./a//b/", "a|b"), ("...", "..."), ("a/./..b", "a|..b")] {
            assert_eq!(read(path.as_bytes(), false).unwrap(), expected);
        }
        assert_eq!(read(b"/a", true).unwrap(), "a");
        for (path, reason) in [("/a", "absolute"), ("a/../b", "`..`"), ("..", "`..`"), ("a\0b", "NUL")] {
            match read(path.as_bytes(), false) {
                Err(Fault::Hostile(text)) => assert!(text.contains(reason), "{text}"),
                other => panic!("{path}: {other:?}"),
            }
        }
        assert!(read(&[b'a'; 256], true).is_err());
        assert!(read(&b"a/".repeat(2048), true).is_err());
    }
}
