//! Archives as tools write them, and as nobody should.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::{Image, ImageError, Limits, Node, read};

const LIMITS: Limits = Limits { file: 1 << 30, total: 1 << 32, entries: 1000, lookups: 100_000 };

/// One entry of an archive: its header by hand, so that it can be wrong.
#[derive(Clone, Debug)]
struct Entry {
    name: Vec<u8>,
    kind: u8,
    link: Vec<u8>,
    mode: u32,
    owner: (u32, u32),
    content: Vec<u8>,
    size: Option<u64>,
    records: Vec<u8>,
}

fn entry(kind: u8, name: &str) -> Entry {
    let mode = if kind == b'5' { 0o755 } else { 0o644 };
    Entry {
        name: name.into(),
        kind,
        link: Vec::new(),
        mode,
        owner: (0, 0),
        content: Vec::new(),
        size: None,
        records: Vec::new(),
    }
}

fn file(name: &str, content: &str) -> Entry {
    Entry { content: content.into(), ..entry(b'0', name) }
}

fn directory(name: &str) -> Entry {
    entry(b'5', name)
}

fn link(name: &str, to: &str) -> Entry {
    Entry { link: to.into(), mode: 0o777, ..entry(b'2', name) }
}

fn hard(name: &str, to: &str) -> Entry {
    Entry { link: to.into(), ..entry(b'1', name) }
}

impl Entry {
    /// With a PAX record.
    fn record(mut self, key: &str, value: &[u8]) -> Self {
        let body = key.len() + value.len() + 3;
        let length = (1..9).find(|digits| (body + digits).to_string().len() == *digits).unwrap() + body;
        self.records.extend(format!("{length} {key}=").bytes().chain(value.iter().copied()).chain([b'\n']));
        self
    }

    fn write(&self, archive: &mut Vec<u8>) {
        if !self.records.is_empty() {
            Entry { content: self.records.clone(), ..entry(b'x', "PaxHeaders/x") }.write(archive);
        }
        for (kind, text) in [(b'L', &self.name), (b'K', &self.link)] {
            if text.len() > 100 {
                Entry { content: [text, &b"\0"[..]].concat(), ..entry(kind, "././@LongLink") }.write(archive);
            }
        }
        let mut block = [0; 512];
        let mut put = |at: usize, bytes: &[u8], most: usize| {
            let bytes = &bytes[..bytes.len().min(most)];
            block[at..at + bytes.len()].copy_from_slice(bytes);
        };
        put(0, &self.name, 100);
        put(100, format!("{:07o}", self.mode).as_bytes(), 8);
        put(108, format!("{:07o}", self.owner.0).as_bytes(), 8);
        put(116, format!("{:07o}", self.owner.1).as_bytes(), 8);
        put(124, format!("{:011o}", self.size.unwrap_or(self.content.len() as u64)).as_bytes(), 12);
        put(136, b"00000000000", 12);
        put(148, b"        ", 8);
        put(156, &[self.kind], 1);
        put(157, &self.link, 100);
        put(257, b"ustar  \0", 8);
        if matches!(self.kind, b'3' | b'4') {
            put(329, b"0000001", 8);
            put(337, b"0000003", 8);
        }
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend(block);
        archive.extend(&self.content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
}

fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        entry.write(&mut bytes);
    }
    bytes.extend([0; 1024]);
    bytes
}

fn read_with(bytes: &[u8], platform: Option<&str>, limits: Limits) -> Result<Image, ImageError> {
    let mut given = tempfile::NamedTempFile::new().unwrap();
    given.write_all(bytes).unwrap();
    let platform = platform.map(|text| text.parse().unwrap());
    read(given.path().to_str().unwrap(), platform.as_ref(), limits, &|_| ())
}

