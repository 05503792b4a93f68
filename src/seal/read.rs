//! Reads a manifest line by line. What is not exactly as lithify would write it is refused, with the number of the line.

use std::cmp::Ordering;
use std::io::{self, BufRead, Read};

use sha2::Digest as _;

use super::digest::{Digest, DigestError, Scope};
use super::encode;
use super::entry::{Facts, FileType};
use super::manifest::FIRST;
use super::order::compare_paths;

/// A longer line is refused. The longest that lithify writes has a path of 17 KiB and a link of 4 KiB, with four
/// characters for each byte.
const LONGEST: u64 = 128 * 1024;

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It cannot be read.
    #[error("line {line} cannot be read: {error}")]
    Read {
        /// The line.
        line: u64,
        /// The system's reason.
        error: io::Error,
    },
    /// It is empty.
    #[error("it is empty")]
    Empty,
    /// The first line is another one.
    #[error("line 1 is not `#mtree`: it is no manifest of lithify")]
    NoManifest,
    /// It has what other tools write.
    #[error("line {line} is mtree(5) text as another tool writes it, not lithify")]
    OtherTool {
        /// The line.
        line: u64,
    },
    /// A line is too long.
    #[error("line {line} is longer than any that lithify writes")]
    TooLong {
        /// The line.
        line: u64,
    },
    /// A line is not as lithify would write it.
    #[error("line {line} is not as lithify writes it: the manifest was changed")]
    Entry {
        /// The line.
        line: u64,
    },
    /// A path holds `..`, `.`, an empty name or a NUL byte.
    #[error("line {line} has a path that no file has, or that leads out of the root")]
    Path {
        /// The line.
        line: u64,
    },
    /// An entry repeats or precedes the one before it, or lies below one that is no directory.
    #[error("line {line} is not in order, or is there twice")]
    Order {
        /// The line.
        line: u64,
    },
    /// The last line is not a digest.
    #[error("it ends at line {line} without the digest: it was cut off")]
    CutOff {
        /// How many lines it has.
        line: u64,
    },
    /// The digest is none, or of another version.
    #[error("line {line}: {error}")]
    Digest {
        /// The line.
        line: u64,
        /// What is wrong with it.
        error: DigestError,
    },
    /// The digest is not that of the entries.
    #[error("line {line} says {said}, but the entries above it give {found}: the manifest was changed")]
    Changed {
        /// The line.
        line: u64,
        /// The digest that the manifest states.
        said: Digest,
        /// The digest of its entries.
        found: Digest,
    },
    /// More lines follow the digest.
    #[error("line {line} comes after the digest, which is the last line")]
    After {
        /// The line.
        line: u64,
    },
}

/// What a manifest states of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// The absolute path inside the root.
    pub path: Vec<u8>,
    /// What it states.
    pub facts: Facts,
}

/// A manifest that is being read. It holds one line at a time.
pub struct Reader<'r> {
    from: &'r mut dyn BufRead,
    line: Vec<u8>,
    number: u64,
    hash: sha2::Sha256,
    /// The path of the last entry, and whether it is a directory.
    last: (Vec<u8>, bool),
    digest: Option<Digest>,
}

impl<'r> Reader<'r> {
    /// Begins to read. Fails if the first line is not that of a manifest.
    pub fn new(from: &'r mut dyn BufRead) -> Result<Self, ManifestError> {
        let hash = sha2::Sha256::new();
        let mut reader = Self { from, line: Vec::new(), number: 0, hash, last: (Vec::new(), true), digest: None };
        match reader.read_line() {
            Ok(false) => Err(ManifestError::Empty),
            Ok(true) if reader.line == FIRST => Ok(reader),
            Ok(true) | Err(ManifestError::TooLong { .. } | ManifestError::CutOff { .. }) => {
                Err(ManifestError::NoManifest)
            }
            Err(error) => Err(error),
        }
    }

    /// The next entry; `None` once the digest has proved that the manifest is whole.
    pub fn entry(&mut self) -> Result<Option<Stated>, ManifestError> {
        while self.digest.is_none() {
            if !self.read_line()? {
                return Err(ManifestError::CutOff { line: self.number });
            }
            match self.line.strip_prefix(b"#") {
                None => return self.parsed().map(Some),
                Some(comment) => {
                    if let Some(said) = as_digest(comment) {
                        let said =
                            Digest::parse(&said).map_err(|error| ManifestError::Digest { line: self.number, error })?;
                        self.end(said)?;
                    }
                }
            }
        }
        Ok(None)
    }

