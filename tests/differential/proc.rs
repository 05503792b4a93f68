//! The parsers of `/proc/PID/mountinfo` and `/proc/PID/status` against the crate `procfs`.

use std::collections::BTreeSet;
use std::fs;

use lithify::linux::proc::mountinfo::Mounts;
use lithify::linux::proc::status::Status;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use procfs_core::FromBufRead;
use procfs_core::process::{MountInfo, MountInfos};
use proptest::prelude::*;

/// As the kernel writes paths into the file (`seq_path`): `procfs` leaves them so.
fn path(name: &[u8]) -> String {
    let escape = |byte: &u8| match byte {
        b' ' | b'\t' | b'\n' | b'\\' => format!("\\{byte:03o}"),
        byte => char::from(*byte).to_string(),
    };
    name.iter().map(escape).collect()
}

/// As it writes types and sources (`mangle`).
fn mangled(name: &[u8]) -> String {
    path(name).replace('#', "\\043")
}

fn assert_same(ours: &Mounts, theirs: &[MountInfo]) {
    assert_eq!(ours.iter().count(), theirs.len());
    for (mount, expected) in ours.iter().zip(theirs) {
        let ids = (mount.id, mount.parent);
        assert_eq!(ids, (expected.mnt_id.try_into().unwrap(), expected.pid.try_into().unwrap()));
        assert_eq!(mount.device, expected.majmin.as_bytes());
        assert_eq!(path(&mount.root), expected.root);
        assert_eq!(path(&mount.point), expected.mount_point.to_str().unwrap());
        assert_eq!(mangled(&mount.filesystem), expected.fs_type);
        // What is called "none" has no source to `procfs`.
        let source = Some(mangled(&mount.source)).filter(|source| !source.is_empty() && source != "none");
        assert_eq!(source, expected.mount_source);
        let options = std::str::from_utf8(&mount.options).unwrap().split(',');
        let names: BTreeSet<_> = options.map(|option| option.split('=').next().unwrap()).collect();
        assert_eq!(names, expected.mount_options.keys().map(String::as_str).collect());
        assert_eq!(mount.is_read_only(), expected.mount_options.contains_key("ro"));
    }
}

/// The pids of this machine whose file of this name can be read, with its text.
fn texts(name: &str) -> Vec<(String, String)> {
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    let pids = pids.filter(|pid| pid.bytes().all(|byte| byte.is_ascii_digit())).chain(["self".to_owned()]);
    pids.filter_map(|pid| {
        let text = fs::read(format!("/proc/{pid}/{name}")).ok()?;
        Some((pid, String::from_utf8(text).ok()?))
    })
    .filter(|(_, text)| !text.is_empty())
    .collect()
}

#[test]
fn mounts_of_every_process() {
    let all = texts("mountinfo");
    assert!(all.iter().any(|(pid, _)| pid == "self") && all.len() > 5, "{}", all.len());
    for (_, text) in all {
        let theirs = MountInfos::from_buf_read(text.as_bytes()).unwrap();
        assert_same(&Mounts::parse(text.as_bytes()).unwrap(), &theirs.0);
    }
}

/// The kernel's own escapes: what was mounted under a strange name is found under it.
#[test]
fn a_mount_with_a_strange_name() {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
    let directory = tempfile::tempdir().unwrap();
    for name in ["a b", "a\tb", "a\nb", "a\\b", "a#b", "a\\040b", "-", "a - b", "\u{e9}"] {
        let point = directory.path().join(name);
        fs::create_dir(&point).unwrap();
        mount(Some(name), &point, Some("tmpfs"), MsFlags::MS_NOSUID, None::<&str>).unwrap();
        let text = fs::read("/proc/thread-self/mountinfo").unwrap();
        let mounts = Mounts::parse(&text).unwrap();
        let canonical = fs::canonicalize(&point).unwrap();
        let bytes = canonical.to_str().unwrap().as_bytes();
        let found = mounts.covering(&[bytes, b"/inside"].concat()).unwrap();
        assert_eq!(found.point, bytes, "{name:?}");
        assert_eq!((found.source.as_slice(), found.has("nosuid")), (name.as_bytes(), true));
        let theirs = MountInfos::from_buf_read(text.as_slice()).unwrap();
        if name.is_ascii() {
            assert_same(&mounts, &theirs.0);
        }
    }
}

fn name() -> impl Strategy<Value = String> {
    "[ -~\t\n]{1,12}"
}

