//! Archives as tools write them, and as nobody should.

mod hostile;
mod written;

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{Image, ImageError, Limits, Node, read};
use written::{Entry, archive, descriptor, directory, entry, file, hard, image, layout, link, oci};

const LIMITS: Limits = Limits { file: 1 << 30, total: 1 << 32, entries: 1000, lookups: 100_000 };

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
        hard("bin/other", "bin/su").record("comment", b"x").record("mtime", b"-1.5"),
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
