//! What is removed and what stays, on trees built for the case: chains, hard links, kept and protected files.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::harden;
use crate::harness::tree::{Tree, dangling_links};

#[test]
fn chains_of_links_go_whole_in_both_layouts() {
    for merged in [true, false] {
        let tree = Tree::new();
        if merged {
            tree.directory("/usr/bin").link("/bin", "usr/bin");
        } else {
            tree.directory("/bin");
            tree.link("/usr/bin/touch", "/bin/touch");
        }
        tree.file("/bin/dash").link("/bin/sh", "dash").file("/bin/touch").file("/bin/other");
        tree.link("/bin/vi", "/etc/alternatives/vi")
            .link("/etc/alternatives/vi", "/opt/editor/vim.basic")
            .file("/opt/editor/vim.basic");
        tree.link("/bin/view", "/etc/alternatives/vi").link("/home/me/edit", "/bin/view").link("/bin/gone", "/nowhere");
        harden(tree.path(), ["--remove", "sh", "--remove", "vi", "--remove", "touch"]).exits(0);
        tree.assert_gone(&[
            "/bin/sh",
            "/bin/dash",
            "/bin/touch",
            "/usr/bin/touch",
            "/bin/vi",
            "/etc/alternatives/vi",
            "/opt/editor/vim.basic",
            "/bin/view",
            "/home/me/edit",
        ]);
        tree.assert_there(&["/bin/other", "/opt/editor", "/home/me", "/bin/gone"]);
        assert_eq!(
            dangling_links(tree.path()),
            [if merged { "usr/bin/gone" } else { "bin/gone" }].map(std::path::PathBuf::from)
        );
    }
}

#[test]
fn hard_links_go_wherever_they_are() {
    let tree = Tree::new();
    tree.file("/bin/bash")
        .hard_link("/opt/deep/down/.x", "/bin/bash")
        .link("/srv/y", "/opt/deep/down/.x")
        .file("/opt/deep/down/z");
    harden(tree.path(), ["--remove", "bash"]).exits(0);
    tree.assert_gone(&["/bin/bash", "/opt/deep/down/.x", "/srv/y"]);
    tree.assert_there(&["/opt/deep/down/z"]);
}

#[test]
fn a_hard_link_outside_the_root_is_a_finding() {
    let tree = Tree::new();
    tree.file("/root/bin/bash").hard_link("/outside", "/root/bin/bash");
    harden(&tree.at("/root"), ["--remove", "bash"]).exits(1).says("the file has 2 names and 1 found");
    tree.assert_gone(&["/root/bin/bash"]);
    tree.assert_there(&["/outside"]);
}

#[test]
fn keep_wins_and_keeps_the_whole_chain() {
    let tree = Tree::new();
    tree.file("/bin/dash")
        .link("/bin/sh", "dash")
        .file("/bin/bash")
        .hard_link("/opt/kept", "/bin/bash")
        .link("/bin/ash", "sh");
    tree.file_with("/profile.toml", "schema = 1\n[remove]\nnames = [\"sh\", \"dash\", \"bash\", \"ash\"]\n[keep]\npaths = [\"/bin/sh\", \"/opt/kept\"]\n");
    harden(tree.path(), ["-v", "-p", tree.at("/profile.toml").to_str().unwrap()]).exits(0).says("kept /bin/dash");
    tree.assert_there(&["/bin/sh", "/bin/dash", "/bin/bash", "/opt/kept"]);
    tree.assert_gone(&["/bin/ash"]);
}

#[test]
fn what_a_kept_script_needs_is_refused() {
    let tree = Tree::new();
    tree.file_with("/app/start", "#!/usr/bin/env python3\n")
        .file("/usr/bin/env")
        .file("/usr/bin/python3")
        .file("/bin/sh");
    tree.file_with(
        "/profile.toml",
        "schema = 1\n[remove]\nnames = [\"sh\", \"python3\"]\n[keep]\npaths = [\"/app/start\"]\n",
    );
    let before = tree.manifest();
    harden(tree.path(), ["-p", tree.at("/profile.toml").to_str().unwrap()])
        .exits(3)
        .says("REFUSED /usr/bin/python3")
        .says("/app/start needs /usr/bin/python3 as the interpreter of its #! line")
        .says("nothing was changed");
    assert_eq!(tree.manifest(), before);
}

