//! `recognise::libraries::cache` against ldconfig(8), which writes these files and prints what is in them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use lithify::recognise::libraries::cache;

fn ours(cache: &[u8]) -> BTreeSet<(String, String)> {
    let mut entries = BTreeSet::new();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    cache::each(cache, &mut |name, path| {
        entries.insert((text(name), text(path)));
    });
    entries
}

/// `NAME (KIND) => PATH`, one a line, after a heading.
fn theirs(path: &Path) -> BTreeSet<(String, String)> {
    let printed = Command::new("/sbin/ldconfig").arg("-p").arg("-C").arg(path).output().unwrap();
    assert!(printed.status.success(), "{printed:?}");
    let text = String::from_utf8(printed.stdout).unwrap();
    let entry = |line: &str| {
        let (name, path) = line.strip_prefix('\t')?.split_once(" => ")?;
        Some((name.split_once(" (")?.0.to_owned(), path.to_owned()))
    };
    text.lines().filter_map(entry).collect()
}

#[test]
fn this_machines_cache() {
    let path = Path::new("/etc/ld.so.cache");
    let expected = theirs(path);
    assert!(expected.len() > 20, "{expected:?}");
    let cache = fs::read(path).unwrap();
    assert_eq!(ours(&cache), expected);
    for (name, _) in &expected {
        let paths = cache::paths_of(&cache, name.as_bytes()).into_iter().map(|path| String::from_utf8(path).unwrap());
        let known = expected.iter().filter(|(known, _)| known == name).map(|(_, path)| path.clone());
        assert_eq!(paths.collect::<BTreeSet<_>>(), known.collect(), "{name}");
    }
}

/// A root with some libraries of this machine in several directories, and its cache in each format that there is.
#[test]
fn every_format_of_a_made_root() {
    let root = tempfile::tempdir().unwrap();
    let library = fs::read("/lib/x86_64-linux-gnu/libm.so.6").unwrap();
    for directory in ["lib", "usr/lib", "opt/one", "opt/one/glibc-hwcaps/x86-64-v3", "opt/with space", "etc"] {
        let directory = root.path().join(directory);
        fs::create_dir_all(&directory).unwrap();
        if !directory.ends_with("etc") {
            fs::write(directory.join("libm.so.6"), &library).unwrap();
        }
    }
    fs::write(root.path().join("etc/ld.so.conf"), "/opt/one\n/opt/with space\n").unwrap();
    for format in ["new", "compat", "old"] {
        let made =
            Command::new("/sbin/ldconfig").arg("-r").arg(root.path()).args(["-X", "-c", format]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let path = root.path().join("etc/ld.so.cache");
        let (seen, expected) = (ours(&fs::read(&path).unwrap()), theirs(&path));
        assert!(expected.len() >= 3, "{format}: {expected:?}");
        assert_eq!(seen, expected, "{format}");
    }
}