/// A whole root filesystem.
fn exported(entries: &[Entry]) -> Result<Image, ImageError> {
    read_with(&archive(entries), None, LIMITS)
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// The files of an OCI layout with these blobs, and the descriptors of its index.
fn layout(blobs: &[&[u8]], manifests: &str) -> Vec<Entry> {
    let mut files: Vec<Entry> = blobs
        .iter()
        .map(|blob| Entry { content: blob.to_vec(), ..entry(b'0', &format!("blobs/sha256/{}", hex(blob))) })
        .collect();
    files.push(file("oci-layout", "{\"imageLayoutVersion\": \"1.0.0\"}"));
    files.push(file("index.json", &format!("{{\"manifests\": [{manifests}]}}")));
    files
}

fn descriptor(blob: &[u8], more: &str) -> String {
    format!("{{\"digest\": \"sha256:{}\", \"size\": {}{more}}}", hex(blob), blob.len())
}

/// The configuration and the manifest of an image of these layers.
fn image(layers: &[Vec<u8>], architecture: &str) -> (Vec<u8>, Vec<u8>) {
    let config = format!("{{\"os\": \"linux\", \"architecture\": \"{architecture}\"}}").into_bytes();
    let layers: Vec<String> = layers.iter().map(|layer| descriptor(layer, "")).collect();
    let manifest = format!("{{\"config\": {}, \"layers\": [{}]}}", descriptor(&config, ""), layers.join(", "));
    (config, manifest.into_bytes())
}

/// An OCI archive of layers of these bytes.
fn oci(layers: &[Vec<u8>]) -> Vec<u8> {
    let (config, manifest) = image(layers, "amd64");
    let mut blobs: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
    blobs.extend([config.as_slice(), manifest.as_slice()]);
    archive(&layout(&blobs, &descriptor(&manifest, "")))
}

fn layered(layers: &[&[Entry]]) -> Result<Image, ImageError> {
    let layers: Vec<Vec<u8>> = layers.iter().map(|entries| archive(entries)).collect();
    read_with(&oci(&layers), None, LIMITS)
}

/// One line for each file: path, owner and mode, and what it is. Files by the spool, which must have the same names.
fn shown(image: &Result<Image, ImageError>) -> String {
    let image = image.as_ref().unwrap_or_else(|error| panic!("{error}"));
    let root = image.spool.build(&image.tree).unwrap().root;
    let mut lines = Vec::new();
    list(image, &root, "", &mut lines);
    lines.join("\n")
}

fn list(image: &Image, root: &Path, at: &str, lines: &mut Vec<String>) {
    let mut names: Vec<String> =
        fs::read_dir(root.join(at)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    for name in names {
        let path = if at.is_empty() { name } else { format!("{at}/{name}") };
        let inode = image.tree.at(path.split('/').map(str::as_bytes)).unwrap_or_else(|| panic!("{path}"));
        let found = fs::symlink_metadata(root.join(&path)).unwrap();
        let owner = format!("{}:{} {:o}", inode.uid, inode.gid, inode.mode);
        let what = match &inode.node {
            Node::Directory(_) => "/".to_owned(),
            Node::File(_) => format!(" {}", fs::read_to_string(root.join(&path)).unwrap()),
            Node::Symlink(text) => {
                assert_eq!(fs::read_link(root.join(&path)).unwrap().as_os_str().as_encoded_bytes(), text);
                format!(" -> {}", String::from_utf8_lossy(text))
            }
            Node::Device { block, numbers } => format!(" {} {numbers:?}", if *block { "block" } else { "char" }),
            Node::Fifo => " fifo".to_owned(),
        };
        if !matches!(inode.node, Node::Symlink(_)) {
            assert_eq!(found.mode() & 0o7077, inode.mode & 0o7077, "{path}");
        }
        let names = if found.nlink() > 1 && found.is_file() { format!(" x{}", found.nlink()) } else { String::new() };
        let capability = if inode.capability.is_empty() { String::new() } else { format!(" {:?}", inode.capability) };
        lines.push(format!("{path} {owner}{what}{names}{capability}"));
        if found.is_dir() {
            list(image, root, &path, lines);
        }
    }
}

#[track_caller]
fn refused(image: Result<Image, ImageError>, reason: &str) {
    match image {
        Ok(_) => panic!("not refused: {reason}"),
        Err(error) => {
            let text = error.to_string();
            assert!(matches!(error, ImageError::Refused { .. }), "{text}");
            assert!(text.contains(reason), "{text}");
        }
    }
}

#[track_caller]
fn broken(image: Result<Image, ImageError>, reason: &str) {
    match image {
        Ok(_) => panic!("not refused: {reason}"),
        Err(error) => assert!(error.to_string().contains(reason), "{error}"),
    }
}

#[test]
fn what_exporters_write() {
    let long = format!("{}/{}", "d".repeat(120), "n".repeat(200));
    let capability = b"\x01\0\0\x02\x0a=\n\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let shown = shown(&exported(&[
        Entry { mode: 0o700, ..directory("./") },
        Entry { mode: 0o4755, owner: (0, 7), ..file("./bin/su", "x") },
        file("missing/parents/f", "1"),
        Entry { mode: 0o1777, ..directory("tmp/") },
        link("lib", "/usr/lib"),
        hard("bin/other", "bin/su").record("comment", b"x"),
        file("cap", "c").record("SCHILY.xattr.security.capability", capability).record("uid", b"70000"),
        file(&long, "long"),
        Entry { kind: b'3', ..entry(b'3', "null") },
        Entry { kind: b'4', mode: 0o660, ..entry(b'4', "disk") },
        entry(b'6', "fifo"),
        Entry { kind: 0, ..file("old", "v7") },
        Entry { kind: b'0', ..entry(b'0', "olddir/") },
        file("twice", "first"),
        file("twice", "second"),
        file("was-a-file", ""),
        directory("was-a-file"),
        directory("was-a-directory/below"),
        file("was-a-directory", "f"),
        Entry { mode: 0o500, ..directory("closed") },
        Entry { mode: 0, ..file("closed/f", "secret") },
        Entry { mode: 0o700, ..directory("closed") },
    ]));
    let (first, _) = long.split_once('/').unwrap();
    let expected = [
        "bin 0:0 755/",
        "bin/other 0:0 644 x x2",
        "bin/su 0:0 644 x x2",
        &format!("cap 70000:0 644 c {:?}", capability.to_vec()),
        "closed 0:0 700/",
        "closed/f 0:0 0 secret",
        &format!("{first} 0:0 755/"),
        &format!("{long} 0:0 644 long"),
        "disk 0:0 660 block (1, 3)",
        "fifo 0:0 644 fifo",
        "lib 0:0 777 -> /usr/lib",
        "missing 0:0 755/",
        "missing/parents 0:0 755/",
        "missing/parents/f 0:0 644 1",
        "null 0:0 644 char (1, 3)",
        "old 0:0 644 v7",
        "olddir 0:0 644/",
        "tmp 0:0 1777/",
        "twice 0:0 644 second",
        "was-a-directory 0:0 644 f",
        "was-a-file 0:0 755/",
    ];
    assert_eq!(shown, expected.join("\n"));
}

