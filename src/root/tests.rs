//! The same tests for both resolvers, and both against each other on arbitrary trees of links.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use nix::errno::Errno;
use proptest::prelude::*;

use super::path::canonical;
use super::{Identity, InRoot, Kind, Resolver, Root};

const BOTH: [Resolver; 2] = [Resolver::Openat2, Resolver::Walk];

/// A directory with `root/` in it and a file `secret` beside it.
fn enclosure() -> tempfile::TempDir {
    let outer = tempfile::tempdir().unwrap();
    fs::create_dir_all(outer.path().join("root/usr/bin")).unwrap();
    fs::write(outer.path().join("secret"), "outside").unwrap();
    fs::write(outer.path().join("root/usr/bin/dash"), "inside").unwrap();
    outer
}

fn open(outer: &tempfile::TempDir, resolver: Resolver) -> Root {
    Root::open_with(&outer.path().join("root"), resolver).unwrap()
}

fn identity_of(path: &std::path::Path) -> Identity {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::symlink_metadata(path).unwrap();
    Identity { dev: metadata.dev(), ino: metadata.ino() }
}

#[test]
fn absolute_links_and_dot_dot_stay_inside() {
    let outer = enclosure();
    let root = outer.path().join("root");
    symlink("/usr/bin", root.join("bin")).unwrap();
    symlink("../../../../usr/bin/dash", root.join("sh")).unwrap();
    symlink(outer.path().join("secret"), root.join("out")).unwrap();
    symlink("../secret", root.join("up")).unwrap();
    let dash = identity_of(&root.join("usr/bin/dash"));
    for resolver in BOTH {
        let handle = open(&outer, resolver);
        for path in ["/usr/bin/dash", "usr/bin/dash", "/bin/dash", "/sh", "/../../bin/./dash", "/usr/../bin//dash"] {
            assert_eq!(handle.resolve(path.as_bytes()).unwrap().id, dash, "{resolver:?} {path}");
        }
        assert_eq!(handle.resolve(b"/..").unwrap().id, handle.stat().id);
        assert_eq!(handle.read(b"/sh", 3).unwrap(), b"ins");
        for path in ["/out", "/up", "/../secret", "/usr/../../secret"] {
            assert_eq!(handle.resolve(path.as_bytes()).unwrap_err().errno(), Errno::ENOENT, "{resolver:?} {path}");
            assert!(handle.read(path.as_bytes(), 9).is_err());
        }
    }
}

#[test]
fn loops_files_as_directories_and_long_names() {
    let outer = enclosure();
    let root = outer.path().join("root");
    symlink("b", root.join("a")).unwrap();
    symlink("a", root.join("b")).unwrap();
    for resolver in BOTH {
        let handle = open(&outer, resolver);
        let errno = |path: &[u8]| handle.resolve(path).unwrap_err().errno();
        assert_eq!(errno(b"/a"), Errno::ELOOP);
        assert_eq!(errno(b"/usr/bin/dash/x"), Errno::ENOTDIR);
        assert_eq!(errno(&[b'x'; 300]), Errno::ENAMETOOLONG);
        assert_eq!(handle.read(b"/usr", 9).unwrap_err().errno(), Errno::EINVAL);
    }
}

#[test]
fn forty_links_are_followed_and_no_more() {
    let outer = enclosure();
    let root = outer.path().join("root");
    symlink("usr/bin/dash", root.join("l1")).unwrap();
    for number in 2..=41 {
        symlink(format!("l{}", number - 1), root.join(format!("l{number}"))).unwrap();
    }
    for resolver in BOTH {
        let handle = open(&outer, resolver);
        assert!(handle.resolve(b"/l40").is_ok(), "{resolver:?}");
        assert_eq!(handle.resolve(b"/l41").unwrap_err().errno(), Errno::ELOOP, "{resolver:?}");
    }
}

#[test]
fn magic_links_are_refused() {
    // /proc of this machine, seen through a root that holds it.
    for resolver in BOTH {
        let handle = Root::open_with(std::path::Path::new("/"), resolver).unwrap();
        for path in ["/proc/self/root/etc", "/proc/self/exe", "/proc/self/cwd", "/proc/self/ns/mnt"] {
            assert_eq!(handle.resolve(path.as_bytes()).unwrap_err().errno(), Errno::ELOOP, "{resolver:?} {path}");
        }
        assert!(handle.resolve(b"/proc/self/status").is_ok(), "{resolver:?}");
        assert!(handle.resolve(b"/proc/mounts").is_ok(), "{resolver:?}");
    }
}

#[test]
fn a_directory_is_opened_by_its_canonical_path_only() {
    let outer = enclosure();
    symlink("usr", outer.path().join("root/link")).unwrap();
    for resolver in BOTH {
        let handle = open(&outer, resolver);
        assert_eq!(handle.directory(&canonical("/usr/bin")).unwrap().path(), b"/usr/bin");
        for path in ["/link/bin", "/link"] {
            let errno = handle.directory(&canonical(path)).unwrap_err().errno();
            assert!([Errno::ELOOP, Errno::ENOTDIR].contains(&errno), "{resolver:?} {path}: {errno}");
        }
        assert_eq!(handle.directory(&canonical("/usr/bin/dash")).unwrap_err().errno(), Errno::ENOTDIR, "{resolver:?}");
    }
}

