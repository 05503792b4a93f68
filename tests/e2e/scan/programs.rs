//! Recognition by content among thousands of real programs, and in files that linkers and packers arranged differently.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::tree::Tree;
use crate::harness::{harden, rootfs, run, run_lithify};

/// The tree that tests/programs.sh makes.
fn programs() -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/programs");
    let path = std::env::var_os("LITHIFY_PROGRAMS").map_or(default, PathBuf::from);
    assert!(path.join("complete").is_file(), "{} is not there: run tests/programs.sh first", path.display());
    path
}

fn scan(root: &Path) -> Value {
    run_lithify(["scan".as_ref(), "--format=json".as_ref(), "--root".as_ref(), root.as_os_str()]).exits(0).json()
}

fn by_content(found: &Value) -> Vec<(&str, &str)> {
    let programs = found["programs"].as_array().unwrap().iter().filter(|program| program["by"] == "content");
    programs.map(|program| (program["path"].as_str().unwrap(), program["program"].as_str().unwrap())).collect()
}

/// Regular files under `directory` that are ELF programs or libraries and executable; hard links count once.
fn executables(directory: &Path, seen: &mut BTreeSet<(u64, u64)>) {
    use std::os::unix::fs::MetadataExt;
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let stat = path.symlink_metadata().unwrap();
        if stat.is_dir() {
            executables(&path, seen);
        } else if stat.is_file() && stat.mode() & 0o111 != 0 {
            let mut magic = [0; 4];
            let read = fs::File::open(&path).unwrap().read(&mut magic).unwrap();
            if &magic[..read] == b"\x7fELF" {
                seen.insert((stat.dev(), stat.ino()));
            }
        }
    }
}

/// Everything there that a signature knows.
const KNOWN: [(&str, &str); 36] = [
    ("/bin/busybox", "busybox"),
    ("/bin/sed", "sed"),
    ("/bin/toybox", "toybox"),
    ("/usr/bin/dbclient", "dbclient"),
    ("/usr/bin/emacs-nox", "emacs"),
    ("/usr/bin/env", "env"),
    ("/usr/bin/git", "git"),
    ("/usr/bin/inetutils-telnet", "telnet"),
    ("/usr/bin/less", "less"),
    ("/usr/bin/lftp", "lftp"),
    ("/usr/bin/lua5.1", "lua"),
    ("/usr/bin/lua5.2", "lua"),
    ("/usr/bin/lua5.3", "lua"),
    ("/usr/bin/luajit", "lua"),
    ("/usr/bin/make", "make"),
    ("/usr/bin/nmap", "nmap"),
    ("/usr/bin/nvim", "nvim"),
    ("/usr/bin/openssl", "openssl"),
    ("/usr/bin/original-awk", "original-awk"),
    ("/usr/bin/perf", "perf"),
    ("/usr/bin/rsync", "rsync"),
    ("/usr/bin/screen", "screen"),
    ("/usr/bin/slsh", "slsh"),
    ("/usr/bin/sqlite3", "sqlite3"),
    ("/usr/bin/sudo", "sudo"),
    ("/usr/bin/tclsh8.6", "tclsh"),
    ("/usr/bin/tmux", "tmux"),
    ("/usr/bin/vim.basic", "vim"),
    ("/usr/bin/vim.tiny", "vim"),
    ("/usr/bin/wget2", "wget2"),
    ("/usr/bin/wish8.6", "tclsh"),
    ("/usr/lib/git-core/git", "git"),
    ("/usr/lib/plan9/bin/awk", "original-awk"),
    ("/usr/lib/plan9/bin/rc", "rc"),
    ("/usr/sbin/chroot", "chroot"),
    ("/usr/sbin/php-fpm8.2", "php"),
];

