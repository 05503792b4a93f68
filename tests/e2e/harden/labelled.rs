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

/// What says that it is a library and is no known tool stays under an allow-list: it may be a library. The closure knows
/// what is needed.
#[test]
fn an_unknown_program_that_says_it_is_a_library_goes_by_the_closure() {
    for closure in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let (unmarked, named) = (labelled(&lithify(), false), labelled(&lithify(), true));
        for (path, bytes) in [("/opt/tool", &unmarked), ("/opt/named", &named)] {
            place(root, path, bytes, 0o755);
            assert!(Command::new(root.join(&path[1..])).arg("--version").status().unwrap().success(), "{path}");
        }
        let libraries = if closure { "libraries = \"closure\"\n" } else { "" };
        fs::write(root.join("site.toml"), format!("schema = 1\n[keep]\nonly = [\"/none\"]\n{libraries}")).unwrap();
        harden(root, ["--app", "none", "-p", root.join("site.toml").to_str().unwrap()]).exits(0);
        for path in ["tool", "named"] {
            assert_eq!(root.join("opt").join(path).exists(), !closure, "{path}");
        }
    }
}

/// The bytes of a library that `cc` makes of this text with these flags.
fn library(text: &str, flags: &[&str]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("library.c"), text).unwrap();
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([at("library"), at("library.c")])
        .args(flags)
        .status()
        .unwrap();
    assert!(made.success());
    fs::read(at("library")).unwrap()
}

/// The library with `DT_DEBUG`, as tcc writes it, in the first place that is free.
fn with_debug(mut bytes: Vec<u8>) -> Vec<u8> {
    let (start, count) = (number::<8>(&bytes, 32) as usize, number::<2>(&bytes, 56) as usize);
    let header = (0..count).map(|index| start + index * 56).find(|at| number::<4>(&bytes, *at) == 2).unwrap();
    let section = number::<8>(&bytes, header + 8) as usize;
    let free = (section..).step_by(16).find(|at| number::<8>(&bytes, *at) == DT_NULL).unwrap();
    assert_eq!(number::<8>(&bytes, free + 16), DT_NULL, "no place is free");
    bytes[free..free + 8].copy_from_slice(&DT_DEBUG.to_le_bytes());
    bytes
}

const HELLO: &str = "int hello(void) { return 7; }";
const HOOK: &str = "int __libc_start_main(void) { return 0; } void start(void) { for (;;) {} }\n\
    const char loader[] __attribute__((section(\".interp\"))) = \"/lib64/ld-linux-x86-64.so.2\";";

/// Whatever a linker, or who made it, has written into a library: an app may need it, so it stays.
#[test]
fn a_library_stays_whatever_is_written_in_it() {
    let entry = ["-Wl,--as-needed", "-Wl,-e,hello", "-nostdlib"];
    for (name, mode, bytes) in [
        ("addon.node", 0o755, library(HELLO, &entry)),
        ("module.cmxs", 0o755, library(HELLO, &entry)),
        ("libhello.so.3", 0o644, with_debug(library(HELLO, &["-Wl,-soname,libhello.so.3"]))),
        ("libhello.so", 0o755, with_debug(library(HELLO, &[]))),
        ("libhook.so.1", 0o755, library(HOOK, &["-Wl,-soname,libhook.so.1", "-Wl,-e,start"])),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        place(root, &format!("/app/{name}"), &bytes, mode);
        fs::write(root.join("site.toml"), "schema = 1\n[keep]\nonly = [\"/none\"]\n").unwrap();
        let ran = harden(root, ["--app", "none", "-v", "-p", root.join("site.toml").to_str().unwrap()]).exits(0);
        assert!(root.join("app").join(name).exists(), "{name}: {}", ran.all());
    }
    // And those of the distribution that can be started.
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let libraries = rootfs("nginx").join("usr/lib/x86_64-linux-gnu");
    let stay = ["libc.so.6", "ld-linux-x86-64.so.2", "libcap.so.2.66", "libm.so.6"];
    for name in stay {
        place(root, &format!("/usr/lib/{name}"), &fs::read(libraries.join(name)).unwrap(), 0o755);
    }
    fs::write(root.join("site.toml"), "schema = 1\n[keep]\nonly = [\"/none\"]\n").unwrap();
    harden(root, ["--app", "none", "-p", root.join("site.toml").to_str().unwrap()]).exits(0);
    for name in stay {
        assert!(root.join("usr/lib").join(name).exists(), "{name}");
    }
}

/// What the kernel does not look at says nothing: the class in the header, and an entry point behind the bytes of its
/// segment.
#[test]
fn a_shell_goes_whatever_its_header_says() {
    let bash = labelled(&rootfs("nginx").join("usr/bin/bash"), true);
    let mut wrong_class = bash.clone();
    wrong_class[4] = 1;
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let mut far = bash;
    far[24..32].copy_from_slice(&u64::from(u32::MAX).to_le_bytes());
    place(root, "/opt/class", &wrong_class, 0o755);
    place(root, "/opt/far", &far, 0o755);
    for profile in ["[remove]\nclasses = [\"shell\"]\n", "[keep]\nonly = [\"/none\"]\n"] {
        place(root, "/opt/libclass.so", &wrong_class, 0o755);
        fs::write(root.join("site.toml"), format!("schema = 1\n{profile}")).unwrap();
        harden(root, ["--app", "none", "-p", root.join("site.toml").to_str().unwrap()]).exits(0);
        for path in ["class", "far", "libclass.so"] {
            assert!(!root.join("opt").join(path).exists(), "{path}: {profile}");
        }
    }
}
