//! `seal --after`: the digest that `harden` leaves, known before.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;

use proptest::prelude::*;

use crate::harness::container::Spec;
use crate::harness::ran::Ran;
use crate::harness::tree::Tree;
use crate::harness::{run, run_lithify};

fn seal(tree: &Tree, arguments: &[&str]) -> Ran {
    run_lithify([&["seal", "--root", tree.path().to_str().unwrap()], arguments].concat())
}

fn harden(tree: &Tree, arguments: &[&str]) -> Ran {
    run_lithify([&["harden", "--root", tree.path().to_str().unwrap()], arguments].concat())
}

#[test]
fn where_harden_would_not_end_well_there_is_no_digest() {
    let tree = Tree::new();
    tree.program("/bin/sh").file_with("/start.sh", "#!/bin/sh\n");
    let after = |arguments: &[&str]| {
        let ran = seal(&tree, &[&["--after"], arguments].concat());
        assert!(ran.code == 0 || !ran.all().contains("sha256:"), "{ran:?}");
        ran
    };
    after(&[]).exits(2).says("nothing to do: name a profile");
    let ran = after(&["-p", "shells", "--app", "/start.sh"]).exits(3);
    assert_eq!(ran.stdout, "");
    ran.says("REFUSED /bin/sh: ").says("--app").says("lithify seal ").says("refused; nothing was changed");
    harden(&tree, &["-p", "shells", "--app", "/start.sh"]).exits(3);
    after(&["-p", "shells", "--app", "/none"]).exits(3).says("/none is not there");
    after(&["-p", "shells", "--app", "none"]).exits(0);
    after(&["--remove", "/bin/sh"]).exits(0);
    // No class but `shell`, and nobody says what the app is: that is a matter of the place where it runs.
    after(&["-p", "distroless"]).exits(0);
    tree.assert_there(&["/bin/sh"]);
}