/// A link in the way is followed inside the root, by its text; never on this machine.
#[test]
fn links_are_followed_inside_the_image() {
    let outside = tempfile::tempdir().unwrap();
    let to = outside.path().to_str().unwrap();
    let inside = &to[1..];
    let shown = shown(&exported(&[
        link("up", "../../../../.."),
        file("up/a", "1"),
        link("out", to),
        file("out/b", "2"),
        directory("d"),
        link("d/self", ".."),
        file("d/self/d/self/c", "3"),
        file("d/self", "4"),
    ]));
    for line in ["a 0:0 644 1", "c 0:0 644 3", "d/self 0:0 644 4", &format!("{inside}/b 0:0 644 2")] {
        assert!(shown.lines().any(|known| known == line), "{line}:\n{shown}");
    }
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    refused(exported(&[link("a", "b"), link("b", "a"), file("a/x", "")]), "links in a circle");
    refused(exported(&[file("a", ""), file("a/x", "")]), "lies below a file");
    refused(exported(&[link("a", ""), file("b", "")]), "a link to no path");
}

#[test]
fn names_that_lead_out_are_refused() {
    refused(exported(&[file("/etc/passwd", "x")]), "the archive: /etc/passwd: its name is absolute");
    refused(exported(&[file("a/../../x", "")]), "has `..` in it");
    refused(exported(&[hard("a", "../x")]), "the file that it is a hard link to has `..` in it");
    refused(exported(&[hard("a", "/etc/shadow")]), "is absolute");
    refused(exported(&[hard("a", "etc/shadow")]), "leads to what is not there");
    refused(exported(&[directory("d"), hard("a", "d")]), "is a hard link to a directory");
    refused(exported(&[link("l", "/etc"), hard("a", "l/shadow")]), "leads to what is not there");
    refused(exported(&[file("x", "").record("path", b"a\0b")]), "NUL byte");
    refused(exported(&[file(&"a/".repeat(2100), "")]), "longer than a path can be");
    refused(exported(&[file(&"n".repeat(256), "")]), "longer than 255 bytes");
    refused(exported(&[link("./", "x")]), "is the root, and no directory");
    refused(exported(&[entry(b'Z', "a")]), "the type `Z`");
    refused(exported(&[file("a", "").record("uid", b"4294967295")]), "an owner that Linux cannot have");
    // Layers may begin with a slash: `ko` writes that, and runtimes take it.
    assert_eq!(shown(&layered(&[&[file("/ko-app/x", "1")]])), "ko-app 0:0 755/\nko-app/x 0:0 644 1");
    refused(layered(&[&[file("/../x", "1")]]), "has `..` in it");
}

