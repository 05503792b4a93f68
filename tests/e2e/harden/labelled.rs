//! Programs that say that they are libraries. What a linker writes for the dynamic loader does not keep the kernel from
//! starting a file: a shell with a library's name in its dynamic section is a shell.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::harness::app::{App, NGINX};
use crate::harness::attempts::{ECHO, LOADER};
use crate::harness::{harden, lithify, rootfs, run_lithify};

const DT_NULL: u64 = 0;
const DT_SONAME: u64 = 14;
const DT_DEBUG: u64 = 21;
const DT_FLAGS_1: u64 = 0x6fff_fffb;
const DF_1_PIE: u64 = 0x0800_0000;

fn number<const N: usize>(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number[..N].copy_from_slice(&bytes[at..at + N]);
    u64::from_le_bytes(number)
}

/// The program without the marks of one: a PIE without `DF_1_PIE` and, with `soname`, with a name as a library in place
/// of its `DT_DEBUG`.
fn labelled(program: &Path, soname: bool) -> Vec<u8> {
    let mut bytes = fs::read(program).unwrap();
    let (start, count) = (number::<8>(&bytes, 32) as usize, number::<2>(&bytes, 56) as usize);
    let header = (0..count).map(|index| start + index * 56).find(|at| number::<4>(&bytes, *at) == 2).unwrap();
    let section = number::<8>(&bytes, header + 8) as usize;
    let mut changed = 0;
    for at in (section..).step_by(16) {
        match number::<8>(&bytes, at) {
            DT_NULL => break,
            DT_FLAGS_1 => {
                let flags = number::<8>(&bytes, at + 8) & !DF_1_PIE;
                bytes[at + 8..at + 16].copy_from_slice(&flags.to_le_bytes());
                changed += 1;
            }
            DT_DEBUG if soname => {
                bytes[at..at + 8].copy_from_slice(&DT_SONAME.to_le_bytes());
                bytes[at + 8..at + 16].copy_from_slice(&1u64.to_le_bytes());
                changed += 1;
            }
            _ => {}
        }
    }
    assert_eq!(changed, if soname { 2 } else { 1 }, "{}: not a PIE", program.display());
    bytes
}

/// Puts a file at `path` below `root`, in place of another one.
fn place(root: &Path, path: &str, bytes: &[u8], mode: u32) {
    let path = root.join(&path[1..]);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let _ = fs::remove_file(&path);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Where the shell is put, and with which mode.
const SHELLS: [(&str, u32); 6] = [
    ("/opt/tool", 0o755),
    ("/opt/libx.so", 0o755),
    ("/usr/lib/x86_64-linux-gnu/libc.so.7", 0o755),
    ("/usr/local/bin/bash", 0o755),
    // The loader starts these.
    ("/opt/data", 0o644),
    ("/opt/liby.so.1", 0o644),
];

#[test]
fn a_shell_goes_whatever_it_says_by_class_and_by_allow_list() {
    for (profile, soname) in [
        ("[remove]\nclasses = [\"shell\"]", true),
        ("[keep]\nonly = [\"/usr/sbin/nginx\"]", true),
        ("[remove]\nclasses = [\"shell\"]", false),
        ("[keep]\nonly = [\"/usr/sbin/nginx\"]", false),
        ("[keep]\nonly = [\"/usr/sbin/nginx\"]\nlibraries = \"closure\"\npaths = [\"/usr/lib/nginx/modules\"]", true),
    ] {
        let container = NGINX.start();
        let root = container.root();
        let shell = labelled(&rootfs("nginx").join("usr/bin/bash"), soname);
        for (path, mode) in SHELLS {
            place(root, path, &shell, mode);
            let start: &[&str] = if mode == 0o755 { &[path] } else { &[LOADER, path] };
            let pwned = container.exec([start, &["-c", ECHO]].concat());
            assert!(pwned.all().contains("pwned"), "{path} is no shell: {}", pwned.all());
        }
        let libraries = || fs::read_dir(root.join("usr/lib/x86_64-linux-gnu")).unwrap().count();
        let before = libraries();
        let ran = App::harden(&container, profile, "site").exits(0);
        for (path, _) in SHELLS {
            assert!(!root.join(&path[1..]).exists(), "{profile}: {path}: {}", ran.all());
        }
        if !profile.contains("closure") {
            // One of them was a shell.
            assert_eq!(libraries(), before - 1, "{profile}");
        }
        container.lithify(&["verify", "-p", "/var/tmp/site.toml"]).exits(0);
        NGINX.lives_on(&container);
    }
}

#[test]
fn it_is_no_reason_to_refuse_a_plan() {
    let container = NGINX.start();
    let root = container.root();
    let bash = root.join("usr/bin/bash");
    let shell = labelled(&bash, true);
    place(root, "/usr/bin/bash", &shell, 0o755);
    container.lithify(&["harden", "-p", "shells"]).exits(0);
    assert!(!bash.exists() && !root.join("usr/bin/dash").exists());
    NGINX.lives_on(&container);
}

#[test]
fn scan_shows_it() {
    let directory = tempfile::tempdir().unwrap();
    let shell = labelled(&rootfs("nginx").join("usr/bin/bash"), true);
    for (path, mode) in SHELLS {
        place(directory.path(), path, &shell, mode);
    }
    let ran = run_lithify(["scan", "--root", directory.path().to_str().unwrap(), "--fail-on", "shell"]).exits(1);
    for (path, _) in SHELLS {
        assert!(ran.all().lines().any(|line| line.contains(path) && line.contains("content")), "{path}: {}", ran.all());
    }
}

#[test]
fn an_unknown_program_goes_by_the_allow_list_and_a_library_that_can_be_run_stays() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let (unmarked, named) = (labelled(&lithify(), false), labelled(&lithify(), true));
    for (path, bytes) in [("/opt/tool", &unmarked), ("/opt/libx.so", &unmarked), ("/opt/named", &named)] {
        place(root, path, bytes, 0o755);
        assert!(Command::new(root.join(&path[1..])).arg("--version").status().unwrap().success(), "{path}");
    }
    // No signature knows this one.
    let tool = labelled(&rootfs("nginx").join("usr/bin/getconf"), true);
    place(root, "/opt/libtool.so", &tool, 0o755);
    place(root, "/opt/libdata.so", &tool, 0o644);
    let libraries = rootfs("nginx").join("usr/lib/x86_64-linux-gnu");
    let stay = ["libc.so.6", "ld-linux-x86-64.so.2", "libcap.so.2.66", "libm.so.6"];
    for name in stay {
        place(root, &format!("/usr/lib/{name}"), &fs::read(libraries.join(name)).unwrap(), 0o755);
    }
    fs::write(root.join("site.toml"), "schema = 1\n[keep]\nonly = [\"/none\"]\n").unwrap();
    harden(root, ["--app", "none", "-p", root.join("site.toml").to_str().unwrap()]).exits(0);
    for path in ["tool", "libx.so", "named", "libtool.so", "libdata.so"] {
        assert!(!root.join("opt").join(path).exists(), "{path}");
    }
    for name in stay {
        assert!(root.join("usr/lib").join(name).exists(), "{name}");
    }
}