    /// The digest, once [`Reader::entry`] has returned `None`.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Reads one line with its newline; false at the end.
    fn read_line(&mut self) -> Result<bool, ManifestError> {
        self.line.clear();
        self.number += 1;
        let line = self.number;
        let mut from = (&mut *self.from).take(LONGEST);
        from.read_until(b'\n', &mut self.line).map_err(|error| ManifestError::Read { line, error })?;
        if self.line.ends_with(b"\n") {
            return Ok(true);
        }
        if self.line.is_empty() {
            self.number -= 1;
            return Ok(false);
        }
        Err(if from.limit() == 0 { ManifestError::TooLong { line } } else { ManifestError::CutOff { line } })
    }

    fn parsed(&mut self) -> Result<Stated, ManifestError> {
        let line = self.number;
        let entry = self.line.strip_suffix(b"\n").unwrap_or_default();
        let stated = match parse(entry) {
            Some(stated) => stated,
            None if is_of_another_tool(entry) => return Err(ManifestError::OtherTool { line }),
            None => return Err(ManifestError::Entry { line }),
        };
        if !is_canonical(&stated.path) {
            return Err(ManifestError::Path { line });
        }
        // What was read leniently must be what lithify writes.
        let mut again = Vec::with_capacity(self.line.len());
        stated.facts.write(&stated.path, &mut again);
        if again != self.line {
            return Err(ManifestError::Entry { line });
        }
        let (last, is_directory) = &self.last;
        let below = stated.path.strip_prefix(last.as_slice()).is_some_and(|rest| rest.starts_with(b"/"));
        if compare_paths(last, &stated.path) != Ordering::Less || below && !is_directory {
            return Err(ManifestError::Order { line });
        }
        self.hash.update(&self.line);
        self.last = (stated.path.clone(), stated.facts.kind == FileType::Dir);
        Ok(stated)
    }

    /// Compares the digest that the manifest states, which must be its last line.
    fn end(&mut self, said: Digest) -> Result<(), ManifestError> {
        let line = self.number;
        if self.read_line()? {
            return Err(ManifestError::After { line: self.number });
        }
        let found = Digest { scope: said.scope, sha256: self.hash.clone().finalize().into() };
        if found != said {
            return Err(ManifestError::Changed { line, said, found });
        }
        self.digest = Some(said);
        Ok(())
    }
}

/// The text of a comment that is a digest, whichever version made it.
fn as_digest(comment: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(comment).ok()?.strip_prefix(' ')?.strip_suffix('\n')?;
    let known = [Scope::All, Scope::Executables].iter().any(|scope| text.starts_with(scope.prefix()));
    let other = text.strip_prefix("lithify").and_then(|rest| rest.split_once("-sha256:")).is_some();
    (known || other && !text.contains(' ')).then(|| text.to_owned())
}

/// Whether this is mtree(5) text of bsdtar, gomtree or mtree(8): a special line, or an entry that says less or more.
fn is_of_another_tool(line: &[u8]) -> bool {
    let begins = |start: &[u8]| line.starts_with(start);
    // They have special lines, indent, name the root itself, and write times.
    line.is_empty()
        || !begins(b"./")
        || line.split(|&byte| byte == b' ').any(|word| word.starts_with(b"time=") || word.starts_with(b"nlink="))
}

/// Reads an entry leniently; `None` for what certainly is none.
fn parse(line: &[u8]) -> Option<Stated> {
    let mut words = line.split(|&byte| byte == b' ');
    let written = words.next()?.strip_prefix(b".").filter(|path| path.starts_with(b"/"))?;
    let path = encode::decode_name(written)?;
    let mut kind = None;
    let mut facts = Facts {
        kind: FileType::File,
        mode: 0,
        uid: 0,
        gid: 0,
        size: 0,
        device: (0, 0),
        link: Vec::new(),
        sha256: None,
        capability: Vec::new(),
    };
    for word in words {
        let equals = word.iter().position(|&byte| byte == b'=')?;
        let (key, value) = (word.get(..equals)?, word.get(equals + 1..)?);
        match key {
            b"type" => kind = FileType::ALL.into_iter().find(|kind| kind.name().as_bytes() == value),
            b"mode" => facts.mode = small(value, 8)?,
            b"uid" => facts.uid = small(value, 10)?,
            b"gid" => facts.gid = small(value, 10)?,
            b"size" => facts.size = encode::number(value, 10)?,
            b"device" => {
                let mut numbers = value.strip_prefix(b"native,")?.splitn(2, |&byte| byte == b',');
                facts.device = (small(numbers.next()?, 10)?, small(numbers.next()?, 10)?);
            }
            b"link" => facts.link = encode::decode_name(value)?,
            b"sha256digest" => facts.sha256 = Some(encode::decode_hex(value)?),
            b"xattr.security.capability" => facts.capability = encode::decode_base64(value)?,
            _ => return None,
        }
    }
    facts.kind = kind?;
    let is_whole = (facts.kind == FileType::File) == facts.sha256.is_some() && facts.mode <= 0o7777;
    is_whole.then_some(Stated { path, facts })
}