/// The programs of GNU's coreutils, but for those in [`KNOWN`].
const COREUTILS: &str = "[ arch b2sum base32 base64 basename basenc cat chcon chgrp chmod chown cksum comm cp csplit cut date \
    dd df dir dircolors dirname du echo expand expr factor false fmt fold groups head hostid id \
    install join link ln logname ls md5sum mkdir mkfifo mknod mktemp mv nice nl nohup nproc numfmt \
    od paste pathchk pinky pr printenv printf ptx pwd readlink realpath rm rmdir runcon seq sha1sum \
    sha224sum sha256sum sha384sum sha512sum shred shuf sleep sort split stat stdbuf stty sum sync \
    tac tail tee test timeout touch tr true truncate tsort tty uname unexpand uniq unlink users vdir \
    wc who whoami yes";

/// Each of them says of itself only that it is one of GNU's coreutils.
pub fn is_of_coreutils(path: &str, program: &str) -> bool {
    path.rsplit('/').next() == Some(program) && COREUTILS.split(' ').any(|name| name == program)
}

#[test]
fn among_thousands_of_programs_only_what_it_really_is() {
    let tree = programs();
    let mut files = BTreeSet::new();
    executables(&tree, &mut files);
    assert!(files.len() >= 2_500, "only {} ELF executables in {}", files.len(), tree.display());
    let found = scan(&tree);
    let found: BTreeSet<_> = by_content(&found).into_iter().collect();
    let (family, found): (BTreeSet<_>, BTreeSet<_>) =
        found.into_iter().partition(|(path, program)| is_of_coreutils(path, program));
    assert_eq!(family.len(), COREUTILS.split(' ').count(), "{family:?}");
    let known = BTreeSet::from(KNOWN);
    assert_eq!(
        (found.difference(&known).collect::<Vec<_>>(), known.difference(&found).collect::<Vec<_>>()),
        (vec![], vec![]),
        "taken for what they are not, and not recognised, among {} executables",
        files.len()
    );
    println!("{} ELF executables, {} recognised by content, no false positive", files.len(), found.len());
}

/// Flags and sizes of the program headers of type LOAD.
fn loads(program: &Path) -> Vec<String> {
    let headers = run(Command::new("readelf").args(["--program-headers", "--wide"]).arg(program)).exits(0).stdout;
    let loads = headers.lines().filter_map(|line| line.trim().strip_prefix("LOAD"));
    // Offset, addresses and sizes; then the flags, with spaces between; then the alignment.
    loads
        .map(|line| line.split_whitespace().skip(5).filter(|word| !word.starts_with("0x")).collect::<String>())
        .collect()
}

#[test]
fn however_a_linker_arranged_it() {
    let tree = Tree::new();
    tree.directory("/opt");
    let source = tree.at("/shell.c");
    // What makes a Bourne shell; far apart, and behind more than one part of what is read at once.
    fs::write(
        &source,
        r#"
        #include <stdio.h>
        const char filler[600000] = { 1 };
        int main(int argc, char **argv) {
            puts(filler + argc);
            puts("-"); puts("OPTIND"); puts("getopts"); puts("OPTARG"); puts("CDPATH");
            return 0;
        }"#,
    )
    .unwrap();
    let cases: [(&str, &[&str], bool); 6] = [
        ("default", &[], true),
        ("static", &["-static"], true),
        ("noseparate-code", &["-Wl,-z,noseparate-code"], false),
        ("static-noseparate-code", &["-static", "-Wl,-z,noseparate-code"], false),
        ("no-rosegment", &["-fuse-ld=gold", "-Wl,--no-rosegment"], false),
        ("no-pie-noseparate-code", &["-no-pie", "-Wl,-z,noseparate-code"], false),
    ];
    for (name, flags, separate) in cases {
        let path = format!("/opt/{name}");
        run(Command::new("gcc").arg("-O0").args(flags).arg("-o").arg(tree.at(&path)).arg(&source)).exits(0);
        let read_only = loads(&tree.at(&path)).iter().filter(|flags| *flags == "R").count();
        assert_eq!(read_only >= 2, separate, "{name}: {:?}", loads(&tree.at(&path)));
        let found = scan(tree.path());
        assert_eq!(by_content(&found), [(path.as_str(), "sh")], "{name}");
        fs::remove_file(tree.at(&path)).unwrap();
    }
}