#[test]
fn walk_tells_the_place_and_every_link() {
    let outer = enclosure();
    let root = outer.path().join("root");
    symlink("/usr/bin", root.join("bin")).unwrap();
    symlink("dash", root.join("usr/bin/sh")).unwrap();
    let handle = open(&outer, Resolver::Openat2);
    let place = handle.walk(b"/bin/sh", true).unwrap();
    assert_eq!(place.path, b"/usr/bin/dash");
    let links: Vec<_> = place.links.iter().map(|link| (link.path.clone(), link.last)).collect();
    assert_eq!(links, [(canonical("/bin"), false), (canonical("/usr/bin/sh"), true)]);
    let place = handle.walk_from(&canonical("/usr"), b"bin/sh", false).unwrap();
    assert_eq!((place.path, place.stat.kind), (canonical("/usr/bin/sh"), Kind::Symlink));
    assert_eq!(handle.walk(b"/", true).unwrap().path, b"/");
}

#[test]
fn removal_looks_again_at_identity_and_mount() {
    let outer = enclosure();
    let root = outer.path().join("root");
    for resolver in BOTH {
        let (old, new) = (root.join("usr/bin/sh"), root.join("usr/bin/new"));
        fs::write(&old, "old").unwrap();
        let handle = open(&outer, resolver);
        let directory = handle.directory(&canonical("/usr/bin")).unwrap();
        let stat = directory.stat(c"sh").unwrap();
        fs::write(&new, "another file under the same name").unwrap();
        fs::rename(&new, &old).unwrap();
        assert_eq!(directory.remove(b"sh", stat.id, stat.mount).unwrap_err().errno(), Errno::ESTALE);
        let stat = directory.stat(c"sh").unwrap();
        assert_eq!(directory.remove(b"sh", stat.id, stat.mount + 1).unwrap_err().errno(), Errno::EXDEV);
        assert!(old.exists());
        directory.remove(b"sh", stat.id, stat.mount).unwrap();
        assert!(!old.exists());
        assert_eq!(directory.remove(b"sh", stat.id, stat.mount).unwrap_err().errno(), Errno::ENOENT);
    }
}

#[test]
fn modes_are_set_and_read_back() {
    use std::os::unix::fs::PermissionsExt;
    let outer = enclosure();
    let path = outer.path().join("root/usr/bin/dash");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4755)).unwrap();
    let directory = open(&outer, Resolver::Openat2).directory(&canonical("/usr/bin")).unwrap();
    let stat = directory.stat(c"dash").unwrap();
    directory.set_mode(b"dash", stat.id, stat.mount, 0o755, false).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o755);
    let other = Identity { ino: stat.id.ino + 1, ..stat.id };
    assert_eq!(directory.set_mode(b"dash", other, stat.mount, 0, false).unwrap_err().errno(), Errno::ESTALE);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o755);
}

#[test]
fn the_write_test_leaves_nothing() {
    let outer = enclosure();
    for resolver in BOTH {
        let handle = open(&outer, resolver);
        handle.write_test(InRoot(b"/usr/bin")).unwrap();
        assert_eq!(handle.write_test(InRoot(b"/usr/bin/dash")).unwrap_err().errno(), Errno::ENOTDIR);
        assert_eq!(handle.write_test(InRoot(b"/none")).unwrap_err().errno(), Errno::ENOENT);
        assert_eq!(fs::read_dir(outer.path().join("root/usr/bin")).unwrap().count(), 1);
    }
}

#[test]
fn proc_is_no_root() {
    assert!(
        matches!(Root::open(std::path::Path::new("/proc")), Err(error) if matches!(error.failure(), super::Failure::Proc(_)))
    );
    assert!(
        matches!(Root::open(std::path::Path::new("/proc/self")), Err(error) if matches!(error.failure(), super::Failure::Proc(_)))
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    assert_eq!(Root::open(file.path()).err().unwrap().errno(), Errno::ENOTDIR);
}

/// Links of an arbitrary tree: their text, made of components that exist, do not, or lead out.
fn link_text() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec!["a", "b", "c", "d0", "d1", "f", "..", ".", "", "none"]);
    (any::<bool>(), prop::collection::vec(part, 1..6))
        .prop_map(|(absolute, parts)| format!("{}{}", if absolute { "/" } else { "" }, parts.join("/")))
        .prop_filter("an empty link cannot be made", |text| !text.is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever links there are: both resolvers lead to the same file or fail alike, and never out of the root.
    #[test]
    fn both_resolvers_agree(
        links in prop::collection::vec((0usize..3, prop::sample::select(vec!["a", "b", "c"]), link_text()), 0..8),
        paths in prop::collection::vec(link_text(), 1..8),
    ) {
        let outer = enclosure();
        let root = outer.path().join("root");
        let directories = [root.clone(), root.join("d0"), root.join("d0/d1")];
        fs::create_dir_all(&directories[2]).unwrap();
        for directory in &directories {
            fs::write(directory.join("f"), "f").unwrap();
        }
        for (directory, name, text) in &links {
            let _ = symlink(text, directories[*directory].join(name));
        }
        let (kernel, walk) = (open(&outer, Resolver::Openat2), open(&outer, Resolver::Walk));
        for path in &paths {
            let by_kernel = kernel.resolve(path.as_bytes()).map(|stat| stat.id).map_err(|error| error.errno());
            let by_walk = walk.resolve(path.as_bytes()).map(|stat| stat.id).map_err(|error| error.errno());
            prop_assert_eq!(by_kernel, by_walk, "{}", path);
            if let (Ok(id), Ok(place)) = (by_kernel, walk.walk(path.as_bytes(), true)) {
                // The canonical path leads to the same file on the machine itself: nothing outside was reached.
                let mut host = root.as_os_str().as_bytes().to_vec();
                host.extend_from_slice(&place.path);
                let host = std::path::PathBuf::from(std::ffi::OsStr::from_bytes(&host));
                prop_assert_eq!(identity_of(&host), id);
            }
        }
    }
}