proptest! {
    #[test]
    fn made_lines(
        ids in (0i32.., 0i32.., 0u32..4096, 0u32..1_000_000),
        root in name(),
        point in name(),
        options in proptest::collection::btree_set(prop::sample::select(vec!["ro", "rw", "nosuid", "nodev", "noexec", "relatime", "idmapped"]), 1..4),
        optional in proptest::collection::vec(prop::sample::select(vec!["shared:1", "master:22", "propagate_from:3", "unbindable", "new:7"]), 0..4),
        filesystem in "[a-z][a-z0-9.]{0,8}",
        source in prop_oneof![name(), Just(String::new()), Just("none".to_owned())],
    ) {
        let (id, parent, major, minor) = ids;
        let (root, point) = (path(format!("/{root}").as_bytes()), path(format!("/{point}").as_bytes()));
        let options = options.into_iter().collect::<Vec<_>>().join(",");
        let optional: String = optional.iter().map(|field| format!("{field} ")).collect();
        let source = mangled(source.as_bytes());
        let line = format!("{id} {parent} {major}:{minor} {root} {point} {options} {optional}- {filesystem} {source} rw,size=1k\n");
        let theirs = MountInfos::from_buf_read(line.as_bytes()).unwrap();
        assert_same(&Mounts::parse(line.as_bytes()).unwrap(), &theirs.0);
    }

    /// What one refuses the other may take: lithify needs neither the options of the filesystem nor small numbers. But
    /// what both take they read alike.
    #[test]
    fn changed_lines(at in 0usize..80, byte in prop::sample::select(b" -:,/0a\\".to_vec())) {
        let mut line = b"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue".to_vec();
        if let Some(place) = line.get_mut(at) {
            *place = byte;
        }
        let theirs = MountInfos::from_buf_read(line.as_slice());
        // A backslash and three digits is a byte to lithify.
        let both = Mounts::parse(&line).ok().zip(theirs.ok());
        prop_assume!(both.is_some() && byte != b'\\');
        let (ours, theirs) = both.unwrap();
        assert_same(&ours, &theirs.0);
    }
}

fn assert_same_status(text: &str, pid: &str) {
    let theirs = procfs_core::process::Status::from_buf_read(text.as_bytes()).unwrap();
    let ours = Status::parse(text);
    assert_eq!(ours.uid, Some([theirs.ruid, theirs.euid, theirs.suid, theirs.fuid]), "{pid}");
    assert_eq!(ours.gid, Some([theirs.rgid, theirs.egid, theirs.sgid, theirs.fgid]), "{pid}");
    assert_eq!(ours.groups, Some(theirs.groups), "{pid}");
    let sets = ours.capabilities.unwrap();
    assert_eq!(
        [sets.inheritable, sets.permitted, sets.effective],
        [theirs.capinh, theirs.capprm, theirs.capeff],
        "{pid}"
    );
    assert_eq!((Some(sets.bounding), Some(sets.ambient)), (theirs.capbnd, theirs.capamb), "{pid}");
    assert_eq!(ours.no_new_privs.map(u64::from), theirs.nonewprivs, "{pid}");
    assert_eq!(ours.seccomp, theirs.seccomp, "{pid}");
}

#[test]
fn status_of_every_process() {
    let all = texts("status");
    assert!(all.len() > 5);
    for (pid, text) in all {
        assert_same_status(&text, &pid);
    }
}

proptest! {
    #[test]
    fn made_statuses(
        uid: [u32; 4],
        gid: [u32; 4],
        groups in proptest::collection::vec(any::<u32>(), 0..5),
        sets: [u64; 5],
        new_privileges in 0u8..2,
        seccomp in 0u8..3,
    ) {
        let real = fs::read_to_string("/proc/self/status").unwrap();
        let four = |ids: [u32; 4]| ids.map(|id| id.to_string()).join("\t");
        let fields = [
            ("Uid", four(uid)),
            ("Gid", four(gid)),
            ("Groups", groups.iter().map(|id| format!("{id} ")).collect()),
            ("CapInh", format!("{:016x}", sets[0])),
            ("CapPrm", format!("{:016x}", sets[1])),
            ("CapEff", format!("{:016x}", sets[2])),
            ("CapBnd", format!("{:016x}", sets[3])),
            ("CapAmb", format!("{:016x}", sets[4])),
            ("NoNewPrivs", new_privileges.to_string()),
            ("Seccomp", seccomp.to_string()),
        ];
        let text: String = real
            .lines()
            .map(|line| {
                let name = line.split(':').next().unwrap();
                let field = fields.iter().find(|(known, _)| *known == name);
                field.map_or(format!("{line}\n"), |(name, value)| format!("{name}:\t{value}\n"))
            })
            .collect();
        assert_same_status(&text, "made");
    }
}