#[test]
fn without_section_headers_and_with_broken_program_headers() {
    let tree = Tree::new();
    let shell = fs::read(rootfs("nginx").join("usr/bin/dash")).unwrap();
    let add = |path: &str, bytes: &[u8]| {
        tree.file(path);
        fs::write(tree.at(path), bytes).unwrap();
    };
    // e_shoff, e_shnum and e_shstrndx: only debuggers need sections.
    let mut bare = shell.clone();
    bare[40..48].fill(0);
    bare[60..64].fill(0);
    add("/bare", &bare);
    // The program headers moved behind the end: what they say is lost, and the whole file is searched.
    let mut moved = shell.clone();
    moved[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
    add("/moved", &moved);
    let found = scan(tree.path());
    assert_eq!(by_content(&found), [("/bare", "sh"), ("/moved", "sh")]);
}

/// An ELF program as UPX makes it: no sections, no segment that is only read, and its mark after the program headers.
fn packed() -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(16, 0);
    bytes.extend(2u16.to_le_bytes()); // ET_EXEC
    bytes.extend(62u16.to_le_bytes()); // EM_X86_64
    bytes.extend(1u32.to_le_bytes());
    for word in [0x40_1000u64, 64, 0] {
        bytes.extend(word.to_le_bytes()); // entry, program headers, no sections
    }
    bytes.extend(0u32.to_le_bytes());
    for half in [64u16, 56, 2, 64, 0, 0] {
        bytes.extend(half.to_le_bytes());
    }
    for (flags, offset) in [(5u32, 0u64), (6, 0x1000)] {
        bytes.extend(1u32.to_le_bytes()); // PT_LOAD
        bytes.extend(flags.to_le_bytes());
        for word in [offset, 0x40_0000 + offset, 0x40_0000 + offset, 0x1000, 0x1000, 0x1000] {
            bytes.extend(word.to_le_bytes());
        }
    }
    bytes.extend([0x12, 0x34, 0x56, 0x78]); // checksum of the loader
    bytes.extend(b"UPX!");
    bytes.extend((0..8000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8));
    bytes
}

#[test]
fn what_is_packed_is_said_to_be() {
    let tree = Tree::new();
    tree.file("/usr/bin/app").file_with("/usr/bin/starter", "#!/usr/bin/app\nUPX!\n");
    fs::write(tree.at("/usr/bin/app"), packed()).unwrap();
    fs::set_permissions(tree.at("/usr/bin/app"), fs::Permissions::from_mode(0o755)).unwrap();
    let found = scan(tree.path());
    assert_eq!(found["programs"], Value::Array(Vec::new()));
    let weak = found["weaknesses"].as_array().unwrap();
    assert_eq!(weak.len(), 1, "{found}");
    assert_eq!((&weak[0]["class"], &weak[0]["path"]), (&Value::from("packed"), &Value::from("/usr/bin/app")));
    run_lithify(["scan".as_ref(), "--fail-on=packed".as_ref(), "--root".as_ref(), tree.path().as_os_str()])
        .exits(1)
        .says("FAIL scan packed: 1 found")
        .says("its content cannot be recognised");
}

#[test]
fn the_profile_shells_knows_a_shell_by_more_than_its_name() {
    let tree = Tree::new();
    let shell = rootfs("nginx").join("usr/bin/dash");
    tree.directory("/opt").directory("/usr/bin").file("/usr/bin/app");
    fs::copy(&shell, tree.at("/usr/bin/healthd")).unwrap();
    tree.hard_link("/opt/.x", "/usr/bin/healthd").link("/opt/link", "/usr/bin/healthd");
    harden(tree.path(), ["--allow-host", "-p", "shells"]).exits(0);
    for gone in ["/usr/bin/healthd", "/opt/.x", "/opt/link"] {
        assert!(!tree.has(gone), "{gone}");
    }
    assert!(tree.has("/usr/bin/app"));
}
