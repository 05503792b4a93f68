//! What is refused, and that nothing makes a panic.

use proptest::prelude::*;

use super::super::{Limits, read};
use super::written::{Entry, archive, descriptor, directory, entry, file, hard, image, layout, link, oci};
use super::{LIMITS, broken, exported, gzip, layered, read_with, refused, shown};

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