#[test]
fn a_rule_that_meets_a_mount_gives_no_digest() {
    let tree = Tree::new();
    tree.directory("/dev").directory("/proc").directory("/sys").directory("/lithify").program("/opt/sh");
    fs::set_permissions(tree.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let volume = Tree::new();
    volume.program("/sh");
    let seal = ["/lithify/lithify", "seal", "--after", "--remove", "/opt/sh"];
    let spec = || Spec::new(tree.path(), &seal);
    spec().run().0.exits(0).says("lithify1-sha256:");
    let (ran, _) = spec().volume(volume.path(), "/opt", &["rw"]).run();
    ran.exits(1).says("FAIL remove /opt/sh: was not removed").does_not_say("lithify1-sha256:");
}

#[test]
fn in_a_container_hard_links_are_split_and_the_mark_is_left_out() {
    let tree = Tree::new();
    tree.directory("/dev").directory("/proc").directory("/sys").directory("/lithify").directory("/etc");
    fs::set_permissions(tree.path(), fs::Permissions::from_mode(0o755)).unwrap();
    tree.program("/usr/bin/sh").hard_link("/usr/bin/bash", "/usr/bin/sh").link("/bin", "usr/bin");
    tree.program("/usr/bin/su").hard_link("/opt/su", "/usr/bin/su").file_with("/etc/passwd", PASSWD[0]);
    for (path, mode) in [("/usr/bin/su", 0o4755), ("/etc/passwd", 0o666), ("/opt", 0o2775)] {
        fs::set_permissions(tree.at(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    chown(tree.at("/opt"), Some(0), Some(7)).unwrap();
    tree.program("/opt/ash");
    run(Command::new("setcap").arg("cap_net_raw+ep").arg(tree.at("/opt/ash"))).exits(0);
    for method in ["delete", "disable", "tombstone"] {
        let text = format!(
            "schema = 1\n[remove]\nnames = [\"sh\"]\npaths = [\"/opt/ash\"]\nmethod = \"{method}\"\n[strip]\nsetid = true\n\
             world_writable = true\nlogin_shells = true\n[seal]\nexclude = [\"/p.toml\"]\n"
        );
        tree.file_with("/p.toml", &text);
        let container = Spec::new(tree.path(), &["/lithify/lithify", "sleep", "1000"]).start();
        let lithify = |arguments: &[&str]| container.lithify(&[arguments, &["-p", "/p.toml"]].concat());
        let before = lithify(&["seal", "--after", "--out", "-"]).exits(0).stdout;
        let hardened = lithify(&["harden", "--app", "none"]).exits(0);
        let after = lithify(&["seal", "--out", "-"]).exits(0).stdout;
        assert_eq!(before, after, "{method}: {hardened:?}");
        assert!(container.root().join(".lithify").is_file(), "{method}");
        let digest = before.lines().last().unwrap().trim_start_matches("# ");
        lithify(&["harden", "--app", "none", "--digest", digest]).exits(0);
        lithify(&["verify", "--digest", digest]).exits(0);
    }
}

/// Something that is made in a tree. What cannot be made is left out.
#[derive(Clone, Debug)]
enum Made {
    File(String, u32, u8),
    Directory(String, u32),
    Link(String, String),
    HardLink(String, String),
    Capability(String),
    Owner(String, u32),
}

const PASSWD: [&str; 3] = [
    "root:x:0:0:root:/root:/bin/sh\nwww:x:33:33::/:/usr/sbin/nologin\n",
    "root:x:0:0:root:/root:/sbin/nologin\n",
    "# x\n\nshort:x:7",
];

fn make(tree: &Tree, made: &Made) {
    let mode = |path: &str, mode: u32| {
        let _ = fs::set_permissions(tree.at(path), fs::Permissions::from_mode(mode));
    };
    let above = |path: &str| {
        let _ = fs::create_dir_all(tree.at(path).parent().unwrap());
    };
    match made {
        Made::File(path, bits, content) => {
            above(path);
            let text = match content {
                0..=2 if path.ends_with("passwd") => PASSWD[usize::from(*content)].to_owned(),
                0..=2 => format!("\x7fELF{content}"),
                _ => format!("#!{content}"),
            };
            if !tree.has(path) && fs::write(tree.at(path), text).is_ok() {
                mode(path, *bits);
            }
        }
        Made::Directory(path, bits) => {
            if !tree.has(path) && fs::create_dir_all(tree.at(path)).is_ok() {
                mode(path, *bits | 0o700);
            }
        }
        Made::Link(path, target) => {
            above(path);
            let _ = std::os::unix::fs::symlink(target, tree.at(path));
        }
        Made::HardLink(path, of) => {
            above(path);
            let _ = fs::hard_link(tree.at(of), tree.at(path));
        }
        Made::Capability(path) => {
            if fs::symlink_metadata(tree.at(path)).is_ok_and(|metadata| metadata.is_file()) {
                run(Command::new("setcap").arg("cap_net_raw+ep").arg(tree.at(path)));
            }
        }
        Made::Owner(path, owner) => {
            if fs::symlink_metadata(tree.at(path)).is_ok_and(|metadata| !metadata.is_symlink()) {
                let _ = chown(tree.at(path), Some(*owner), Some(*owner));
            }
        }
    }
}

fn path() -> impl Strategy<Value = String> {
    let fixed = ["/etc/passwd", "/bin/sh", "/usr/bin/sh", "/usr/bin/bash", "/usr/bin/x.py", "/etc/hosts", "/bin"];
    prop_oneof![prop::sample::select(fixed.to_vec()).prop_map(str::to_owned), "/(usr/bin|a|b|a/c)/[a-e]", "/[ab]"]
}

fn made() -> impl Strategy<Value = Made> {
    let bits =
        prop::sample::select(vec![0o755u32, 0o644, 0o4755, 0o2755, 0o6711, 0o666, 0o777, 0o1777, 0o2777, 0o600, 0]);
    prop_oneof![
        4 => (path(), bits.clone(), 0u8..5).prop_map(|(path, bits, content)| Made::File(path, bits, content)),
        1 => (path(), bits).prop_map(|(path, bits)| Made::Directory(path, bits)),
        2 => (path(), path()).prop_map(|(path, target)| Made::Link(path, target)),
        2 => (path(), path()).prop_map(|(path, of)| Made::HardLink(path, of)),
        1 => path().prop_map(Made::Capability),
        1 => (path(), 0u32..3).prop_map(|(path, owner)| Made::Owner(path, owner)),
    ]
}

fn profile() -> impl Strategy<Value = String> {
    let some = |all: &'static [&'static str], most: usize| prop::sample::subsequence(all.to_vec(), 0..=most);
    let list = |words: Vec<&str>| words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
    (
        some(&["sh", "bash", "a", "c", "d"], 3),
        some(&["/a/*", "/b/**", "/usr/bin/d", "/a/c", "/b", "/**/e", "/usr/bin/*.py", "/bin"], 3),
        some(&["/a/b", "/usr/bin/sh", "/b/c", "/a/c/*"], 2),
        prop::sample::select(vec!["delete", "disable", "tombstone"]),
        prop::array::uniform4(any::<bool>()),
        some(&["/a/c", "/b/*", "/a/**/d", "/none"], 2),
        any::<bool>(),
    )
        .prop_map(move |(names, paths, keep, method, [setid, capabilities, writable, shells], exclude, class)| {
            format!(
                "schema = 1\n[remove]\nnames = [{}]\npaths = [{}]\nmethod = \"{method}\"\nclasses = [{}]\n[keep]\npaths = [{}]\n\
                 [strip]\nsetid = {setid}\nfile_capabilities = {capabilities}\nworld_writable = {writable}\n\
                 login_shells = {shells}\n[seal]\nexclude = [{}]\n",
                list(names),
                list(paths),
                if class { "\"shell\"" } else { "" },
                list(keep),
                list(exclude)
            )
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_digest_before_is_the_digest_after(tree in prop::collection::vec(made(), 1..30), profile in profile(), executables: bool) {
        let all = Tree::new_in("/dev/shm");
        all.directory("/usr/bin");
        for made in &tree {
            make(&all, made);
        }
        // An exclusion is what its path leads to. Where the plan removes a link on the way, that is another file afterwards.
        for path in ["/a", "/a/c"] {
            if fs::symlink_metadata(all.at(path)).is_ok_and(|metadata| metadata.is_symlink()) {
                fs::remove_file(all.at(path)).unwrap();
            }
        }
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("p.toml");
        fs::write(&file, &profile).unwrap();
        let arguments = ["-p", file.to_str().unwrap(), "--only", "executables"];
        let arguments = if executables { &arguments[..] } else { &arguments[..2] };
        let state = all.manifest();
        let before = seal(&all, &[arguments, &["--after", "--out", "-"]].concat());
        prop_assert_eq!(&all.manifest(), &state, "nothing was changed");
        let hardened = harden(&all, &arguments[..2]);
        let after = seal(&all, &[arguments, &["--out", "-"]].concat()).exits(0);
        if hardened.code == 0 {
            prop_assert_eq!(before.stdout, after.stdout, "{}\n{}", before.stderr, profile);
        } else {
            // Where `harden` does not end well, there is nothing to predict.
            prop_assert!(before.code != 0 || hardened.code == 1, "{}{}{}", before.stdout, hardened.all(), profile);
            prop_assert_eq!(before.code == 3, hardened.code == 3, "{}{}{}", before.all(), hardened.all(), profile);
        }
    }
}
