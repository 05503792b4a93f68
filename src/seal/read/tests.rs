//! What the reader takes, and what it refuses.

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
    for other in [&b"#mtree"[..], b"#mtree v2.0\n", b"\x7fELF", b"# user: root\n/set type=file\n"] {
        assert_eq!(error(other), "line 1 is not `#mtree`: it is no manifest of lithify");
    }
    assert!(error(b"#mtree\r\n").starts_with("line 1 ends with CRLF"));
    for other in [
        "/set type=file uid=0\n",
        ". type=dir\n",
        "    passwd mode=0644\n",
        "./a time=1.0 mode=644 gid=0 uid=0 type=file\n",
        "..\n",
        "\n",
    ] {
        let text = format!("#mtree\n{other}");
        assert_eq!(error(text.as_bytes()), "line 2 is mtree(5) text as another tool writes it, not lithify", "{other}");
    }
    for cut in 8..good.len() {
        let text = error(&good[..cut]);
        assert!(text.contains("it was cut off"), "{cut}: {text}");
    }
    let swapped = manifest(&[(b"/b", file(0)), (b"/a", file(0))]);
    assert_eq!(error(&swapped), "line 4 is not in order, or is there twice");
    assert_eq!(error(&manifest(&[(b"/b", file(0)), (b"/b", file(0))])), "line 4 is not in order, or is there twice");
    assert_eq!(error(&manifest(&[(b"/b", file(0)), (b"/b/x", file(0))])), "line 4 is not in order, or is there twice");
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
