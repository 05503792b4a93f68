use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use nix::errno::Errno;
use proptest::prelude::*;

use super::*;
use crate::learn::observed::{Credentials, Gap, Library, Observed, Port, Program, Role};
use crate::profile::{Profile, Selector, load_text};
use crate::root::path::canonical;
use crate::root::{Canonical, Root};

/// A tree with these files, each with its content and mode.
fn tree(files: &[(&[u8], &[u8], u32)]) -> (tempfile::TempDir, Root) {
    let directory = tempfile::tempdir().unwrap();
    for (path, content, mode) in files {
        let at = directory.path().join(Path::new(std::ffi::OsStr::from_bytes(&path[1..])));
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(&at, content).unwrap();
        fs::set_permissions(&at, fs::Permissions::from_mode(*mode)).unwrap();
    }
    let root = Root::open(directory.path()).unwrap();
    (directory, root)
}

fn program(path: Canonical, role: Role) -> Program {
    Program { path, links: vec![], roles: vec![role], scripts: vec![], by: vec![b"lithify".to_vec()], times: 1 }
}

fn report(root: &Root, observed: Observed) -> LearnReport {
    LearnReport { root: "/".to_owned(), learned: Learned::of(root, observed).unwrap() }
}

fn loaded(text: &str) -> Profile {
    load_text("learned.toml", text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// What `[keep] only` of the profile matches of these paths.
fn keeps(profile: &Profile, path: &[u8]) -> bool {
    profile.only.iter().any(|rule| matches!(&rule.value, Selector::Path(pattern) if pattern.matches(path)))
}

#[test]
fn the_whole_text() {
    let (directory, root) = tree(&[
        (b"/usr/sbin/server", b"\x7fELF", 0o755),
        (b"/usr/bin/dash", b"\x7fELF", 0o755),
        (b"/srv/run.sh", b"#!/bin/sh\n", 0o755),
        (b"/srv/data.sh", b"", 0o644),
    ]);
    symlink("usr/bin", directory.path().join("bin")).unwrap();
    symlink("dash", directory.path().join("usr/bin/sh")).unwrap();
    let sh = Program {
        links: vec![canonical("/usr/bin/sh")],
        scripts: vec![canonical("/srv/data.sh"), canonical("/srv/run.sh")],
        by: vec![b"server".to_vec()],
        times: 12,
        ..program(canonical("/usr/bin/dash"), Role::Child)
    };
    let as_user = |uid| Credentials {
        uid,
        gid: 7,
        effective: 1 << 10,
        bounding: 1 << 10 | 1 << 6,
        by: vec![canonical("/usr/sbin/server")],
    };
    let observed = Observed {
        command: vec![b"server".to_vec(), b"-g".to_vec(), b"a b".to_vec()],
        programs: vec![sh, program(canonical("/usr/sbin/server"), Role::App)],
        credentials: vec![as_user(7)],
        volumes: vec![canonical("/data")],
        gaps: vec![Gap::NoMappings(3)],
        ..Observed::default()
    };
    let text = report(&root, observed).profile();
    let (head, rest) = text.split_once('(').unwrap();
    let (_, rest) = rest.split_once(')').unwrap();
    let expected = "# Written by `lithify learn`: what an app was seen to start, load and write. What was not exercised is not in it.
# run 1: server -g a b
#   not seen: the mapped files of some processes could not be read: libraries that they loaded by name may be missing
schema = 1
name = \"learned-server\"

[keep]
only = [
  \"/srv/run.sh\", # a script that /usr/bin/dash ran; run 1
  \"/usr/bin/dash\", # a program, started 10 times or more by server; run 1
  \"/usr/bin/sh\", # a link by which /usr/bin/dash was started; run 1
  \"/usr/sbin/server\", # the app, started once by lithify; run 1
]
libraries = \"closure\" # 0 libraries were loaded; run 1
app = [\"server\", \"-g\", \"a b\"] # the command that was started; run 1

[verify.mounts]
# writable: left out: what was written could not be found out; run 1

[verify.process]
user = 7 # each process had this id; run 1
group = 7 # each process's group had this id; run 1
capabilities = [
  \"SETGID\", # could be gained, and was never in effect; run 1
  \"NET_BIND_SERVICE\", # in effect; run 1
]

[confine]
# write: left out: what was written could not be found out; run 1
execute = [
  \"/srv\", # 1 program; run 1
  \"/usr/bin\", # 2 programs; run 1
  \"/usr/sbin\", # 1 program; run 1
]
mode = \"best-effort\" # \"require\" starts nothing where the kernel cannot enforce all of this; run 1
";
    assert_eq!(format!("{}{rest}", head.trim_end()), expected);
    loaded(&text);
}

#[test]
fn every_gap_is_said_with_what_helps() {
    let (_directory, root) = tree(&[]);
    let gaps = vec![
        Gap::NotTraced(Errno::EPERM),
        Gap::RanAlready,
        Gap::NoProc(Errno::ENOENT),
        Gap::NoMappings(2),
        Gap::Privileged(canonical("/usr/bin/su")),
        Gap::NoPath(b"memfd:x\n".to_vec()),
    ];
    let said = report(&root, Observed { gaps, ..Observed::default() });
    let summary = said.summary("standard output", Amount::default());
    assert_eq!(summary.matches("note: ").count(), 6, "{summary}");
    assert_eq!(summary.matches("  fix: ").count(), 6, "{summary}");
    assert!(summary.ends_with("lithify learn /: 0 programs, 0 libraries (0 by name), 0 writable directories; the profile is in standard output\n"), "{summary}");
    let text = said.profile();
    assert!(text.contains("# write: left out: /usr/bin/su has setuid"), "{text}");
    loaded(&text);
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        Just(b'a'),
        Just(b'\n'),
        Just(b'"'),
        Just(b'*'),
        Just(b'['),
        Just(b'{'),
        Just(b'\\'),
        Just(b'!'),
        Just(b'#'),
        Just(b' '),
        Just(0xff),
        Just(0x7f),
        1..=255_u8
    ];
    prop::collection::vec(byte, 1..6)
        .prop_filter("a name", |name| !name.contains(&b'/') && *name != b"." && *name != b"..")
}

fn path() -> impl Strategy<Value = Canonical> {
    prop::collection::vec(name(), 1..4)
        .prop_map(|names| names.iter().fold(Canonical::default(), |path, name| path.join(name)))
}

fn observed() -> impl Strategy<Value = Observed> {
    let program = (path(), any::<u8>(), prop::collection::vec(path(), 0..2), name(), 0..2000_u64).prop_map(
        |(path, role, links, by, times)| {
            let role = [Role::App, Role::Script, Role::Interpreter, Role::Child][usize::from(role % 4)];
            Program { links, by: vec![by], times, ..program(path, role) }
        },
    );
    let library = (path(), path()).prop_map(|(path, by)| Library { path, by: vec![by] });
    let credentials =
        (any::<u16>(), any::<u16>(), any::<u64>(), path()).prop_map(|(uid, gid, bounding, by)| Credentials {
            uid: uid.into(),
            gid: gid.into(),
            effective: bounding & 0xff,
            bounding: bounding >> 20,
            by: vec![by],
        });
    (
        prop::collection::vec(name(), 0..3),
        prop::collection::vec(program, 0..5),
        prop::collection::vec(library, 0..3),
        prop::collection::vec(credentials, 0..3),
        prop::collection::vec(path(), 0..3),
    )
        .prop_map(|(command, programs, libraries, credentials, volumes)| Observed {
            command,
            programs,
            libraries,
            volumes,
            credentials,
            ..Observed::default()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_profile_loads_and_keeps_what_was_started(observed in observed()) {
        let (_directory, root) = tree(&[]);
        let paths: Vec<Canonical> = observed.programs.iter().flat_map(|program| program.links.iter().chain([&program.path])).cloned().collect();
        let report = report(&root, observed);
        let text = report.profile();
        let profile = loaded(&text);
        let summary = report.summary("x", Amount::default());
        for path in paths {
            if std::str::from_utf8(&path).is_ok() {
                prop_assert!(keeps(&profile, &path), "{}\n{}", path, text);
            } else {
                prop_assert!(text.contains(&escape(&path)) && summary.contains(&escape(&path)), "{}\n{}", path, text);
            }
        }
    }
}

/// The profile with this text, as `--add` reads it.
fn earlier(text: &str) -> Result<Earlier, crate::profile::ProfileError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("earlier.toml");
    fs::write(&path, text).unwrap();
    Earlier::load(&path)
}

fn joined(report: &LearnReport, text: &str) -> String {
    report.joined(&earlier(text).unwrap_or_else(|error| panic!("{error}\n{text}"))).unwrap()
}

fn started(paths: &[&str], uid: u32) -> Observed {
    let mut programs: Vec<Program> =
        paths.iter().map(|path| Program { times: 2, ..program(canonical(path), Role::Child) }).collect();
    programs.sort_by(|a, b| a.path.cmp(&b.path));
    let by = vec![canonical(paths[0])];
    let credentials = vec![Credentials { uid, gid: uid, effective: 0, bounding: 1 << 6, by }];
    Observed { command: vec![b"app".to_vec()], programs, credentials, ..Observed::default() }
}

#[test]
fn a_second_run_joins_the_first() {
    let (_directory, root) = tree(&[]);
    let first = report(&root, started(&["/usr/bin/a", "/usr/bin/b"], 7)).profile();
    let second = report(&root, started(&["/usr/bin/b", "/usr/sbin/c"], 8));
    let both = joined(&second, &first);
    let profile = loaded(&both);
    for path in ["/usr/bin/a", "/usr/bin/b", "/usr/sbin/c"] {
        assert!(keeps(&profile, path.as_bytes()), "{both}");
    }
    for line in [
        "  \"/usr/bin/a\", # a program, started 2 times by lithify; run 1",
        "  \"/usr/bin/b\", # a program, started 2 times by lithify; runs 1, 2",
        "  \"/usr/sbin/c\", # a program, started 2 times by lithify; run 2",
        "user = \"non-root\" # each process had this id; run 1; 7 and 8 were seen; run 2",
        "libraries = \"closure\" # 0 libraries were loaded; runs 1, 2",
        "  \"/usr/bin\", # 2 programs; run 1; 1 program; run 2",
        "  \"/usr/sbin\", # 1 program; run 2",
    ] {
        assert!(both.lines().any(|known| known == line), "{line}\n{both}");
    }
    assert_eq!(both.lines().filter(|line| line.starts_with("# run ")).count(), 2, "{both}");
    assert_eq!(joined(&second, &both), both, "again");
    let third = joined(&report(&root, started(&["/usr/bin/b"], 9)), &both);
    assert!(third.contains("by lithify; runs 1, 2, 3\n"), "{third}");
    // Root does not fit a limit of the earlier runs, which stays as a comment.
    let as_root = joined(&report(&root, started(&["/usr/bin/b"], 0)), &both);
    assert!(as_root.contains("# user: left out: root ran /usr/bin/b; run 3\n# user = \"non-root\""), "{as_root}");
    assert!(loaded(&as_root).verify.user.is_none());
    let again = joined(&report(&root, started(&["/usr/bin/d"], 7)), &as_root);
    assert!(loaded(&again).verify.user.is_none(), "{again}");
}

#[test]
fn what_a_person_wrote_stays() {
    let (_directory, root) = tree(&[]);
    let by_hand = "# ours\nschema = 1\ndescription = \"x\" # y\n[remove]\nnames = [\"curl\"]\n[keep] # z\nonly = [\"/usr/bin/a\", '/usr/bin/b'] # list\n\
                   [verify.process]\nuser = 5 # must be\n[confine]\nwrite = [\n  \"/tmp\" # scratch\n]\n";
    let both = joined(&report(&root, started(&["/usr/bin/b", "/usr/bin/c"], 0)), by_hand);
    let expected = "# ours\nschema = 1\ndescription = \"x\" # y\n[remove]\nnames = [\"curl\"]\n[keep] # z\n\
        app = [\"app\"] # the command that was started; run 1\n\
        only = [\"/usr/bin/a\", '/usr/bin/b',\n  \"/usr/bin/c\", # a program, started 2 times by lithify; run 1\n] # list\n\
        [verify.process]\nuser = 5 # must be; left out: root ran /usr/bin/b; run 1\n[confine]\n\
        # write: left out: what was written could not be found out; run 1\nwrite = [\n  \"/tmp\" # scratch\n]\n\n\
        [verify.mounts]\n# writable: left out: what was written could not be found out; run 1\n";
    let (_, rest) = both.split_once('\n').unwrap();
    assert_eq!(rest, expected);
    loaded(&both);
}

#[test]
fn what_cannot_be_joined() {
    for (text, place) in [
        ("schema = 2\n", ":1:10: "),
        ("schema = 1\n[keep]\nonly = 7\n", ":3:8: "),
        ("schema = 1\nkeep.only = [\"/a\"]\n", ":2:1: --add cannot add to [keep] here"),
        ("schema = 1\nverify = { process = { user = 7 } }\n", ":2:12: --add cannot add to [verify.process] here"),
    ] {
        let error = earlier(text).err().unwrap().to_string();
        assert!(error.contains(place), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_join_has_both_and_joins_once(first in observed(), second in observed()) {
        let (_directory, root) = tree(&[]);
        let paths = |observed: &Observed| -> Vec<Canonical> {
            observed.programs.iter().flat_map(|program| program.links.iter().chain([&program.path])).cloned().collect()
        };
        let all: Vec<Canonical> = paths(&first).into_iter().chain(paths(&second)).collect();
        let (first, second) = (report(&root, first), report(&root, second));
        let both = joined(&second, &first.profile());
        let profile = loaded(&both);
        for path in all {
            if std::str::from_utf8(&path).is_ok() {
                prop_assert!(keeps(&profile, &path), "{}\n{}", path, both);
            } else {
                prop_assert!(both.contains(&escape(&path)), "{}\n{}", path, both);
            }
        }
        prop_assert_eq!(joined(&second, &both), both.clone());
        prop_assert_eq!(joined(&first, &both), both);
    }
}

#[test]
fn json_fits_its_schema() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/learn.schema.json");
    let schema: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let (_directory, root) =
        tree(&[(b"/usr/bin/a", b"#!/bin/sh\n/usr/bin/late\n", 0o755), (b"/usr/bin/late", b"", 0o755)]);
    let ports = vec![Port { tcp: true, number: 80, loopback: false }];
    let mut observed = Observed { ports, gaps: vec![Gap::RanAlready], ..started(&["/usr/bin/a"], 0) };
    observed.programs.push(program(Canonical::default().join(b"b\xff"), Role::Child));
    let report = report(&root, observed);
    let json: serde_json::Value =
        serde_json::from_str(&report.json(&report.profile(), "standard output", &["a note".to_owned()])).unwrap();
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    compiler.add_resource("file:///schema.json", schema).unwrap();
    let index = compiler.compile("file:///schema.json", &mut schemas).unwrap();
    if let Err(error) = schemas.validate(&json, index) {
        panic!("{error:#}\n{json:#}");
    }
    assert_eq!(json["likely"][0]["path"], "/usr/bin/late", "{json:#}");
    assert_eq!(json["gaps"].as_array().unwrap().len(), 2, "{json:#}");
    loaded(json["profile"].as_str().unwrap());
}
