use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use super::*;
use crate::drift::{Since, Writes};
use crate::harden::mark::Mark;
use crate::learn::confined::Unconfined;
use crate::learn::observed::Credentials;
use crate::learn::writable::Written;
use crate::linux::time::Time;
use crate::profile::{Principal, Profile};
use crate::root::path::canonical;

fn file(tree: &Path, path: &str, mode: u32) {
    let at = tree.join(&path[1..]);
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    fs::write(&at, "#!/bin/x\n").unwrap();
    fs::set_permissions(&at, fs::Permissions::from_mode(mode)).unwrap();
}

/// A tree with programs; what `write` does to it comes later.
fn tree(write: fn(&Path)) -> (tempfile::TempDir, Root, Writes) {
    let directory = tempfile::tempdir().unwrap();
    for path in
        ["/usr/bin/a", "/usr/sbin/b", "/srv/app/run", "/srv/app/data/x", "/var/log/old", "/var/lib/app/y", "/run.sh"]
    {
        file(directory.path(), path, 0o755);
    }
    fs::create_dir_all(directory.path().join("var/cache/app")).unwrap();
    let at = directory.path().join("clock");
    let changed = |path: &Path| {
        let found = fs::metadata(path).unwrap();
        Time { seconds: found.ctime(), nanoseconds: u32::try_from(found.ctime_nsec()).unwrap() }
    };
    fs::write(&at, "").unwrap();
    // The clock of files moves on in steps: wait for the next one.
    let before = changed(&at);
    let start = loop {
        fs::remove_file(&at).unwrap();
        fs::write(&at, "").unwrap();
        if changed(&at) > before {
            break changed(&at);
        }
    };
    fs::remove_file(&at).unwrap();
    let root = Root::open(directory.path()).unwrap();
    let then = Time { nanoseconds: start.nanoseconds + 1, ..start };
    // The root itself was changed by the clock.
    loop {
        fs::write(&at, "").unwrap();
        let now = changed(&at);
        fs::remove_file(&at).unwrap();
        if now > then {
            break;
        }
    }
    write(directory.path());
    let since = Since { start: then, mark: Mark::default() };
    let writes = Writes::look(&root, &Profile::default(), since).unwrap();
    (directory, root, writes)
}

fn observed(programs: &[&str], writes: Option<Writes>) -> Observed {
    let programs = programs.iter().map(|path| Program {
        path: canonical(path),
        links: vec![],
        roles: vec![Role::Child],
        scripts: vec![],
        by: vec![],
        times: 1,
    });
    Observed { programs: programs.collect(), writes, ..Observed::default() }
}

fn text(paths: &Result<Vec<Canonical>, Unconfined>) -> String {
    match paths {
        Ok(paths) => paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        Err(reason) => format!("{reason:?}"),
    }
}

fn places(learned: &Learned) -> String {
    let place = |place: &Writable| format!("{}{}", place.path, if place.made { "?" } else { "" });
    learned.writable.iter().flatten().map(place).collect::<Vec<_>>().join(" ")
}

#[test]
fn where_it_wrote_and_what_it_may() {
    let (_directory, root, writes) = tree(|tree| {
        file(tree, "/var/log/new", 0o644);
        file(tree, "/var/cache/app/deep/file", 0o644);
        file(tree, "/var/lib/app/made/file", 0o644);
        file(tree, "/srv/app/data/new", 0o644);
    });
    let mut seen = observed(&["/run.sh", "/usr/bin/a", "/usr/sbin/b"], Some(writes));
    // Nothing has changed in the second one.
    seen.volumes = vec![canonical("/srv/app/data"), canonical("/usr/sbin")];
    let learned = Learned::of(&root, seen).unwrap();
    assert_eq!(places(&learned), "/srv/app/data /var/cache/app /var/lib/app/made? /var/log");
    assert_eq!(text(&learned.confined.write), "/srv/app/data /var/cache/app /var/lib/app /var/log");
    assert_eq!(text(&learned.confined.execute), "/run.sh /usr/bin /usr/sbin");
    assert!(matches!(learned.writable.unwrap()[3].written, Written::Changed { hides: 1 }));
}