fn small(text: &[u8], base: u32) -> Option<u32> {
    encode::number(text, base).and_then(|number| u32::try_from(number).ok())
}

fn is_canonical(path: &[u8]) -> bool {
    let mut names = path.split(|&byte| byte == b'/');
    let is_name = |name: &[u8]| !matches!(name, b"" | b"." | b"..") && !name.contains(&0);
    names.next() == Some(b"") && path.len() > 1 && names.all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(mode: u32) -> Facts {
        Facts {
            kind: FileType::File,
            mode,
            uid: 0,
            gid: 7,
            size: 3,
            device: (0, 0),
            link: Vec::new(),
            sha256: Some([0x5a; 32]),
            capability: Vec::new(),
        }
    }

    /// A manifest of these entries, as it should be.
    fn manifest(entries: &[(&[u8], Facts)]) -> Vec<u8> {
        let mut lines = Vec::new();
        for (path, facts) in entries {
            facts.write(path, &mut lines);
        }
        with_digest(&lines)
    }

    fn with_digest(lines: &[u8]) -> Vec<u8> {
        let digest = Digest { scope: Scope::All, sha256: sha2::Sha256::digest(lines).into() };
        [b"#mtree\n# left out: /proc\n", lines, format!("# {digest}\n").as_bytes()].concat()
    }

    fn read(text: &[u8]) -> Result<(Vec<Stated>, Digest), ManifestError> {
        let mut from = text;
        let mut reader = Reader::new(&mut from)?;
        let mut all = Vec::new();
        while let Some(stated) = reader.entry()? {
            all.push(stated);
        }
        Ok((all, reader.digest().unwrap()))
    }

    fn error(text: &[u8]) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let good = manifest(&[(b"/a", file(0o644)), (b"/b", file(0o755))]);
        assert_eq!(read(&good).unwrap().0.len(), 2);
        assert_eq!(error(b""), "it is empty");
        for other in [&b"#mtree"[..], b"#mtree v2.0\n", b"\x7fELF", b"# user: root\n/set type=file\n", b"#mtree\r\n"] {
            assert_eq!(error(other), "line 1 is not `#mtree`: it is no manifest of lithify");
        }
        for other in [
            "/set type=file uid=0\n",
            ". type=dir\n",
            "    passwd mode=0644\n",
            "./a time=1.0 mode=644 gid=0 uid=0 type=file\n",
            "..\n",
            "\n",
        ] {
            let text = format!("#mtree\n{other}");
            assert_eq!(
                error(text.as_bytes()),
                "line 2 is mtree(5) text as another tool writes it, not lithify",
                "{other}"
            );
        }
        for cut in 8..good.len() {
            let text = error(&good[..cut]);
            assert!(text.contains("it was cut off"), "{cut}: {text}");
        }
        let swapped = manifest(&[(b"/b", file(0)), (b"/a", file(0))]);
        assert_eq!(error(&swapped), "line 4 is not in order, or is there twice");
        assert_eq!(
            error(&manifest(&[(b"/b", file(0)), (b"/b", file(0))])),
            "line 4 is not in order, or is there twice"
        );
        assert_eq!(
            error(&manifest(&[(b"/b", file(0)), (b"/b/x", file(0))])),
            "line 4 is not in order, or is there twice"
        );
        for path in [&b"/../etc"[..], b"/a/../b", b"/a//b", b"/a/", b"/.", b"/", b"a", b"/a\0b"] {
            let text = error(&manifest(&[(path, file(0))]));
            assert!(text.contains("line 3 "), "{}: {text}", String::from_utf8_lossy(path));
        }
        let text = String::from_utf8(good.clone()).unwrap();
        for (was, is) in
            [("mode=0644", "mode=0645"), ("size=3", "size=4"), ("5a5a", "5a5b"), ("gid=7", "gid=8"), ("./a", "./A")]
        {
            let text = error(text.replacen(was, is, 1).as_bytes());
            assert!(
                text.starts_with("line 5 says lithify1-sha256:") && text.ends_with("the manifest was changed"),
                "{text}"
            );
        }
        for (was, is) in [
            ("mode=0644", "mode=644"),
            ("size=3", "size=03"),
            ("gid=7 size=3", "size=3 gid=7"),
            ("5a5a", "5A5a"),
            ("./a", "./\\141"),
            ("type=file", "type=door"),
            (" size=3", ""),
            ("uid=0", "uid=4294967296"),
            ("\n./b", "\r\n./b"),
            (" gid=7", " gid=7 flags=uchg"),
        ] {
            let text = error(text.replacen(was, is, 1).as_bytes());
            assert!(text.ends_with("is not as lithify writes it: the manifest was changed"), "{was} {is}: {text}");
        }
        assert_eq!(error(&[&good[..], b"#\n"].concat()), "line 6 comes after the digest, which is the last line");
        let of_another = text.replace("lithify1-", "lithify2-");
        assert!(error(of_another.as_bytes()).ends_with("was made by another version of lithify"));
        let misspelt = error(text.replace("# lithify1-sha256:", "# lithify1-sha256:z").as_bytes());
        assert!(misspelt.starts_with("line 5: character 17 of the digest"), "{misspelt}");
        let long = [&b"#mtree\n."[..], "/x".repeat(70_000).as_bytes()].concat();
        assert_eq!(error(&long), "line 2 is longer than any that lithify writes");
    }

    #[test]
    fn a_vast_manifest_is_read_in_bounded_memory() {
        /// Entries that are made as they are read.
        struct Vast(u64, Vec<u8>, usize, sha2::Sha256);
        impl Read for Vast {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                unreachable!()
            }
        }
        impl BufRead for Vast {
            fn fill_buf(&mut self) -> io::Result<&[u8]> {
                if self.2 == self.1.len() {
                    self.1.clear();
                    self.2 = 0;
                    if self.0 < 100_000 {
                        file(0o644).write(format!("/{:08}", self.0).as_bytes(), &mut self.1);
                        self.3.update(&self.1);
                        if self.0 == 0 {
                            self.1.splice(..0, *b"#mtree\n");
                        }
                    } else if self.0 == 100_000 {
                        let digest = Digest { scope: Scope::All, sha256: self.3.clone().finalize().into() };
                        self.1.extend_from_slice(format!("# {digest}\n").as_bytes());
                    }
                    self.0 += 1;
                }
                Ok(&self.1[self.2..])
            }
            fn consume(&mut self, length: usize) {
                self.2 += length;
            }
        }
        let mut vast = Vast(0, Vec::new(), 0, sha2::Sha256::new());
        let mut reader = Reader::new(&mut vast).unwrap();
        let mut count = 0;
        while reader.entry().unwrap().is_some() {
            count += 1;
        }
        assert_eq!(count, 100_000);
        assert!(reader.line.capacity() < 1024);
    }

    fn facts() -> impl Strategy<Value = Facts> {
        let kind = prop::sample::select(FileType::ALL.to_vec());
        let link = prop::collection::vec(1u8.., 0..9);
        (kind, 0u32..0o10000, any::<[u32; 4]>(), any::<u64>(), any::<[u8; 32]>(), link).prop_map(
            |(kind, mode, [uid, gid, major, minor], size, sha256, link)| {
                let is = |wanted| kind == wanted;
                let device = if is(FileType::Block) || is(FileType::Char) { (major, minor) } else { (0, 0) };
                Facts {
                    kind,
                    mode: if is(FileType::Link) { 0 } else { mode },
                    uid,
                    gid,
                    size: if is(FileType::File) { size } else { 0 },
                    device,
                    link: if is(FileType::Link) { link.clone() } else { Vec::new() },
                    sha256: is(FileType::File).then_some(sha256),
                    capability: if is(FileType::File) { link } else { Vec::new() },
                }
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            entries in prop::collection::btree_map(prop::collection::vec(prop::collection::vec(48u8.., 1..4), 1..3), facts(), 0..9)
        ) {
            // Only directories have something below them.
            let mut all: Vec<Stated> = Vec::new();
            for (names, facts) in entries {
                if names.len() > 1 && all.last().is_some_and(|last| last.facts.kind != FileType::Dir && last.path[1..] == names[0]) {
                    continue;
                }
                let path = names.iter().flat_map(|name| [b"/", name.as_slice()].concat()).collect();
                all.push(Stated { path, facts });
            }
            let text = manifest(&all.iter().map(|stated| (&*stated.path, stated.facts.clone())).collect::<Vec<_>>());
            prop_assert_eq!(read(&text).unwrap().0, all);
        }

        #[test]
        fn any_text_is_taken(text: Vec<u8>, head: bool) {
            let _ = read(&if head { with_digest(&text) } else { text });
        }

        #[test]
        fn one_changed_byte_is_found(place in 25usize..1000, byte: u8) {
            let mut text = manifest(&[(b"/a", file(0o644)), (b"/b\xff", file(0o4755)), (b"/c", file(0))]);
            let place = 25 + place % (text.len() - 25);
            if text[place] != byte {
                text[place] = byte;
                prop_assert!(read(&text).is_err(), "{}", String::from_utf8_lossy(&text));
            }
        }
    }
}