#[test]
fn layers_hide_what_is_below() {
    let below = [
        file("gone", "1"),
        file("kept", "2"),
        directory("d"),
        file("d/a", "3"),
        directory("d/e"),
        file("d/e/b", "4"),
        file("whole/x", "5"),
        file("replaced", "6"),
        link("l", "d"),
        directory("was"),
        file("was/in", ""),
    ];
    let above = [
        file(".wh.gone", ""),
        // In any order: a whiteout hides only what is below this layer.
        file("d/new", "7"),
        file("d/.wh..wh..opq", ""),
        file("d/e/new", "8"),
        file("whole", "9"),
        file(".wh.replaced", ""),
        file("replaced", "10"),
        file("again", "11"),
        file(".wh.again", ""),
        file("l/by-link", "12"),
        file(".wh.nothing", ""),
        file("nowhere/.wh.x", ""),
        file(".wh..wh.plnk", ""),
        link("was", "d"),
        hard("hard", "kept"),
    ];
    let expected = "again 0:0 644 11\nd 0:0 755/\nd/by-link 0:0 644 12\nd/e 0:0 755/\nd/e/new 0:0 644 8\nd/new 0:0 644 7\nhard 0:0 644 2 x2\nkept 0:0 644 2 x2\nl 0:0 777 -> d\nreplaced 0:0 644 10\nwas 0:0 777 -> d\nwhole 0:0 644 9";
    assert_eq!(shown(&layered(&[&below, &above])), expected);
    assert_eq!(shown(&layered(&[&below, &above, &[file(".wh.d", ""), file(".wh.hard", "")]])).matches("d/").count(), 0);
    refused(layered(&[&[file(".wh...", "")]]), "a whiteout of no name");
    // In a root filesystem these are names as others.
    assert_eq!(shown(&exported(&[file(".wh.gone", "1")])), ".wh.gone 0:0 644 1");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

#[test]
fn compressed_archives() {
    let plain = archive(&[file("a", &"x".repeat(100_000)), file("b", "2")]);
    let (one, other) = plain.split_at(70_000);
    let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"xyz"].concat();
    let expected = shown(&read_with(&plain, None, LIMITS));
    for compressed in [
        gzip(&plain),
        zstd(&plain),
        // Several members and frames, as pigz, eStargz and zstd:chunked write them.
        [gzip(one), gzip(other)].concat(),
        [skipped.clone(), zstd(one), skipped.clone(), zstd(other), skipped].concat(),
    ] {
        assert_eq!(shown(&read_with(&compressed, None, LIMITS)), expected);
        assert_eq!(shown(&read_with(&oci(std::slice::from_ref(&compressed)), None, LIMITS)), expected);
        broken(read_with(&compressed[..compressed.len() / 2], None, LIMITS), "fix: ");
    }
    for (head, name) in [(&b"\xfd7zXZ\0"[..], "xz"), (b"BZh9", "bzip2")] {
        broken(read_with(&[head, &[0; 2000]].concat(), None, LIMITS), &format!("compressed by {name}"));
    }
}

