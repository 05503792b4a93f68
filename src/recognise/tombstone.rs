//! Tombstones: copies of lithify in place of removed commands (`method = "tombstone"`). A tombstone is this very
//! program with an inscription at its end, so that whoever starts it learns what was removed, by which rule, and what
//! to do instead.
//!
//! All names of one run share one file. A file counts as a tombstone only if it equals this program up to its
//! inscription: a shell with an inscription appended is a shell.

use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::MetadataExt;

use crate::linux::identity::Identity;
use crate::linux::proc::open_own_program;
use crate::recognise::inscription::{self, Kind, is_inscribed};
use crate::root::path::file_name;
use crate::text::escape::escape;

/// Mode of a tombstone: everybody may run it, nobody may change it.
pub const MODE: u32 = 0o555;

/// One removed command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epitaph {
    /// Path inside the root, escaped.
    pub path: String,
    /// The profile that asked for it.
    pub profile: String,
    /// The rule, such as `names "sh"`.
    pub rule: String,
}

/// The inscription of a tombstone for these commands. Each is a canonical path, the profile, and the rule.
pub fn inscription<'a>(commands: impl Iterator<Item = (&'a [u8], &'a str, &'a str)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (path, profile, rule) in commands {
        // An escaped field holds no tab and no line end.
        for (field, end) in [(path, b'\t'), (profile.as_bytes(), b'\t'), (rule.as_bytes(), b'\n')] {
            bytes.extend_from_slice(escape(field).as_bytes());
            bytes.push(end);
        }
    }
    inscription::inscription(Kind::Grave, bytes)
}

/// The entries of an inscription's table. Lines with fewer than three fields are left out.
pub fn parse(table: &[u8]) -> Vec<Epitaph> {
    let text = String::from_utf8_lossy(table);
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split('\t').map(str::to_owned);
            Some(Epitaph { path: fields.next()?, profile: fields.next()?, rule: fields.next()? })
        })
        .collect()
}

/// Tells tombstones from other files. It opens this very program when the first file may be a tombstone, and compares
/// each file once.
#[derive(Default)]
pub struct Detector {
    program: Option<File>,
    found: HashSet<Identity>,
}

impl Detector {
    /// Whether `file` is this program with an inscription. False for a file that cannot be read, so that it is
    /// recognised by its name.
    pub fn is_tombstone(&mut self, file: &File) -> bool {
        let Ok(metadata) = file.metadata() else { return false };
        let id = Identity { dev: metadata.dev(), ino: metadata.ino() };
        if self.found.contains(&id) {
            return true;
        }
        if self.program.is_none() {
            self.program = open_own_program().ok();
        }
        let program = self.program.as_ref();
        let found = program.is_some_and(|program| is_inscribed(Kind::Grave, file, program).unwrap_or(false));
        if found {
            self.found.insert(id);
        }
        found
    }

    /// The files that turned out to be tombstones.
    pub fn found(&self) -> &HashSet<Identity> {
        &self.found
    }
}

/// The entry for a command that was started as one of `names` (paths as the caller gave them). It is found by the whole
/// path, else by the file name.
pub fn find<'e>(epitaphs: &'e [Epitaph], names: &[Vec<u8>]) -> Option<&'e Epitaph> {
    let names: Vec<String> = names.iter().map(|name| escape(name)).collect();
    let exactly = names.iter().find_map(|name| epitaphs.iter().find(|epitaph| epitaph.path == *name));
    exactly.or_else(|| {
        names.iter().find_map(|name| epitaphs.iter().find(|epitaph| file_name(&epitaph.path) == file_name(name)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_is_inscribed_is_read() {
        let commands = [(b"/usr/bin/sh".as_slice(), "shells", "names \"sh\""), (b"/bin/a\nb\t", "x", "y")];
        let mut stone = tempfile::tempfile().unwrap();
        stone.write_all(&inscription(commands.into_iter())).unwrap();
        let (kind, table) = inscription::read(&stone).unwrap().unwrap();
        let epitaphs = parse(&table);
        assert_eq!((kind, epitaphs.len()), (Kind::Grave, 2));
        assert_eq!((epitaphs[0].path.as_str(), epitaphs[0].profile.as_str()), ("/usr/bin/sh", "shells"));
        assert_eq!(find(&epitaphs, &[b"/bin/sh".to_vec()]).unwrap().rule, "names \"sh\"");
        assert_eq!(find(&epitaphs, &[b"/x".to_vec(), b"a\nb\t".to_vec()]).unwrap().profile, "x");
        assert_eq!(find(&epitaphs, &[b"/x".to_vec()]), None);
    }
}