#[test]
fn libraries_and_the_loader_are_refused() {
    let libc = fs::read("/lib/x86_64-linux-gnu/libc.so.6").unwrap();
    for (path, remove) in [
        ("/lib/libc.so.6", "/lib/*"),
        ("/lib64/ld-linux-x86-64.so.2", "ld-linux-x86-64.so.2"),
        ("/usr/lib/renamed", "/usr/lib/re*"),
        ("/usr/lib/app/renamed", "/usr/lib/app"),
    ] {
        let tree = Tree::new();
        tree.file(path).file("/bin/sh").link("/sbin", "lib64");
        fs::write(tree.at(path), &libc).unwrap();
        let before = tree.manifest();
        harden(tree.path(), ["--remove", remove, "--remove", "sh"])
            .exits(3)
            .says("shared library or the dynamic loader");
        assert_eq!(tree.manifest(), before, "{remove}");
    }
}

#[test]
fn a_directory_goes_with_its_content_and_links_through_it() {
    let tree = Tree::new();
    tree.file("/opt/tool/bin/a")
        .link("/opt/tool/b", "/bin/stays")
        .file("/bin/stays")
        .link("/bin/a", "/opt/current/bin/a");
    tree.link("/opt/current", "tool").link("/bin/up", "/opt/tool/../other").file("/opt/other");
    harden(tree.path(), ["--remove", "/opt/tool"]).exits(0);
    tree.assert_gone(&["/opt/tool", "/opt/current", "/bin/a", "/bin/up"]);
    tree.assert_there(&["/bin/stays", "/opt/other"]);
    assert!(dangling_links(tree.path()).is_empty());
}

#[test]
fn a_directory_link_goes_without_its_target_but_with_the_links_through_it() {
    let tree = Tree::new();
    tree.file("/opt/v1/bin/a").link("/opt/current", "v1").link("/bin/a", "/opt/current/bin/a");
    harden(tree.path(), ["--remove", "/opt/current"]).exits(0);
    tree.assert_gone(&["/opt/current", "/bin/a"]);
    tree.assert_there(&["/opt/v1/bin/a"]);
}

#[test]
fn patterns() {
    let tree = Tree::new();
    for path in
        ["/usr/bin/python3", "/usr/bin/python3.11", "/usr/bin/pydoc", "/opt/a/x.pl", "/opt/a/b/y.pl", "/opt/a/b/z.txt"]
    {
        tree.file(path);
    }
    harden(tree.path(), ["--remove", "/usr/bin/python3*", "--remove", "/opt/**/*.pl"]).exits(0);
    tree.assert_gone(&["/usr/bin/python3", "/usr/bin/python3.11", "/opt/a/x.pl", "/opt/a/b/y.pl"]);
    tree.assert_there(&["/usr/bin/pydoc", "/opt/a/b/z.txt"]);
}

#[test]
fn a_link_to_a_multi_call_program_goes_alone_and_says_so() {
    let tree = Tree::new();
    tree.file("/bin/busybox")
        .link("/bin/touch", "/bin/busybox")
        .link("/bin/cat", "busybox")
        .link("/usr/bin/t", "/bin/touch");
    harden(tree.path(), ["--remove", "touch"]).exits(0).says("`busybox touch` still works");
    tree.assert_gone(&["/bin/touch", "/usr/bin/t"]);
    tree.assert_there(&["/bin/busybox", "/bin/cat"]);
    harden(tree.path(), ["--remove", "busybox"]).exits(0);
    tree.assert_gone(&["/bin/busybox", "/bin/cat"]);
}

#[test]
fn disable_takes_the_mode_of_every_name_and_is_repeatable() {
    let tree = Tree::new();
    tree.file("/bin/bash").hard_link("/opt/x", "/bin/bash").link("/bin/sh", "bash");
    tree.file_with("/profile.toml", "schema = 1\n[remove]\nnames = [\"sh\"]\nmethod = \"disable\"\n");
    let profile = tree.at("/profile.toml");
    harden(tree.path(), ["-p", profile.to_str().unwrap()]).exits(0).says("disabled");
    assert_eq!(fs::metadata(tree.at("/opt/x")).unwrap().permissions().mode() & 0o7777, 0);
    tree.assert_there(&["/bin/sh", "/bin/bash"]);
    harden(tree.path(), ["-p", profile.to_str().unwrap()]).exits(0).says("nothing to remove");
}