#[test]
fn archives_that_are_none_or_not_whole() {
    for bytes in [&b"{}"[..], &[7; 4096], b"#!/bin/sh\n"] {
        broken(read_with(bytes, None, LIMITS), "it is no tar archive");
    }
    broken(read_with(b"", None, LIMITS), "it is empty");
    let whole = archive(&[file("a", &"x".repeat(3000)), file("b", "y")]);
    for end in (1..whole.len() - 512).step_by(97) {
        broken(read_with(&whole[..end], None, LIMITS), "fix: ");
    }
    broken(read("/nowhere/image.tar", None, LIMITS, &|_| ()), "/nowhere/image.tar: open: No such file");
    broken(read("/", None, LIMITS, &|_| ()), "it is a directory");
}

#[test]
fn what_costs_too_much_is_refused() {
    let small = Limits { file: 1000, total: 2500, ..LIMITS };
    let of = |sizes: &[usize]| {
        let files: Vec<Entry> =
            sizes.iter().enumerate().map(|(at, size)| file(&at.to_string(), &"x".repeat(*size))).collect();
        read_with(&archive(&files), None, small)
    };
    assert!(of(&[1000, 1000, 500]).is_ok());
    refused(of(&[1001]), "1001 bytes, more than --max-file-size allows (1000)");
    refused(of(&[1000, 1000, 501]), "more bytes than --max-size allows (2500)");
    // A bomb: what it says, and what it makes.
    let bomb = Entry { size: Some(1 << 40), ..file("bomb", "") };
    broken(exported(std::slice::from_ref(&bomb)), "cut off");
    let zeros = vec![0; 64 << 20];
    let many = gzip(&archive(&[Entry { content: zeros, ..file("zeros", "") }]));
    assert!(many.len() < 1 << 20);
    refused(
        read_with(&oci(std::slice::from_ref(&many)), None, Limits { file: 1 << 20, total: 1 << 30, ..LIMITS }),
        "--max-file-size",
    );
    refused(read_with(&oci(&[many]), None, Limits { file: 1 << 30, total: 1 << 20, ..LIMITS }), "--max-size");
    let sparse = file("sparse", "").record("GNU.sparse.map", b"0,0").record("GNU.sparse.size", b"1099511627776");
    refused(exported(&[sparse]), "--max-file-size");
    let entries: Vec<u8> = {
        let mut one = Vec::new();
        file("a", "").write(&mut one);
        one.repeat(1001)
    };
    refused(read_with(&entries, None, LIMITS), "more than 1000 entries");
    // Paths that links multiply.
    let mut links: Vec<Entry> = vec![directory(&"x/".repeat(1000)), link("l", &"x/../".repeat(400))];
    links.extend((0..39).map(|at| {
        link(
            &format!("l{at}"),
            &format!("{}/{}", if at == 0 { "l".to_owned() } else { format!("l{}", at - 1) }, "x/../".repeat(400)),
        )
    }));
    links.extend((0..900).map(|at| file(&format!("l38/{at}"), "")));
    refused(exported(&links), "too many steps");
}