#[test]
fn what_it_writes_it_does_not_run() {
    let (_directory, root, writes) = tree(|tree| file(tree, "/srv/app/new", 0o644));
    let learned = Learned::of(&root, observed(&["/srv/app/run", "/usr/bin/a"], Some(writes))).unwrap();
    assert_eq!(text(&learned.confined.write), "/srv/app");
    assert!(matches!(&learned.confined.execute, Err(Unconfined::RunsWritten(path)) if *path == b"/srv/app/run"));
    // Below a directory that is written to in one place only, the program alone.
    let (_directory, root, writes) = tree(|tree| file(tree, "/srv/app/data/new", 0o644));
    let learned = Learned::of(&root, observed(&["/srv/app/run", "/usr/bin/a"], Some(writes))).unwrap();
    assert_eq!(text(&learned.confined.execute), "/srv/app/run /usr/bin");
    // What was made after the start.
    let (_directory, root, writes) = tree(|tree| file(tree, "/usr/bin/new", 0o755));
    let learned = Learned::of(&root, observed(&["/usr/bin/a", "/usr/bin/new"], Some(writes))).unwrap();
    let new = |path: &str| {
        learned.only.iter().any(|kept| kept.path == path && matches!(kept.why, Why::Started { new: true, .. }))
    };
    assert!(new("/usr/bin/new") && !new("/usr/bin/a"));
}

#[test]
fn what_it_writes_it_does_not_run_although_its_writing_is_not_confined() {
    let (_directory, root, writes) = tree(|tree| {
        file(tree, "/new", 0o644);
        file(tree, "/srv/app/new", 0o644);
    });
    let learned = Learned::of(&root, observed(&["/srv/app/run", "/usr/bin/a"], Some(writes))).unwrap();
    assert!(matches!(learned.confined.write, Err(Unconfined::WritesRoot(_))), "{}", text(&learned.confined.write));
    assert!(matches!(&learned.confined.execute, Err(Unconfined::RunsWritten(path)) if *path == b"/srv/app/run"));
}

#[test]
fn where_nothing_can_be_confined() {
    let (_directory, root, writes) = tree(|tree| file(tree, "/new", 0o644));
    let learned = Learned::of(&root, observed(&["/usr/bin/a"], Some(writes))).unwrap();
    assert!(matches!(&learned.confined.write, Err(Unconfined::WritesRoot(path)) if *path == b"/"));
    assert_eq!(text(&learned.confined.execute), "/usr/bin");
    let (_directory, root, writes) = tree(|tree| file(tree, "/data/new", 0o644));
    let learned = Learned::of(&root, observed(&["/usr/bin/a"], Some(writes))).unwrap();
    assert_eq!(places(&learned), "/data?");
    assert!(matches!(&learned.confined.write, Err(Unconfined::WritesRoot(path)) if *path == b"/data"));
    let mut seen = observed(&["/usr/bin/a"], None);
    seen.gaps = vec![Gap::Privileged(canonical("/usr/bin/a"))];
    let learned = Learned::of(&root, seen).unwrap();
    assert!(matches!(learned.confined.execute, Err(Unconfined::Privileged(_))));
}

#[test]
fn as_whom() {
    let as_user = |uid, gid| Credentials { uid, gid, effective: 1, bounding: 2, by: vec![canonical("/usr/bin/a")] };
    for (seen, user, group) in [
        (vec![as_user(7, 8)], Some(Principal::Id(7)), Some(Principal::Id(8))),
        (vec![as_user(7, 0), as_user(9, 0)], Some(Principal::NonRoot), None),
        (vec![as_user(0, 0), as_user(9, 9)], None, None),
        (vec![as_user(9, 9), as_user(0, 9)], None, Some(Principal::Id(9))),
        (vec![], None, None),
    ] {
        let capabilities = (!seen.is_empty()).then_some(3);
        let process = Process::of(seen);
        assert_eq!((process.user, process.group, process.capabilities), (user, group, capabilities));
    }
}

#[test]
fn the_command_is_named_only_if_nothing_more_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    for path in ["/usr/bin/server", "/usr/bin/dash", "/usr/bin/chown"] {
        file(directory.path(), path, 0o755);
    }
    symlink("usr/bin", directory.path().join("bin")).unwrap();
    symlink("dash", directory.path().join("usr/bin/sh")).unwrap();
    let entrypoint = |text: &str| {
        fs::write(directory.path().join("usr/bin/entrypoint"), text).unwrap();
        fs::set_permissions(directory.path().join("usr/bin/entrypoint"), fs::Permissions::from_mode(0o755)).unwrap();
        let root = Root::open(directory.path()).unwrap();
        let mut seen = observed(&["/usr/bin/dash", "/usr/bin/entrypoint", "/usr/bin/server"], None);
        seen.command = vec![b"entrypoint".to_vec(), b"server".to_vec()];
        Learned::of(&root, seen).unwrap().app
    };
    assert!(matches!(entrypoint("#!/bin/sh\nexec \"$@\"\n"), App::Command(words) if words == ["entrypoint", "server"]));
    assert!(matches!(
        entrypoint("#!/bin/sh\n[ -d x ] || chown y x\nexec \"$@\"\n"),
        App::Names(names) if names.first().is_some_and(|name| name.ends_with(b"/chown"))
    ));
}