#[test]
fn strip_clears_bits_and_capabilities_and_leaves_sticky_directories() {
    let tree = Tree::new();
    tree.file("/bin/su")
        .file("/bin/wall")
        .file("/srv/open")
        .directory("/tmp")
        .directory("/srv/shared")
        .file("/bin/capable")
        .file("/bin/plain");
    let set = |path: &str, mode| fs::set_permissions(tree.at(path), fs::Permissions::from_mode(mode)).unwrap();
    set("/bin/su", 0o4755);
    set("/bin/wall", 0o2755);
    set("/srv/open", 0o666);
    set("/tmp", 0o1777);
    set("/srv/shared", 0o777);
    let capability =
        crate::harness::run(std::process::Command::new("setcap").arg("cap_net_raw+ep").arg(tree.at("/bin/capable")));
    capability.exits(0);
    tree.file_with(
        "/profile.toml",
        "schema = 1\n[strip]\nsetid = true\nfile_capabilities = true\nworld_writable = true\n",
    );
    let profile = tree.at("/profile.toml");
    let harden_again = || harden(tree.path(), ["-p", profile.to_str().unwrap()]);
    harden_again().exits(0).says("5 files stripped");
    let mode = |path: &str| fs::metadata(tree.at(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(
        ["/bin/su", "/bin/wall", "/srv/open", "/tmp", "/srv/shared"].map(mode),
        [0o755, 0o755, 0o664, 0o1777, 0o775]
    );
    crate::harness::run(std::process::Command::new("getcap").arg(tree.at("/bin/capable")))
        .exits(0)
        .does_not_say("cap_net_raw");
    let after = tree.manifest();
    harden_again().exits(0).says("nothing to remove");
    assert_eq!(tree.manifest(), after);
}

/// An unpacked tree has device nodes: without /dev/null for everybody nothing starts.
#[test]
fn what_is_stripped_is_a_file_or_a_directory() {
    use nix::sys::stat::{Mode, SFlag, makedev, mknod};
    use std::os::unix::fs::PermissionsExt;
    let tree = Tree::new();
    tree.file("/srv/open").directory("/srv/shared").directory("/dev");
    let _socket = std::os::unix::net::UnixListener::bind(tree.at("/srv/socket")).unwrap();
    for (path, kind, device) in [
        ("/dev/null", SFlag::S_IFCHR, makedev(1, 3)),
        ("/dev/loop", SFlag::S_IFBLK, makedev(7, 0)),
        ("/srv/fifo", SFlag::S_IFIFO, 0),
    ] {
        mknod(&tree.at(path), kind, Mode::empty(), device).unwrap();
    }
    let all = ["/dev/null", "/dev/loop", "/srv/fifo", "/srv/socket", "/srv/open", "/srv/shared"];
    let mode = |path: &str| fs::metadata(tree.at(path)).unwrap().permissions().mode() & 0o7777;
    for path in all {
        fs::set_permissions(tree.at(path), fs::Permissions::from_mode(0o6666 | u32::from(path.ends_with("shared"))))
            .unwrap();
    }
    tree.file_with(
        "/profile.toml",
        "schema = 1\n[strip]\nsetid = true\nfile_capabilities = true\nworld_writable = true\n",
    );
    let profile = tree.at("/profile.toml");
    let profile = profile.to_str().unwrap();
    let verify = || crate::harness::run_lithify(["verify", "-p", profile, "--root", tree.path().to_str().unwrap()]);
    verify().exits(1).does_not_say("/dev/").does_not_say("/srv/fifo").does_not_say("/srv/socket");
    harden(tree.path(), ["-p", profile]).exits(0).says("2 files stripped");
    assert_eq!(all.map(mode), [0o6666, 0o6666, 0o6666, 0o6666, 0o664, 0o6665]);
    verify().exits(0);
    let found = crate::harness::run_lithify(["scan", "--root", tree.path().to_str().unwrap()]).exits(0);
    found.does_not_say("world-writable").does_not_say("/dev/").does_not_say("/srv/");
}

#[test]
fn dry_run_prints_what_the_run_does() {
    let lines = |text: &str, verb: &str| -> Vec<String> {
        text.lines().filter_map(|line| line.strip_prefix(verb)).map(str::to_owned).collect()
    };
    let (first, second) = (Tree::new(), Tree::new());
    for tree in [&first, &second] {
        tree.file("/bin/dash")
            .link("/bin/sh", "dash")
            .link("/opt/s", "/bin/sh")
            .hard_link("/opt/d", "/bin/dash")
            .file("/bin/cat");
    }
    let before = first.manifest();
    let planned = harden(first.path(), ["-p", "shells", "--dry-run"]).exits(0);
    assert_eq!(first.manifest(), before);
    let done = harden(second.path(), ["-p", "shells", "-v"]).exits(0);
    let planned = lines(&planned.stdout, "would remove ");
    assert_eq!(planned, lines(&done.stdout, "removed "));
    assert_eq!(planned.len(), 4);
    let gone = before.keys().filter(|path| second.at(path.to_str().unwrap()).symlink_metadata().is_err()).count();
    assert_eq!(gone, 4);
}

#[test]
fn a_dry_run_of_many_names_has_a_line_for_each_profile() {
    let tree = Tree::new();
    tree.file("/bin/bash").file("/bin/dash");
    for number in 0..30 {
        tree.file(&format!("/opt/{number:02}"));
    }
    let dry = |more: &[&str]| {
        let arguments = ["--dry-run", "--app", "none", "-p", "shells", "--remove", "/opt/*"];
        harden(tree.path(), arguments.iter().chain(more)).exits(0).stdout
    };
    let lines: Vec<String> = dry(&[]).lines().map(str::to_owned).collect();
    assert_eq!(
        lines[..3],
        [
            "would remove 2 names (shells): /bin/bash, /bin/dash",
            "would remove 30 names (command line): /opt/00, /opt/01, /opt/02 and 27 more",
            "  -v or --format json names all",
        ]
    );
    assert!(lines[3].contains("32 names of 32 files would be removed, nothing was changed"), "{lines:?}");
    assert_eq!(lines.len(), 4);
    let each = dry(&["-v"]);
    assert_eq!(each.lines().filter(|line| line.starts_with("would remove ")).count(), 32, "{each}");
}

#[test]
fn hostile_names_are_escaped_and_removed() {
    use std::os::unix::ffi::OsStrExt;
    let tree = Tree::new();
    tree.directory("/bin");
    let name = std::ffi::OsStr::from_bytes(b"a\nremoved etc\x1b[2J\xff");
    fs::write(tree.at("/bin").join(name), "").unwrap();
    let ran = harden(tree.path(), ["-v", "--remove", "/bin/a*"]).exits(0);
    assert!(ran.stdout.contains(r"removed /bin/a\nremoved etc\u{1b}[2J\xff"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("\nremoved etc"));
    assert_eq!(fs::read_dir(tree.at("/bin")).unwrap().count(), 0);
    // Names that no profile means stay.
    fs::write(tree.at("/bin").join(name), "").unwrap();
    harden(tree.path(), ["-p", "shells"]).exits(0);
    assert_eq!(fs::read_dir(tree.at("/bin")).unwrap().count(), 1);
}

#[test]
fn on_alpines_layout_the_shells_go_with_all_of_busybox() {
    let tree = Tree::new();
    let copy = std::process::Command::new("cp")
        .arg("-a")
        .arg(crate::harness::rootfs("alpine").join("."))
        .arg(tree.path())
        .status();
    assert!(copy.unwrap().success());
    assert!(tree.has("/bin/ash") && tree.has("/usr/bin/wget"));
    harden(tree.path(), ["-p", "shells"]).exits(0);
    tree.assert_gone(&["/bin/busybox", "/bin/ash", "/bin/sh", "/usr/bin/wget", "/bin/touch"]);
    assert!(dangling_links(tree.path()).is_empty());
}