#[test]
fn sparse_files() {
    let stored = "a".repeat(512) + "b";
    let expected = "a".repeat(512) + &"\0".repeat(512) + "b" + &"\0".repeat(7);
    let shown_content = |entry: Entry| shown(&exported(&[entry, file("z", "")]));
    // PAX 0.0, 0.1 and 1.0 (GNU tar manual, Sparse Formats).
    let oldest = file("f", &stored)
        .record("GNU.sparse.size", b"1032")
        .record("GNU.sparse.numblocks", b"2")
        .record("GNU.sparse.offset", b"0")
        .record("GNU.sparse.numbytes", b"512")
        .record("GNU.sparse.offset", b"1024")
        .record("GNU.sparse.numbytes", b"1");
    let old = file("x", &stored)
        .record("GNU.sparse.name", b"f")
        .record("GNU.sparse.size", b"1032")
        .record("GNU.sparse.map", b"0,512,1024,1");
    let mut map = b"2\n0\n512\n1024\n1\n".to_vec();
    map.resize(512, 0);
    let new = Entry { content: [map, stored.clone().into()].concat(), ..file("GNUSparseFile.0/f", "") }
        .record("GNU.sparse.major", b"1")
        .record("GNU.sparse.minor", b"0")
        .record("GNU.sparse.name", b"f")
        .record("GNU.sparse.realsize", b"1032");
    for entry in [oldest, old, new.clone()] {
        assert_eq!(shown_content(entry), format!("f 0:0 644 {expected}\nz 0:0 644 "));
    }
    for (map, size) in [("0,512,1024,2", "1032"), ("0,512,256,1", "1032"), ("0,512,1024,1", "1000"), ("0,512", "600")] {
        let wrong =
            file("f", &stored).record("GNU.sparse.size", size.as_bytes()).record("GNU.sparse.map", map.as_bytes());
        broken(exported(&[wrong]), "sparse file");
    }
    let endless = Entry { content: vec![b'1'; 4096], ..new };
    broken(exported(&[endless]), "no list of numbers");
}

#[test]
fn platforms_of_an_index() {
    let layer = |text: &str| archive(&[file("which", text)]);
    let layers = [vec![layer("amd64")], vec![layer("arm64")]];
    let images = [image(&layers[0], "amd64"), image(&layers[1], "arm64")];
    let mut blobs: Vec<&[u8]> = vec![&layers[0][0], &layers[1][0]];
    for (config, manifest) in &images {
        blobs.extend([config.as_slice(), manifest.as_slice()]);
    }
    let platform = |name: &str| format!(", \"platform\": {{\"os\": \"linux\", \"architecture\": \"{name}\"}}");
    let of = |at: usize, more: &str| descriptor(&images[at].1, more);
    let attestation =
        descriptor(b"gone", ", \"annotations\": {\"vnd.docker.reference.type\": \"attestation-manifest\"}");
    // The platform of the second is only in its configuration; of what is not in the archive nothing is said.
    let missing = descriptor(b"missing", &platform("s390x"));
    let index = format!("{}, {}, {attestation}, {missing}", of(0, &platform("amd64")), of(1, ""));
    let both = archive(&layout(&blobs, &index));
    let which = |bytes: &[u8], platform| shown(&read_with(bytes, platform, LIMITS));
    assert_eq!(which(&both, Some("linux/arm64/v8")), "which 0:0 644 arm64");
    assert_eq!(which(&both, Some("linux/amd64")), "which 0:0 644 amd64");
    broken(
        read_with(&both, Some("linux/s390x"), LIMITS),
        "it has no image for linux/s390x\n  fix: choose with --platform from what it has: linux/amd64, linux/arm64",
    );
    // An index in an index, and one image alone, whatever its platform is.
    let inner = format!("{{\"manifests\": [{}]}}", of(1, ""));
    let nested = [blobs.as_slice(), &[inner.as_bytes()]].concat();
    let nested = archive(&layout(&nested, &descriptor(inner.as_bytes(), "")));
    assert_eq!(which(&nested, None), "which 0:0 644 arm64");
    broken(read_with(&nested, Some("linux/amd64"), LIMITS), "it has no image for linux/amd64");
    // Two that nothing tells apart.
    let (_, other) = image(&[layers[0][0].clone(), layers[1][0].clone()], "amd64");
    let twice = [blobs.as_slice(), &[other.as_slice()]].concat();
    let twice = archive(&layout(&twice, &format!("{}, {}", of(0, ""), descriptor(&other, ""))));
    broken(read_with(&twice, Some("linux/amd64"), LIMITS), "it has 2 images for linux/amd64");
    broken(read_with(&archive(&layout(&[], "")), None, LIMITS), "it holds no image");
    broken(read_with(&archive(&[file("a", "")]), Some("linux/amd64"), LIMITS), "--platform chooses from several");
}

#[test]
fn blobs_are_what_the_manifest_says() {
    let layer = archive(&[file("a", "1")]);
    let whole = oci(std::slice::from_ref(&layer));
    let at = whole.windows(layer.len()).position(|window| window == layer).unwrap();
    let mut changed = whole.clone();
    changed[at + 512] = b'2';
    broken(read_with(&changed, None, LIMITS), "has another digest");
    let (config, manifest) = image(std::slice::from_ref(&layer), "amd64");
    let without = archive(&layout(&[&config, &manifest], &descriptor(&manifest, "")));
    broken(read_with(&without, None, LIMITS), "which its manifest names");
    let odd = format!(
        "{{\"config\": {}, \"layers\": [{{\"digest\": \"sha256:../../etc/passwd\"}}]}}",
        descriptor(&config, "")
    );
    let odd = archive(&layout(&[&config, odd.as_bytes()], &descriptor(odd.as_bytes(), "")));
    broken(read_with(&odd, None, LIMITS), "which is no sha256 digest");
}

#[test]
fn what_docker_saves() {
    let layers = [archive(&[file("a", "1"), file("b", "2")]), archive(&[file(".wh.a", "")])];
    let of = |manifest: &str| {
        archive(&[
            file("manifest.json", manifest),
            file("c.json", "{\"os\": \"linux\", \"architecture\": \"amd64\"}"),
            Entry { content: layers[0].clone(), ..file("one/layer.tar", "") },
            Entry { content: layers[1].clone(), ..file("two.tar", "") },
            // A layer that was saved before.
            link("two/layer.tar", "../two.tar"),
        ])
    };
    let one = "{\"Config\": \"c.json\", \"RepoTags\": [\"x:1\"], \"Layers\": [\"one/layer.tar\", \"two/layer.tar\"]}";
    assert_eq!(shown(&read_with(&of(&format!("[{one}]")), None, LIMITS)), "b 0:0 644 2");
    broken(read_with(&of(&format!("[{one}, {one}]")), Some("linux/amd64"), LIMITS), "it has 2 images for linux/amd64");
    broken(read_with(&of(&format!("[{}]", one.replace("one/", "none/"))), None, LIMITS), "it has no none/layer.tar");
    // A root filesystem may have a file of that name.
    assert!(shown(&read_with(&of("[]"), None, LIMITS)).contains("manifest.json 0:0 644 []"));
}

#[test]
fn the_spool_is_gone_afterwards() {
    let image = exported(&[file("a", "1")]).unwrap();
    let directory = image.spool.directory().to_owned();
    assert_eq!(fs::metadata(&directory).unwrap().mode() & 0o777, 0o700);
    image.spool.build(&image.tree).unwrap();
    drop(image);
    assert!(!directory.exists());
}

fn some_entry() -> impl Strategy<Value = Entry> {
    let name = || {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "c", ".."]), 1..4).prop_map(|names| names.join("/"))
    };
    (prop::sample::select(b"012567LKx".to_vec()), name(), name(), ".{0,40}")
        .prop_map(|(kind, name, to, content)| Entry { link: to.into(), content: content.into(), ..entry(kind, &name) })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever it is, it is read or refused, and what is read can be made.
    #[test]
    fn no_archive_makes_a_panic(
        entries in prop::collection::vec(some_entry(), 0..12),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        end in any::<prop::sample::Index>(),
        cut in prop::bool::weighted(0.2),
        layer: bool,
    ) {
        let mut bytes = archive(&entries);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cut {
            bytes.truncate(end.index(bytes.len()));
        }
        if layer {
            bytes = oci(&[bytes]);
        }
        if let Ok(image) = read_with(&bytes, None, Limits { file: 1 << 16, total: 1 << 20, ..LIMITS }) {
            image.spool.build(&image.tree).unwrap();
        }
    }

    #[test]
    fn any_bytes_are_taken(bytes: Vec<u8>, kind in 0..3) {
        let bytes = match kind {
            0 => bytes,
            1 => gzip(&bytes),
            _ => [&[0x28, 0xb5, 0x2f, 0xfd][..], &bytes].concat(),
        };
        let _ = read_with(&bytes, None, Limits { file: 1 << 16, total: 1 << 20, ..LIMITS });
    }
}
